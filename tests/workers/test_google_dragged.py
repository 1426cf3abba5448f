"""An event that its owner drags into another calendar of theirs stands, whenever and in whatever state that is noticed;
with Google's client over HTTP."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from service.operations import booking, details
from service.store.tables import Calendar, Connection
from service.store.types import fingerprint
from tests.integrations.google_events_fake import Refused
from tests.integrations.google_world import BEN
from tests.workers import test_google_events
from tests.workers.test_google_events import change, drop, event_of, meeting, read_and_look, state, write

pair_id, services, world = test_google_events.pair_id, test_google_events.services, test_google_events.world
meeting_id, written = test_google_events.meeting_id, test_google_events.written


def second_calendar(services, world, counts=True):
    other = world.fake.calendar(BEN, "Mentoring")
    with services.database.write() as session:
        calendar = Calendar(key=other.id, key_hash=fingerprint(other.id), name="Mentoring", counts=counts)
        connection = session.scalars(select(Connection)).one()
        connection.calendars.append(calendar)
    read_and_look(services)
    return other


def drag(world, other):
    """As Google's events.move has it: the same id and UID there, and here it counts as deleted."""
    other.touch({**event_of(world), "organizer": {"email": other.id, "self": True}})
    drop(world)


def stands(services, written):
    found = meeting(services, written)
    return (found.phase, found.declined_by, state(services, written)) == ("booked", None, "written")


def told(world):
    return [each.kind for each in world.fake.events.invitations]


@pytest.mark.parametrize(("status", "reason"), [(503, "backendError"), (404, "notFound"), (429, "rateLimitExceeded")])
def test_where_the_other_calendar_cannot_be_read_just_then(services, world, written, status, reason):
    other, listed = second_calendar(services, world), world.fake.events.listed

    def refused(calendar, found, scopes):
        if calendar is other:
            raise Refused(status, reason, "for a while")
        return listed(calendar, found, scopes)

    drag(world, other)
    world.fake.events.listed = refused
    read_and_look(services)
    world.fake.events.listed = listed
    read_and_look(services)
    assert stands(services, written)


@pytest.mark.parametrize(("status", "reason"), [(401, "authError"), (403, "insufficientPermissions")])
def test_where_the_account_answers_no_more_at_the_second_look(services, world, written, status, reason):
    other, get = second_calendar(services, world, counts=False), world.fake.events.get

    def refused(calendar, asked, scopes):
        if calendar is other:
            raise Refused(status, reason, "from now on")
        return get(calendar, asked, scopes)

    drag(world, other)
    world.fake.events.get = refused
    read_and_look(services)
    assert stands(services, written)


def test_where_it_is_read_between_the_two_halves_of_the_move(services, world, written):
    other = second_calendar(services, world)
    other.touch({**event_of(world), "organizer": {"email": other.id, "self": True}})
    read_and_look(services)
    drop(world)
    read_and_look(services)
    assert stands(services, written)


def test_where_the_other_calendar_does_not_count(services, world, written):
    other = second_calendar(services, world, counts=False)
    drag(world, other)
    read_and_look(services)
    assert stands(services, written)
    change(services, written, booking.cancel)
    write(services)
    assert [each["status"] for each in other.events.values()] == ["cancelled"]


def test_a_change_that_is_written_before_it_is_noticed_makes_no_second_event(services, world, written):
    other = second_calendar(services, world)
    drag(world, other)
    change(services, written, details.set_meeting_place, "Room 6")
    write(services)
    assert [(each["status"], each["location"]) for each in other.events.values()] == [("confirmed", "Room 6")]
    assert told(world) == ["invite", "update"]


def test_a_cancellation_before_it_is_noticed_takes_it_out_there(services, world, written):
    other = second_calendar(services, world)
    drag(world, other)
    change(services, written, booking.cancel)
    write(services)
    assert [each["status"] for each in other.events.values()] == ["cancelled"]
    assert told(world)[-1] == "cancel"


def test_a_copy_elsewhere_hides_no_deletion(services, world, written):
    other = second_calendar(services, world)
    other.touch({**event_of(world), "id": "acopyofit00000", "organizer": {"email": BEN}})
    read_and_look(services)
    drop(world)
    for _ in range(3):
        read_and_look(services)
    assert meeting(services, written).phase == "cancelled"
