"""Caps: the days, ISO weeks and months in which a person has as many meetings as they want."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from zoneinfo import ZoneInfo

from service.domain.asking import OwnClaim
from service.domain.interval import Span, merge
from service.domain.wall import DAY, day_number, day_of, from_local, local_day


def full_periods(
    own: Iterable[OwnClaim],
    zone: ZoneInfo,
    caps: tuple[int | None, int | None, int | None],
    start: int,
    end: int,
) -> list[Span]:
    """The instants in [start, end) whose local day, week or month is full. Holds count like meetings, each on the local
    day of its start; those of one proposal count once, for one of them at most comes true."""
    first, last = local_day(zone, start), local_day(zone, end)
    days: Counter[int] = Counter()
    offered: defaultdict[int, set[int]] = defaultdict(set)
    for claim in own:
        day = local_day(zone, claim.start)
        if claim.proposal_id is None:
            days[day] += 1
        else:
            offered[claim.proposal_id].add(day)
    full: list[Span] = []
    for period, cap in zip((_day, _week, _month), caps, strict=True):
        if cap is None:
            continue
        counts: Counter[Span] = Counter()
        for day, count in days.items():
            counts[period(day)] += count
        for alternatives in offered.values():
            counts.update({period(day) for day in alternatives})
        if cap == 0:  # nobody has anything yet, and it is too much already
            full.append((first * DAY, (last + 1) * DAY))
        full.extend((since * DAY, until * DAY) for (since, until), count in counts.items() if count >= cap)
    return from_local(merge(full), zone, start, end)


def _day(day: int) -> Span:
    return day, day + 1


def _week(day: int) -> Span:
    monday = day - (day + 3) % 7  # 1970-01-01 was a Thursday
    return monday, monday + 7


def _month(day: int) -> Span:
    first = day_of(day).replace(day=1)
    following = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    return day_number(first), day_number(following)
