"""iCalendar data becomes busy spans in a window; nothing else of it is kept. Unreadable is never free."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

import recurring_ical_events
from icalendar import Calendar, Component

from service.domain.errors import AdapterError
from service.domain.event_time import (
    UNREADABLE,
    Zones,
    bounds_of,
    reach_of,
    span_of,
    utc_of,
    wall_length,
    widest,
    zone_is_unknown,
)
from service.domain.file_zones import steps_of_zones
from service.domain.ics_text import known_zone, normalise
from service.domain.interval import Interval, Span, floor_epoch, merge
from service.domain.repeats import MOST_STEPS, STEPS_OF_A_LISTED_DATE, Rule, steps_of

MOST_EVENTS = 20_000
DAY = timedelta(days=1)


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
    `spans`. `steps` is what unrolling has cost, of series and of the zones in `unrolled`."""

    request: Request
    zones: Zones
    spans: list[Span] = field(default_factory=list)
    own: list[OwnEvent] = field(default_factory=list)
    partial: bool = False
    steps: float = 0
    unrolled: set[bytes] = field(default_factory=set)

    def spend(self, steps: float) -> None:
        self.steps += steps
        if self.steps > MOST_STEPS:
            raise AdapterError("too_often", permanent=True)


def is_a_loss(missing: int, known: int) -> bool:
    """More than half of several at once are gone: a calendar that broke, and not somebody who calls off."""
    return missing > max(1, known // 2)


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
    reading = _Reading(request, Zones(request.zone, request.zone))
    count = 0
    for resource in resources:
        count += resource.upper().count(b"BEGIN:VEVENT")
        if count > MOST_EVENTS:
            raise AdapterError("too_many_events", permanent=True, most=MOST_EVENTS)
        for calendar in _parse(resource, reading):
            named = known_zone(str(calendar.get("X-WR-TIMEZONE", "")))
            reading.zones = Zones(request.zone, named or request.zone)
            _read_calendar(calendar, reading)
    low, high = request.window.span
    clipped = ((max(start, low), min(end, high)) for start, end in reading.spans)
    return merge(clipped), tuple(reading.own), reading.partial


def _parse(resource: bytes, reading: _Reading) -> list[Component]:
    """The calendars of one stream, one at least: an empty answer is a missing one, not a free one."""
    try:
        text = normalise(resource)
        for zone, steps in steps_of_zones(text).items():
            if zone not in reading.unrolled:
                reading.unrolled.add(zone)
                reading.spend(steps)
        calendars: list[Component] = list(Calendar.from_ical(text, multiple=True))
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
        for alone in _apart(events):
            if not all(_is_free(event, reading.request) for event in alone):
                _read_series(alone, zones, reading)
    try:
        for freebusy in calendar.walk("VFREEBUSY"):
            reading.spans.extend(_freebusy(freebusy, reading))
    except UNREADABLE as fault:
        raise AdapterError("unreadable_event", permanent=False) from fault


def _apart(events: list[Component]) -> Iterator[list[Component]]:
    """What one UID stands for: its newest master with its exceptions. Programs that give several events one UID mean
    them all."""
    masters = [event for event in events if "RECURRENCE-ID" not in event]
    if len(masters) < 2:
        yield events
        return
    newest = max(_sequence(event) for event in masters)
    first, *others = (event for event in masters if _sequence(event) == newest)
    yield [first, *(event for event in events if "RECURRENCE-ID" in event)]
    for event in others:
        yield [event]


def _sequence(event: Component) -> int:
    found = event.get("SEQUENCE", 0)
    return found if isinstance(found, int) else 0


def _read_series(events: list[Component], zones: list[Component], reading: _Reading) -> None:
    """One UID: a single event, or a master with its exceptions. What recurs is read in full or not at all."""
    recurs = any("RRULE" in event or "RDATE" in event for event in events)
    try:
        lost = {id(event) for event in events if zone_is_unknown(event) and not _is_free(event, reading.request)}
        if lost and recurs:
            raise ValueError("recurs in a zone that is not known")
        reading.partial = reading.partial or bool(lost)
        reading.spans.extend(widest(event, reading.zones) for event in events if id(event) in lost)
        rest = [event for event in events if id(event) not in lost]
        reading.spans.extend(_expand(rest, zones, reading) if rest else ())
    except UNREADABLE as fault:
        known = [span_of(event, reading.zones) for event in events]
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
    reach = max(timedelta(seconds=reach_of(event, reading.zones)) for event in events)
    for rule, event in rules:
        reading.spend(steps_of(rule, event.decoded("DTSTART"), reach, request.window))
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
    bounds = bounds_of(event, reading.zones)
    if bounds is None:
        raise ValueError("no start")
    start, end = bounds
    if end < start:
        raise ValueError("ends before it starts")
    first = bounds_of(master, reading.zones)
    if first is not None and wall_length(event) == wall_length(master):
        end = max(end, start + first[1] - first[0])
    if end > start:
        yield start, end


def _freebusy(component: Component, reading: _Reading) -> Iterator[Span]:
    """VFREEBUSY's periods (RFC 5545 3.6.4), all but the free ones."""
    found = component.get("FREEBUSY", [])
    for entry in found if isinstance(found, list) else [found]:
        if str(getattr(entry, "params", {}).get("FBTYPE", "BUSY")).upper() == "FREE":
            continue
        yield floor_epoch(utc_of(entry.start, reading.zones)), math.ceil(utc_of(entry.end, reading.zones).timestamp())


def _own(uid: str, event: Component, reading: _Reading) -> OwnEvent:
    bounds = bounds_of(event, reading.zones)
    return OwnEvent(
        uid,
        Interval.of(bounds) if bounds is not None and bounds[1] > bounds[0] else None,
        str(event.get("STATUS", "")).upper() == "CANCELLED",
        _partstat(event, reading.request),
    )
