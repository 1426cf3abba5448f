"""What whoever runs the service must know and can decide: mail that is stuck, calendars that are not read, parts that
are gone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from service.domain.errors import InvalidInput, MoveNotAllowed, NotFound
from service.operations.bounces import Unreachable, count_unreachable, unreachable
from service.operations.figures import connection_counts
from service.store import heartbeats, held, outbox, writes
from service.store.database import load_row
from service.store.tables import Calendar, Connection, OutboxRow, Person

MOST_SHOWN = 50  # of each list; a page with thousands of lines helps nobody
STUCK = ("stale", "reconnect", "partial")
DECISIONS = ("retry", "arrived", "resend")


@dataclass(frozen=True, slots=True)
class StuckCalendar:
    """A connection that is not read well. `host` and `email` are all that is told of where and whose."""

    connection_id: int
    provider: str
    host: str
    email: str
    state: str
    fault: str | None
    verified_at: datetime | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand at one moment. Of each list of mails no more than MOST_SHOWN; `counts` knows how many."""

    counts: dict[str, int]
    held: dict[str, int]  # by kind
    uncertain: list[OutboxRow]
    dead: list[OutboxRow]
    overdue: list[OutboxRow]
    again_later: list[OutboxRow]  # refused for now, and tried again by themselves
    waited: timedelta
    calendars: list[StuckCalendar]
    calendar_counts: dict[str, int]
    event_counts: dict[str, int]
    events_failed: int  # of meetings to come
    events_waited: timedelta
    unreachable: list[Unreachable]
    unreachable_count: int
    alive: dict[str, tuple[int, datetime]]  # heartbeats.by_part

    @property
    def silent(self) -> list[str]:
        """Parts that nobody has heard of lately."""
        return [part for part in heartbeats.PARTS if part not in self.alive]

    @property
    def events_late(self) -> bool:
        """Whether an event waits for longer than any healthy queue takes."""
        return self.events_waited > outbox.OVERDUE

    @property
    def stuck_calendars(self) -> int:
        return sum(self.calendar_counts.get(state, 0) for state in STUCK)


def look(session: Session, now: datetime, machine_now: datetime) -> Standing:
    """`machine_now` is for what processes say of themselves: in a demo the service plays another time."""
    return Standing(
        counts=outbox.counts(session),
        held=held.kinds(session),
        uncertain=outbox.listing(session, "uncertain", MOST_SHOWN),
        dead=outbox.listing(session, "dead", MOST_SHOWN),
        overdue=_overdue(session, now),
        again_later=_again_later(session, now),
        waited=outbox.oldest_overdue(session, now),
        calendars=_stuck_calendars(session),
        calendar_counts=connection_counts(session),
        event_counts=writes.counts(session),
        events_failed=writes.failed_ahead(session, now),
        events_waited=writes.oldest_overdue(session, now),
        unreachable=unreachable(session),
        unreachable_count=count_unreachable(session),
        alive=heartbeats.by_part(session, machine_now),
    )


def decide(session: Session, now: datetime, row_id: int, decision: str) -> OutboxRow:
    """A person's word on one mail: `retry` a dead or waiting one, an uncertain one `arrived`, or `resend` it.

    Raises MoveNotAllowed when the row has moved on meanwhile: whoever presses a button twice decides once.
    """
    if decision not in DECISIONS:
        raise InvalidInput.of("decision", "unknown_answer", known=", ".join(DECISIONS))
    row = load_row(session, OutboxRow, row_id)
    if row is None:
        raise NotFound("no_such_row")
    if decision == "retry":
        retry(now, row)
    else:
        resolve(now, row, sent=decision == "arrived")
    return row


def resolve(now: datetime, row: OutboxRow, *, sent: bool) -> None:
    """A person's word on an uncertain row: it arrived, or it is to be sent again with the same Message-ID."""
    if row.state != "uncertain":
        raise MoveNotAllowed("not_uncertain", state=row.state)
    row.token = None
    if sent:
        row.state, row.sent_at = "sent", now
    else:
        row.state, row.due_at = "pending", now


def retry(now: datetime, row: OutboxRow) -> None:
    """Sends a dead row again, or a waiting one at once, held or not."""
    if row.state not in {"dead", "pending"}:
        raise MoveNotAllowed("not_retryable", state=row.state)
    row.state, row.due_at, row.held_at, row.attempts = "pending", now, None, 0


def retry_dead(session: Session, now: datetime) -> int:
    """Sends every dead row again, as after a mail server that refused everybody; returns how many."""
    dead = session.scalars(select(OutboxRow).where(OutboxRow.state == "dead").with_for_update(key_share=True)).all()
    for row in dead:
        retry(now, row)
    return len(dead)


def _overdue(session: Session, now: datetime) -> list[OutboxRow]:
    """Due and not taken by anybody for longer than any healthy queue takes; oldest first."""
    return _soonest(session, OutboxRow.due_at <= now - outbox.OVERDUE)


def _again_later(session: Session, now: datetime) -> list[OutboxRow]:
    """Refused for now, and to be tried again by themselves; the next one first."""
    return _soonest(session, OutboxRow.state == "pending", OutboxRow.due_at > now, OutboxRow.last_error.is_not(None))


def _soonest(session: Session, *which: ColumnElement[bool]) -> list[OutboxRow]:
    waiting = select(OutboxRow).where(outbox.WAITING, *which)
    return list(session.scalars(waiting.order_by(OutboxRow.due_at, OutboxRow.id).limit(MOST_SHOWN)))


def _stuck_calendars(session: Session) -> list[StuckCalendar]:
    """Longest unread first."""
    verified = func.min(Calendar.verified_at).filter(Calendar.counts.is_(True))
    # Columns, not the row: its password has no business here.
    found = session.execute(
        select(
            Connection.id, Connection.provider, Connection.url, Connection.state, Connection.fault, Person.email,
            verified.label("verified_at"),
        )
        .join(Person, Person.id == Connection.person_id)
        .outerjoin(Calendar, Calendar.connection_id == Connection.id)
        .where(Connection.state.in_(STUCK))
        .group_by(Connection.id, Person.email)
        .order_by(verified.nulls_first(), Connection.id)
        .limit(MOST_SHOWN)
    )  # fmt: skip
    return [
        StuckCalendar(
            connection_id=row.id, provider=row.provider, host=urlsplit(row.url).hostname or "", email=row.email,
            state=row.state, fault=row.fault, verified_at=row.verified_at,
        )
        for row in found
    ]  # fmt: skip
