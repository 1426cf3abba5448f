"""iCalendar data becomes busy spans in a window; nothing else of it is kept. Unreadable is never free."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from datetime import time as wall_time
from typing import Protocol
from zoneinfo import ZoneInfo

import recurring_ical_events
from icalendar import Calendar, Component
from recurring_ical_events import InvalidCalendar

from service.domain.errors import AdapterError
from service.domain.ics_text import known_zone, normalise
from service.domain.interval import Interval, Span, floor_epoch, merge
from service.domain.repeats import MOST_STEPS, STEPS_OF_A_LISTED_DATE, Rule, steps_of

MOST_EVENTS = 20_000
DAY = timedelta(days=1)
# An event in a zone that nobody can name lies somewhere between these offsets.
EARLIEST_OFFSET, LATEST_OFFSET = timedelta(hours=14), timedelta(hours=12)
UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError, InvalidCalendar)


class Request(Protocol):
    """ports.ReadRequest, as far as this needs it."""

    @property
    def window(self) -> Interval: ...
    @property
    def zone(self) -> ZoneInfo: ...
    @property
    def addresses(self) -> frozenset[str]: ...
    @property
    def our_uids(self) -> frozenset[str]: ...


@dataclass(frozen=True, slots=True)
class OwnEvent:
    """An event in a person's calendar that carries one of our UIDs."""

    uid: str
    interval: Interval | None
    cancelled: bool
    partstat: str | None


@dataclass
class _Reading:
    """What is read, and what has been so far. `partial`: something could not be read in full; its widest span is in
    `spans`. `bare_zone` is where times without a zone happen, `steps` what unrolling has cost."""

    request: Request
    bare_zone: ZoneInfo
    spans: list[Span] = field(default_factory=list)
    own: list[OwnEvent] = field(default_factory=list)
    partial: bool = False
    steps: float = 0

    def spend(self, steps: float) -> None:
        self.steps += steps
        if self.steps > MOST_STEPS:
            raise AdapterError("too_often", permanent=True)


def read_busy(ics: bytes, request: Request) -> tuple[list[Span], tuple[OwnEvent, ...], bool]:
    """Merged busy spans inside the window, our own events apart, and whether something could be read only in part.

    Raises AdapterError: `not_a_calendar` when it is none, `cut_short` when its end is missing, `unreadable_event` when
    an event's time cannot be known, `too_many_events` and `too_often` when it is more than we can read.
    """
    if not ics.lstrip(b"\xef\xbb\xbf \r\n\t")[:15].upper() == b"BEGIN:VCALENDAR":
        raise AdapterError("not_a_calendar", permanent=True)
    return read_busy_all([ics], request)


def read_busy_all(resources: Iterable[bytes], request: Request) -> tuple[list[Span], tuple[OwnEvent, ...], bool]:
    """The same for several calendar objects, as a CalDAV collection holds them; none at all is an empty calendar."""
    reading = _Reading(request, request.zone)
    count = 0
    for resource in resources:
        count += resource.upper().count(b"BEGIN:VEVENT")
        if count > MOST_EVENTS:
            raise AdapterError("too_many_events", permanent=True, most=MOST_EVENTS)
        for calendar in _parse(resource):
            reading.bare_zone = known_zone(str(calendar.get("X-WR-TIMEZONE", ""))) or request.zone
            _read_calendar(calendar, reading)
    low, high = request.window.span
    clipped = ((max(start, low), min(end, high)) for start, end in reading.spans)
    return merge(clipped), tuple(reading.own), reading.partial


def _parse(resource: bytes) -> list[Component]:
    """The calendars of one stream, one at least: an empty answer is a missing one, not a free one."""
    try:
        calendars: list[Component] = list(Calendar.from_ical(normalise(resource), multiple=True))
    except UNREADABLE as fault:
        raise AdapterError("unreadable_event", permanent=False) from fault
    if not calendars:
        raise AdapterError("unreadable_event", permanent=False)
    return calendars


