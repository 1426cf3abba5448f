"""Meet links of events in a mentee's Google calendar, with Google's client over HTTP, and their troubles."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from service.operations import booking, outgoing, video
from service.operations.booking import BookingInput
from service.operations.details import edit_agenda
from service.operations.offering import SlotQuery, offer
from service.store.tables import Calendar, CalendarWrite, Connection, Meeting, OutboxRow
from tests.cast import Pair
from tests.integrations.google_fake import refused
from tests.workers import test_google_events
from tests.workers.test_google_events import AGE, change, read_and_look, write

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
