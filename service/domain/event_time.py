"""When one event happens: its bounds as instants, whatever form its start and end were written in."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, timedelta
from datetime import time as wall_time
from zoneinfo import ZoneInfo

from icalendar import Component
from recurring_ical_events import InvalidCalendar

from service.domain.interval import Span, floor_epoch

DAY = timedelta(days=1)
# An event in a zone that nobody can name lies somewhere between these offsets.
EARLIEST_OFFSET, LATEST_OFFSET = timedelta(hours=14), timedelta(hours=12)
# OSError: the name of a zone that is too long for a file of that name.
UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError, OSError, InvalidCalendar)
# Programs write "never" as the first or last day there is, where no zone can be applied.
NEVER_YET, NEVER_AGAIN = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Zones:
    """Where days begin (their owner's midnight), and where times without a zone happen (as the file says)."""

    days: ZoneInfo
    bare: ZoneInfo


def wall_length(event: Component) -> timedelta | None:
    """How long the event looks on a wall: an exception that has a length of its own is not measured by its series."""
    start, end = event.decoded("DTSTART", None), event.decoded("DTEND", None)
    duration = event.decoded("DURATION", None)
    if not isinstance(start, datetime):
        return None
    if end is None and isinstance(duration, timedelta):
        return duration
    return end.replace(tzinfo=None) - start.replace(tzinfo=None) if isinstance(end, datetime) else None


def span_of(event: Component, zones: Zones) -> Span | None:
    """The time that an event takes, also when it ends before it starts; None when there is none that can be read."""
    bounds = bounds_of(event, zones)
    return None if bounds is None else (min(bounds), max(bounds))


def reach_of(event: Component, zones: Zones) -> int:
    """How far from where its series puts it an event begins or ends, in seconds."""
    found = bounds_of(event, zones)
    if found is None:
        raise ValueError("no start")
    moved_from = event.decoded("RECURRENCE-ID", None)
    origin = found[0] if moved_from is None else floor_epoch(utc_of(moved_from, zones))
    return max(abs(bound - origin) for bound in found)


def bounds_of(event: Component, zones: Zones) -> Span | None:
    """Start and end as epoch seconds; None when there is no start that can be read."""
    try:
        start = event.decoded("DTSTART", None)
        if start is None:
            return None
        begin = utc_of(start, zones)
        end = event.decoded("DTEND", None)
        duration = event.decoded("DURATION", None)
        if end is not None:
            last = utc_of(end, zones)
        elif duration is not None:
            last = max(utc_of(_later(start, duration), zones), utc_of(_later(begin, duration), zones))
        else:
            last = utc_of(start if isinstance(start, datetime) else _later(start, DAY), zones)
    except UNREADABLE:
        return None
    return floor_epoch(begin), math.ceil(last.timestamp())


def utc_of(moment: datetime | date, zones: Zones) -> datetime:
    """An instant: days begin at their owner's midnight, bare times happen where the file says. Raises ValueError for
    anything else: icalendar hands on a value that it could not read as text."""
    if not isinstance(moment, date):
        raise ValueError("no time")
    if moment.year in {MINYEAR, MAXYEAR}:
        return NEVER_YET if moment.year == MINYEAR else NEVER_AGAIN
    if not isinstance(moment, datetime):
        return datetime.combine(moment, wall_time.min, zones.days).astimezone(UTC)
    return (moment.replace(tzinfo=zones.bare) if moment.tzinfo is None else moment).astimezone(UTC)


def _later(moment: date, duration: timedelta) -> date:
    try:
        return moment + duration
    except OverflowError:
        return NEVER_AGAIN if duration > timedelta(0) else NEVER_YET


def zone_is_unknown(event: Component) -> bool:
    """icalendar leaves a time naive, silently, when its TZID is neither known nor defined in the file."""
    for name in ("DTSTART", "DTEND", "RECURRENCE-ID", "RDATE", "EXDATE"):
        found = event.get(name, [])
        for prop in found if isinstance(found, list) else [found]:
            if "TZID" not in getattr(prop, "params", {}):
                continue
            moments = [entry.dt for entry in getattr(prop, "dts", [prop]) if hasattr(entry, "dt")]
            firsts = [moment[0] if isinstance(moment, tuple) else moment for moment in moments]
            if any(isinstance(first, datetime) and first.tzinfo is None for first in firsts):
                return True
    return False


def widest(event: Component, zones: Zones) -> Span:
    """Wherever on earth it is: from its wall-clock start in the earliest zone to its end in the latest."""
    span = span_of(event, replace(zones, bare=ZoneInfo("UTC")))
    if span is None:
        raise ValueError("no start")
    return span[0] - int(EARLIEST_OFFSET.total_seconds()), span[1] + int(LATEST_OFFSET.total_seconds())
