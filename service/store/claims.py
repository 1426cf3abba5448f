"""A person's time, taken by one statement: nobody can be booked twice, whatever link, pair or move asks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Integer, and_, delete, exists, func, insert, literal, or_, select, union_all
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from service.domain.interval import Interval
from service.store.tables import Claim, Pair
from service.store.types import UtcDateTime

PERSON_LOCK = 7_264_933  # the first of PostgreSQL's two lock numbers; the second is the person's id
EXCLUSION_VIOLATION = "23P01"


@dataclass(frozen=True, slots=True)
class Seat:
    """One person's part in a claim, and the gap that they keep between two meetings."""

    person_id: int
    gap: timedelta


def claim(session: Session, meeting_id: int, interval: Interval, seats: tuple[Seat, ...]) -> bool:
    """Takes the interval for every seat or for none; True when it is theirs.

    One INSERT .. SELECT .. WHERE NOT EXISTS: the check and the taking are a single statement, and claims of one person
    run one after another (`take_turns`). The meeting's own earlier claim does not stand in its way. On False the
    caller raises SlotTaken, and the transaction with the released claim rolls back.
    """
    take_turns(session, [seat.person_id for seat in seats])
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
    try:
        with session.begin_nested():  # so that the transaction can still be used when the constraint refuses
            return len(session.scalars(taking.returning(Claim.id)).all()) == len(seats)
    except IntegrityError as fault:
        if getattr(fault.orig, "sqlstate", None) != EXCLUSION_VIOLATION:
            raise
        return False  # somebody who took no turn was first: the constraint holds for everyone


def take_turns(session: Session, person_ids: Iterable[int]) -> None:
    """Waits until nobody else is booking for one of these people; until the end of the transaction it is our turn.

    What is read afterwards (claims, caps, an Idempotency-Key) then still holds when it is written. SQLite needs none
    of this: a transaction that writes began IMMEDIATE and is the only one. On PostgreSQL the people's order keeps two
    bookings from waiting for each other, and the exclusion constraint alone would not: two that insert at once each
    wait for the other's row. For the same reason take turns before any row is locked. Advisory locks rather than the
    people's rows, which an import changes by the thousand.
    """
    if session.get_bind().dialect.name == "postgresql":
        for person_id in sorted(set(person_ids)):
            session.execute(select(func.pg_advisory_xact_lock(PERSON_LOCK, person_id)))


def take_turns_of(session: Session, pair_id: int) -> None:
    """`take_turns` for both of a pair; for none when there is no such pair."""
    for people in session.execute(select(Pair.mentee_id, Pair.mentor_id).where(Pair.id == pair_id)):
        take_turns(session, people)


def release(session: Session, meeting_id: int) -> None:
    """Frees the meeting's time for everyone in it. Repeatable."""
    session.execute(delete(Claim).where(Claim.meeting_id == meeting_id))
