"""What whoever runs the service must know and can decide: mail that is stuck, calendars that are not read, parts that
are gone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.domain.errors import InvalidInput, NotFound
from service.operations.figures import connection_counts
from service.store import heartbeats, held, outbox
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
    alive: dict[str, tuple[int, datetime]]  # heartbeats.by_part

    @property
    def silent(self) -> list[str]:
        """Parts that nobody has heard of lately."""
        return [part for part in heartbeats.PARTS if part not in self.alive]

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
        overdue=outbox.overdue(session, now, MOST_SHOWN),
        again_later=outbox.again_later(session, now, MOST_SHOWN),
        waited=outbox.oldest_overdue(session, now),
        calendars=_stuck_calendars(session),
        calendar_counts=connection_counts(session),
        alive=heartbeats.by_part(session, machine_now),
    )


def decide(session: Session, now: datetime, row_id: int, decision: str) -> None:
    """A person's word on one mail: `retry` a dead or waiting one, an uncertain one `arrived`, or `resend` it.

    Raises MoveNotAllowed when the row has moved on meanwhile: whoever presses a button twice decides once.
    """
    if decision not in DECISIONS:
        raise InvalidInput.of("decision", "unknown_answer", known=", ".join(DECISIONS))
    row = session.get(OutboxRow, row_id, with_for_update=True)
    if row is None:
        raise NotFound
    if decision == "retry":
        outbox.retry(now, row)
    else:
        outbox.resolve(now, row, sent=decision == "arrived")


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
