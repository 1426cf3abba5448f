"""What falls due by each timer between a backup and its restore waits for a person too; and a row that cannot be looked
at holds up no other."""

from datetime import timedelta

import pytest
from sqlalchemy import select, text

from service.domain.agreement import defaults
from service.operations import booking, figures, keeping
from service.operations.booking import BookingInput
from service.operations.offering import SlotQuery
from service.store import held
from service.store.tables import Commitment, CriticalDate, Goal, Meeting, Pair, Sighting
from tests import cast
from tests.lived import AGE, MONDAY, NOW
from workers import clock
from workers.deliver import drain

LATER = timedelta(hours=1)


def book(session, pair, at=MONDAY):
    return booking.book(session, NOW, AGE, SlotQuery(pair.id, "check-in"), BookingInput(start=at, by_id=pair.mentee_id))


def tell_the_day_before(session, pair):
    pair.terms = {**defaults(), "day_word": "yes"}
    date = cast.talk(session, NOW, pair)
    date.shared_at, date.word_at = NOW, date.starts_at - timedelta(hours=22)
    return date


def review(session, pair):
    goal = Goal(pair_id=pair.id, text="x", state="open", look_again_on=NOW.date(), created_at=NOW)
    session.add(goal)
    session.flush()
    return goal


def take_off(session, meeting, person_id):
    """Their own calendar lost it, and that is to be settled."""
    calendar = cast.broken_calendar(session, NOW, person_id).calendars[0]
    session.add(
        Sighting(
            meeting_id=meeting.id, calendar_id=calendar.id, sequence=meeting.sequence, starts_at=meeting.starts_at,
            ends_at=meeting.ends_at, change="gone", due_at=NOW,
        )
    )  # fmt: skip


def restore(services, now):
    services.clock.now = now
    with services.database.write() as session:
        keeping.hold_what_was_due(session, now, LATER)
        kinds = held.kinds(session)
    drain(services)
    before = len(services.mailer.sent)
    clock.sweep(services)
    clock.settle_sightings(services)
    drain(services)
    assert len(services.mailer.sent) == before
    return kinds


def test_the_question_to_find_a_time_is_held(services):
    with services.database.write() as session:
        pair = cast.pair(session, NOW)
        pair.mentee.welcomed_at = pair.mentor.welcomed_at = pair.due_at = NOW
    clock.sweep(services)
    assert restore(services, NOW + timedelta(days=5)) == {"book-nudge": 1}


def test_the_word_the_day_before_is_held(services):
    with services.database.write() as session:
        at = tell_the_day_before(session, cast.pair(session, NOW)).word_at
    assert restore(services, at + LATER) == {"day-word": 1}


def test_the_question_how_it_stands_is_held(services):
    with services.database.write() as session:
        pair = cast.pair(session, NOW)
        session.add(
            Commitment(
                pair_id=pair.id, owner_id=pair.mentee_id, text="x", due_on=NOW.date() + timedelta(days=3), pinned=True,
                nudge_on=NOW.date() + timedelta(days=2), created_at=NOW,
            )
        )  # fmt: skip
    assert restore(services, NOW + timedelta(days=2, hours=6)) == {"action-nudge": 1}


def test_a_review_becomes_a_point_before_anything_is_held(services):
    with services.database.write() as session:
        pair = cast.pair(session, NOW)
        review(session, pair)
        meeting = book(session, pair)
        meeting.due_at = None
    with services.database.write() as session:
        keeping.hold_what_was_due(session, NOW + LATER, LATER)
        assert session.scalars(select(Goal.look_again_on)).one() is None
        assert session.scalars(select(Meeting.due_at)).one() > NOW + LATER, "looked at with its new point"


@pytest.mark.parametrize("change", ["gone", "moved"])
def test_what_a_calendar_said_before_is_not_settled(services, change):
    with services.database.write() as session:
        pair = cast.pair(session, NOW)
        meeting = book(session, pair)
        take_off(session, meeting, pair.mentee_id)
        sighting = session.scalars(select(Sighting)).one()
        sighting.change = change
        if change == "moved":
            sighting.starts_at, sighting.ends_at = sighting.starts_at + LATER, sighting.ends_at + LATER
    assert restore(services, NOW + LATER) == {"invitation": 2}
    with services.database.read() as session:
        sighting, meeting = session.scalars(select(Sighting)).one(), session.scalars(select(Meeting)).one()
        assert (sighting.due_at, sighting.change, sighting.missed_at) == (None, None, None)
        assert sighting.starts_at == meeting.starts_at, "where it is noticed again when it still stands elsewhere"
        assert meeting.phase == "booked"


BROKEN = {
    "dates": "UPDATE critical_dates SET label = :garbage WHERE pair_id = :pair",
    "goals": "UPDATE goals SET text = :garbage WHERE pair_id = :pair",
    "sightings": "UPDATE meetings SET place = :garbage WHERE pair_id = :pair",
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_row_that_cannot_be_looked_at_holds_up_no_other(services, caplog, what):
    with services.database.write() as session:
        broken = cast.pair(session, NOW)
        well = cast.other_mentee(session, NOW, broken.mentor_id)
        for days, pair in enumerate((broken, well)):
            if what == "dates":
                tell_the_day_before(session, pair).word_at = NOW
            elif what == "goals":
                review(session, pair)
            else:
                take_off(session, book(session, pair, MONDAY + timedelta(days=days)), pair.mentee_id)
        known = {"garbage": b"garbage" * 9, "pair": broken.id}
        session.execute(text(BROKEN[what]), known)
        well_id = well.id
    services.clock.now = NOW
    with services.database.write() as session:
        session.execute(text("UPDATE meetings SET due_at = NULL"))
    for _ in range(2):
        clock.sweep(services)
        clock.settle_sightings(services)
    with services.database.read() as session:
        timers = {
            "dates": select(CriticalDate.pair_id, CriticalDate.word_at),
            "goals": select(Goal.pair_id, Goal.look_again_on),
            "sightings": select(Meeting.pair_id, Sighting.due_at).join(Sighting),
        }
        left = {pair_id: at for pair_id, at in session.execute(timers[what]) if at is not None}
        again = NOW.date() + timedelta(days=1) if what == "goals" else NOW + LATER
        assert left == {known["pair"]: again}, "the other is done, this one waits"
        assert well_id not in left
    assert len(caplog.records) == 1, "it is told once"


def test_a_sweep_that_is_late_shows_whichever_timer_it_is(services):
    late = timedelta(hours=3)
    with services.database.write() as session:
        pair = cast.pair(session, NOW)
        pair.due_at, date = None, tell_the_day_before(session, pair)
        date.word_at = NOW
        session.flush()
        assert figures.load(session, NOW + late, NOW).unswept == late
        date.word_at, session.get(Pair, pair.id).due_at = None, NOW - late
        session.flush()
        assert figures.load(session, NOW, NOW).unswept == late
