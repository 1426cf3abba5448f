"""When a person can be met: weekly hours, days that differ, days off, gaps, notice, horizon, caps; as UTC spans."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from service.domain.errors import FieldFault, InvalidInput
from service.domain.hours import (
    Pledge,
    Ranges,
    Weekly,
    cap_of,
    format_hours,
    format_length,
    format_pledge,
    format_ranges,
    overrides_of,
    parse_day,
    parse_hours,
    parse_length,
    parse_off,
    parse_pledge,
    parse_ranges,
)
from service.domain.interval import Interval, Span
from service.domain.wall import DAY, day_number, from_local, from_week, local_day

__all__ = [
    "DEFAULT",
    "Availability",
    "Pledge",
    "Ranges",
    "Weekly",
    "cap_of",
    "format_hours",
    "format_length",
    "format_pledge",
    "format_ranges",
    "from_json",
    "open_between",
    "open_spans",
    "overrides_of",
    "parse_hours",
    "parse_length",
    "parse_off",
    "parse_pledge",
    "parse_ranges",
    "to_json",
]

LONGEST_HORIZON = timedelta(days=400)
LONGEST_NOTICE = timedelta(days=60)
LONGEST_BUFFER = timedelta(hours=12)
_NONE = timedelta(0)
_NINE_TO_FIVE: Ranges = ((9 * 60, 17 * 60),)


@dataclass(frozen=True)
class Availability:
    """`overrides` replace a day's weekly hours, `off` (both days included) goes before either; None is no cap."""

    weekly: Weekly = field(default_factory=lambda: dict.fromkeys(range(5), _NINE_TO_FIVE))
    overrides: dict[date, Ranges] = field(default_factory=dict)
    off: tuple[tuple[date, date], ...] = ()
    buffer_before: timedelta = _NONE
    buffer_after: timedelta = _NONE
    notice: timedelta = timedelta(hours=24)
    horizon: timedelta = timedelta(days=60)
    cap_day: int | None = None
    cap_week: int | None = None
    cap_month: int | None = None
    pledge: Pledge | None = None

    @property
    def gap(self) -> timedelta:
        """The least time between two meetings; one rule for before and after, so that the order of booking is free."""
        return max(self.buffer_before, self.buffer_after)

    @property
    def caps(self) -> tuple[int | None, int | None, int | None]:
        """A day, an ISO week, a month; all in the person's zone."""
        return self.cap_day, self.cap_week, self.cap_month

    @cached_property
    def week_seconds(self) -> tuple[tuple[Span, ...], ...]:
        return tuple(_seconds(self.weekly.get(day, ())) for day in range(7))

    @cached_property
    def week_pattern(self) -> tuple[Span, ...]:
        """The whole week in seconds from Monday 00:00."""
        return tuple(
            (day * DAY + opens, day * DAY + closes)
            for day, hours in enumerate(self.week_seconds)
            for opens, closes in hours
        )

    @cached_property
    def over_midnight(self) -> bool:
        """Whether some day's hours go on in the next day's."""
        week = self.week_seconds
        return any(
            today and tomorrow and today[-1][1] == DAY and tomorrow[0][0] == 0
            for today, tomorrow in zip(week, week[1:] + week[:1], strict=True)
        )

    @cached_property
    def special_days(self) -> dict[int, tuple[Span, ...]]:
        """Number of the day -> its own hours."""
        return {day_number(day): _seconds(ranges) for day, ranges in self.overrides.items()}

    @cached_property
    def off_days(self) -> tuple[tuple[int, int], ...]:
        return tuple((day_number(first), day_number(last)) for first, last in self.off)


DEFAULT = Availability()


def open_spans(availability: Availability, zone: ZoneInfo, window: Interval) -> list[Span]:
    """The hours offered in the window, merged; skipped wall time is never in them, repeated wall time twice."""
    return open_between(availability, zone, *window.span)


