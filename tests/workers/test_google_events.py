"""A meeting in a mentee's Google calendar from end to end: booking, job, Google's client over HTTP, and the read."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from service import wiring
from service.domain.interval import unpack
from service.operations import booking, details
from service.operations.booking import BookingInput
from service.operations.events import entry_for
from service.operations.meetings import load_meeting
from service.operations.offering import SlotQuery, offer
from service.store.tables import Attendance, Calendar, CalendarWrite, Claim, Connection, Grant, Meeting, OutboxRow
from service.store.types import OfRow, fingerprint
from service.wiring import utc_now
from tests import cast, stored
from tests.fakes import RecordedJobs
from tests.integrations import servers
from tests.integrations.google_fake import google, refused
from tests.integrations.google_world import BEN, NEEDED, World, tokens_for
from tests.operations.test_booking import mark_sent
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
    change(services, meeting_id, details.set_meeting_place, "Room 6")
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


def test_s16_a_broken_answer_about_what_stands_already_makes_no_second_event(services, world, meeting_id):
    world.fake.lost.add("events.insert")
    write(services)
    world.fake.lost.clear()
    world.fake.faults["events.get"] = [refused(404, "notFound")]
    write(services)
    assert (state(services, meeting_id), len(world.primary.events)) == ("pending", 1)
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


def test_consent_withdrawn_at_the_provider_is_told_and_the_meeting_stands(services, world, meeting_id):
    world.grant.revoked = True
    write(services)
    assert state(services, meeting_id) == "failed"
    with services.database.read() as session:
        assert session.get(Meeting, meeting_id).phase == "booked"
        assert len(session.scalars(select(OutboxRow)).all()) == 2


@pytest.fixture
def written(services, world, meeting_id):
    """The meeting, its event, and what the calendar held of it when it was read last."""
    write(services)
    read_and_look(services)
    return meeting_id


def event_of(world):
    [event] = world.primary.events.values()
    return event


def read_and_look(services):
    """What the clock and the workers do when the calendar changed."""
    _read(services)
    clock.write_due(services)
    for _, ids in services.jobs.asked:
        for each in ids:
            events.attempt(services, each)
    services.jobs.asked.clear()


def meeting(services, meeting_id):
    with services.database.read() as session:
        return session.get(Meeting, meeting_id)


def mails(services, kind):
    with services.database.read() as session:
        return [row.person_id for row in session.scalars(select(OutboxRow).where(OutboxRow.kind == kind))]


def test_s16_one_answer_that_it_is_gone_makes_no_second_event(services, world, written):
    world.fake.faults["events.patch"] = [refused(404, "notFound")]
    change(services, written, details.set_meeting_place, "Room 6")
    write(services)
    assert (state(services, written), len(world.primary.events)) == ("pending", 1)
    write(services)
    assert (state(services, written), event_of(world)["location"]) == ("written", "Room 6")
    assert [each.kind for each in world.fake.events.invitations] == ["invite", "update"]


def test_an_event_that_is_gone_in_two_answers_stands_again(services, world, written):
    drop(world)
    change(services, written, details.set_meeting_place, "Room 6")
    write(services)
    write(services)
    assert (state(services, written), len(world.primary.events)) == ("written", 2)
    assert [each.kind for each in world.fake.events.invitations] == ["invite", "invite"]


def drop(world):
    """Its owner deletes it in Google's own pages."""
    event = event_of(world)
    world.primary.touch({"kind": "calendar#event", "id": event["id"], "status": "cancelled"})


def test_s14_who_deletes_it_in_their_calendar_frees_the_time(services, world, written):
    with services.database.write() as session:
        for row in session.scalars(select(OutboxRow)):
            row.state = "sent"
    drop(world)
    read_and_look(services)
    found = meeting(services, written)
    assert (found.phase, found.declined_by, found.due_at) == ("cancelled", found.pair.mentee_id, None)
    assert sorted(mails(services, "declined")) == sorted([found.pair.mentee_id, found.pair.mentor_id])
    with services.database.read() as session:
        assert session.scalars(select(Claim)).all() == []


@pytest.mark.parametrize("method", ["events.list", "events.get", "freebusy.query"])
def test_s14_one_broken_answer_cancels_nothing(services, world, written, method):
    event = event_of(world)
    world.primary.touch({**event, "colorId": "5"})
    world.fake.faults[method] = [refused(404, "notFound")]
    read_and_look(services)
    world.primary.touch({**event, "colorId": "6"})
    empty = servers.body(b'{"items": [], "nextSyncToken": "x"}')
    world.fake.faults["events.list"] = [servers.body(b'{"items": [{}]}'), empty]
    read_and_look(services)
    assert meeting(services, written).phase == "booked"
    assert state(services, written) == "written"


