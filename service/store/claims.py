"""A person's time, taken by one statement: nobody can be booked twice, whatever link, pair or move asks."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Integer, and_, delete, exists, func, insert, literal, or_, select, union_all
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from service.domain.interval import Interval
from service.store.tables import Claim, Pair, ProposedTime
from service.store.types import UtcDateTime

PERSON_LOCK = 7_264_933  # the first of PostgreSQL's two lock numbers; the second is the person's id
EXCLUSION_VIOLATION = "23P01"


@dataclass(frozen=True, slots=True)
class Seat:
    """One person's part in a claim, and the gap that they keep between two meetings."""

    person_id: int
    gap: timedelta


def claim(session: Session, meeting_id: int, interval: Interval, seats: tuple[Seat, ...]) -> bool:
    """Takes the interval for every seat or for none; True when it is theirs. The meeting's own earlier claim does not
    stand in its way. On False the caller raises SlotTaken, and the transaction with the released claim rolls back."""
    take_turns(session, [seat.person_id for seat in seats])
    release(session, meeting_id)
    return _take(session, interval, seats, meeting_id=meeting_id)


def hold(session: Session, time_id: int, lapses_at: datetime, interval: Interval, seats: tuple[Seat, ...]) -> bool:
    """As `claim`, for a time that somebody proposed; from `lapses_at` on it stands in nobody's way."""
    take_turns(session, [seat.person_id for seat in seats])
    return _take(session, interval, seats, time_id=time_id, lapses_at=lapses_at)


def _take(
    session: Session,
    interval: Interval,
    seats: tuple[Seat, ...],
    *,
    meeting_id: int | None = None,
    time_id: int | None = None,
    lapses_at: datetime | None = None,
) -> bool:
    """One INSERT .. SELECT .. WHERE NOT EXISTS: the check and the taking are a single statement, and claims of one
    person run one after another (`take_turns`)."""
    rows = [
        select(
            literal(meeting_id, Integer).label("meeting_id"),
            literal(time_id, Integer).label("time_id"),
            literal(lapses_at, UtcDateTime()).label("lapses_at"),
            literal(seat.person_id, Integer).label("person_id"),
            literal(interval.start, UtcDateTime()).label("starts_at"),
            literal(interval.end, UtcDateTime()).label("ends_at"),
            literal(interval.end + seat.gap, UtcDateTime()).label("guarded_until"),
        )
        for seat in seats
    ]
    taken = aliased(Claim)
    clash = exists().where(
        or_(
            *(
                and_(
                    taken.person_id == seat.person_id,
                    taken.starts_at < interval.end + seat.gap,
                    taken.guarded_until > interval.start,
                )
                for seat in seats
            )
        )
    )
    wanted = union_all(*rows).subquery()
    columns = ["meeting_id", "time_id", "person_id", "starts_at", "ends_at", "guarded_until", "lapses_at"]
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


def let_go(session: Session, proposal_ids: Collection[int]) -> None:
    """Frees every time that these proposals hold. Repeatable."""
    times = select(ProposedTime.id).where(ProposedTime.proposal_id.in_(proposal_ids))
    session.execute(delete(Claim).where(Claim.time_id.in_(times)))


def let_lapse(session: Session, now: datetime, *mine: ColumnElement[bool]) -> int:
    """Takes away holds whose time is over, those that `mine` tells or all; returns how many. What somebody else has in
    their hands is left to them: to wait for several of these in no order could be to wait for each other."""
    over = select(Claim.id).where(Claim.lapses_at <= now, *mine).with_for_update(skip_locked=True)
    return len(session.scalars(delete(Claim).where(Claim.id.in_(over)).returning(Claim.id)).all())
