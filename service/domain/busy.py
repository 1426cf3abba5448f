"""iCalendar data becomes busy spans in a window; nothing else of it is kept. Unreadable is never free."""

from __future__ import annotations

import hashlib
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as wall_time
from typing import Protocol
from zoneinfo import ZoneInfo

import recurring_ical_events
from icalendar import Calendar, Component
from recurring_ical_events import InvalidCalendar

from service.domain.errors import AdapterError
from service.domain.interval import Interval, Span, floor_epoch, merge

MOST_EVENTS = 20_000
DAY = timedelta(days=1)
# An event in a zone that nobody can name lies somewhere between these offsets.
EARLIEST_OFFSET, LATEST_OFFSET = timedelta(hours=14), timedelta(hours=12)
TOO_OFTEN = frozenset({"SECONDLY", "MINUTELY"})  # nobody meets that often; expanding it would take minutes
UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError, InvalidCalendar)
FOLD = re.compile(rb"\r?\n[ \t]")  # RFC 5545 3.1
ZONE_BLOCK = re.compile(rb"BEGIN:VTIMEZONE.*?END:VTIMEZONE", re.DOTALL | re.IGNORECASE)
ZONE_NAME = re.compile(rb"^TZID[^:\r\n]*:([^\r\n]+)", re.MULTILINE | re.IGNORECASE)
MICROSOFT_UTC = re.compile(rb'TZID="?tzone://Microsoft/Utc"?', re.IGNORECASE)
# An unquoted colon in a parameter ends it: the property would lose its value (seen from Exchange, November 2026).
MICROSOFT_CUSTOM = re.compile(rb'TZID="?tzone://Microsoft/Custom"?', re.IGNORECASE)


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
class _Found:
    """What has been read so far. `partial`: something could not be read in full; its widest span is in `spans`."""

    spans: list[Span] = field(default_factory=list)
    own: list[OwnEvent] = field(default_factory=list)
    partial: bool = False


def read_busy(ics: bytes, request: Request) -> tuple[list[Span], tuple[OwnEvent, ...], bool]:
    """Merged busy spans inside the window, our own events apart, and whether something could be read only in part.

    Raises AdapterError: `not_a_calendar` when it is none, `unreadable_event` when an event's time cannot be known.
    """
    if b"BEGIN:VCALENDAR" not in ics.upper()[: 64 * 1024]:
        raise AdapterError("not_a_calendar", permanent=True)
    return read_busy_all([ics], request)


def read_busy_all(resources: Iterable[bytes], request: Request) -> tuple[list[Span], tuple[OwnEvent, ...], bool]:
    """The same for several calendar objects, as a CalDAV collection holds them; none at all is an empty calendar."""
    found = _Found()
    count = 0
    for resource in resources:
        count += resource.upper().count(b"BEGIN:VEVENT")
        if count > MOST_EVENTS:
            raise AdapterError("too_many_events", permanent=True, most=MOST_EVENTS)
        for calendar in _parse(resource):
            _read_calendar(calendar, request, found)
    low, high = request.window.span
    clipped = ((max(start, low), min(end, high)) for start, end in found.spans)
    return merge(clipped), tuple(found.own), found.partial


def _parse(resource: bytes) -> list[Component]:
    normal = FOLD.sub(b"", resource.lstrip(b"\xef\xbb\xbf \r\n\t"))
    normal = MICROSOFT_UTC.sub(b"TZID=UTC", normal)
    normal = MICROSOFT_CUSTOM.sub(b"TZID=Customized Time Zone", normal)
    try:
        return list(Calendar.from_ical(_own_zone_names(normal), multiple=True))
    except UNREADABLE as fault:
        raise AdapterError("not_a_calendar", permanent=True) from fault


def _own_zone_names(ics: bytes) -> bytes:
    """Zones that the file defines, under names that hold for this definition alone.

    icalendar keeps the first definition of a name for the whole process: "Our Office" of one person's file would set
    the hours of everybody else's (seen with 7.3.0, November 2026).
    """
    for block in ZONE_BLOCK.findall(ics):
        found = ZONE_NAME.search(block)
        if found is None:
            continue
        name = found[1].strip()
        own = b"own-" + hashlib.sha256(block).hexdigest()[:16].encode()
        ics = ics.replace(block, block.replace(found[0], b"TZID:" + own))
        ics = re.sub(rb';TZID="?' + re.escape(name) + rb'"?(?=[;:])', b";TZID=" + own, ics)
    return ics


def _read_calendar(calendar: Component, request: Request, found: _Found) -> None:
    zone = _floating_zone(calendar, request.zone)
    series: dict[str, list[Component]] = defaultdict(list)
    for number, event in enumerate(calendar.walk("VEVENT")):
        uid = str(event.get("UID", f"nameless-{number}")).strip()
        if uid in request.our_uids:
            found.own.append(_own(uid, event, zone, request))
        else:
            series[uid].append(event)
    zones = calendar.walk("VTIMEZONE")
    for events in series.values():
        _read_series(events, zones, zone, request, found)
    try:
        for freebusy in calendar.walk("VFREEBUSY"):
            found.spans.extend(_freebusy(freebusy))
    except UNREADABLE as fault:
        raise AdapterError("unreadable_event", permanent=False) from fault


def _floating_zone(calendar: Component, owner: ZoneInfo) -> ZoneInfo:
    """Where times without a zone happen: as the file says, else where its owner is."""
    named = str(calendar.get("X-WR-TIMEZONE", "")).strip()
    try:
        return ZoneInfo(named) if named else owner
    except (ValueError, OSError):
        return owner


