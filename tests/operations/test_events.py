"""Meetings in people's own calendars: wanted with the booking, followed by every change, one sender of record."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from service.doctor import stored
from service.domain.busy import OwnEvent
from service.domain.errors import AdapterError, InvalidInput
from service.domain.interval import Interval
from service.operations import booking, changes, details, events, keeping
from service.operations.feeds import feed_of
from service.operations.meetings import load_meeting
from service.operations.refreshing import request_for
from service.ports import BusyReading, CalendarRef, SyncMark
from service.provider_wiring import AUTHORIZERS, WRITERS
from service.store import writes
from service.store.tables import CalendarWrite, Connection, Meeting
from tests import cast
from tests.operations.test_booking import AGE, MONDAY, NOW, book
from workers import clock
from workers.events import attempt

pytestmark = pytest.mark.databases
LENGTH = timedelta(minutes=30)
NEXT = MONDAY + timedelta(days=1)


@pytest.fixture
def pair_id(services):
    with services.database.write() as session:
        return cast.pair(session, NOW, place="Room 5").id


def connect(services, key, access="write", provider="google"):
    """A calendar of this person that can be written to; its name is theirs."""
    with services.database.write() as session:
        person = cast.person(session, NOW, key)
        made = Connection(person_id=person.id, provider=provider, url=key, access=access, created_at=NOW)
        session.add(made)
        session.flush()
        return made.id


def run(services):
    """What the clock and the workers do."""
    while clock.write_due(services):
        for _, ids in services.jobs.asked:
            for write_id in ids:
                attempt(services, write_id)
        services.jobs.asked.clear()


def calendar(services, key):
    return services.writers("google", key, 0)


def rows(services):
    with services.database.read() as session:
        return session.scalars(select(CalendarWrite).order_by(CalendarWrite.id)).all()


def states(services, meeting_id):
    with services.database.read() as session:
        meeting = session.get(Meeting, meeting_id)
        people = (meeting.pair.mentee_id, meeting.pair.mentor_id)
        return [events.entry_for(session, meeting, person_id).state for person_id in people]


def change(services, meeting_id, how, *arguments, **more):
    with services.database.write() as session:
        found = session.get(Meeting, meeting_id)
        meeting = load_meeting(session, meeting_id, found.pair.mentee_id)
        how(session, services.clock(), *([AGE] if how is booking.reschedule else []), meeting, *arguments, **more)


def test_who_gave_their_calendar_for_it_has_the_meeting_there_and_nobody_is_told(services, pair_id):
    connect(services, "ben")
    meeting_id = book(services, pair_id)
    assert states(services, meeting_id) == ["none", "pending"]
    run(services)
    assert states(services, meeting_id) == ["none", "written"]
    [event] = calendar(services, "ben").events.values()
    assert (event.interval.start, event.location, event.guests) == (MONDAY, "Room 5", ())
    assert event.summary == "Meeting: Ana & Ben"
    assert "/i/" in event.description, "the owner's link that can do nothing"
    assert calendar(services, "ben").told == []
    assert calendar(services, "ana").events == {}


def test_s11_one_sender_of_record(services, pair_id):
    connect(services, "ana")
    connect(services, "ben")
    meeting_id = book(services, pair_id, invite_by="calendar")
    run(services)
    assert states(services, meeting_id) == ["written", "written"]
    assert calendar(services, "ana").told == [("invite", "ben@example.org")]
    assert calendar(services, "ben").events == {}, "the invitation puts it there"
    [event] = calendar(services, "ana").events.values()
    assert "/i/" not in event.description, "the other sees it as well"


@pytest.mark.parametrize(
    ("access", "state"), [(None, ""), ("busy", "connected"), ("write", "reconnect"), ("write", "off")]
)
def test_a_calendar_that_is_not_there_cannot_invite(services, pair_id, access, state):
    connect(services, "ben")
    if access:
        connection_id = connect(services, "ana", access)
        with services.database.write() as session:
            session.get(Connection, connection_id).state = state
    with pytest.raises(InvalidInput):
        book(services, pair_id, invite_by="calendar")
    assert rows(services) == []


def test_every_change_follows_and_a_newer_one_replaces_what_was_not_written(services, pair_id):
    connect(services, "ana")
    meeting_id = book(services, pair_id, invite_by="calendar")
    ana = calendar(services, "ana")
    change(services, meeting_id, booking.reschedule, NEXT, 1)
    run(services)
    assert [event.interval.start for event in ana.events.values()] == [NEXT]
    change(services, meeting_id, details.set_meeting_place, 1, "Room 6")
    change(services, meeting_id, details.edit_agenda, 1, ())
    run(services)
    [event] = ana.events.values()
    assert (event.location, ana.writes) == ("Room 6", 2)
    change(services, meeting_id, booking.cancel, 1)
    run(services)
    assert (ana.events, ana.told[-1]) == ({}, ("cancel", "ben@example.org"))
    assert states(services, meeting_id) == ["none", "none"]


@pytest.mark.parametrize(("invite_by", "owner", "written"), [("calendar", "ana", 1), ("mail", "ben", 2)])
def test_another_agenda_mails_nobody(services, pair_id, invite_by, owner, written):
    connect(services, owner)
    meeting_id = book(services, pair_id, invite_by=invite_by)
    run(services)
    held = calendar(services, owner)
    before = list(held.told)
    change(services, meeting_id, details.edit_agenda, 1, ())
    run(services)
    assert (held.told, held.writes) == (before, written)
    change(services, meeting_id, booking.reschedule, NEXT, 1)
    run(services)
    assert [event.interval.start for event in held.events.values()] == [NEXT]


def test_an_answer_lost_after_the_commit_is_found_again(services, pair_id):
    connect(services, "ana")
    ana = calendar(services, "ana")
    ana.lost = True
    meeting_id = book(services, pair_id, invite_by="calendar")
    run(services)
    assert states(services, meeting_id) == ["pending", "pending"]
    ana.lost = False
    run(services)
    assert states(services, meeting_id) == ["pending", "pending"], "not before its time"
    services.clock.advance(minutes=1)
    run(services)
    assert states(services, meeting_id) == ["written", "written"]
    assert ana.told == [("invite", "ben@example.org")]


def test_a_cancellation_removes_what_was_written_without_our_knowing(services, pair_id):
    connect(services, "ana")
    ana = calendar(services, "ana")
    ana.lost = True
    meeting_id = book(services, pair_id, invite_by="calendar")
    run(services)
    change(services, meeting_id, booking.cancel, 1)
    run(services)
    assert (ana.events, [kind for kind, _ in ana.told]) == ({}, ["invite", "cancel"])


def test_a_change_while_it_is_being_written_is_written_as_well(services, pair_id):
    connect(services, "ben")
    meeting_id = book(services, pair_id)
    [write_id] = [row.id for row in rows(services)]
    with services.database.write() as session:
        assert writes.claim(session, NOW, 10) == [write_id]
        assert writes.claim(session, NOW, 10) == [], "one job has it"
        plan = events.begin(session, NOW, services.settings, write_id)
    result = events.write(plan, services.writers)
    change(services, meeting_id, booking.reschedule, NEXT, 1)
    with services.database.write() as session:
        assert events.settle(session, NOW, result) == "pending"
    run(services)
    assert [event.interval.start for event in calendar(services, "ben").events.values()] == [NEXT]


def test_a_refusal_of_what_was_wanted_before_does_not_end_what_is_wanted_now(services, pair_id):
    connect(services, "ana")
    meeting_id = book(services, pair_id, invite_by="calendar")
    run(services)
    change(services, meeting_id, booking.reschedule, NEXT, 1)
    with services.database.write() as session:
        [write_id] = writes.claim(session, NOW, 10)
        plan = events.begin(session, NOW, services.settings, write_id)
    change(services, meeting_id, booking.cancel, 1)
    with services.database.write() as session:
        refused = events.WriteResult(plan, None, AdapterError("refused", permanent=True))
        assert events.settle(session, NOW, refused) == "pending"
    run(services)
    ana = calendar(services, "ana")
    assert (ana.events, ana.told[-1]) == ({}, ("cancel", "ben@example.org"))


def test_an_event_that_somebody_deleted_stands_again_when_the_meeting_changes(services, pair_id):
    connect(services, "ben")
    meeting_id = book(services, pair_id)
    run(services)
    ben = calendar(services, "ben")
    [key] = ben.events
    ben.deleted.add(key)
    change(services, meeting_id, booking.reschedule, NEXT, 1)
    run(services)
    assert states(services, meeting_id) == ["none", "written"]
    assert [event.copy for name, event in ben.events.items() if name != key] == [1]


def test_s26_a_connection_replaced_gets_the_changes_of_what_was_written_with_it(services, pair_id):
    first = connect(services, "ben")
    meeting_id = book(services, pair_id)
    run(services)
    with services.database.write() as session:
        other = Connection(
            person_id=session.get(Connection, first).person_id, provider="google", url="other", access="write",
            created_at=NOW,
        )  # fmt: skip
        session.add(other)
        session.get(Connection, first).access = "busy"
    change(services, meeting_id, booking.reschedule, NEXT, 1)
    run(services)
    assert calendar(services, "other").events == {}
    assert states(services, meeting_id) == ["none", "failed"]
    assert [row.fault for row in rows(services)] == ["connection_gone"]


def test_what_cannot_be_written_is_given_up_and_told_and_the_booking_stands(services, pair_id):
    connection_id = connect(services, "ben")
    ben = calendar(services, "ben")
    ben.fault = AdapterError("reconnect", permanent=True)
    meeting_id = book(services, pair_id)
    run(services)
    assert states(services, meeting_id) == ["none", "failed"]
    [told] = stored.entries(services)
    assert (told.state, "1 meeting could not be written" in told.advice) == ("look", True)
    ben.fault = None
    with services.database.write() as session:
        writes.wake(session, NOW, connection_id)
    run(services)
    assert states(services, meeting_id) == ["none", "written"]
    assert [row.state for row in stored.entries(services)] == ["well"]


def test_what_nobody_writes_is_seen(services, pair_id):
    connect(services, "ben")
    book(services, pair_id)
    assert [row.state for row in stored.entries(services)] == ["well"]
    services.clock.advance(minutes=5)
    [told] = stored.entries(services)
    assert "has waited 5 minutes" in told.advice


def test_a_provider_is_left_alone_as_long_as_it_asks_and_given_up_in_the_end(services, pair_id):
    connect(services, "ben")
    ben = calendar(services, "ben")
    ben.fault = AdapterError("throttled", permanent=False, retry_after=timedelta(seconds=100))
    meeting_id = book(services, pair_id)
    run(services)
    assert [row.due_at for row in rows(services)] == [NOW + timedelta(seconds=100)]
    for _ in range(12):
        services.clock.advance(seconds=100)
        run(services)
    assert states(services, meeting_id) == ["none", "pending"], "as long as a mail would be"
    services.clock.advance(days=4)
    run(services)
    assert states(services, meeting_id) == ["none", "failed"]


@pytest.mark.parametrize(("ahead", "state"), [(timedelta(days=3), "failed"), (timedelta(days=9), "pending")])
def test_an_invitation_waits_for_the_calendar_no_longer_than_there_is_time(services, pair_id, ahead, state):
    connect(services, "ana")
    calendar(services, "ana").fault = AdapterError("http_status", permanent=False)
    meeting_id = book(services, pair_id, invite_by="calendar")
    with services.database.write() as session:
        meeting = session.get(Meeting, meeting_id)
        meeting.starts_at, meeting.ends_at = NOW + ahead, NOW + ahead + timedelta(minutes=30)
    for _ in range(12):
        services.clock.advance(minutes=76)
        run(services)
    assert states(services, meeting_id) == [state, state]


def test_a_queue_that_takes_nothing_loses_nothing(services, pair_id):
    connect(services, "ben")
    book(services, pair_id)
    services.jobs.broken = True
    with pytest.raises(AdapterError):
        clock.write_due(services)
    services.jobs.broken = False
    assert clock.write_due(services) == 1


def test_the_providers_uid_is_ours_too(services, pair_id):
    connect(services, "ana")
    meeting_id = book(services, pair_id, invite_by="calendar")
    run(services)
    [row] = rows(services)
    with services.database.read() as session:
        pair = session.get(Meeting, meeting_id).pair
        for person in (pair.mentee, pair.mentor):
            assert row.alias in request_for(session, NOW, person).our_uids
            feed = feed_of(session, NOW, services.settings, person).decode().replace("\r\n ", "")
            assert f"UID:{row.alias}\r\n" in feed


def test_a_restore_writes_nothing_old_without_asking(services, pair_id):
    connect(services, "ben")
    meeting_id = book(services, pair_id)
    with services.database.write() as session:
        keeping.hold_what_was_due(session, NOW, timedelta(hours=1))
    run(services)
    assert states(services, meeting_id) == ["none", "failed"]
    assert calendar(services, "ben").events == {}
    with services.database.write() as session:
        assert writes.release(session, NOW + timedelta(days=99)) == 0, "nobody needs an entry about what is over"
        assert writes.release(session, NOW) == 1
        assert writes.release(session, NOW) == 0
    run(services)
    assert states(services, meeting_id) == ["none", "written"]


def test_what_was_written_between_backup_and_restore_is_found_there_and_invites_nobody_twice(services, pair_id):
    connect(services, "ana")
    meeting_id = book(services, pair_id, invite_by="calendar")
    run(services)
    with services.database.write() as session:  # as the backup has it
        session.execute(update(CalendarWrite).values(state="pending", event_id=None, calendar_key=None, alias=None))
        keeping.hold_what_was_due(session, NOW, timedelta(hours=1))
        writes.release(session, NOW)
    run(services)
    assert states(services, meeting_id) == ["written", "written"]
    assert calendar(services, "ana").told == [("invite", "ben@example.org")]


def test_only_providers_that_have_a_writer_are_written_to(services, pair_id):
    assert set(writes.BY_CONSENT) == set(WRITERS) == set(AUTHORIZERS)
    connect(services, "ben", provider="caldav")
    book(services, pair_id)
    assert rows(services) == []


def notice(services, connection_id, *own):
    """A read of the calendar in which these events of ours were."""
    reading = BusyReading((), own, partial=False, mark=SyncMark())
    with services.database.write() as session:
        changes.notice(session, NOW, connection_id, [(CalendarRef("main", "Work", True), reading)])
    run(services)


def phase(services, meeting_id):
    with services.database.read() as session:
        return session.get(Meeting, meeting_id).phase


def test_s14_missing_in_a_read_is_looked_at_and_gone_in_both_is_declined(services, pair_id):
    connection_id = connect(services, "ben")
    meeting_id = book(services, pair_id)
    run(services)
    notice(services, connection_id)
    assert (phase(services, meeting_id), states(services, meeting_id)) == ("booked", ["none", "written"])
    ben = calendar(services, "ben")
    ben.fault = AdapterError("timeout", permanent=False)
    notice(services, connection_id)
    assert states(services, meeting_id) == ["none", "written"], "nothing to write is outstanding"
    ben.fault = None
    ben.deleted.update(ben.events)
    services.clock.advance(minutes=1)
    run(services)
    assert (phase(services, meeting_id), states(services, meeting_id)) == ("cancelled", ["none", "none"])


def test_s14_a_look_that_finds_nothing_where_a_read_saw_it_cancels_nothing(services, pair_id):
    connection_id = connect(services, "ana")
    meeting_id = book(services, pair_id, invite_by="calendar")
    run(services)
    [row] = rows(services)
    calendar(services, "ana").deleted.add(row.event_id)
    notice(services, connection_id, OwnEvent(row.alias, Interval.lasting(MONDAY, LENGTH), False, None))
    assert (phase(services, meeting_id), states(services, meeting_id)) == ("booked", ["written", "written"])


def test_a_calendar_that_lost_all_of_them_at_once_calls_off_nothing(services, pair_id):
    connection_id = connect(services, "ben")
    ids = [book(services, pair_id, MONDAY + timedelta(days=day)) for day in range(3)]
    run(services)
    ben = calendar(services, "ben")
    ben.deleted.update(ben.events)
    notice(services, connection_id)
    assert [phase(services, meeting_id) for meeting_id in ids] == ["booked"] * 3


def test_s14_what_was_changed_here_meanwhile_is_written_and_not_taken_back(services, pair_id):
    connection_id = connect(services, "ben")
    meeting_id = book(services, pair_id)
    run(services)
    ben = calendar(services, "ben")
    with services.database.write() as session:
        old = OwnEvent(rows(services)[0].alias, Interval.lasting(NEXT, LENGTH), False, None)
        reading = BusyReading((), (old,), False, SyncMark())
        changes.notice(session, NOW, connection_id, [(CalendarRef("main", "", True), reading)])
    change(services, meeting_id, booking.reschedule, NEXT + timedelta(days=1), 1)
    run(services)
    assert [event.interval.start for event in ben.events.values()] == [NEXT + timedelta(days=1)]


def test_who_steps_down_before_their_calendar_invited_and_comes_back_invites_nobody_twice(services, pair_id):
    connection_id = connect(services, "ana")
    meeting_id = book(services, pair_id, invite_by="calendar")
    with services.database.write() as session:
        session.get(Connection, connection_id).access = "busy"
        writes.follow(session, NOW, meeting_id)
        session.get(Connection, connection_id).access = "write"
        session.flush()
        writes.wake(session, NOW, connection_id)
    assert states(services, meeting_id) == ["failed", "failed"], "our mail has invited"
