"""What a coordinator may know of a programme: whether pairs meet, nothing that they say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.meeting import Phase
from service.store.tables import Meeting, Pair


@dataclass(frozen=True, slots=True)
class PairState:
    pair_id: int
    has_next_meeting: bool
    has_met: bool


def pair_states(session: Session, now: datetime) -> list[PairState]:
    """One line for each pair that has not ended."""
    ahead = set(
        session.scalars(
            select(Meeting.pair_id).where(Meeting.phase == Phase.BOOKED, Meeting.starts_at > now).distinct()
        )
    )
    met = set(
        session.scalars(
            select(Meeting.pair_id)
            .where(Meeting.phase.in_((Phase.ENDED, Phase.CLOSED)), Meeting.happened.is_not(False))
            .distinct()
        )
    )
    pairs = session.scalars(select(Pair.id).where(Pair.ended_at.is_(None)).order_by(Pair.id))
    return [PairState(pair_id, pair_id in ahead, pair_id in met) for pair_id in pairs]