def test_s14_a_guest_who_declines_in_their_own_calendar_frees_the_time(services, world, written):
    event = event_of(world)
    for answer, partstat in (("tentative", "TENTATIVE"), ("accepted", "ACCEPTED")):
        world.primary.touch({**event, "attendees": [{**event["attendees"][0], "responseStatus": answer}]})
        read_and_look(services)
        found = meeting(services, written)
        with services.database.read() as session:
            assert session.get(Attendance, (written, found.pair.mentor_id)).partstat == partstat
    world.primary.touch({**event, "attendees": [{**event["attendees"][0], "responseStatus": "declined"}]})
    read_and_look(services)
    found = meeting(services, written)
    assert (found.phase, found.declined_by) == ("cancelled", found.pair.mentor_id)


def to(event, start, end):
    return {**event, "start": {"dateTime": start.isoformat()}, "end": {"dateTime": end.isoformat()}}


def test_s14_a_move_by_its_owner_moves_the_meeting(services, world, written):
    found = meeting(services, written)
    with services.database.read() as session:
        slots = offer(session, services.clock(), AGE, booking.moving_query(found, found.pair.mentee_id)).proposals.slots
    new = next(slot for slot in slots if slot.start > found.starts_at + timedelta(days=1))
    mark_sent(services, written)
    world.primary.touch(to(event_of(world), new.start, new.end))
    read_and_look(services)
    found = meeting(services, written)
    assert (found.starts_at, found.ends_at, found.sequence) == (new.start, new.end, 1)
    assert found.changed_by == found.pair.mentee_id
    assert mails(services, "invitation").count(found.pair.mentee_id) == 2, "we have seen it"
    assert mails(services, "invitation").count(found.pair.mentor_id) == 1, "the calendar is the sender of record"
    write(services)
    told = [(each.kind, each.recipients) for each in world.fake.events.invitations]
    assert told == [("invite", ("eve@example.org",)), ("update", ("eve@example.org",))]
    assert event_of(world)["start"]["dateTime"] == new.start.isoformat()
    read_and_look(services)
    assert meeting(services, written).sequence == 1, "what we wrote is no change"


def test_s14_a_move_to_where_it_cannot_be_is_put_back_and_told(services, world, written):
    before = meeting(services, written)
    night = before.starts_at.replace(hour=2) + timedelta(days=1)
    world.primary.touch(to(event_of(world), night, night + timedelta(minutes=30)))
    read_and_look(services)
    found = meeting(services, written)
    assert (found.starts_at, found.sequence, found.phase) == (before.starts_at, 1, "booked")
    write(services)
    assert event_of(world)["start"]["dateTime"] == before.starts_at.isoformat()
    assert mails(services, "invitation").count(found.pair.mentee_id) == 2, "the one who moved it is told when it is"


def test_s14_an_event_put_into_another_calendar_of_its_owner_is_followed_there(services, world, written):
    """As Google's events.move has it: the same id and UID there, and here it counts as deleted."""
    other = world.fake.calendar(BEN, "Mentoring")
    with services.database.write() as session:
        connection = session.scalars(select(Connection)).one()
        connection.calendars.append(Calendar(key=other.id, key_hash=fingerprint(other.id), name="Mentoring"))
    read_and_look(services)
    other.touch({**event_of(world), "organizer": {"email": other.id, "self": True}})
    drop(world)
    read_and_look(services)
    found = meeting(services, written)
    assert (found.phase, found.declined_by, state(services, written)) == ("booked", None, "written")
    change(services, written, details.set_meeting_place, "Room 6")
    write(services)
    assert [(each["status"], each["location"]) for each in other.events.values()] == [("confirmed", "Room 6")]
    change(services, written, booking.cancel)
    write(services)
    assert [each["status"] for each in other.events.values()] == ["cancelled"]
    assert [each.kind for each in world.fake.events.invitations] == ["invite", "update", "cancel"]


def test_a_move_that_cannot_be_judged_is_looked_at_ever_more_rarely(services, world, written):
    before = meeting(services, written)
    now = services.clock()
    with services.database.write() as session:
        feed = Connection(
            person_id=before.pair.mentor_id,
            provider="ics",
            url="https://x.example/f",
            state="reconnect",
            created_at=now,
        )
        feed.calendars = [Calendar(key="k", key_hash="k", name="Feed")]
        session.add(feed)
    later = before.starts_at + timedelta(days=1)
    world.primary.touch(to(event_of(world), later, later + timedelta(minutes=30)))
    read_and_look(services)
    waits = []
    for _ in range(3):
        with services.database.write() as session:
            row = session.scalars(select(CalendarWrite)).one()
            assert row.state == "look"
            waits.append(row.due_at - services.clock())
            row.due_at = services.clock()
        write(services)
    assert waits[0] < timedelta(seconds=20) < waits[1] < timedelta(seconds=40) < waits[2]
    assert meeting(services, written).starts_at == before.starts_at


def test_addresses_are_sealed_at_rest(services, world, meeting_id):
    write(services)
    [event] = world.primary.events.values()
    dumped = "".join(stored.dump(services.database.engine)).replace(event["iCalUID"], "")
    assert event["id"] not in dumped, "but for the UID that guests are given as well"
    with services.database.read() as session:
        row = session.scalars(select(CalendarWrite)).one()
    assert (row.calendar_key, row.event_id, row.alias) == (BEN, event["id"], event["iCalUID"])