def _read_calendar(calendar: Component, reading: _Reading) -> None:
    series: dict[str, list[Component]] = defaultdict(list)
    for number, event in enumerate(calendar.walk("VEVENT")):
        uid = str(event.get("UID", f"nameless-{number}")).strip()
        if uid in reading.request.our_uids:
            reading.own.append(_own(uid, event, reading))
        else:
            series[uid].append(event)
    zones = calendar.walk("VTIMEZONE")
    for events in series.values():
        _read_series(events, zones, reading)
    try:
        for freebusy in calendar.walk("VFREEBUSY"):
            reading.spans.extend(_freebusy(freebusy, reading))
    except UNREADABLE as fault:
        raise AdapterError("unreadable_event", permanent=False) from fault


def _read_series(events: list[Component], zones: list[Component], reading: _Reading) -> None:
    """One UID: a single event, or a master with its exceptions. What recurs is read in full or not at all."""
    recurs = any("RRULE" in event or "RDATE" in event for event in events)
    try:
        lost = {id(event) for event in events if _zone_is_unknown(event) and not _is_free(event, reading.request)}
        if lost and recurs:
            raise ValueError("recurs in a zone that is not known")
        reading.partial = reading.partial or bool(lost)
        reading.spans.extend(_widest(event, reading) for event in events if id(event) in lost)
        rest = [event for event in events if id(event) not in lost]
        reading.spans.extend(_expand(rest, zones, reading) if rest else ())
    except UNREADABLE as fault:
        known = [_span_of(event, reading) for event in events]
        if recurs or any(span is None for span in known):
            raise AdapterError("unreadable_event", permanent=False) from fault
        reading.partial = True
        reading.spans.extend(span for span in known if span is not None)


def _expand(events: list[Component], zones: list[Component], reading: _Reading) -> list[Span]:
    request = reading.request
    rules = [(rule, event) for event in events for rule in _rules(event)]
    if not rules and not any("RDATE" in event for event in events) and len(events) == 1:
        return [] if _is_free(events[0], request) else list(_spans(events[0], events[0], reading))
    reading.spend(STEPS_OF_A_LISTED_DATE * sum(_dates_listed(event) for event in events))
    for rule, event in rules:
        reading.spend(steps_of(rule, event.decoded("DTSTART"), request.window))
    calendar = Calendar()
    calendar.add("prodid", "-//Greenroom//Reader//EN")
    calendar.add("version", "2.0")
    for component in (*zones, *events):
        calendar.add_component(component)
    master = next((event for event in events if "RECURRENCE-ID" not in event), events[0])
    found: list[Span] = []
    for occurrence in recurring_ical_events.of(calendar).between(request.window.start - DAY, request.window.end + DAY):
        if not _is_free(occurrence, request):
            found.extend(_spans(occurrence, master, reading))
    return found


def _dates_listed(event: Component) -> int:
    lists = [
        found if isinstance(found, list) else [found] for found in (event.get("RDATE", []), event.get("EXDATE", []))
    ]
    return sum(len(getattr(prop, "dts", ())) for listed in lists for prop in listed)


def _rules(event: Component) -> list[Rule]:
    found = event.get("RRULE", [])
    return found if isinstance(found, list) else [found]


def _is_free(event: Component, request: Request) -> bool:
    """Cancelled, shown as free, or declined by this person. Tentative is busy: it may still happen."""
    if str(event.get("STATUS", "")).upper() == "CANCELLED" or str(event.get("TRANSP", "")).upper() == "TRANSPARENT":
        return True
    if str(event.get("X-MICROSOFT-CDO-BUSYSTATUS", "")).upper() == "FREE":
        return True
    return _partstat(event, request) == "DECLINED"


def _partstat(event: Component, request: Request) -> str | None:
    attendees = event.get("ATTENDEE", [])
    for attendee in attendees if isinstance(attendees, list) else [attendees]:
        address = re.sub(r"(?i)^mailto:", "", str(attendee)).strip().lower()
        if address in request.addresses:
            return str(attendee.params.get("PARTSTAT", "NEEDS-ACTION")).upper()
    return None


