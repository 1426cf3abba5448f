"""Rows of what is to be written into people's own calendars: taken by one job at a time, and what came of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import CursorResult, Select, and_, func, not_, or_, select, true, update
from sqlalchemy.orm import Session

from service.domain.meeting import Phase
from service.store.tables import CalendarWrite, Connection, Meeting, Pair

# Connected on a page of the provider's own, and able to let us write: service.provider_wiring has their writers.
BY_CONSENT = ("google", "microsoft")
OPEN = (Connection.provider.in_(BY_CONSENT), Connection.access == "write", Connection.state != "off")
GONE = "connection_gone"  # the fault of a row whose owner took the connection away, or stepped down from writing
STATES = ("pending", "written", "look", "missing", "failed", "removed")
RESTORED = "restored"  # the fault of a row that a restore holds
LEASE = timedelta(minutes=10)  # longer than a job waits for a worker and then takes


def follow(session: Session, now: datetime, meeting_id: int, *, quietly: bool = False, besides: int = 0) -> None:
    """Whatever stands in calendars about this meeting has to be written anew; a change that nobody has written yet is
    replaced by this one. What its owner no longer lets us write to has failed at once, so that mails are right; if it
    was to invite and never did, our mail invites from then on, and connecting again changes that no more.

    `quietly`: only where nobody is mailed by it. An event that invites keeps what it says until the next change of its
    time or place, as the file in an invitation by mail does. `besides`: a row that holds the change already.
    """
    heard = CalendarWrite.invites.is_(False) if quietly else true()
    session.execute(
        update(CalendarWrite)
        .where(
            CalendarWrite.meeting_id == meeting_id, CalendarWrite.state != "removed", heard, CalendarWrite.id != besides
        )
        .values(wanted=CalendarWrite.wanted + 1, state="pending", due_at=now, attempts=0, fault=None)
    )
    reachable = select(Connection.id).where(*OPEN)
    lost = select(CalendarWrite).where(
        CalendarWrite.meeting_id == meeting_id,
        CalendarWrite.state == "pending",
        or_(CalendarWrite.connection_id.is_(None), CalendarWrite.connection_id.not_in(reachable)),
    )
    for row in session.scalars(lost.order_by(CalendarWrite.id).with_for_update()).all():
        row.state, row.fault, row.due_at = "failed", GONE, None
        if row.invites and row.event_id is None:
            row.connection_id = None
        if row.video == "wanted":
            leave_without_link(row, session.get_one(Meeting, meeting_id))
    session.flush()


def leave_without_link(row: CalendarWrite, meeting: Meeting) -> None:
    """The calendar makes none: the pair's usual place holds."""
    row.video, meeting.place = "failed", meeting.pair.place


def reaches(session: Session, row: CalendarWrite) -> bool:
    """Whether what is wanted of this row can be written where it belongs."""
    return session.scalar(select(Connection.id).where(Connection.id == row.connection_id, *OPEN)) is not None


def wake(session: Session, now: datetime, connection_id: int) -> None:
    """Its owner has connected it again: what could not be written for want of that is tried at once."""
    session.execute(
        update(CalendarWrite)
        .where(CalendarWrite.connection_id == connection_id, CalendarWrite.state == "failed")
        .values(state="pending", due_at=now, attempts=0, fault=None)
    )


def claim(session: Session, now: datetime, limit: int) -> list[int]:
    """Takes due rows for one job."""
    ids = list(session.scalars(due(now, limit)))
    if ids:
        session.execute(update(CalendarWrite).where(CalendarWrite.id.in_(ids)).values(lease_until=now + LEASE))
    return ids


