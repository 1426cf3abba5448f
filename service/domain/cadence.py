"""When somebody is asked to find a time: a gap after the last meeting, with nothing booked and no pause."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from service.domain.followup import waking

ASKED_AGAIN_AFTER = timedelta(days=7)
FIRST_MEETING = (timedelta(days=3), timedelta(days=7), timedelta(days=10))  # after two were introduced
MISSED_GAP = timedelta(days=7)  # after a meeting that did not happen: whoever missed it got times that same day


@dataclass(frozen=True, slots=True)
class Facts:
    """What decides. `since` is the end of the last meeting, or when the two were introduced; `met`: there was one at
    all, `missed`: that one did not happen. `gap` None: they meet around dates only. `booked_until` is the end of the
    next meeting. `zone` is of the one whom we ask."""

    since: datetime | None
    met: bool
    missed: bool
    gap: timedelta | None
    booked_until: datetime | None
    paused_until: datetime | None
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Plan:
    """Which asking is due now (1, 2 or 3), if any, and when to look again; None: not until something changes."""

    nth: int | None
    look_again_at: datetime | None


def plan(facts: Facts, now: datetime) -> Plan:
    """What this pair needs at `now`. Each asking is due until the next one is; the last for a week."""
    if facts.booked_until is not None:
        return Plan(None, facts.booked_until)
    if facts.paused_until is not None and now < facts.paused_until:
        return Plan(None, facts.paused_until)
    moments = _moments(facts)
    for nth, (since, until) in enumerate(moments, 1):
        if now < since:
            return Plan(None, since)
        if now < until:
            return Plan(nth, moments[nth][0] if nth < len(moments) else None)
    return Plan(None, None)


def _moments(facts: Facts) -> list[tuple[datetime, datetime]]:
    if facts.since is None or (facts.met and facts.gap is None):
        return []
    gap = MISSED_GAP if facts.missed else facts.gap or timedelta(0)
    after = (gap, gap + ASKED_AGAIN_AFTER) if facts.met else FIRST_MEETING
    late = timedelta(0)
    if facts.paused_until is not None:
        late = max(late, facts.paused_until - (facts.since + after[0]))
    starts = [waking(facts.since + each + late, facts.zone) for each in after]
    return list(zip(starts, [*starts[1:], starts[-1] + ASKED_AGAIN_AFTER], strict=True))
