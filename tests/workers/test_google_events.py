"""A meeting in a mentee's Google calendar from end to end: booking, job, Google's client over HTTP, and the read."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from service import wiring
from service.domain.interval import unpack
from service.operations import booking
from service.operations.booking import BookingInput
from service.operations.events import entry_for
from service.operations.meetings import load_meeting
from service.operations.offering import SlotQuery, offer
from service.store.tables import Calendar, CalendarWrite, Connection, Grant, Meeting, OutboxRow
from service.store.types import OfRow, fingerprint
from service.wiring import utc_now
from tests import cast, stored
from tests.fakes import RecordedJobs
from tests.integrations.google_fake import google
from tests.integrations.google_world import BEN, NEEDED, World, tokens_for
from workers import busy, clock, events

AGE = timedelta(hours=1)


@pytest.fixture
def world():
    with google(utc_now) as fake:
        yield World(fake, utc_now, "write")


@pytest.fixture
def services(settings, database, world):
    made = replace(wiring.build(replace(settings, **world.fake.settings)), jobs=RecordedJobs())
    yield made
    made.database.close()


@pytest.fixture
def pair_id(services, world):
    """Ana, whose account at Google is ben@example.org, and who gave us write access."""
    now = services.clock()
    with services.database.write() as session:
        pair = cast.pair(session, now, mentor="eve", place="Room 5")
        made = Connection(
            person_id=pair.mentee_id, provider="google", url="google://1", access="write", created_at=now, due_at=now
        )
        made.calendars = [Calendar(key=BEN, key_hash=fingerprint(BEN), name="Work")]
        session.add(made)
        session.flush()
        tokens = OfRow(made.id, tokens_for(world.fake, world.grant, now).render())
        about = {"account_hash": "h", "account": BEN, "scopes": " ".join(NEEDED["write"]), "granted_at": now}
        session.add(Grant(connection_id=made.id, tokens=tokens, **about))
        return pair.id


@pytest.fixture
def meeting_id(services, pair_id):
    now = services.clock()
    with services.database.write() as session:
        _read(services)
        query = SlotQuery(pair_id, "check-in")
        start = offer(session, now, AGE, query).proposals.slots[0].start
        by_id = session.get(cast.Pair, pair_id).mentee_id
        return booking.book(session, now, AGE, query, BookingInput(start, by_id, invite_by="calendar")).id


def _read(services):
    with services.database.read() as session:
        ids = session.scalars(select(Connection.id)).all()
    for each in ids:
        busy.refresh(services, each)


def write(services):
    """As if every wait were over."""
    with services.database.write() as session:
        for row in session.scalars(select(CalendarWrite).where(CalendarWrite.state == "pending")):
            row.due_at = services.clock()
    clock.write_due(services)
    for name, ids in services.jobs.asked:
        assert name == "write_events"
        for each in ids:
            events.attempt(services, each)
    services.jobs.asked.clear()


def state(services, meeting_id):
    with services.database.read() as session:
        meeting = session.get(Meeting, meeting_id)
        return entry_for(session, meeting, meeting.pair.mentee_id).state


def change(services, meeting_id, how, *arguments):
    with services.database.write() as session:
        mentee_id = session.get(Meeting, meeting_id).pair.mentee_id
        how(session, services.clock(), load_meeting(session, meeting_id, mentee_id), mentee_id, *arguments)


def test_from_the_booking_to_the_invitation_and_its_end(services, world, meeting_id):
    write(services)
    assert state(services, meeting_id) == "written"
    [event] = world.primary.events.values()
    assert (event["location"], [each["email"] for each in event["attendees"]]) == ("Room 5", ["eve@example.org"])
    change(services, meeting_id, booking.set_meeting_place, "Room 6")
    write(services)
    change(services, meeting_id, booking.cancel)
    write(services)
    told = [(each.kind, each.recipients) for each in world.fake.events.invitations]
    assert told == [(kind, ("eve@example.org",)) for kind in ("invite", "update", "cancel")]
    assert state(services, meeting_id) == "none"


def test_s16_an_answer_lost_after_the_commit_makes_one_event_and_one_invitation(services, world, meeting_id):
    world.fake.lost.add("events.insert")
    write(services)
    assert (state(services, meeting_id), len(world.primary.events)) == ("pending", 1)
    world.fake.lost.clear()
    write(services)
    assert (state(services, meeting_id), len(world.primary.events)) == ("written", 1)
    assert [each.kind for each in world.fake.events.invitations] == ["invite"]


def test_our_own_event_never_counts_as_busy(services, world, meeting_id):
    write(services)
    [event] = world.primary.events.values()
    assert event["iCalUID"].endswith("@google.com"), "a UID of Google's own"
    _read(services)
    with services.database.read() as session:
        assert list(unpack(session.scalars(select(Calendar)).one().busy)) == []


def test_consent_taken_back_at_the_provider_is_told_and_the_meeting_stands(services, world, meeting_id):
    world.grant.revoked = True
    write(services)
    assert state(services, meeting_id) == "failed"
    with services.database.read() as session:
        assert session.get(Meeting, meeting_id).phase == "booked"
        assert len(session.scalars(select(OutboxRow)).all()) == 2


def test_addresses_are_sealed_at_rest(services, world, meeting_id):
    write(services)
    [event] = world.primary.events.values()
    dumped = "".join(stored.dump(services.database.engine)).replace(event["iCalUID"], "")
    assert event["id"] not in dumped, "but for the UID that guests are given as well"
    with services.database.read() as session:
        row = session.scalars(select(CalendarWrite)).one()
    assert (row.calendar_key, row.event_id, row.alias) == (BEN, event["id"], event["iCalUID"])
