"""Which clauses held so far, from what happened and nothing that anybody is asked: kept, or slipping."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from service.domain.interval import Interval
from service.domain.terms import Terms

ASKED_UNTIL = timedelta(days=14)  # a question from further back is not asked any more
LEEWAY = 1.25  # of the gap: four weeks are kept by five
USUALLY = 0.5  # of the meetings


@dataclass(frozen=True, slots=True)
class Past:
    """A meeting so far. `off_at`: when it was cancelled. `said`: the mentee told what they want from it, or the agenda
    was touched; `noted`: something that was agreed at it was written down."""

    interval: Interval
    off_at: datetime | None
    missed: bool
    said: bool
    noted: bool


def standing(terms: Terms, since: datetime, past: Sequence[Past], now: datetime) -> dict[str, bool]:
    """Clause -> whether it was kept since then; what there is nothing to tell of is missing."""
    met = [each for each in past if each.off_at is None and not each.missed and since <= each.interval.end <= now]
    off = [each for each in past if each.off_at is not None and each.off_at >= since]
    told: dict[str, bool] = {}
    gap = terms.gap
    if gap is not None:
        ends = [since, *sorted(each.interval.end for each in met), now]
        longest = max(later - earlier for earlier, later in pairwise(ends))
        told["cadence"] = longest <= gap * LEEWAY
    if off or met:
        late = [each for each in off if each.off_at is not None and each.off_at > each.interval.start - terms.notice]
        told["notice"] = not late
    if met:
        told["agenda_owner"] = sum(each.said for each in met) >= USUALLY * len(met)
        told["actions"] = sum(each.noted for each in met) >= USUALLY * len(met)
    return told
