"""Wall clocks and instants: spans of a zone's local seconds laid onto UTC. The only zone arithmetic for hours."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from service.domain.interval import Span, Spans

DAY = 86_400
WEEK = 7 * DAY
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_FIRST_MONDAY = -3 * DAY  # 1970-01-01 was a Thursday
_BLOCK = 1 << 23  # 97 days: two blocks hold a usual horizon
_STEP = DAY // 2  # no zone has changed its offset twice in half a day

# Within a segment a zone's offset is constant: (start, end, offset), epoch seconds and seconds east of UTC.
Segment = tuple[int, int, int]


def segments(zone: ZoneInfo, start: int, end: int) -> tuple[Segment, ...]:
    """Segments that cover [start, end), in order and without holes; the outer ones may reach beyond it."""
    first, last = start // _BLOCK, max(start, end - 1) // _BLOCK
    found = _block(zone, first)
    for index in range(first + 1, last + 1):
        found += _block(zone, index)
    return found


def offset_at(zone: ZoneInfo, epoch: int) -> int:
    """Seconds east of UTC at an instant."""
    return next(offset for _, end, offset in _block(zone, epoch // _BLOCK) if epoch < end)


def local_day(zone: ZoneInfo, epoch: int) -> int:
    """The number of the local day at an instant, counted from 1970-01-01."""
    return (epoch + offset_at(zone, epoch)) // DAY


def day_number(day: date) -> int:
    return day.toordinal() - _EPOCH_ORDINAL


def day_of(number: int) -> date:
    return date.fromordinal(number + _EPOCH_ORDINAL)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """When the local day begins: its first instant, also where 00:00 is skipped or comes twice (PEP 495, fold 0)."""
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def from_local(local: Spans, zone: ZoneInfo, start: int, end: int) -> list[Span]:
    """The instants in [start, end) at which the wall clock shows a time in `local` (merged spans of local seconds).

    Skipped wall time is in no segment and so is never covered; repeated wall time is in two, and is covered twice.
    """
    laid: list[Span] = []
    for low, high, offset in _cut(zone, start, end):
        _add(laid, [(opens - offset, closes - offset) for opens, closes in local], low, high)
    return laid


def from_week(pattern: tuple[Span, ...], zone: ZoneInfo, start: int, end: int) -> list[Span]:
    """As from_local, for spans of seconds since Monday 00:00 that come every week; none may touch, Sunday's to
    Monday's included."""
    laid: list[Span] = []
    for since, until, offset in segments(zone, start, end):
        low, high = max(since, start), min(until, end)
        if low < high:
            _add(laid, _weeks(pattern, since, until, offset), low, high)
    return laid


@lru_cache(maxsize=256)
def _weeks(pattern: tuple[Span, ...], since: int, until: int, offset: int) -> list[Span]:
    """The pattern in every week that a segment touches. Most people keep the usual hours, and these are the same for
    months."""
    week = (since + offset - _FIRST_MONDAY) // WEEK * WEEK + _FIRST_MONDAY - offset
    return [(base + opens, base + closes) for base in range(week, until, WEEK) for opens, closes in pattern]


def _cut(zone: ZoneInfo, start: int, end: int) -> Iterator[Segment]:
    for segment_start, segment_end, offset in segments(zone, start, end):
        low, high = max(segment_start, start), min(segment_end, end)
        if low < high:
            yield low, high, offset


def _add(laid: list[Span], spans: list[Span], low: int, high: int) -> None:
    """Appends what of the spans is in [low, high); a first one that touches the last goes on across the change."""
    first, last = bisect_left(spans, (low,)), bisect_left(spans, (high,))
    if first and spans[first - 1][1] > low:
        first -= 1
    here = spans[first:last]
    if not here:
        return
    here[0] = (max(here[0][0], low), here[0][1])
    here[-1] = (here[-1][0], min(here[-1][1], high))
    if laid and laid[-1][1] == here[0][0]:
        here[0] = (laid.pop()[0], here[0][1])
    laid += here


@lru_cache(maxsize=4096)
def _block(zone: ZoneInfo, index: int) -> tuple[Segment, ...]:
    start, end = index * _BLOCK, (index + 1) * _BLOCK
    found: list[Segment] = []
    since, offset, at = start, _offset(zone, start), start
    while at < end:
        ahead = min(at + _STEP, end)
        coming = _offset(zone, ahead)
        if coming != offset:
            change = _change(zone, at, ahead, offset)
            found.append((since, change, offset))
            since, offset = change, coming
        at = ahead
    if since < end:
        found.append((since, end, offset))
    return tuple(found)


def _change(zone: ZoneInfo, before: int, after: int, offset: int) -> int:
    """The first second in (before, after] that does not have `offset`."""
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(zone, middle) == offset:
            before = middle
        else:
            after = middle
    return after


def _offset(zone: ZoneInfo, epoch: int) -> int:
    return (datetime.fromtimestamp(epoch, zone).utcoffset() or timedelta(0)) // timedelta(seconds=1)
