"""The line that a pair sees whenever a coordinator or an operator opened something about them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from service.domain.access import Action, Role, Thing, check
from service.operations.meetings import role_in
from service.store.tables import Look, Pair

WHAT = {
    Role.OPERATOR: ("pair", "times", "link", "export"),
    Role.COORDINATOR: ("pair", "list", "agreement", "address", "welcome", "end", "paired"),
}
ONE_LOOK = timedelta(hours=1)  # who opens the same thing again within it has looked once
ONE_LIST = timedelta(days=1)  # the same, of a list with many pairs on it
SHOWN = 20


def note_look(session: Session, now: datetime, pair_id: int, role: Role, what: str) -> None:
    """Writes the line. To be called with whatever is opened, in the same transaction or before it, so that nobody looks
    and leaves no line."""
    assert what in WHAT[role], what
    known = select(Look.id).where(
        Look.pair_id == pair_id, Look.role == role, Look.what == what, Look.at > now - ONE_LOOK, Look.at <= now
    )
    if session.scalars(known.limit(1)).first() is None:
        session.add(Look(pair_id=pair_id, role=role, what=what, at=now))


def note_change(session: Session, now: datetime, pair_id: int, role: Role, what: str) -> None:
    """As `note_look`, for what was done: each time has its line."""
    assert what in WHAT[role], what
    session.add(Look(pair_id=pair_id, role=role, what=what, at=now))


def unlisted(session: Session, now: datetime, role: Role, pair_ids: Collection[int]) -> set[int]:
    """Those of them whose line of being on a list is older than ONE_LIST, or not there."""
    known = select(Look.pair_id).where(Look.role == role, Look.what == "list", Look.at > now - ONE_LIST, Look.at <= now)
    return set(pair_ids) - set(session.scalars(known))


def note_list(session: Session, now: datetime, role: Role, pair_ids: Collection[int]) -> None:
    """The line for each pair that stands on a list that somebody opened."""
    new = sorted(unlisted(session, now, role, pair_ids))
    if new:
        session.execute(insert(Look), [{"pair_id": each, "role": role, "what": "list", "at": now} for each in new])


def looks_of(session: Session, pair: Pair, person_id: int) -> Sequence[Look]:
    """The newest first. Raises NotFound for whoever is not of the pair."""
    check(role_in(pair, person_id), Thing.LOOKED, Action.READ)
    return session.scalars(select(Look).where(Look.pair_id == pair.id).order_by(Look.id.desc()).limit(SHOWN)).all()
