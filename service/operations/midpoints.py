"""How what two people signed has been going, for the two of them alone."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.domain.meeting import Phase
from service.domain.midpoint import Past, standing
from service.domain.terms import terms_of
from service.operations.meetings import interval_of, meetings_of
from service.store.tables import Agreement, Commitment, Meeting, Pair


def standing_of(session: Session, now: datetime, pair: Pair) -> list[tuple[str, bool]]:
    """Each clause that events tell of, with whether it was kept since the first version was signed; nothing before."""
    signed = select(func.min(Agreement.signed_at)).where(Agreement.pair_id == pair.id)
    since: datetime | None = session.scalar(signed)
    if since is None:
        return []
    noted = set(session.scalars(select(Commitment.meeting_id).where(Commitment.pair_id == pair.id)))
    past = [_past(meeting, meeting.id in noted) for meeting in meetings_of(session, pair)]
    return list(standing(terms_of(pair.terms), since, past, now).items())


def _past(meeting: Meeting, noted: bool) -> Past:
    return Past(
        interval=interval_of(meeting),
        off_at=meeting.changed_at if meeting.phase == Phase.CANCELLED else None,
        missed=meeting.happened is False,
        said=meeting.ask is not None or meeting.agenda_touched_at is not None,
        noted=noted,
    )
