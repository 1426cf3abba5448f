"""What is left this month of what a mentor pledged for the times that matter."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select

from service.domain.availability import Availability
from service.domain.meeting import Phase
from service.store.pair_rows import Reads
from service.store.tables import Meeting, Pair


def with_what_is_left(
    session: Reads, now: datetime, mentor_id: int, zone: ZoneInfo, usual: Availability
) -> Availability:
    """The pledge less what was agreed of it this month, on the mentor's calendar; without one once it is used up."""
    pledge = usual.pledge
    if pledge is None:
        return usual
    left = pledge.per_month - used(session, now, mentor_id, zone, usual.notice)
    return replace(usual, pledge=replace(pledge, per_month=left) if left > 0 else None)


def used(session: Reads, now: datetime, mentor_id: int, zone: ZoneInfo, notice: timedelta) -> int:
    """Meetings about a date whose time was agreed this month, later than the mentor usually wants to know."""
    month = now.astimezone(zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    agreed = session.execute(
        select(Meeting.starts_at, Meeting.fixed_at)
        .join(Pair, Pair.id == Meeting.pair_id)
        .where(
            Pair.mentor_id == mentor_id,
            Meeting.date_id.is_not(None),
            Meeting.fixed_at >= month,
            Meeting.phase != Phase.CANCELLED,
        )
    )
    return sum(starts_at - fixed_at < notice for starts_at, fixed_at in agreed)
