"""A meeting in a mentee's Microsoft calendar from end to end: booking, job, Graph over https, the row, the read."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from service import wiring
from service.domain.interval import unpack
from service.operations import booking, details
from service.operations.booking import BookingInput
from service.operations.events import SEARCHABLE
from service.operations.offering import SlotQuery, offer
from service.store.tables import Calendar, CalendarWrite, Connection, Grant, Meeting
from service.store.types import OfRow, fingerprint
from tests import cast
from tests.fakes import RecordedJobs
from tests.integrations import servers
from tests.integrations.microsoft_fake import microsoft
from tests.integrations.microsoft_world import BEN, World
from workers import busy, clock, events

AGE = timedelta(hours=1)


@pytest.fixture
def world(tmp_path):
    with microsoft(tmp_path) as fake:
        yield World(fake, "write")


@pytest.fixture
def services(settings, database, world):
    made = replace(wiring.build(replace(settings, **world.fake.settings)), jobs=RecordedJobs())
    yield made
    made.database.close()


@pytest.fixture
def connection_id(services, world):
    """Ana's, whose mailbox at Microsoft is ben@example.org, and who gave us write access."""
    now = services.clock()
    with services.database.write() as session:
        pair = cast.pair(session, now, mentor="eve")
        made = Connection(
            person_id=pair.mentee_id, provider="microsoft", url="microsoft://ben", access="write", created_at=now,
            due_at=now,
        )  # fmt: skip
        made.calendars = [Calendar(key=world.calendar.id, key_hash=fingerprint(world.calendar.id), name="Work")]
        session.add(made)
        session.flush()
        about = {"account_hash": "h", "account": BEN, "scopes": "Calendars.ReadWrite", "granted_at": now}
        session.add(Grant(connection_id=made.id, tokens=OfRow(made.id, world.box.tokens), **about))
        return made.id


@pytest.fixture
def meeting_id(services, connection_id):
    busy.refresh(services, connection_id)
    now = services.clock()
    with services.database.write() as session:
        pair = session.scalars(select(cast.Pair)).one()
        query = SlotQuery(pair.id, "check-in")
        start = offer(session, now, AGE, query).proposals.slots[0].start
        wanted = BookingInput(start, pair.mentee_id, invite_by="calendar")
        return booking.book(session, now, AGE, query, wanted).id


def work(services):
    """Every job that the clock finds, until none is due."""
    while clock.write_due(services):
        for _, ids in services.jobs.asked:
            for each in ids:
                events.attempt(services, each)
        services.jobs.asked.clear()


def test_from_the_booking_to_the_guest_who_declines(services, world, connection_id, meeting_id):
    work(services)
    with services.database.read() as session:
        row = session.scalars(select(CalendarWrite)).one()
    assert (row.state, row.calendar_key) == ("written", world.calendar.id)
    busy.refresh(services, connection_id)
    work(services)
    with services.database.read() as session:
        assert list(unpack(session.scalars(select(Calendar)).one().busy)) == [], "our own event is not busy"
    answered = [{"emailAddress": {"address": "eve@example.org"}, "status": {"response": "declined"}}]
    world.calendar.written.touch(row.event_id, attendees=answered)
    busy.refresh(services, connection_id)
    work(services)
    with services.database.read() as session:
        meeting = session.get(Meeting, meeting_id)
        assert (meeting.phase, meeting.declined_by) == ("cancelled", meeting.pair.mentor_id)
    assert world.calendar.written.items == {}
    assert [kind for kind, _ in world.calendar.written.told] == ["invite", "cancel"]


