"""A person's time, taken by one statement: nobody can be booked twice, whatever link, pair or move asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Integer, and_, delete, exists, insert, literal, or_, select, union_all
from sqlalchemy.orm import Session, aliased

from service.domain.interval import Interval
from service.store.tables import Claim
from service.store.types import UtcDateTime


@dataclass(frozen=True, slots=True)
class Seat:
    """One person's part in a claim, and the gap that they keep between two meetings."""

    person_id: int
    gap: timedelta


def claim(session: Session, meeting_id: int, interval: Interval, seats: tuple[Seat, ...]) -> bool:
    """Takes the interval for every seat or for none; True when it is theirs.

    One INSERT .. SELECT .. WHERE NOT EXISTS: the check and the taking are a single statement, and on SQLite the
    transaction around it began IMMEDIATE, so claims run one after another. The meeting's own earlier claim does not
    stand in its way. On False the caller raises SlotTaken, and the transaction with the released claim rolls back.
    """
    rows = [
        select(
            literal(meeting_id, Integer).label("meeting_id"),
            literal(seat.person_id, Integer).label("person_id"),
            literal(interval.start, UtcDateTime()).label("starts_at"),
            literal(interval.end, UtcDateTime()).label("ends_at"),
            literal(interval.end + seat.gap, UtcDateTime()).label("guarded_until"),
        )
        for seat in seats
    ]
    taken = aliased(Claim)
    clash = exists().where(
        taken.meeting_id != meeting_id,
        or_(
            *(
                and_(
                    taken.person_id == seat.person_id,
                    taken.starts_at < interval.end + seat.gap,
                    taken.guarded_until > interval.start,
                )
                for seat in seats
            )
        ),
    )
    release(session, meeting_id)
    wanted = union_all(*rows).subquery()
    columns = ["meeting_id", "person_id", "starts_at", "ends_at", "guarded_until"]
    taking = insert(Claim).from_select(columns, select(*(wanted.c[name] for name in columns)).where(~clash))
    return len(session.scalars(taking.returning(Claim.id)).all()) == len(seats)


def release(session: Session, meeting_id: int) -> None:
    """Frees the meeting's time for everyone in it. Repeatable."""
    session.execute(delete(Claim).where(Claim.meeting_id == meeting_id))
