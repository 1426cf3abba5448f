"""What is said about a meeting while its time stays: a yes, the agenda, the place, its event and what that shows."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from service.domain.agenda import AgendaDraft
from service.domain.errors import InvalidInput, MoveNotAllowed
from service.domain.meeting import LIVE
from service.domain.terms import LEVELS
from service.domain.typed import LONGEST_PLACE, typed
from service.operations import agendas, video
from service.operations.booking import announce_change
from service.operations.followup import queue_about
from service.operations.meetings import look_again, may_cancel
from service.store import outbox, writes
from service.store.tables import Attendance, Meeting, OutboxRow, Pair, Person


def accept(session: Session, now: datetime, meeting: Meeting, by_id: int) -> None:
    """Yes, from the page, for people whose mail program has no buttons. Repeatable; mails nobody."""
    if not may_cancel(meeting, now):
        raise MoveNotAllowed(phase=meeting.phase)
    attendance = session.get_one(Attendance, (meeting.id, by_id))
    attendance.partstat = "ACCEPTED"
    attendance.answered_sequence, attendance.answered_stamp = meeting.sequence, now


def edit_agenda(session: Session, now: datetime, meeting: Meeting, by_id: int, drafts: tuple[AgendaDraft, ...]) -> None:
    """Mails nobody and leaves SEQUENCE alone: the brief carries the agenda as it then stands."""
    if not may_cancel(meeting, now):
        raise MoveNotAllowed(phase=meeting.phase)
    agendas.edit(session, now, meeting, by_id, drafts)


def set_meeting_place(session: Session, now: datetime, meeting: Meeting, by_id: int, place: str | None) -> None:
    """Another place must reach both calendars: SEQUENCE grows and both get an update, their answers stay."""
    if place == meeting.place:  # a link that a calendar made may be longer than what people type
        return
    said = typed("place", place, LONGEST_PLACE)
    if said == meeting.place:
        return
    if not may_cancel(meeting, now):
        raise MoveNotAllowed(phase=meeting.phase)
    meeting.place = said
    video.withdraw(session, meeting)
    announce_change(session, now, meeting, by_id)
    look_again(session, now, meeting)


def put_back(session: Session, now: datetime, meeting: Meeting, by_id: int) -> None:
    """Somebody moved its event to a time that it cannot have: the event is written anew as the meeting stands, and they
    are told when that is; so is whoever had no invitation yet, or had another one to come."""
    invitations = OutboxRow.meeting_id == meeting.id, OutboxRow.kind == "invitation"
    to_come = set(session.scalars(select(OutboxRow.person_id).where(*invitations, OutboxRow.state.in_(outbox.UNSENT))))
    outbox.withdraw(session, meeting_id=meeting.id, kinds=("invitation",))
    meeting.sequence += 1
    meeting.changed_by, meeting.changed_at = None, now
    writes.follow(session, now, meeting.id)
    reached = outbox.announced(session, meeting.id)
    for person in (meeting.pair.mentee, meeting.pair.mentor):
        if person.id == by_id or person.id not in reached or person.id in to_come:
            queue_about(session, now, meeting, "invitation", person.id)


def show_at_most(session: Session, now: datetime, person: Person, level: str | None) -> None:
    """How much this person's own entries show at most, also those that stand; None is what each pair agreed. Raises
    InvalidInput."""
    if level is not None and level not in LEVELS:
        raise InvalidInput.of("invite", "unknown_choice", known=", ".join(LEVELS))
    person.invite = level
    theirs = or_(Pair.mentee_id == person.id, Pair.mentor_id == person.id)
    for meeting_id in session.scalars(select(Meeting.id).join(Pair).where(theirs, Meeting.phase.in_(LIVE))).all():
        writes.follow(session, now, meeting_id, quietly=True)
