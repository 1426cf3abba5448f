"""Links to video meetings that a calendar makes with an event of ours: who may ask for one, how long mails wait for it,
and how it becomes the meeting's place."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.errors import InvalidInput
from service.operations.followup import queue_about
from service.ports import VideoLink
from service.store import outbox, writes
from service.store.tables import CalendarWrite, Connection, Meeting

HOLD = timedelta(seconds=20)  # the longest that an invitation waits for its link; most come with the event itself
PAUSE = timedelta(seconds=2)  # Google and Graph say of a link that is not there yet neither when nor whether
MOST_LOOKS = 8
LONGEST = 1_000


def kind_for(session: Session, person_id: int) -> str | None:
    """What this person's own calendar can make: meet or teams."""
    connection = writes.writable(session, person_id)
    return kind_of(connection) if connection is not None else None


def kind_of(connection: Connection) -> str | None:
    return next((each.video for each in connection.calendars if each.video), None)


def ask(session: Session, meeting: Meeting, person_id: int, kind: str) -> None:
    """The event in this person's own calendar is to get a link. Raises InvalidInput when it cannot."""
    mine = [row for row in writes.of_meetings(session, [meeting.id]) if row.person_id == person_id]
    if not mine or kind_for(session, person_id) != kind:
        raise InvalidInput.of("video", "no_video_link")
    mine[0].video, meeting.place = "wanted", None


def awaited(session: Session, meeting_ids: Collection[int]) -> frozenset[int]:
    """Those whose link is still to come."""
    wanted = select(CalendarWrite.meeting_id).where(
        CalendarWrite.meeting_id.in_(meeting_ids), CalendarWrite.video == "wanted", CalendarWrite.state != "failed"
    )
    return frozenset(session.scalars(wanted))


def unknown_place(awaited: bool) -> str:
    """Catalogue key of what stands where the place would."""
    return "mail.link_follows" if awaited else "mail.no_place"


def place_key(session: Session, meeting: Meeting) -> str:
    return unknown_place(bool(awaited(session, [meeting.id])))


def state_of(session: Session, meeting: Meeting) -> str | None:
    """Of the link that was asked for: wanted, made or failed; None when none was, or another place was said since."""
    row = next((row for row in writes.of_meetings(session, [meeting.id]) if row.video), None)
    if row is None:
        return None
    return "failed" if (row.video, row.state) == ("wanted", "failed") else row.video


def invite_at(session: Session, now: datetime, meeting: Meeting) -> datetime:
    """When invitations leave: without their link where that is late; then it is in the brief, and on the pages."""
    return now + HOLD if awaited(session, [meeting.id]) else now


def invite(session: Session, now: datetime, meeting: Meeting, heard: int | None = None) -> None:
    """Both, but for `heard`, who learns it from a calendar. Whoever has had no mail of ours yet gets one also then:
    their way to the meeting's page is in it."""
    due_at = invite_at(session, now, meeting)
    quiet = {heard} & outbox.announced(session, meeting.id).keys() if heard is not None else set()
    for person in (meeting.pair.mentee, meeting.pair.mentor):
        if person.id not in quiet:
            queue_about(session, now, meeting, "invitation", person.id, due_at)


def keep(
    session: Session, now: datetime, row: CalendarWrite, meeting: Meeting, told: VideoLink | None, looks: int
) -> None:
    """What a calendar said of the link that it was asked for, after `looks` in vain. One that is not made yet makes the
    row due; else whatever holds the meeting follows, and nobody is mailed for it. One that took the place of another is
    told. Repeatable."""
    url = _url_in(told)
    if row.video == "made" and url not in {None, meeting.place}:
        meeting.place = url
        _tell_anew(session, now, row, meeting)
    if row.video != "wanted":
        return
    if told is not None and told.url is None and not told.failed and looks < MOST_LOOKS:
        row.state, row.due_at, row.attempts = "look", now + PAUSE * (1 << looks), looks
    elif url is not None:
        row.video, meeting.place = "made", url
        _settled(session, now, row, meeting)
    else:
        give_up(session, now, row, meeting)


def _url_in(told: VideoLink | None) -> str | None:
    usable = told is not None and told.url is not None and told.url.startswith("https://") and len(told.url) <= LONGEST
    return told.url if told is not None and usable else None


def give_up(session: Session, now: datetime, row: CalendarWrite, meeting: Meeting) -> None:
    """There will be none. Nothing where none was wanted."""
    if row.video != "wanted":
        return
    writes.leave_without_link(row, meeting)
    _settled(session, now, row, meeting)


def _settled(session: Session, now: datetime, row: CalendarWrite, meeting: Meeting) -> None:
    outbox.hasten(session, now, meeting.id, "invitation")
    writes.follow(session, now, meeting.id, quietly=True, besides=row.id)


def made_anew(session: Session, now: datetime, row: CalendarWrite, meeting: Meeting) -> None:
    """Its event was deleted, and the next one gets a link of its own, of which both are told."""
    if row.video == "made":
        row.video, meeting.place = "wanted", None
        _tell_anew(session, now, row, meeting)


def _tell_anew(session: Session, now: datetime, row: CalendarWrite, meeting: Meeting) -> None:
    """Another link is another place: SEQUENCE grows by one (RFC 5546 2.1.4). The guest of an event that invites hears
    of it from that."""
    if now >= meeting.ends_at:
        return
    outbox.withdraw(session, meeting_id=meeting.id, kinds=("invitation",))
    meeting.sequence += 1
    meeting.changed_by, meeting.changed_at = None, now
    writes.follow(session, now, meeting.id)
    guest = meeting.pair.other(row.person_id).id if row.invites and writes.reaches(session, row) else None
    invite(session, now, meeting, guest)


def withdraw(session: Session, meeting: Meeting) -> None:
    """Somebody said another place, and no link takes it away."""
    for row in writes.of_meetings(session, [meeting.id]):
        row.video = None
