"""Links to video meetings that a calendar makes: who may have one, what waits for it, and where it then stands."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from service.domain.errors import AdapterError, InvalidInput
from service.operations import booking, details, outgoing, video
from service.operations.feeds import feed_of
from service.ports import VideoLink
from service.store.tables import Calendar, CalendarWrite, Connection, Meeting, OutboxRow
from tests import cast
from tests.operations.test_booking import NOW, book, mark_sent
from tests.operations.test_events import NEXT, calendar, change, connect, rows, run

pytestmark = pytest.mark.databases
LINK = "https://meet.example.org/one"


@pytest.fixture
def pair_id(services):
    with services.database.write() as session:
        return cast.pair(session, NOW, place="Room 5").id


def connect_with_video(services, key, kind="meet"):
    connection_id = connect(services, key)
    with services.database.write() as session:
        connection = session.get(Connection, connection_id)
        connection.calendars.append(Calendar(key="main", key_hash="k", name="Work", counts=False, video=kind))
    return connection_id


def place(services, meeting_id):
    with services.database.read() as session:
        meeting = session.get(Meeting, meeting_id)
        return meeting.place, video.state_of(session, meeting)


def invitations(services):
    """When each may leave, and what it says."""
    with services.database.read() as session:
        of_kind = select(OutboxRow).where(OutboxRow.kind == "invitation", OutboxRow.state == "pending")
        found = session.scalars(of_kind.order_by(OutboxRow.id)).all()
        mails, _ = outgoing.render(session, services.clock(), services.settings, found)
        return [row.due_at - NOW for row in found], [mail.octets.decode(errors="replace") for mail in mails]


@pytest.mark.parametrize("invite_by", ["mail", "calendar"])
def test_the_link_becomes_the_place_and_the_invitations_wait_for_it(services, pair_id, invite_by):
    connect_with_video(services, "ana")
    connect(services, "ben")
    meeting_id = book(services, pair_id, video="meet", invite_by=invite_by)
    assert place(services, meeting_id) == (None, "wanted")
    due, texts = invitations(services)
    assert due == [video.HOLD] * 2
    assert all("its link is being made" in text.replace("=\r\n", "") for text in texts)
    run(services)
    assert place(services, meeting_id) == (LINK, "made")
    due, texts = invitations(services)
    assert due == [timedelta()] * 2
    assert all(LINK in text.replace("=\r\n", "") for text in texts)
    assert calendar(services, "ana").told == ([("invite", "ben@example.org")] if invite_by == "calendar" else [])
    if invite_by == "mail":
        [bens] = calendar(services, "ben").events.values()
        assert bens.location == LINK
    with services.database.read() as session:
        feed = feed_of(session, NOW, services.settings, session.get(Meeting, meeting_id).pair.mentor).decode()
    assert f"LOCATION:{LINK}" in feed.replace("\r\n ", "")


def test_a_move_keeps_the_link_and_a_retry_asks_for_no_other(services, pair_id):
    connect_with_video(services, "ana")
    ana = calendar(services, "ana")
    ana.lost = True
    meeting_id = book(services, pair_id, video="meet", invite_by="calendar")
    run(services)
    ana.lost = False
    change(services, meeting_id, booking.reschedule, NEXT, 1)
    assert invitations(services)[0] == [video.HOLD] * 2, "the newer ones wait as well"
    run(services)
    assert place(services, meeting_id) == (LINK, "made")
    assert len(ana.events) == 1
    change(services, meeting_id, booking.reschedule, NEXT + timedelta(hours=1), 1)
    run(services)
    assert place(services, meeting_id) == (LINK, "made")
    assert [event.video for event in ana.events.values()] == [True]


def test_a_link_that_takes_its_time_is_read_again_and_no_mail_goes_twice(services, pair_id):
    connect_with_video(services, "ana")
    ana = calendar(services, "ana")
    ana.video = VideoLink()
    meeting_id = book(services, pair_id, video="meet", invite_by="calendar")
    run(services)
    assert place(services, meeting_id) == (None, "wanted")
    services.clock.advance(seconds=video.HOLD.total_seconds())
    mark_sent(services, meeting_id)
    ana.video = VideoLink(LINK)
    run(services)
    assert place(services, meeting_id) == (LINK, "made")
    with services.database.read() as session:
        states = session.scalars(select(OutboxRow.state).where(OutboxRow.kind == "invitation")).all()
    assert states == ["sent", "sent"]
    assert (ana.writes, [kind for kind, _ in ana.told]) == (1, ["invite"])


@pytest.mark.parametrize("told", [VideoLink(failed=True), None, VideoLink(), VideoLink("javascript:alert(1)")])
def test_a_link_that_never_comes_leaves_the_usual_place(services, pair_id, told):
    connect_with_video(services, "ana")
    calendar(services, "ana").video = told
    meeting_id = book(services, pair_id, video="meet", invite_by="calendar")
    for _ in range(12):
        run(services)
        services.clock.advance(minutes=10)
    assert place(services, meeting_id) == ("Room 5", "failed")
    assert [row.state for row in rows(services)] == ["written"]


def test_a_calendar_that_cannot_be_written_makes_no_link(services, pair_id):
    connect_with_video(services, "ana")
    calendar(services, "ana").fault = AdapterError("forbidden", permanent=True)
    meeting_id = book(services, pair_id, video="meet")
    run(services)
    assert place(services, meeting_id) == ("Room 5", "failed")
    assert invitations(services)[0] == [timedelta()] * 2


def test_an_event_that_stands_again_gets_a_link_of_its_own(services, pair_id):
    connect_with_video(services, "ana")
    ana = calendar(services, "ana")
    meeting_id = book(services, pair_id, video="meet")
    run(services)
    ana.deleted |= set(ana.events)
    ana.video = VideoLink(f"{LINK}/other")
    change(services, meeting_id, booking.reschedule, NEXT, 1)
    run(services)
    assert place(services, meeting_id) == (f"{LINK}/other", "made")


def test_another_place_is_not_taken_away_by_a_link_that_comes_late(services, pair_id):
    connect_with_video(services, "ana")
    ana = calendar(services, "ana")
    ana.video = VideoLink()
    meeting_id = book(services, pair_id, video="meet")
    run(services)
    change(services, meeting_id, details.set_meeting_place, 1, "Room 6")
    ana.video = VideoLink(LINK)
    services.clock.advance(minutes=1)
    run(services)
    assert place(services, meeting_id) == ("Room 6", None)


@pytest.mark.parametrize(("kind", "who", "invite_by"), [
    ("teams", "ana", "mail"), (None, "ana", "mail"), ("meet", "ben", "mail"), ("meet", "ben", "calendar"),
])  # fmt: skip
def test_only_ones_own_calendar_makes_a_link_of_its_kind(services, pair_id, kind, who, invite_by):
    connect_with_video(services, who, kind)
    if invite_by == "calendar":
        connect(services, "ana")
    with pytest.raises(InvalidInput) as caught:
        book(services, pair_id, video="meet", invite_by=invite_by)
    assert [(fault.field, fault.code) for fault in caught.value.faults] == [("video", "no_video_link")]
    with services.database.read() as session:
        assert session.scalars(select(CalendarWrite)).all() == []