def due(now: datetime, limit: int) -> Select[int]:
    """A lease that lasts longer than any may was given by a clock that has been set back since."""
    free = or_(
        CalendarWrite.lease_until.is_(None),
        CalendarWrite.lease_until <= now,
        CalendarWrite.lease_until > now + LEASE,
    )
    return (
        select(CalendarWrite.id)
        .where(CalendarWrite.due_at <= now, free)
        .order_by(CalendarWrite.due_at, CalendarWrite.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )


def take_off(session: Session, now: datetime, person_id: int) -> Sequence[int]:
    """Takes what is to leave this person's calendar for one job, also from one that has it: to remove it twice is no
    harm."""
    off = select(Meeting.id).where(Meeting.phase == Phase.CANCELLED)
    mine = (CalendarWrite.person_id == person_id, CalendarWrite.due_at.is_not(None), CalendarWrite.meeting_id.in_(off))
    ids = session.scalars(select(CalendarWrite.id).where(*mine).order_by(CalendarWrite.id).with_for_update()).all()
    session.execute(update(CalendarWrite).where(CalendarWrite.id.in_(ids)).values(due_at=now, lease_until=now + LEASE))
    return ids


def left(session: Session, person_id: int) -> int:
    """Events of meetings that are off, in this person's calendar, of which we do not know that they are gone."""
    off = (CalendarWrite.person_id == person_id, CalendarWrite.state != "removed", Meeting.phase == Phase.CANCELLED)
    return session.scalar(select(func.count()).select_from(CalendarWrite).join(Meeting).where(*off)) or 0


def give_back(session: Session, ids: Collection[int]) -> None:
    """The queue did not take the job."""
    session.execute(update(CalendarWrite).where(CalendarWrite.id.in_(ids)).values(lease_until=None))


def hold(session: Session) -> None:
    """After a restore: what is pending may have been written since the backup, and its guests told. Whoever changes the
    meeting next decides, or `release`."""
    session.execute(
        update(CalendarWrite)
        .where(CalendarWrite.state == "pending")
        .values(state="failed", fault=RESTORED, due_at=None, lease_until=None)
    )


def release(session: Session, now: datetime) -> int:
    """Lets go what a restore holds about meetings to come, and returns how many events. What was written since the
    backup is found there, and its guests are not told again."""
    ahead = select(Meeting.id).where(Meeting.ends_at > now)
    result = session.execute(
        update(CalendarWrite)
        .where(CalendarWrite.state == "failed", CalendarWrite.fault == RESTORED, CalendarWrite.meeting_id.in_(ahead))
        .values(state="pending", due_at=now, attempts=0, fault=None)
    )
    assert isinstance(result, CursorResult)
    return int(result.rowcount)


def writable(session: Session, person_id: int) -> Connection | None:
    """The person's connection that our events go to; the first that they gave us for writing, and that works."""
    return session.scalars(
        select(Connection)
        .where(Connection.person_id == person_id, *OPEN, Connection.state != "reconnect")
        .order_by(Connection.id)
        .limit(1)
    ).one_or_none()


def of_meetings(session: Session, meeting_ids: Collection[int]) -> Sequence[CalendarWrite]:
    return session.scalars(
        select(CalendarWrite).where(CalendarWrite.meeting_id.in_(meeting_ids)).order_by(CalendarWrite.id)
    ).all()


def standing(session: Session, now: datetime, connection_id: int) -> Sequence[tuple[CalendarWrite, Meeting]]:
    """What was written there about meetings to come, and has not been changed here since."""
    wanted = (
        select(CalendarWrite, Meeting)
        .join(Meeting, Meeting.id == CalendarWrite.meeting_id)
        .where(
            CalendarWrite.connection_id == connection_id,
            CalendarWrite.state == "written",
            Meeting.phase == Phase.BOOKED,
            Meeting.starts_at > now,
        )
        .order_by(CalendarWrite.id)
        .with_for_update(of=CalendarWrite, skip_locked=True)
    )
    return [(row, meeting) for row, meeting in session.execute(wanted).unique()]


def aliases(session: Session, person_id: int, since: datetime) -> list[str]:
    """The UIDs that providers gave to events about this person's meetings that end after `since`."""
    return [
        alias
        for alias in session.scalars(
            select(CalendarWrite.alias)
            .join(Meeting, Meeting.id == CalendarWrite.meeting_id)
            .join(Pair, Pair.id == Meeting.pair_id)
            .where(
                CalendarWrite.alias.is_not(None),
                Meeting.ends_at > since,
                or_(Pair.mentee_id == person_id, Pair.mentor_id == person_id),
            )
        )
        if alias is not None
    ]


def counts(session: Session) -> dict[str, int]:
    """By state, each of them."""
    found = dict(session.execute(select(CalendarWrite.state, func.count()).group_by(CalendarWrite.state)).all())
    return {state: found.get(state, 0) for state in STATES}


def failed_ahead(session: Session, now: datetime) -> int:
    """Events of meetings to come that their calendars did not take; without those of which our mail invites instead."""
    mailed = and_(CalendarWrite.invites, CalendarWrite.event_id.is_(None), CalendarWrite.connection_id.is_(None))
    ahead = (CalendarWrite.state == "failed", not_(mailed), Meeting.phase != Phase.CANCELLED, Meeting.ends_at > now)
    return session.scalar(select(func.count()).select_from(CalendarWrite).join(Meeting).where(*ahead)) or 0


def oldest_overdue(session: Session, now: datetime) -> timedelta:
    """How long the oldest due event has waited for somebody to write it."""
    due_at: datetime | None = session.scalar(select(func.min(CalendarWrite.due_at)))
    return max(timedelta(0), now - due_at) if due_at else timedelta(0)
