"""Meet links of events in a mentee's Google calendar, with Google's client over HTTP, and their troubles."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from service.operations import booking, outgoing, video
from service.operations.booking import BookingInput
from service.operations.details import edit_agenda
from service.operations.offering import SlotQuery, offer
from service.store.tables import Calendar, CalendarWrite, Connection, Meeting, OutboxRow
from tests.cast import Pair, Person
from tests.integrations.google_fake import refused
from tests.operations.test_booking import mark_sent
from tests.workers import test_google_events
from tests.workers.test_google_events import AGE, change, drop, read_and_look, write

pair_id, services, world = test_google_events.pair_id, test_google_events.services, test_google_events.world
USUAL = "Room 5"


@pytest.fixture
def meeting_id(services, world, pair_id):
    """Its link is still being made."""
    world.fake.events.pending = True
    now = services.clock()
    with services.database.write() as session:
        session.scalars(select(Calendar)).one().video = "meet"
    read_and_look(services)
    with services.database.write() as session:
        query = SlotQuery(pair_id, "check-in")
        start = offer(session, now, AGE, query).proposals.slots[0].start
        by_id = session.get_one(Pair, pair_id).mentee_id
        return booking.book(session, now, AGE, query, BookingInput(start, by_id, video="meet")).id


def look(services):
    """As if every wait were over."""
    with services.database.write() as session:
        for row in session.scalars(select(CalendarWrite).where(CalendarWrite.state == "look")):
            row.due_at = services.clock()
    write(services)


def place(services, meeting_id):
    with services.database.read() as session:
        meeting = session.get_one(Meeting, meeting_id)
        return meeting.place, video.state_of(session, meeting)


def invitations(services):
    """What those that have not left yet say."""
    with services.database.read() as session:
        waiting = select(OutboxRow).where(OutboxRow.kind == "invitation", OutboxRow.state == "pending")
        found = session.scalars(waiting.order_by(OutboxRow.id)).all()
        mails, _ = outgoing.render(session, services.clock(), services.settings, found)
        return [mail.octets.decode(errors="replace").replace("=\r\n", "") for mail in mails]


def test_a_link_that_nobody_may_look_for_any_more_leaves_the_usual_place(services, world, meeting_id):
    write(services)
    assert place(services, meeting_id) == (None, "wanted")
    world.fake.faults["events.get"] = [refused(403, "forbidden")]
    look(services)
    assert place(services, meeting_id) == (USUAL, "failed")
    assert [USUAL in text for text in invitations(services)] == [True, True]


def test_a_link_of_a_calendar_that_was_taken_back_leaves_the_usual_place(services, world, meeting_id):
    write(services)
    with services.database.write() as session:
        session.scalars(select(Connection)).one().access = "busy"
    change(services, meeting_id, edit_agenda, ())
    assert place(services, meeting_id) == (USUAL, "failed")
    assert [USUAL in text for text in invitations(services)] == [True, True]


@pytest.fixture
def told(services, world, meeting_id):
    """Both have been mailed the first link."""
    world.fake.events.pending = False
    write(services)
    read_and_look(services)
    link, made = place(services, meeting_id)
    assert made == "made"
    assert [link in text for text in invitations(services)] == [True, True]
    mark_sent(services, meeting_id)
    return link


def replaced(services, meeting_id, told):
    """The link that holds the meeting now, once both have been written of it."""
    link, made = place(services, meeting_id)
    assert (made, link == told) == ("made", False)
    texts = invitations(services)
    assert [(link in text, told in text) for text in texts] == [(True, False), (True, False)]
    return link


def test_s14_whose_entry_is_put_back_with_another_link_both_are_told(services, world, meeting_id, told):
    with services.database.write() as session:
        session.scalars(select(Person).where(Person.email == "ana@example.org")).one().when_deleted = "keep"
    drop(world)
    read_and_look(services)
    write(services)
    replaced(services, meeting_id, told)
    mark_sent(services, meeting_id)
    read_and_look(services)
    assert invitations(services) == []


def test_an_event_that_stands_again_after_a_change_brings_its_link_to_both(services, world, meeting_id, told):
    drop(world)
    change(services, meeting_id, edit_agenda, ())
    write(services)
    write(services)
    replaced(services, meeting_id, told)


def test_a_link_that_its_owner_exchanges_is_told_to_both_and_stands_in_the_entry(services, world, meeting_id, told):
    [event] = world.primary.events.values()
    data = event["conferenceData"]
    other = [{**data["entryPoints"][0], "uri": "https://meet.google.com/oth-er"}]
    world.primary.touch({**event, "conferenceData": {**data, "entryPoints": other}})
    change(services, meeting_id, edit_agenda, ())
    write(services)
    link = replaced(services, meeting_id, told)
    write(services)
    [event] = world.primary.events.values()
    assert event["location"] == link == "https://meet.google.com/oth-er"
