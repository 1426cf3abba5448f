"""Our meetings as they stand in calendars that we only read, by CalDAV or a feed: what their owner changes there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from service.domain.busy import OwnEvent, is_a_loss
from service.domain.errors import CalendarUnreadable, GreenroomError
from service.domain.interval import Interval
from service.domain.meeting import Phase
from service.domain.terms import terms_of
from service.operations import booking, sweeps
from service.operations.meetings import interval_of
from service.operations.proposing import ProposalInput, propose
from service.operations.sweeps import PUT_OFF
from service.ports import BusyReading, CalendarRef
from service.store import claims
from service.store.database import load_row
from service.store.tables import Calendar, CalendarWrite, Connection, Meeting, Pair, Person, Sighting

SURE = timedelta(minutes=10)  # a read that misses an event may be anybody's bad minute; this much later it is gone
LOOK_AGAIN = timedelta(minutes=15)
GONE, MOVED = "gone", "moved"
KEEP = "keep"
Reading = tuple[CalendarRef, BusyReading | None]


def notice(
    session: Session, now: datetime, connection: Connection, window: Interval, readings: Iterable[Reading]
) -> None:
    """Compares what was read with what stood there, and lets what has changed be settled. Nothing is concluded of a
    calendar that could not be read, was read in part, is empty, or has lost more than half of its meetings at once:
    that is a feed that broke, and not somebody who calls off."""
    calendars = {calendar.key: calendar for calendar in connection.calendars}
    known = _known(session, now, connection.id, window)
    meetings: Mapping[str, Meeting] = {}
    if any(reading is not None and reading.own for _, reading in readings):
        meetings = _by_uid(session, now, connection)
    for ref, reading in readings:
        calendar = calendars.get(ref.key)
        if calendar is None:
            continue
        seen = [sighting for sighting, _ in known if sighting.calendar_id == calendar.id]
        if reading is None:
            _confirm(now, seen)
            continue
        own = {meetings[each.uid].id: each for each in reading.own if each.uid in meetings}
        for meeting in {meeting.id: meeting for meeting in meetings.values()}.values():
            if meeting.id in own:
                before = next((each for each in seen if each.meeting_id == meeting.id), None)
                _see(session, now, calendar, meeting, own[meeting.id], before)
        if not reading.partial and (reading.spans or reading.own):
            current = {meeting.id: meeting.sequence for _, meeting in known}
            _miss(now, [each for each in seen if each.sequence == current[each.meeting_id]], own.keys())


def due(session: Session, now: datetime, limit: int) -> Sequence[tuple[int, int]]:
    """Meeting and calendar of what has changed."""
    wanted = select(Sighting.meeting_id, Sighting.calendar_id).where(Sighting.due_at <= now)
    found = session.execute(wanted.order_by(Sighting.due_at).limit(limit))
    return [(meeting_id, calendar_id) for meeting_id, calendar_id in found]


def settle_alone(session: Session, now: datetime, max_age: timedelta, meeting_id: int, calendar_id: int) -> None:
    """`settle`; one that cannot be settled is put off by an hour, and holds up no other."""
    this = (Sighting.meeting_id == meeting_id) & (Sighting.calendar_id == calendar_id)
    put_off = update(Sighting).where(this).values(due_at=now + PUT_OFF)
    sweeps.alone(
        session,
        lambda: settle(session, now, max_age, meeting_id, calendar_id),
        put_off,
        Sighting.__tablename__,
        (meeting_id, calendar_id),
    )


def forget(session: Session) -> None:
    """After a restore: what had changed may have been settled since the backup, so only a new reading says it again."""
    start, end = (
        select(column).where(Meeting.id == Sighting.meeting_id).scalar_subquery()
        for column in (Meeting.starts_at, Meeting.ends_at)
    )
    session.execute(update(Sighting).where(Sighting.change == MOVED).values(starts_at=start, ends_at=end))
    session.execute(update(Sighting).values(due_at=None, change=None, missed_at=None))


def settle(session: Session, now: datetime, max_age: timedelta, meeting_id: int, calendar_id: int) -> str | None:
    """What the change does, as the calendar's owner wants it: deleted or declined there frees the time and asks both;
    moved there is a proposal, and a move only where the two agreed so and the time is free. Returns what it did."""
    pair_id = session.scalar(select(Meeting.pair_id).where(Meeting.id == meeting_id))
    if pair_id is None:
        return None
    claims.take_turns_of(session, pair_id)  # before a row is locked, as whoever changes it on a page does
    meeting = load_row(session, Meeting, meeting_id)
    sighting = session.get(Sighting, (meeting_id, calendar_id), with_for_update=True)
    if meeting is None or sighting is None or sighting.due_at is None:
        return None
    owner = session.scalars(select(Person).join(Connection).join(Calendar).where(Calendar.id == calendar_id)).one()
    change, sighting.due_at, sighting.change = sighting.change, None, None
    if meeting.phase != Phase.BOOKED or now >= meeting.starts_at or sighting.sequence != meeting.sequence:
        return None
    if change == GONE:
        session.delete(sighting)
        if owner.when_deleted == KEEP:
            return None
        booking.decline(session, now, meeting, owner.id)
        return GONE
    if owner.when_moved == KEEP:
        return None
    return moved(session, now, max_age, meeting, owner, Interval(sighting.starts_at, sighting.ends_at), sighting)


def moved(
    session: Session,
    now: datetime,
    max_age: timedelta,
    meeting: Meeting,
    owner: Person,
    there: Interval,
    sighting: Sighting,
) -> str | None:
    """A time that nobody can have does nothing: their own page and the next mail say when it is."""
    query = booking.moving_query(meeting, owner.id, (there.end - there.start) // timedelta(minutes=1))
    try:
        with session.begin_nested():
            if terms_of(meeting.pair.terms).calendar_moves:
                booking.reschedule(session, now, max_age, meeting, there.start, owner.id, minutes=query.minutes)
                return "moved"
            propose(session, now, max_age, query, ProposalInput((there.start,), owner.id, checked=False))
            return "proposed"
    except CalendarUnreadable:  # nobody can say yet whether it may stand there
        sighting.due_at, sighting.change = now + LOOK_AGAIN, MOVED
    except GreenroomError:
        return None
    return None


def _known(session: Session, now: datetime, connection_id: int, window: Interval) -> Sequence[tuple[Sighting, Meeting]]:
    wanted = (
        select(Sighting, Meeting)
        .join(Meeting, Meeting.id == Sighting.meeting_id)
        .join(Calendar, Calendar.id == Sighting.calendar_id)
        .where(
            Calendar.connection_id == connection_id,
            Meeting.phase == Phase.BOOKED,
            Meeting.starts_at > now,
            Meeting.ends_at < window.end,
        )
    )
    return [(sighting, meeting) for sighting, meeting in session.execute(wanted).unique()]


def _by_uid(session: Session, now: datetime, connection: Connection) -> Mapping[str, Meeting]:
    """The person's meetings to come, by the UIDs under which they can stand in a calendar; without those that we write
    into this one."""
    mine = (Pair.mentee_id == connection.person_id) | (Pair.mentor_id == connection.person_id)
    wanted = select(Meeting).join(Pair, Pair.id == Meeting.pair_id).where(mine)
    meetings = {
        meeting.id: meeting
        for meeting in session.scalars(wanted.where(Meeting.phase == Phase.BOOKED, Meeting.starts_at > now)).unique()
    }
    found = {meeting.uid: meeting for meeting in meetings.values()}
    written = session.scalars(select(CalendarWrite).where(CalendarWrite.meeting_id.in_(meetings)))
    for row in written:
        if row.alias is not None:
            found[row.alias] = meetings[row.meeting_id]
    for row in session.scalars(select(CalendarWrite).where(CalendarWrite.connection_id == connection.id)):
        for uid in (row.alias, meetings[row.meeting_id].uid if row.meeting_id in meetings else None):
            found.pop(uid or "", None)
    return found


def _see(
    session: Session, now: datetime, calendar: Calendar, meeting: Meeting, own: OwnEvent, before: Sighting | None
) -> None:
    """What stands there as we know it is remembered. What does not is a change only where it did so before: else the
    owner's program has not heard of a move that was made here."""
    stands = own.interval == interval_of(meeting)
    off = own.cancelled or own.partstat == "DECLINED"
    if before is None:
        if not stands:
            return
        before = Sighting(
            meeting_id=meeting.id, calendar_id=calendar.id, sequence=meeting.sequence,
            starts_at=meeting.starts_at, ends_at=meeting.ends_at,
        )  # fmt: skip
        session.add(before)
    before.missed_at = None
    last = Interval(before.starts_at, before.ends_at)
    if stands:
        before.sequence = meeting.sequence
        before.due_at = before.change = None
    if before.sequence != meeting.sequence:
        return
    if off:
        before.due_at, before.change = now, GONE
    elif not stands and own.interval is not None and own.interval != last:
        before.due_at, before.change = now, MOVED
    if own.interval is not None:
        before.starts_at, before.ends_at = own.interval.start, own.interval.end


def _miss(now: datetime, seen: Sequence[Sighting], there: Iterable[int]) -> None:
    missing = [each for each in seen if each.meeting_id not in set(there)]
    if is_a_loss(len(missing), len(seen)):
        return
    for each in missing:
        each.missed_at = each.missed_at or now
    _confirm(now, missing)


def _confirm(now: datetime, seen: Sequence[Sighting]) -> None:
    for each in seen:
        if each.missed_at is not None and each.due_at is None and now - each.missed_at >= SURE:
            each.due_at, each.change = now, GONE
