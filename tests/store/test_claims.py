"""A person's time is taken once: the same answers on both databases, and by PostgreSQL's constraint alone."""

import os
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, text
from sqlalchemy.exc import IntegrityError

from service.domain.interval import Interval
from service.store import claims
from service.store.claims import Seat
from service.store.database import Database, connect, sqlite_url
from service.store.tables import Base, Claim, Meeting
from service.store.types import Keyring
from tests import cast

NOW = datetime(2027, 2, 1, 9, 0, tzinfo=UTC)
SOAK = bool(os.environ.get("GREENROOM_SOAK"))
MEETINGS, PEOPLE = 5, 4


@dataclass(frozen=True)
class Asked:
    """One claim, or with no seats the release of a meeting. Times in units of five minutes."""

    meeting: int
    start: int = 0
    length: int = 1
    seats: tuple[tuple[int, int], ...] = ()  # person, gap

    @property
    def interval(self):
        return Interval.lasting(NOW + timedelta(minutes=5 * self.start), timedelta(minutes=5 * self.length))

    def seated(self, people):
        return tuple(Seat(people[person], timedelta(minutes=5 * gap)) for person, gap in self.seats)


SEATS = st.lists(
    st.tuples(st.integers(0, PEOPLE - 1), st.integers(0, 3)), min_size=1, max_size=2, unique_by=lambda seat: seat[0]
).map(tuple)
ASKED = st.one_of(
    st.builds(Asked, st.integers(0, MEETINGS - 1), st.integers(0, 12), st.integers(1, 4), SEATS),
    st.builds(Asked, st.integers(0, MEETINGS - 1)),
)


class Book:
    """A database with people and meetings in it, and nothing claimed."""

    def __init__(self, url):
        self.database = Database(connect(url, Keyring(("k" * 48,))))
        Base.metadata.create_all(self.database.engine)
        with self.database.write() as session:
            pair = cast.pair(session, NOW)
            others = [cast.person(session, NOW, name).id for name in ("dan", "eve")]
            self.people = [pair.mentee_id, pair.mentor_id, *others]
            made = [
                Meeting(
                    pair_id=pair.id, session="check-in", starts_at=NOW, ends_at=NOW, phase="booked", uid=str(number),
                    fixed_at=NOW, created_at=NOW,
                )
                for number in range(MEETINGS)
            ]  # fmt: skip
            session.add_all(made)
            session.flush()
            self.meetings = [meeting.id for meeting in made]

    def answers(self, wishes, take=claims.claim):
        """What each wish got, and what is taken in the end."""
        with self.database.write() as session:
            session.execute(delete(Claim))
        return [self.answer(wish, take) for wish in wishes], self.taken()

    def answer(self, wish, take=claims.claim):
        with self.database.write() as session:
            meeting_id = self.meetings[wish.meeting]
            if not wish.seats:
                return claims.release(session, meeting_id)
            got = take(session, meeting_id, wish.interval, wish.seated(self.people))
            if not got:
                session.rollback()
            return got

    def taken(self):
        with self.database.read() as session:
            rows = session.execute(select(Claim.meeting_id, Claim.person_id, Claim.starts_at, Claim.guarded_until))
            return {(self.meetings.index(meeting), self.people.index(person), *span) for meeting, person, *span in rows}


def insert_only(session, meeting_id, interval, seats):
    """What an older version, or a hand, does: no look, no turn. The constraint alone decides."""
    claims.release(session, meeting_id)
    session.add_all(
        Claim(
            meeting_id=meeting_id, person_id=seat.person_id, starts_at=interval.start, ends_at=interval.end,
            guarded_until=interval.end + seat.gap,
        )
        for seat in seats
    )  # fmt: skip
    try:
        session.flush()
    except IntegrityError:
        return False
    return True


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    book = Book(sqlite_url(tmp_path_factory.mktemp("claims") / "claims.db"))
    yield book
    book.database.close()


@pytest.fixture(scope="module")
def served(postgres):
    url = postgres.fresh()
    book = Book(url)
    yield book
    book.database.close()
    postgres.drop(url)


@settings(max_examples=1000 if SOAK else 30, deadline=None)
@given(st.lists(ASKED, min_size=2, max_size=12))
def test_both_databases_and_the_constraint_give_the_same_answers(embedded, served, wishes):
    wanted = embedded.answers(wishes)
    assert served.answers(wishes) == wanted
    assert served.answers(wishes, take=insert_only) == wanted


@pytest.mark.parametrize("gap", [0, 2])
def test_one_may_begin_when_the_other_and_its_gap_are_over(embedded, served, gap):
    first = Asked(0, start=6, length=3, seats=((0, gap),))
    late, early = Asked(1, start=9 + gap, seats=((0, 0),)), Asked(2, start=5 - gap, seats=((0, gap),))
    too_soon, too_late = Asked(3, start=8 + gap, seats=((0, 0),)), Asked(4, start=6 - gap, seats=((0, gap),))
    for book in (embedded, served):
        assert book.answers([first, late, early])[0] == [True, True, True]
        assert book.answers([first, too_soon, too_late])[0] == [True, False, False]


def test_whoever_takes_no_turn_is_still_held_off_and_the_transaction_goes_on(served):
    """An older version beside us during an upgrade: it inserts, we come, it commits first."""
    served.answers([])
    wish, mine = Asked(0, start=0, length=2, seats=((0, 0), (1, 0))), Asked(1, start=1, length=2, seats=((1, 0),))
    other = served.database.engine.connect()
    outcome = []

    def come():
        with served.database.write() as session:
            got = claims.claim(session, served.meetings[1], mine.interval, mine.seated(served.people))
            outcome.append((got, session.scalar(text("SELECT 1"))))

    with other.begin() as began:
        row = {"m": served.meetings[0], "p": served.people[1], "s": wish.interval.start, "e": wish.interval.end}
        other.execute(
            text(
                "INSERT INTO claims (meeting_id, person_id, starts_at, ends_at, guarded_until) VALUES (:m,:p,:s,:e,:e)"
            ),
            row,
        )
        comer = threading.Thread(target=come)
        comer.start()
        wait_until_somebody_waits(served.database)
        began.commit()
    comer.join()
    other.close()
    assert outcome == [(False, 1)]


def wait_until_somebody_waits(database):
    """For a lock of PostgreSQL's."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    for _ in range(1000):
        with database.read() as session:
            if session.scalar(waiting):
                return
        threading.Event().wait(0.01)
    raise AssertionError("nobody waits")


def test_bookings_of_the_same_people_in_either_order_never_wait_for_each_other(served):
    """Sixty claims by twelve threads, mentee first and mentor first: each hour is taken once, and nobody is told of a
    deadlock."""
    served.answers([])
    outcomes, gate = [], threading.Barrier(12)

    def come(number):
        gate.wait()
        for hour in range(5):
            seats = ((0, 0), (1, 0)) if number % 2 else ((1, 0), (0, 0))
            wish = Asked(hour, start=12 * hour, length=6, seats=seats)
            with served.database.write() as session:
                got = claims.claim(
                    session, served.meetings[(hour + number) % 5], wish.interval, wish.seated(served.people)
                )
                if not got:
                    session.rollback()
            outcomes.append((hour, got))

    threads = [threading.Thread(target=come, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 60
    spans = sorted({(start, until) for _, _, start, until in served.taken()})
    assert spans
    assert len(served.taken()) == 2 * len(spans), "both or none"