def open_between(availability: Availability, zone: ZoneInfo, start: int, end: int) -> list[Span]:
    """As open_spans, between two instants in epoch seconds."""
    week, special, off = availability.week_seconds, availability.special_days, availability.off_days
    if not special and not off and not availability.over_midnight:
        return from_week(availability.week_pattern, zone, start, end)
    first, last = local_day(zone, start) - 1, local_day(zone, end) + 1
    local: list[Span] = []
    reached = -1
    for day in range(first, last + 1):
        hours = special.get(day) if special else None
        if hours is None:
            hours = week[(day + 3) % 7]  # 1970-01-01 was a Thursday
        if not hours or (off and any(since <= day <= until for since, until in off)):
            continue
        base = day * DAY
        for opens, closes in hours:
            if base + opens == reached:  # 24:00 goes on as the next day's 00:00
                local[-1] = (local[-1][0], base + closes)
            else:
                local.append((base + opens, base + closes))
            reached = base + closes
    return from_local(local, zone, start, end)


def to_json(availability: Availability) -> dict[str, Any]:
    """In the words of the command line; from_json gives it back."""
    return {
        "hours": format_hours(availability.weekly),
        "overrides": {day.isoformat(): format_ranges(ranges) for day, ranges in sorted(availability.overrides.items())},
        "off": [f"{first.isoformat()}..{last.isoformat()}" for first, last in availability.off],
        "buffer_before": format_length(availability.buffer_before),
        "buffer_after": format_length(availability.buffer_after),
        "notice": format_length(availability.notice),
        "horizon": format_length(availability.horizon),
        "cap_day": availability.cap_day,
        "cap_week": availability.cap_week,
        "cap_month": availability.cap_month,
        "pledge": format_pledge(availability.pledge) if availability.pledge else None,
    }


def from_json(data: Mapping[str, Any], base: Availability = DEFAULT) -> Availability:
    """`base` with what `data` says in place of its own. Raises InvalidInput with every fault and its field at once."""
    faults: list[FieldFault] = []
    changes: dict[str, Any] = {}
    for key, value in data.items():
        read = _READERS.get(key)
        if read is None:
            faults.append(FieldFault(key, "unknown_field", {"known": ", ".join(_READERS)}))
            continue
        try:
            changes["weekly" if key == "hours" else key] = read(value, key)
        except InvalidInput as wrong:
            faults.extend(wrong.faults)
    if faults:
        raise InvalidInput(*faults)
    return replace(base, **changes)


def _seconds(ranges: Ranges) -> tuple[Span, ...]:
    return tuple((start * 60, end * 60) for start, end in ranges)


def _text(value: Any, key: str) -> str:
    if not isinstance(value, str):
        raise InvalidInput.of(key, "not_text")
    return value


def _hours(value: Any, key: str) -> Weekly:
    return parse_hours(_text(value, key), key)


def _overrides(value: Any, key: str) -> dict[date, Ranges]:
    if not isinstance(value, Mapping):
        raise InvalidInput.of(key, "not_a_mapping")
    return {parse_day(_text(day, key), key): parse_ranges(_text(ranges, key), key) for day, ranges in value.items()}


def _off(value: Any, key: str) -> tuple[tuple[date, date], ...]:
    if not isinstance(value, list):
        raise InvalidInput.of(key, "not_a_list")
    return tuple(parse_off(_text(entry, key), key) for entry in value)


def _length(longest: timedelta, least: timedelta = _NONE) -> Callable[[Any, str], timedelta]:
    def read(value: Any, key: str) -> timedelta:
        length = parse_length(_text(value, key), key)
        if not least <= length <= longest:
            raise InvalidInput.of(key, "length_range", least=format_length(least), most=format_length(longest))
        return length

    return read


def _cap(value: Any, key: str) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 1000:
        raise InvalidInput.of(key, "bad_cap")
    return value


def _pledge(value: Any, key: str) -> Pledge | None:
    return None if value is None else parse_pledge(_text(value, key), key)


_READERS: dict[str, Callable[[Any, str], Any]] = {
    "hours": _hours,
    "overrides": _overrides,
    "off": _off,
    "buffer_before": _length(LONGEST_BUFFER),
    "buffer_after": _length(LONGEST_BUFFER),
    "notice": _length(LONGEST_NOTICE),
    "horizon": _length(LONGEST_HORIZON, timedelta(days=1)),
    "cap_day": _cap,
    "cap_week": _cap,
    "cap_month": _cap,
    "pledge": _pledge,
}
