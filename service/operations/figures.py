"""How the service is doing, as numbers that rows tell: the same on every machine, whatever was killed or restarted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.operations import timers
from service.store import heartbeats, held, outbox, send_times, writes
from service.store.tables import Calendar, Connection

# Every value that the label may have: a state is told with 0 too, so that an alert on it can be written beforehand.
CONNECTION_STATES = ("connected", "partial", "stale", "reconnect", "off")
READ_WELL = ("connected", "partial")


@dataclass(frozen=True, slots=True)
class Figures:
    """`unswept`: how long the row waits to be looked at whose timer ran out first. `verified`: when the calendar
    was read that waits longest among those that can be read; None without one. `sends`, `sends_took`: as `send_times`
    tells them."""

    overdue: timedelta
    unswept: timedelta
    outbox: Mapping[str, int]
    held: int
    connections: Mapping[str, int]
    events: Mapping[str, int]
    verified: datetime | None
    alive: Mapping[str, int]
    sends: Sequence[int]
    sends_took: timedelta


def load(session: Session, now: datetime, machine_now: datetime) -> Figures:
    """`machine_now` is the clock that heartbeats go by."""
    counted, alive = outbox.counts(session), heartbeats.by_part(session, machine_now)
    connections = connection_counts(session)
    sends, sends_took = send_times.load(session)
    return Figures(
        overdue=outbox.oldest_overdue(session, now),
        unswept=_unswept(session, now),
        outbox={state: counted.get(state, 0) for state in outbox.STATES},
        held=held.count(session),
        connections={state: connections.get(state, 0) for state in CONNECTION_STATES},
        events=writes.counts(session),
        verified=_verified(session),
        alive={part: alive[part][0] if part in alive else 0 for part in heartbeats.PARTS},
        sends=sends,
        sends_took=sends_took,
    )


def connection_counts(session: Session) -> dict[str, int]:
    return dict(session.execute(select(Connection.state, func.count()).group_by(Connection.state)).all())


def _unswept(session: Session, now: datetime) -> timedelta:
    due_at = timers.first(session)
    return max(timedelta(0), now - due_at) if due_at else timedelta(0)


def _verified(session: Session) -> datetime | None:
    return session.scalar(
        select(func.min(Calendar.verified_at))
        .join(Connection, Calendar.connection_id == Connection.id)
        .where(Connection.state.in_(READ_WELL), Calendar.counts)
    )