def test_s16_one_answer_that_it_is_gone_makes_no_second_event(services, world, meeting_id):
    work(services)
    world.fake.faults["PATCH event"] = [servers.body(b"{}", 404)]
    now = services.clock()
    with services.database.write() as session:
        meeting = session.get(Meeting, meeting_id)
        details.set_meeting_place(session, now, meeting, meeting.pair.mentee_id, "Room 6")
    work(services)
    with services.database.write() as session:
        row = session.scalars(select(CalendarWrite)).one()
        assert (row.state, row.fault) == ("pending", "server_error")
        row.due_at = now
    work(services)
    [event] = world.calendar.written.items.values()
    assert event["location"]["displayName"] == "Room 6"
    assert [kind for kind, _ in world.calendar.written.told] == ["invite", "update"]


def test_s14_an_event_put_into_another_calendar_of_its_owner_is_followed_there(
    services, world, connection_id, meeting_id
):
    work(services)
    other = world.mailbox.add("Mentoring")
    with services.database.write() as session:
        made = Calendar(key=other.id, key_hash=fingerprint(other.id), name="Mentoring")
        connection = session.get_one(Connection, connection_id)
        connection.calendars.append(made)
    busy.refresh(services, connection_id)
    work(services)
    [key] = world.calendar.written.items
    other.written.items[key] = world.calendar.written.items.pop(key)  # an immutable id stays (outlook-immutable-id)
    busy.refresh(services, connection_id)
    work(services)
    with services.database.write() as session:
        row, meeting = session.scalars(select(CalendarWrite)).one(), session.get_one(Meeting, meeting_id)
        assert (meeting.phase, row.state, row.calendar_key) == ("booked", "written", other.id)
        booking.cancel(session, services.clock(), meeting, meeting.pair.mentee_id)
    work(services)
    assert (other.written.items, [kind for kind, _ in other.written.told]) == ({}, ["cancel"])


def test_what_is_called_off_before_a_search_knows_of_it_is_removed_all_the_same(services, world, meeting_id):
    world.fake.lost.add("POST event")
    work(services)
    world.fake.lost.clear()
    world.calendar.written.blind = True
    with services.database.write() as session:
        meeting = session.get_one(Meeting, meeting_id)
        booking.cancel(session, services.clock(), meeting, meeting.pair.mentee_id)
    work(services)
    with services.database.read() as session:
        assert session.scalars(select(CalendarWrite)).one().state == "pending"
    world.calendar.written.blind = False
    with services.database.write() as session:
        session.scalars(select(CalendarWrite)).one().due_at = services.clock()
    work(services)
    assert world.calendar.written.items == {}
    assert [kind for kind, _ in world.calendar.written.told] == ["invite", "cancel"]


def test_what_was_never_written_counts_as_removed_once_a_search_would_know_of_it(services, world, meeting_id):
    with services.database.write() as session:
        meeting = session.get_one(Meeting, meeting_id)
        booking.cancel(session, services.clock(), meeting, meeting.pair.mentee_id)
        session.flush()
        meeting.changed_at -= SEARCHABLE
    work(services)
    with services.database.read() as session:
        row = session.scalars(select(CalendarWrite)).one()
    assert (row.state, world.calendar.written.told) == ("removed", [])


def test_a_teams_link_becomes_the_place(services, world, connection_id):
    with services.database.write() as session:
        session.scalars(select(Calendar)).one().video = "teams"
    busy.refresh(services, connection_id)
    now = services.clock()
    world.calendar.written.pending = True
    with services.database.write() as session:
        pair = session.scalars(select(cast.Pair)).one()
        query = SlotQuery(pair.id, "check-in")
        start = offer(session, now, AGE, query).proposals.slots[0].start
        made = booking.book(session, now, AGE, query, BookingInput(start, pair.mentee_id, video="teams")).id
    work(services)
    world.calendar.written.settle_meetings()
    with services.database.write() as session:
        row = session.scalars(select(CalendarWrite)).one()
        assert (row.state, row.video) == ("look", "wanted")
        row.due_at = now
    work(services)
    with services.database.read() as session:
        place = session.get(Meeting, made).place
    assert place == world.calendar.written.items[row.event_id]["onlineMeeting"]["joinUrl"]
