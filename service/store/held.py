"""Mail that a restore holds back: it may have gone out after the backup was made, so a person says what becomes of
it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, CursorResult, case, func, select, update
from sqlalchemy.orm import Session

from service.domain.errors import MoveNotAllowed
from service.store.outbox import HELD, UNSENT
from service.store.tables import OutboxRow


def hold(session: Session, now: datetime) -> int:
    """Holds what is due, or was written at this moment; returns how many rows. What was being sent when the backup was
    made is uncertain, as it is after a crash. Repeatable."""
    session.execute(
        update(OutboxRow)
        .where(OutboxRow.state == "sending")
        .values(state="uncertain", lease_until=None, last_error="answer_lost")
    )
    return _changed(
        session,
        OutboxRow.state.in_(UNSENT) & ((OutboxRow.due_at <= now) | (OutboxRow.created_at >= now)),
        state="pending", token=None, lease_until=None, held_at=now,
    )  # fmt: skip


def kinds(session: Session) -> dict[str, int]:
    """How many of each kind are held."""
    rows = session.execute(select(OutboxRow.kind, func.count()).where(HELD).group_by(OutboxRow.kind))
    return dict(sorted(rows.all()))


def count(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(OutboxRow).where(HELD)) or 0


def release(session: Session, now: datetime, *, row_id: int | None = None, kind: str | None = None) -> int:
    """Lets go what is held: one row, one kind, or everything. It is sent if what it says is still so. Returns how many
    rows; raises MoveNotAllowed when that one row is not held."""
    late = case((OutboxRow.due_at < now, now), else_=OutboxRow.due_at)  # it has not waited for us since the backup
    return _decided(session, row_id, kind, held_at=None, due_at=late)


def cancel(session: Session, *, row_id: int | None = None, kind: str | None = None) -> int:
    """Drops what is held, for good: a row that keeps its mark is not brought back by the next look at its meeting."""
    return _decided(session, row_id, kind, state="cancelled")


def _decided(session: Session, row_id: int | None, kind: str | None, **values: object) -> int:
    which = HELD
    if row_id is not None:
        which &= OutboxRow.id == row_id
    if kind is not None:
        which &= OutboxRow.kind == kind
    changed = _changed(session, which, **values)
    if row_id is not None and not changed:
        raise MoveNotAllowed("not_held")
    return changed


def _changed(session: Session, which: ColumnElement[bool], **values: object) -> int:
    result = session.execute(update(OutboxRow).where(which).values(**values))
    assert isinstance(result, CursorResult)
    return int(result.rowcount)
