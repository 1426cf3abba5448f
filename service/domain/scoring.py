"""How good a bookable time is, and why: the day first, then the hour on both walls, then a round time."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from operator import itemgetter
from zoneinfo import ZoneInfo

from service.domain.arc import Target
from service.domain.asking import Ask, PersonTimes, Reader, Reason, Slot, own_of
from service.domain.caps import full_periods
from service.domain.interval import Span, floor_epoch
from service.domain.wall import DAY, day_number, local_day, segments

_QUARTER = 900
_QUARTERS = DAY // _QUARTER

# Points; the best possible sum is 100.
_BEST_DAY, _LEAST_DAY = 60, 10
_A_DAY_OFF, _A_DAY_LATER = 8, 2
_COMFORT, _BEARABLE, _LUNCH = 13, 5, 3
_ROUND_HOUR, _HALF_HOUR = 8, 5
_SAME_HOUR = 6

_TALKS = frozenset({"presentation", "other"})  # what is practised has slides that can still be changed
_CHANGE_DAYS = 3
_SHAPE_DAYS = 7
_LEAD_DAYS = 3  # long enough to be asked what one wants from the hour, and to answer
_SOON_DAYS = 7

_score = itemgetter(2)


def rank(ask: Ask, starts: Sequence[int], reader: Reader) -> list[Slot]:
    """The starts (in their order) as slots, best first, the earlier of equals first."""
    if not starts:
        return []
    other = ask.mentee if reader == "mentor" else ask.mentor
    seconds = int(ask.duration.total_seconds())
    length = -(-seconds // _QUARTER)
    minute = ask.target.minute if ask.target and ask.target.role == "practice" else None
    counted = ask.target.zone if ask.target else ask.mentee.zone
    pledged, by_pledge = _pledged_spans(ask, starts), (Reason("pledge", {"person": ask.mentor.first_name}),)
    today = local_day(ask.mentee.zone, floor_epoch(ask.now))
    slot = tuple.__new__  # as Slot(...), in a third of the time
    ranked: list[Slot] = []
    for first, end, mine, yours, there in _stretches((ask.mentee.zone, ask.mentor.zone, counted), starts):
        clock = _clock_points(length, minute, mine, yours, there)
        extras = _extras(other, mine != yours)
        day, points = -1, 0
        reasons: tuple[Reason, ...] = ()
        told: list[tuple[Reason, ...]] = []
        for epoch in starts[first:end]:
            if (epoch + there) // DAY != day:
                day, before = (epoch + there) // DAY, reasons
                points, reasons = _day(ask, today, day)
                if reasons is not before:
                    told = [reasons + extra for extra in extras]
            of_hour, extra = clock[epoch % DAY // _QUARTER]
            why = told[extra]
            if pledged and any(since <= epoch < until for since, until in pledged):
                why += by_pledge
            ranked.append(slot(Slot, (epoch, epoch + seconds, points + of_hour, why)))
    ranked.sort(key=_score, reverse=True)  # stable: the earlier of equals stays first
    return ranked


def _day(ask: Ask, today: int, day: int) -> tuple[int, tuple[Reason, ...]]:
    """Points and reasons that all slots of a day share."""
    if ask.target is None:
        return _by_lead(day - today)
    target = ask.target
    best = day_number(target.prefer_on) if target.prefer_on else day
    reason = _target_reason(target, day - day_number(target.day0))
    reasons = (reason, Reason("best_day", {})) if day == best else (reason,)
    return max(_LEAST_DAY, _BEST_DAY - abs(day - best) * _A_DAY_OFF), reasons


@lru_cache(maxsize=512)
def _by_lead(days: int) -> tuple[int, tuple[Reason]]:
    """One and the same reason for all days that are as far: its words are then made once."""
    away = (_LEAD_DAYS - days) * _A_DAY_OFF if days < _LEAD_DAYS else (days - _LEAD_DAYS) * _A_DAY_LATER
    points = max(_LEAST_DAY, _BEST_DAY - away)
    if days <= 1:
        return points, (Reason("tomorrow" if days == 1 else "today", {}),)
    if days <= _SOON_DAYS:
        return points, (Reason("soon", {"n": days}),)
    return points, _in_weeks(round(days / 7))


@lru_cache(maxsize=64)
def _in_weeks(weeks: int) -> tuple[Reason]:
    return (Reason("in_weeks", {"n": weeks}),)


def _target_reason(target: Target, after: int) -> Reason:
    """`after` is in days from the date, negative before it."""
    if after > 0:
        return Reason("day_after", {}) if after == 1 else Reason("days_after", {"n": after})
    before = -after
    if before == 0:
        return Reason("same_day_after" if target.role == "debrief" else "same_day", {})
    if before == 1:
        return Reason("day_before", {})
    if target.role == "shape" and before >= _SHAPE_DAYS:
        return Reason("shape_time", {"n": before})
    if target.role == "practice" and before >= _CHANGE_DAYS:
        return Reason("change_time" if target.kind in _TALKS else "settle_time", {"n": before})
    return Reason("days_before", {"n": before})


def _extras(other: PersonTimes, apart: bool) -> tuple[tuple[Reason, ...], ...]:
    """By daylight for both (1) and the hour of the date itself (2)."""
    local = (Reason("other_local", {"person": other.first_name, "zone": other.zone.key}),) if apart else ()
    daylight = (*local, Reason("daylight_both", {})) if apart else ()
    same = (Reason("same_hour", {}),)
    return local, daylight, same + local, same + daylight


def _stretches(zones: tuple[ZoneInfo, ZoneInfo, ZoneInfo], starts: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Where no zone changes its offset: first and end index into starts, and the three offsets. The day before a
    change and the day after it stand alone: there a wall time may come twice, and elsewhere in a stretch one time of
    the day in UTC is always one and the same on a wall."""
    low, high = starts[0], starts[-1] + 1
    laid = [segments(zone, low - DAY, high + DAY) for zone in zones]
    changes = [start for segment in laid for start, _, _ in segment if low - DAY < start < high + DAY]
    around = {change + day for change in changes for day in (-DAY, 0, DAY)}
    borders = sorted({low, high, *(border for border in around if low < border < high)})
    for since, until in pairwise(borders):
        offsets = (next(offset for _, end, offset in segment if since < end) for segment in laid)
        yield bisect_left(starts, since), bisect_left(starts, until), *offsets


