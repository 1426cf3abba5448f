"""Two who act on the same thing in the same moment: what one decided still holds when it is written."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from service.domain.availability import Availability, to_json
from service.domain.errors import GreenroomError
from service.domain.meeting import LIVE
from service.operations import agreements, arcs, booking, commitments, inbound, people
from service.operations.arcs import DateInput
from service.operations.booking import BookingInput
from service.operations.commitments import Line
from service.operations.meetings import load_meeting
from service.operations.offering import SlotQuery
from service.operations.people import PersonInput
from service.store import claims
from service.store.tables import Claim, Meeting, OutboxRow, Pair
from tests import cast

pytestmark = pytest.mark.databases

NOW = datetime(2027, 2, 1, 9, 0, tzinfo=UTC)
AGE = timedelta(hours=1)
START = datetime(2027, 2, 8, 14, 30, tzinfo=UTC)
ROUNDS = 4


def at_once(database, *acts):
    """What each came to: its result, or the error's code. Each acts in a transaction of its own."""
    gate, outcomes = threading.Barrier(len(acts)), [None] * len(acts)

    def run(number, act):
        gate.wait()
        try:
            with database.write() as session:
                outcomes[number] = act(session)
        except GreenroomError as fault:
            outcomes[number] = fault.code

    threads = [threading.Thread(target=run, args=each) for each in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def book(pair, start, key=None):
    wanted = BookingInput(start=start, by_id=pair.mentee_id, key=key)
    return lambda session: booking.book(session, NOW, AGE, SlotQuery(pair.id, "check-in"), wanted).id


@pytest.fixture
def pairs(services):
    """Two mentees of one mentor, who takes one meeting a day."""
    with services.database.write() as session:
        ana_ben = cast.pair(session, NOW)
        ana_ben.mentor.availability = to_json(Availability(cap_day=1))
        return ana_ben, cast.other_mentee(session, NOW, ana_ben.mentor_id)


def test_the_last_place_of_a_day_goes_to_one(services, pairs):
    for day in range(ROUNDS):
        start = START + timedelta(days=7 * day)
        first, second = at_once(services.database, book(pairs[0], start), book(pairs[1], start + timedelta(hours=1)))
        assert [type(each) for each in (first, second)].count(int) == 1, (first, second)


def test_one_key_sent_twice_is_one_meeting(services, pairs):
    for day in range(ROUNDS):
        act = book(pairs[0], START + timedelta(days=7 * day), key=f"k{day}")
        first, second = at_once(services.database, act, act)
        assert first == second
        assert isinstance(first, int)


def test_a_line_and_a_date_that_come_twice_at_once_are_one(services, pairs):
    pair = pairs[0]
    with services.database.write() as session:
        meeting_id = book(pair, START)(session)

    def agree(text):
        def act(session):
            meeting = load_meeting(session, meeting_id, pair.mentee_id)
            made = commitments.agree(session, NOW, meeting, pair.mentee_id, Line(None, text))
            session.flush()
            return made.id

        return act

    def add(day):
        wanted = DateInput("exam", datetime(2027, 3, 20 + day, 10, 0), "Europe/Lisbon", label="Oral")
        return lambda session: arcs.add_date(session, NOW, session.get_one(Pair, pair.id), wanted).id

    for number in range(ROUNDS):
        for act in (agree(f"Line {number}"), add(number)):
            first, second = at_once(services.database, act, act)
            assert first == second
            assert isinstance(first, int)


def test_what_is_cancelled_while_it_moves_holds_no_time(services, pairs):
    pair = pairs[0]
    for day in range(ROUNDS):
        start = START + timedelta(days=7 * day)
        with services.database.write() as session:
            meeting_id = book(pair, start)(session)

        def move(session, meeting_id=meeting_id, start=start):
            claims.take_turns_of(session, pair.id)
            meeting = load_meeting(session, meeting_id, pair.mentee_id)
            booking.reschedule(session, NOW, AGE, meeting, start + timedelta(hours=1), pair.mentee_id)

        def cancel(session, meeting_id=meeting_id):
            booking.cancel(session, NOW, load_meeting(session, meeting_id, pair.mentor_id), pair.mentor_id)

        moved, cancelled = at_once(services.database, move, cancel)
        assert (moved, cancelled) in {(None, None), ("move_not_allowed", None)}
        with services.database.read() as session:
            assert session.scalars(select(Meeting.phase).where(Meeting.id == meeting_id)).one() not in LIVE
            assert session.scalar(select(func.count()).where(Claim.meeting_id == meeting_id)) == 0
            waiting = select(OutboxRow.kind).where(OutboxRow.meeting_id == meeting_id, OutboxRow.state == "pending")
            assert session.scalars(waiting).all() == [], "nobody was told of it, so nobody need be told that it is off"


def test_a_pair_that_ends_while_it_books_or_moves_has_no_meeting_ahead(services, pairs):
    pair, other = pairs
    for day in range(ROUNDS):
        start = START + timedelta(days=7 * day)
        with services.database.write() as session:
            session.get_one(Pair, pair.id).ended_at = None
            meeting_id = book(pair, start)(session)

        def move(session, meeting_id=meeting_id, start=start):
            claims.take_turns_of(session, pair.id)
            meeting = load_meeting(session, meeting_id, pair.mentee_id)
            booking.reschedule(session, NOW, AGE, meeting, start + timedelta(hours=1), pair.mentee_id)

        def end(session):
            people.end_pair(session, NOW, people.load_pair(session, pair.id))

        later = book(pair, start + timedelta(days=1))
        elsewhere = book(other, start + timedelta(days=2))
        outcomes = at_once(services.database, later, move, end, elsewhere)
        assert outcomes[2] is None
        assert isinstance(outcomes[3], int), "the mentor's other mentee is not held up"
        with services.database.read() as session:
            ahead = select(Meeting.id).where(Meeting.pair_id == pair.id, Meeting.phase.in_(LIVE))
            assert session.scalars(ahead).all() == [], outcomes
            mine = select(Claim.id).join(Meeting).where(Meeting.pair_id == pair.id)
            assert session.scalars(mine).all() == []


def test_a_pair_ends_after_the_booking_that_was_under_way(services, pairs):
    pair = pairs[0]

    def end():
        with services.database.write() as session:
            people.end_pair(session, NOW, people.load_pair(session, pair.id))

    ending = threading.Thread(target=end)
    with services.database.write() as session:
        meeting_id = book(pair, START)(session)
        ending.start()
        ending.join(0.3)
        assert ending.is_alive(), "it waits for the booking"
    ending.join()
    with services.database.read() as session:
        assert session.get_one(Meeting, meeting_id).phase == "cancelled"


def test_whoever_is_added_twice_at_once_is_one_person_in_one_pair(services):
    def add(number):
        mentee = PersonInput(f"mentee{number}@example.org", "Mia Moss", "UTC")
        mentor = PersonInput(f"mentor{number}@example.org", "Max Mole", "UTC")
        return lambda session: people.add_pair(session, NOW, mentee, mentor).id

    for number in range(ROUNDS):
        outcomes = at_once(services.database, add(number), add(number))
        assert sorted(map(str, outcomes)) == [str(number + 1), "invalid_input"]


def test_a_message_that_two_machines_fetch_is_stored_once(services):
    for number in range(ROUNDS):
        raw = f"Message-ID: <{number}@example.org>\r\n\r\nYes".encode()
        ids = at_once(services.database, *[lambda session, raw=raw: inbound.receive(session, NOW, raw)] * 2)
        assert ids == [number + 1] * 2


def test_two_who_sign_at_once_make_one_version_and_a_change_meanwhile_is_never_signed_unseen(services, pairs):
    pair, both = pairs[0], (pairs[0].mentee_id, pairs[0].mentor_id)

    def doing(act, by_id, *given):
        def run(session):
            act(session, NOW, session.get_one(Pair, pair.id), by_id, *given)
            return "done"

        return run

    for person_id in both:
        at_once(services.database, doing(agreements.answer, person_id, {}))
    for cadence, notice in (("sprint", "24h"), ("light", "48h"), ("steady", "2h"), ("sprint", "24h")):
        seen = words(services, pair)
        signing = [doing(agreements.sign, person_id, seen) for person_id in both]
        assert at_once(services.database, *signing) == ["done", "done"]
        change = doing(agreements.change, both[0], {"cadence": cadence})
        at_once(services.database, change)
        seen, other = words(services, pair), {"notice": notice}
        outcomes = at_once(
            services.database, doing(agreements.sign, both[1], seen), doing(agreements.change, both[0], other)
        )
        assert outcomes[1] == "done"
        assert outcomes[0] in {"done", "agreement_changed"}
        with services.database.read() as session:
            desk = agreements.desk(session, session.get_one(Pair, pair.id), both[0])
        assert desk.signed_by == frozenset(), "whatever came first, nobody has signed the words that stand now"
    with services.database.read() as session:
        mails = session.scalars(select(OutboxRow).where(OutboxRow.kind == "agreement")).all()
        assert len(mails) == 2 * 4
        assert [each.version for each in desk.versions] == [1, 2, 3, 4]


def words(services, pair):
    with services.database.read() as session:
        return agreements.desk(session, session.get_one(Pair, pair.id), pair.mentee_id).row.text_sha256
