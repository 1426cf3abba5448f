"""The line that a pair sees whenever a coordinator or an operator opened something about them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.access import Action, Role, Thing, check
from service.operations.meetings import role_in
from service.store.tables import Look, Pair

WHAT = ("pair", "times", "link", "export")
ONE_LOOK = timedelta(hours=1)  # who opens the same thing again within it has looked once
SHOWN = 20


def note_look(session: Session, now: datetime, pair_id: int, role: Role, what: str) -> None:
    """Writes the line. To be called with whatever is opened, in the same transaction or before it, so that nobody looks
    and leaves no line."""
    assert what in WHAT, what
    known = select(Look.id).where(
        Look.pair_id == pair_id, Look.role == role, Look.what == what, Look.at > now - ONE_LOOK, Look.at <= now
    )
    if session.scalars(known.limit(1)).first() is None:
        session.add(Look(pair_id=pair_id, role=role, what=what, at=now))


def looks_of(session: Session, pair: Pair, person_id: int) -> Sequence[Look]:
    """The newest first. Raises NotFound for whoever is not of the pair."""
    check(role_in(pair, person_id), Thing.LOOKED, Action.READ)
    return session.scalars(select(Look).where(Look.pair_id == pair.id).order_by(Look.id.desc()).limit(SHOWN)).all()