def _pledged_spans(ask: Ask, starts: Sequence[int]) -> list[Span]:
    """Where the mentor's usual notice or monthly cap would have refused, had there been no pledge."""
    if not ask.pledged:
        return []
    mentor = ask.mentor
    caps = (None, None, mentor.availability.cap_month)
    early = (0, floor_epoch(ask.now + mentor.availability.notice))
    return [early, *full_periods(own_of(ask, mentor), mentor.zone, caps, starts[0], starts[-1] + 1)]


@lru_cache(maxsize=1024)
def _clock_points(length: int, minute: int | None, mine: int, yours: int, there: int) -> tuple[tuple[int, int], ...]:
    """By the quarter of the UTC day at which a meeting starts, while the walls of both people and of the date are these
    seconds ahead: the points of its hour, and which of `_extras` are said of it."""
    comfort, same_hour = _comfort_points(length), _same_hour_points(minute)
    points = []
    for start in range(0, DAY, _QUARTER):
        at = (start + mine) % DAY // _QUARTER
        well, fine = comfort[at], comfort[(start + yours) % DAY // _QUARTER]
        same = same_hour[(start + there) % DAY // _QUARTER]
        extra = (well > _BEARABLE and fine > _BEARABLE) + 2 * (same > 0)
        points.append((well + fine + same + _ROUND[at], extra))
    return tuple(points)


@lru_cache(maxsize=64)
def _comfort_points(length: int) -> tuple[int, ...]:
    """By the quarter of the day at which a meeting of `length` quarters starts on one person's wall."""
    points = []
    for start in range(_QUARTERS):
        end = start + length
        if start >= 9 * 4 and end <= 17 * 4:
            points.append(_COMFORT - (_LUNCH if start < 13 * 4 and end > 12 * 4 else 0))
        else:
            points.append(_BEARABLE if start >= 8 * 4 and end <= 20 * 4 else 0)
    return tuple(points)


@lru_cache(maxsize=256)
def _same_hour_points(minute: int | None) -> tuple[int, ...]:
    """Practising at the hour of the real thing: within half an hour of it."""
    if minute is None:
        return (0,) * _QUARTERS
    return tuple(_SAME_HOUR if abs(quarter * 15 - minute) <= 30 else 0 for quarter in range(_QUARTERS))


_ROUND = tuple(
    _ROUND_HOUR if quarter % 4 == 0 else _HALF_HOUR if quarter % 2 == 0 else 0 for quarter in range(_QUARTERS)
)
