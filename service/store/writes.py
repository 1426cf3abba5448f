"""Rows of what is to be written into people's own calendars: taken by one job at a time, and what came of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Select, or_, select, update
from sqlalchemy.orm import Session

from service.store.tables import CalendarWrite, Connection, Meeting, Pair

PROVIDERS = ("google",)  # whose calendars we can write to: those that have a writer in service.provider_wiring
LEASE = timedelta(minutes=10)  # longer than a job waits for a worker and then takes


def follow(session: Session, now: datetime, meeting_id: int) -> None:
    """Whatever stands in calendars about this meeting has to be written anew; a change that nobody has written yet is
    replaced by this one."""
    session.execute(
        update(CalendarWrite)
        .where(CalendarWrite.meeting_id == meeting_id, CalendarWrite.state != "removed")
        .values(wanted=CalendarWrite.wanted + 1, state="pending", due_at=now, attempts=0, fault=None)
    )


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


def give_back(session: Session, ids: Collection[int]) -> None:
    """The queue did not take the job."""
    session.execute(update(CalendarWrite).where(CalendarWrite.id.in_(ids)).values(lease_until=None))


def hold(session: Session) -> None:
    """After a restore: what is pending may have been written since the backup, and its guests told. Whoever changes the
    meeting next decides."""
    session.execute(
        update(CalendarWrite)
        .where(CalendarWrite.state == "pending")
        .values(state="failed", fault="restored", due_at=None, lease_until=None)
    )


def writable(session: Session, person_id: int) -> Connection | None:
    """The person's connection that our events go to; the first that they gave us for writing."""
    return session.scalars(
        select(Connection)
        .where(
            Connection.person_id == person_id,
            Connection.provider.in_(PROVIDERS),
            Connection.access == "write",
            Connection.state != "off",
        )
        .order_by(Connection.id)
        .limit(1)
    ).one_or_none()


def of_meetings(session: Session, meeting_ids: Collection[int]) -> Sequence[CalendarWrite]:
    return session.scalars(
        select(CalendarWrite).where(CalendarWrite.meeting_id.in_(meeting_ids)).order_by(CalendarWrite.id)
    ).all()


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
