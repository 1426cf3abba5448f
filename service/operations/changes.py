"""What somebody did, in their own calendar, to an event that we wrote: kept as facts of the meeting."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.busy import is_a_loss
from service.domain.errors import AdapterError, CalendarUnreadable, GreenroomError
from service.domain.meeting import LIVE, Phase
from service.domain.retries import back_off
from service.domain.terms import terms_of
from service.operations import booking, details, video
from service.operations.events import WritePlan, anew, load
from service.operations.meetings import interval_of
from service.operations.proposing import ProposalInput, propose
from service.operations.whereabouts import find
from service.ports import BusyReading, CalendarRef, EventSeen, WriterFactory
from service.store import claims, writes
from service.store.tables import Attendance, CalendarWrite, Meeting

KEEP = "keep"  # of people's `when_deleted` and `when_moved`
PARTSTATS = frozenset({"ACCEPTED", "TENTATIVE", "DECLINED"})


@dataclass(frozen=True, slots=True)
class LookResult:
    """What came of a look at an event. `seen` None: it has been deleted. `calendar`: the key of the one it is in."""

    write_id: int
    seen: EventSeen | None
    error: AdapterError | None
    calendar: str | None = None


def notice(
    session: Session, now: datetime, connection_id: int, readings: Iterable[tuple[CalendarRef, BusyReading | None]]
) -> None:
    """Compares what was read with what we wrote there. Nothing is concluded from it: an event that is missing (but not
    most of them at once), that is at another time, or whose guests may have answered, is looked at by itself first. One
    that its owner put into another of their calendars is followed there: it keeps its UID and its id."""
    read = {ref.key: {own.uid: own.interval for own in each.own} for ref, each in readings if each is not None}
    homes = {uid: key for key, own in read.items() for uid in own}
    standing = writes.standing(session, now, connection_id) if read else ()
    for key, own in read.items():
        known = [(row, row.alias, meeting) for row, meeting in standing if row.alias and row.calendar_key == key]
        lost = is_a_loss(sum(alias not in homes for _, alias, _ in known), len(known))
        for row, alias, meeting in known:
            if alias not in homes:
                if not lost:
                    row.state, row.due_at, row.attempts = "missing", now, 0
            elif alias not in own or row.invites or own[alias] != interval_of(meeting):
                row.calendar_key = key if alias in own else homes[alias]
                row.state, row.due_at, row.attempts = "look", now, 0


def look(plan: WritePlan, factory: WriterFactory) -> LookResult:
    """Asks the provider. Never raises AdapterError."""
    assert plan.at is not None, "only what was written is looked at"
    try:
        writer = factory(plan.provider, plan.url, plan.connection_id)
        found = find(writer, plan.at, plan.elsewhere)
        if found is None:
            return LookResult(plan.write_id, None, None)
        return LookResult(plan.write_id, found.seen, None, found.at.calendar)
    except AdapterError as fault:
        return LookResult(plan.write_id, None, fault)


def settle(session: Session, now: datetime, max_age: timedelta, result: LookResult, jitter: float = 0.0) -> str:
    """What was seen, as facts: deleted by its owner or declined by its guest, the time is free and both are told; moved
    by its owner, the meeting moves where the slot rule lets it, and else its event is put back. Returns the row's
    state. Nothing when the meeting was changed here meanwhile: that is written, and read again."""
    pair_of = select(Meeting.pair_id).join(CalendarWrite, CalendarWrite.meeting_id == Meeting.id)
    pair_id = session.scalar(pair_of.where(CalendarWrite.id == result.write_id))
    if pair_id is not None:
        claims.take_turns_of(session, pair_id)  # before a row is locked, as whoever moves it on a page does
    row, meeting = load(session, result.write_id)
    if row is None or row.state not in {"look", "missing"}:
        return "gone" if row is None else row.state
    row.lease_until = None
    if result.error is not None and not result.error.permanent:
        row.due_at = now + (result.error.retry_after or back_off(row.attempts, jitter))
        return row.state
    row.calendar_key = result.calendar or row.calendar_key
    missing, looks = row.state == "missing", row.attempts
    row.state, row.due_at, row.attempts = "written", None, 0
    if Phase(meeting.phase) not in LIVE or now >= meeting.starts_at:
        return row.state
    if result.error is not None:
        video.give_up(session, now, row, meeting)
        return row.state
    video.keep(session, now, row, meeting, result.seen.video if result.seen is not None else None, looks)
    if result.seen is None:
        if missing:  # one of two reads that say so may be wrong, and the event is there
            _deleted(session, now, row, meeting)
    elif not _answered(session, now, row, meeting, result.seen) and result.seen.interval != interval_of(meeting):
        try:
            _moved(session, now, max_age, row, meeting, result.seen)
        except CalendarUnreadable:
            row.state, row.attempts = "look", looks
            row.due_at = now + back_off(looks, jitter)
    return row.state


def _answered(session: Session, now: datetime, row: CalendarWrite, meeting: Meeting, seen: EventSeen) -> bool:
    """Keeps what the guest answered in their own calendar; True when the meeting is off by that."""
    guest = meeting.pair.other(row.person_id)
    partstat = seen.answers.get(guest.email.lower(), "")
    if not row.invites or partstat not in PARTSTATS:
        return False
    attendance = session.get_one(Attendance, (meeting.id, guest.id))
    if attendance.partstat == partstat:
        return False
    if partstat == "DECLINED":
        booking.decline(session, now, meeting, guest.id)
        return True
    attendance.partstat = partstat
    attendance.answered_sequence, attendance.answered_stamp = meeting.sequence, now
    return False


def _deleted(session: Session, now: datetime, row: CalendarWrite, meeting: Meeting) -> None:
    """Off, unless its owner wants to call off elsewhere: then it is written anew. Of an event that invites its guest
    has been told already."""
    if meeting.pair.me(row.person_id).when_deleted == KEEP and not row.invites:
        anew(session, now, row, meeting)
        row.state, row.due_at = "pending", now
        return
    row.state = "removed"
    booking.decline(session, now, meeting, row.person_id)


def _moved(
    session: Session, now: datetime, max_age: timedelta, row: CalendarWrite, meeting: Meeting, seen: EventSeen
) -> None:
    """An event that invites is the sender of record: it has told its guest, who may decline, so the meeting follows
    where it can. What is written into it after this tells its guest, who then needs no mail of ours; its owner gets
    one, and so learns that we have seen it. A move of somebody's own entry is a proposal, unless the two agreed that
    it moves; the entry is put back until it is taken. Raises CalendarUnreadable: nobody can say yet whether it may
    stand there."""
    owner = meeting.pair.me(row.person_id)
    minutes = (seen.interval.end - seen.interval.start) // timedelta(minutes=1)
    guest = meeting.pair.other(owner.id).id if row.invites and writes.reaches(session, row) else None
    try:
        with session.begin_nested():
            if owner.when_moved == KEEP:
                details.put_back(session, now, meeting, owner.id)
            elif row.invites or terms_of(meeting.pair.terms).calendar_moves:
                booking.reschedule(
                    session, now, max_age, meeting, seen.interval.start, owner.id, minutes=minutes or None, heard=guest
                )
            else:
                query = booking.moving_query(meeting, owner.id, minutes or None)
                propose(session, now, max_age, query, ProposalInput((seen.interval.start,), owner.id, checked=False))
                row.wanted, row.state, row.due_at = row.wanted + 1, "pending", now
    except CalendarUnreadable:
        raise
    except GreenroomError:
        details.put_back(session, now, meeting, owner.id)