def _spans(event: Component, master: Component, reading: _Reading) -> Iterator[Span]:
    """An occurrence's span: until the later of its nominal end (what calendar programs draw) and its exact one
    (RFC 5545 3.8.5.3), which differ when clocks change in between. Zero length blocks nothing."""
    bounds = _bounds(event, reading)
    if bounds is None:
        raise ValueError("no start")
    start, end = bounds
    if end < start:
        raise ValueError("ends before it starts")
    first = _bounds(master, reading)
    if first is not None and _wall_length(event) == _wall_length(master):
        end = max(end, start + first[1] - first[0])
    if end > start:
        yield start, end


def _wall_length(event: Component) -> timedelta | None:
    """How long the event looks on a wall: an exception that has a length of its own is not measured by its series."""
    start, end = event.decoded("DTSTART", None), event.decoded("DTEND", None)
    duration = event.decoded("DURATION", None)
    if not isinstance(start, datetime):
        return None
    if end is None and isinstance(duration, timedelta):
        return duration
    return end.replace(tzinfo=None) - start.replace(tzinfo=None) if isinstance(end, datetime) else None


def _span_of(event: Component, reading: _Reading) -> Span | None:
    """The time that an event takes, also when it ends before it starts; None when there is none that can be read."""
    bounds = _bounds(event, reading)
    return None if bounds is None else (min(bounds), max(bounds))


def _bounds(event: Component, reading: _Reading) -> Span | None:
    """Start and end as epoch seconds; None when there is no start that can be read."""
    try:
        start = event.decoded("DTSTART", None)
        if start is None:
            return None
        begin = _utc(start, reading)
        end = event.decoded("DTEND", None)
        duration = event.decoded("DURATION", None)
        if end is not None:
            last = _utc(end, reading)
        elif duration is not None:
            last = max(_utc(start + duration, reading), begin + duration)
        else:
            last = _utc(start if isinstance(start, datetime) else start + DAY, reading)
    except UNREADABLE:
        return None
    return floor_epoch(begin), math.ceil(last.timestamp())


def _utc(moment: datetime | date, reading: _Reading) -> datetime:
    """An instant: days begin at their owner's midnight, bare times happen where the file says. Raises ValueError for
    anything else: icalendar hands on a value that it could not read as text."""
    if not isinstance(moment, date):
        raise ValueError("no time")
    if not isinstance(moment, datetime):
        return datetime.combine(moment, wall_time.min, reading.request.zone).astimezone(UTC)
    return (moment.replace(tzinfo=reading.bare_zone) if moment.tzinfo is None else moment).astimezone(UTC)


def _zone_is_unknown(event: Component) -> bool:
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


def _widest(event: Component, reading: _Reading) -> Span:
    """Wherever on earth it is: from its wall-clock start in the earliest zone to its end in the latest."""
    span = _span_of(event, replace(reading, bare_zone=ZoneInfo("UTC")))
    if span is None:
        raise ValueError("no start")
    return span[0] - int(EARLIEST_OFFSET.total_seconds()), span[1] + int(LATEST_OFFSET.total_seconds())


def _freebusy(component: Component, reading: _Reading) -> Iterator[Span]:
    """VFREEBUSY's periods (RFC 5545 3.6.4), all but the free ones."""
    found = component.get("FREEBUSY", [])
    for entry in found if isinstance(found, list) else [found]:
        if str(getattr(entry, "params", {}).get("FBTYPE", "BUSY")).upper() == "FREE":
            continue
        yield floor_epoch(_utc(entry.start, reading)), math.ceil(_utc(entry.end, reading).timestamp())


def _own(uid: str, event: Component, reading: _Reading) -> OwnEvent:
    bounds = _bounds(event, reading)
    return OwnEvent(
        uid,
        Interval.of(bounds) if bounds is not None and bounds[1] > bounds[0] else None,
        str(event.get("STATUS", "")).upper() == "CANCELLED",
        _partstat(event, reading.request),
    )
