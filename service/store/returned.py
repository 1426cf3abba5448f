"""Mail that went out and came back: its row is dead, and lives again when somebody puts the address right."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CursorResult, update
from sqlalchemy.orm import Session

from service.store.outbox import OUT
from service.store.tables import OutboxRow


def came_back(session: Session, row_id: int, why: str) -> None:
    """It did not arrive. Written anew it may go to another address, so what it was is not kept."""
    session.execute(
        update(OutboxRow)
        .where(OutboxRow.id == row_id, OutboxRow.state.in_(OUT))
        .values(state="dead", last_error=why, octets=None, sent_at=None, token=None, lease_until=None)
    )


def revive(session: Session, now: datetime, person_id: int, why: str) -> int:
    """The dead rows of a person that ended for this reason are pending again, as new; returns how many."""
    dead = (OutboxRow.person_id == person_id) & (OutboxRow.state == "dead") & (OutboxRow.last_error == why)
    fresh = {"state": "pending", "due_at": now, "attempts": 0, "octets": None, "last_error": None}
    result = session.execute(update(OutboxRow).where(dead).values(**fresh))
    assert isinstance(result, CursorResult)
    return int(result.rowcount)