def _read_series(
    events: list[Component], zones: list[Component], zone: ZoneInfo, request: Request, found: _Found
) -> None:
    """One UID: a single event, or a master with its exceptions."""
    try:
        lost = [event for event in events if _zone_is_unknown(event)]
        if lost:
            found.partial = True
            found.spans.extend(span for event in lost for span in _widest(event))
            if any("RRULE" in event or "RDATE" in event for event in lost):
                raise AdapterError("unreadable_event", permanent=False)
            return
        for span in _expand(events, zones, zone, request):
            found.spans.append(span)
    except UNREADABLE as fault:
        known = [_span_of(event, zone) for event in events]
        recurs = any("RRULE" in event or "RDATE" in event for event in events)
        if recurs or any(span is None for span in known):
            raise AdapterError("unreadable_event", permanent=False) from fault
        found.partial = True
        found.spans.extend(span for span in known if span is not None)


def _expand(events: list[Component], zones: list[Component], zone: ZoneInfo, request: Request) -> Iterator[Span]:
    rules = [rule for event in events for rule in _rules(event)]
    if not rules and not any("RDATE" in event for event in events) and len(events) == 1:
        if not _is_free(events[0], request):
            yield from _spans(events[0], events[0], zone)
        return
    if any(str(name).upper() in TOO_OFTEN for rule in rules for name in rule.get("FREQ", [])):
        raise ValueError("repeats too often to be read")
    calendar = Calendar()
    calendar.add("prodid", "-//Greenroom//Reader//EN")
    calendar.add("version", "2.0")
    for component in (*zones, *events):
        calendar.add_component(component)
    master = next((event for event in events if "RECURRENCE-ID" not in event), events[0])
    start, end = request.window.start - DAY, request.window.end + DAY
    for occurrence in recurring_ical_events.of(calendar).between(start, end):
        if not _is_free(occurrence, request):
            source = master if "DTEND" in occurrence and "DURATION" not in occurrence else occurrence
            yield from _spans(occurrence, source, zone)


def _rules(event: Component) -> list[dict[str, list[object]]]:
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


def _spans(event: Component, master: Component, zone: ZoneInfo) -> Iterator[Span]:
    """An occurrence's span: until the later of its nominal end (what calendar programs draw) and its exact one (RFC
    5545
    3.8.5.3), which differ when clocks change in between. Zero length blocks nothing."""
    span = _span_of(event, zone)
    if span is None:
        raise ValueError("no start")
    start, end = span
    first = _span_of(master, zone)
    exact = start + (first[1] - first[0]) if first is not None and _wall_length(event) == _wall_length(master) else end
    if max(end, exact) > start:
        yield start, max(end, exact)


def _wall_length(event: Component) -> timedelta | None:
    """How long the event looks on a wall: an exception that has a length of its own is not measured by its series."""
    start, end = event.decoded("DTSTART", None), event.decoded("DTEND", None)
    if not isinstance(start, datetime) or not isinstance(end, datetime):
        return None
    return end.replace(tzinfo=None) - start.replace(tzinfo=None)


def _span_of(event: Component, zone: ZoneInfo) -> Span | None:
    """Start and end as epoch seconds; None when there is no start that can be read."""
    try:
        start = event.decoded("DTSTART", None)
        if start is None:
            return None
        end = event.decoded("DTEND", None)
        duration = event.decoded("DURATION", None)
        if end is None and duration is not None:
            ends = (start + duration, _utc(start, zone) + duration)
            last = max(_utc(ends[0], zone), ends[1])
        elif end is None:
            last = _utc(start if isinstance(start, datetime) else start + DAY, zone)
        else:
            last = _utc(end, zone)
        begin = _utc(start, zone)
    except UNREADABLE:
        return None
    if last < begin:
        return None
    return floor_epoch(begin), math.ceil(last.timestamp())


def _utc(moment: datetime | date, zone: ZoneInfo) -> datetime:
    """An instant: days begin at midnight and bare times happen in the given zone. Raises ValueError for anything else:
    icalendar hands on a value that it could not read as text."""
    if not isinstance(moment, date):
        raise ValueError("no time")
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, wall_time.min)
    return (moment.replace(tzinfo=zone) if moment.tzinfo is None else moment).astimezone(UTC)


def _zone_is_unknown(event: Component) -> bool:
    """icalendar leaves a time naive, silently, when its TZID is neither known nor defined in the file."""
    for name in ("DTSTART", "DTEND"):
        prop = event.get(name)
        if prop is not None and "TZID" in getattr(prop, "params", {}):
            moment = getattr(prop, "dt", None)
            if isinstance(moment, datetime) and moment.tzinfo is None:
                return True
    return False


def _widest(event: Component) -> Iterator[Span]:
    """Wherever on earth it is: from its wall-clock start in the earliest zone to its end in the latest."""
    span = _span_of(event, ZoneInfo("UTC"))
    if span is None:
        raise ValueError("no start")
    early, late = int(EARLIEST_OFFSET.total_seconds()), int(LATEST_OFFSET.total_seconds())
    yield span[0] - early, span[1] + late


def _freebusy(component: Component) -> Iterator[Span]:
    """VFREEBUSY's periods (RFC 5545 3.6.4), all but the free ones."""
    found = component.get("FREEBUSY", [])
    for entry in found if isinstance(found, list) else [found]:
        if str(getattr(entry, "params", {}).get("FBTYPE", "BUSY")).upper() == "FREE":
            continue
        start, end = entry.start, entry.end
        yield floor_epoch(start), math.ceil(end.timestamp())


def _own(uid: str, event: Component, zone: ZoneInfo, request: Request) -> OwnEvent:
    span = _span_of(event, zone)
    return OwnEvent(
        uid,
        Interval.of(span) if span is not None and span[1] > span[0] else None,
        str(event.get("STATUS", "")).upper() == "CANCELLED",
        _partstat(event, request),
    )
