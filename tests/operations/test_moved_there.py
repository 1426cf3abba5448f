"""A meeting that somebody moves in their own calendar: each of the two hears of it from one sender."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from service.domain.busy import OwnEvent
from service.domain.errors import AdapterError
from service.domain.interval import Interval
from service.operations import booking, changes
from service.operations.meetings import interval_of
from service.operations.proposing import open_proposals
from service.ports import EventSeen, VideoLink
from service.store.tables import CalendarWrite, Connection, Meeting, OutboxRow, Person
from tests import cast
from tests.operations.test_booking import AGE, NOW, book, mark_sent
from tests.operations.test_events import LENGTH, NEXT, calendar, change, connect, notice, rows, run, states
from tests.operations.test_video import connect_with_video

pytestmark = pytest.mark.databases
ANAS, BENS = ("invitation", 1, "Ana"), ("invitation", 1, "Ben")
THERE = Interval.lasting(NEXT, LENGTH)


@pytest.fixture
def pair_id(services):
    with services.database.write() as session:
        return cast.pair(session, NOW, place="Room 5").id


def invited(services, pair_id):
    """By Ana's calendar, and both have our mail: her connection and the row of the event."""
    connection_id = connect(services, "ana")
    meeting_id = book(services, pair_id, invite_by="calendar")
    run(services)
    mark_sent(services, meeting_id)
    return connection_id, rows(services)[0].id


def agree_that_it_moves(services, pair_id):
    with services.database.write() as session:
        session.get(cast.Pair, pair_id).terms = {"calendar_moves": "move"}


def seen_there(services, write_id):
    """What a look at the event says is kept."""
    with services.database.write() as session:
        session.get(CalendarWrite, write_id).state = "look"
        changes.settle(session, NOW, AGE, changes.LookResult(write_id, EventSeen(THERE, {}), None))


def to_come(services):
    with services.database.read() as session:
        pending = session.scalars(select(OutboxRow).where(OutboxRow.state == "pending"))
        return sorted((row.kind, row.sequence, session.get(Person, row.person_id).first_name) for row in pending)


@pytest.mark.parametrize(
    ("who", "invite_by", "sent", "told"),
    [
        ("ana", "calendar", True, [ANAS]),
        ("ana", "calendar", False, [ANAS, BENS]),
        ("ana", "mail", True, [ANAS, BENS]),
        ("ben", "mail", True, [ANAS, BENS]),
    ],
    ids=["the calendar tells its guest", "who has no mail yet", "their own entry", "the mentor's own entry"],
)
def test_s14_of_a_move_in_a_calendar_each_hears_from_one_sender(services, pair_id, who, invite_by, sent, told):
    connection_id = connect(services, who)
    agree_that_it_moves(services, pair_id)
    meeting_id = book(services, pair_id, invite_by=invite_by)
    run(services)
    if sent:
        mark_sent(services, meeting_id)
    [row] = rows(services)
    held = calendar(services, who)
    held.events[row.event_id] = replace(held.events[row.event_id], interval=THERE)
    notice(services, connection_id, OwnEvent(row.alias, THERE, False, None))
    with services.database.read() as session:
        assert session.get(Meeting, meeting_id).starts_at == NEXT
    assert to_come(services) == told
    expected = [("invite", "ben@example.org"), ("update", "ben@example.org")] if invite_by == "calendar" else []
    assert held.told == expected


def test_s14_where_the_calendar_then_cannot_tell_its_guest_our_mail_does(services, pair_id):
    _, write_id = invited(services, pair_id)
    seen_there(services, write_id)
    assert to_come(services) == [ANAS]
    calendar(services, "ana").fault = AdapterError("forbidden", permanent=True)
    run(services)
    assert to_come(services) == [ANAS, BENS]
    assert [row.state for row in rows(services)] == ["failed"]


def test_s14_who_took_a_step_down_has_their_guest_told_by_our_mail(services, pair_id):
    connection_id, write_id = invited(services, pair_id)
    with services.database.write() as session:
        session.get(Connection, connection_id).access = "busy"
    seen_there(services, write_id)
    assert to_come(services) == [ANAS, BENS]


def test_a_change_that_was_mailed_is_not_mailed_again_when_the_calendar_gives_up(services, pair_id):
    invited(services, pair_id)
    [meeting_id] = {row.meeting_id for row in rows(services)}
    change(services, meeting_id, booking.reschedule, NEXT, 1)
    mark_sent(services, meeting_id)
    calendar(services, "ana").fault = AdapterError("forbidden", permanent=True)
    run(services)
    assert (to_come(services), states(services, meeting_id)) == ([], ["failed", "failed"])


def moved_there(services, pair_id):
    """Ben's own entry, moved by him, and what he had been told before: the calendar and the meeting's id."""
    connection_id = connect(services, "ben")
    meeting_id = book(services, pair_id)
    run(services)
    mark_sent(services, meeting_id)
    [row] = rows(services)
    held = calendar(services, "ben")
    held.events[row.event_id] = replace(held.events[row.event_id], interval=THERE)
    notice(services, connection_id, OwnEvent(row.alias, THERE, False, None))
    run(services)
    return held, meeting_id


def test_s14_a_move_of_ones_own_entry_is_a_proposal_and_the_entry_is_put_back(services, pair_id):
    held, meeting_id = moved_there(services, pair_id)
    with services.database.read() as session:
        meeting = session.get(Meeting, meeting_id)
        [offered] = open_proposals(session, NOW, pair_id, meeting_id)
        assert (offered.by_id, [time.starts_at for time in offered.times]) == (meeting.pair.mentor_id, [NEXT])
        assert [event.interval for event in held.events.values()] == [interval_of(meeting)]
    assert to_come(services) == [("proposed", None, "Ana")]


def test_who_wants_to_move_and_call_off_here_has_their_entry_put_back(services, pair_id):
    with services.database.write() as session:
        ben = session.get(cast.Pair, pair_id).mentor
        ben.when_deleted = ben.when_moved = "keep"
    held, meeting_id = moved_there(services, pair_id)
    with services.database.read() as session:
        stands = interval_of(session.get(Meeting, meeting_id))
        assert open_proposals(session, NOW, pair_id) == []
    assert [event.interval for event in held.events.values()] == [stands]
    [row] = rows(services)
    held.events.clear()
    notice(services, row.connection_id)
    run(services)
    assert [event.interval for event in held.events.values()] == [stands]
    assert states(services, meeting_id) == ["none", "written"]


def test_an_exchanged_link_is_told_to_both_also_where_the_event_is_put_back(services, pair_id):
    connect_with_video(services, "ben")
    with services.database.write() as session:
        session.get(cast.Pair, pair_id).mentor.when_moved = "keep"
    meeting_id = book(services, pair_id, video="meet", invite_by="mail", by_id=2)
    run(services)
    mark_sent(services, meeting_id)
    [row] = rows(services)
    other_link = VideoLink("https://meet.example.org/two")
    with services.database.write() as session:
        session.get(CalendarWrite, row.id).state = "look"
        changes.settle(session, NOW, AGE, changes.LookResult(row.id, EventSeen(THERE, {}, other_link), None))
    assert [who for _, _, who in to_come(services)] == ["Ana", "Ben"]
