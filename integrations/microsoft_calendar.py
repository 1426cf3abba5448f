"""A Microsoft account's calendars, when they are busy: `calendarView` of Graph, for work and personal accounts.

It unrolls what recurs (`/events` does not) and takes `$select`, so no title comes to us at all. Its `delta` does not
take it, and names neither `showAs` nor anything else of an occurrence: what has not changed is known by comparing.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from typing import Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from integrations.microsoft_account import MicrosoftAccount
from integrations.microsoft_entra import AT_ONCE
from integrations.several import ask_each, left
from service.domain.busy import OwnEvent
from service.domain.errors import AdapterError
from service.domain.ics_text import EXCHANGE, known_zone
from service.domain.interval import Interval, Span, intersect, merge
from service.ports import BusyReading, CalendarRef, Fetched, ReadRequest, SyncMark, Wanted

EVENT_FIELDS = "start,end,showAs,isCancelled,isAllDay,responseStatus,iCalUId,type,changeKey"
CALENDAR_FIELDS = "id,name,canEdit,isDefaultCalendar,owner,allowedOnlineMeetingProviders"
TEAMS = "teamsForBusiness"  # of work accounts; a personal one may have none, or Skype, which is over
PAGE = 500
MOST_EVENTS = 20_000
# A whole day is one of its owner's: it may begin fourteen hours before that of UTC, or twelve after it. Graph looks for
# it by the moments that the mailbox keeps, and not by those that it shows (microsoft-graph-docs, issue 16798).
A_DAY = timedelta(days=1)
# `workingElsewhere` says where somebody works, not that they do not: Graph's getSchedule shows it as free, too.
FREE = frozenset({"free", "workingElsewhere"})
PARTSTATS = {
    "accepted": "ACCEPTED",
    "declined": "DECLINED",
    "tentativelyAccepted": "TENTATIVE",
    "notResponded": "NEEDS-ACTION",
}  # RFC 5545 3.2.12
# Exchange knows an event from elsewhere by an id of its own that holds the UID: [MS-OXOCAL] 2.2.1.27 and [MS-OXCICAL]
# 2.1.3.1.1.20.26.
GLOBAL_ID = "040000008200E00074C5B7101A82E008"
BEFORE_DATA = 40  # octets: the sixteen above, a date, a time, eight that are kept free, a length
UID_FOLLOWS = b"vCal-Uid\x01\x00\x00\x00"
ZONES_OF_UTC = frozenset({"UTC", "Etc/UTC"})  # "UTC" is the name of a zone on Windows as well
UNREADABLE = (KeyError, TypeError, ValueError, AttributeError)


@dataclass
class _Reading:
    request: ReadRequest
    spans: list[Span] = field(default_factory=list)
    own: list[OwnEvent] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)  # of our own events: a guest's answer changes nothing else here


class MicrosoftCalendar:
    """ports.BusyCalendar over one account."""

    def __init__(self, account: MicrosoftAccount) -> None:
        self._account = account

    def discover(self, timeout: timedelta) -> tuple[CalendarRef, ...]:
        """Those count that are the person's own time: the default one, and others that are theirs and that they may
        write to. Birthdays, holidays and a colleague's are not about when they are busy."""
        deadline = time.monotonic() + timeout.total_seconds()
        query = urlencode({"$select": CALENDAR_FIELDS})
        found = list(self._pages(f"{self._account.root}/me/calendars?{query}", deadline))
        try:
            owner = next((_owner(each) for each in found if each.get("isDefaultCalendar")), None)
            refs = tuple(_ref(each, owner) for each in found)
        except UNREADABLE:
            raise self._fault("unexpected_answer") from None
        if not refs:
            raise self._fault("no_calendars")
        return refs

    def fetch(
        self, calendar: CalendarRef, request: ReadRequest, mark: SyncMark | None, timeout: timedelta
    ) -> BusyReading | None:
        deadline = time.monotonic() + timeout.total_seconds()
        query = urlencode(
            {
                "startDateTime": _graph_time(request.window.start - A_DAY),
                "endDateTime": _graph_time(request.window.end + A_DAY),
                "$select": EVENT_FIELDS,
                "$top": PAGE,
            }
        )
        reading = _Reading(request)
        for event in self._pages(
            f"{self._account.root}/me/calendars/{quote(calendar.key, safe='')}/calendarView?{query}", deadline
        ):
            try:
                _add(reading, event)
            except UNREADABLE:  # what it was may quote somebody's words
                raise AdapterError("unreadable_event", permanent=False, host=self._account.host) from None
        spans, own = intersect(merge(reading.spans), [request.window.span]), tuple(reading.own)
        digest = hashlib.sha256(repr((spans, own, reading.changes)).encode()).hexdigest()
        if mark is not None and mark.sync_token == digest:
            return None
        return BusyReading(spans, own, partial=False, mark=SyncMark(sync_token=digest))

    def fetch_all(self, wanted: Sequence[Wanted], request: ReadRequest, timeout: timedelta) -> list[Fetched]:
        deadline = time.monotonic() + timeout.total_seconds()
        return ask_each(wanted, lambda each: self.fetch(each[0], request, each[1], left(deadline)), at_once=AT_ONCE)

    def _pages(self, url: str | None, deadline: float) -> Iterator[dict[str, Any]]:
        """Everything in a collection, page after page."""
        seen: set[str] = set()
        count = 0
        while url is not None:
            if url in seen:
                raise self._fault("unexpected_answer")
            seen.add(url)
            answer = self._account.get(url, deadline)
            items, url = answer.get("value"), answer.get("@odata.nextLink")
            if not isinstance(items, list) or not (url is None or isinstance(url, str)):
                raise self._fault("unexpected_answer")
            count += len(items)
            if count > MOST_EVENTS:
                raise AdapterError("too_many_events", permanent=True, most=MOST_EVENTS)
            yield from items

    def _fault(self, code: str) -> AdapterError:
        return AdapterError(code, permanent=True, host=self._account.host)


def _owner(item: dict[str, Any]) -> str:
    return str((item.get("owner") or {}).get("address", "")).lower()


def _ref(item: dict[str, Any], owner: str | None) -> CalendarRef:
    theirs = bool(item.get("canEdit")) and _owner(item) == owner
    main = bool(item.get("isDefaultCalendar"))
    video = "teams" if main and TEAMS in (item.get("allowedOnlineMeetingProviders") or []) else None
    return CalendarRef(key=item["id"], name=str(item["name"]), counts=theirs or main, video=video)


def _add(reading: _Reading, event: dict[str, Any]) -> None:
    """Tentative and unknown are busy: it may still happen."""
    interval = _interval(event, reading.request.zone)
    cancelled = bool(event.get("isCancelled"))
    response = (event.get("responseStatus") or {}).get("response")
    uid = uid_of(str(event.get("iCalUId") or ""))
    if uid in reading.request.our_uids:
        reading.own.append(OwnEvent(uid, interval, cancelled, PARTSTATS.get(str(response))))
        reading.changes.append(str(event.get("changeKey")))
    elif interval is not None and not cancelled and response != "declined" and event.get("showAs") not in FREE:
        reading.spans.append(interval.span)


def _interval(event: dict[str, Any], zone: ZoneInfo) -> Interval | None:
    """None for an event without length."""
    whole_days = bool(event.get("isAllDay"))
    start, end = (_edge(event[side], whole_days, zone) for side in ("start", "end"))
    if end < start:
        raise ValueError("ends before it starts")
    return Interval(start, end) if start < end else None


def _edge(edge: dict[str, str], whole_day: bool, zone: ZoneInfo) -> datetime:
    """A whole day comes as midnight in whatever zone was asked for, here UTC, and means the date: by design, says
    microsoft-graph-docs issue 1802. It is a day where its owner is. In any other zone, and at any other time than
    midnight, it is the moment that it says."""
    at = datetime.fromisoformat(edge["dateTime"])
    if at.tzinfo is not None:
        return at
    name = edge["timeZone"]
    named = known_zone(EXCHANGE.get(name.lower(), name))
    if named is None:
        raise ValueError("a zone that is not known")
    floats = whole_day and at.time() == clock_time.min and named.key in ZONES_OF_UTC
    return at.replace(tzinfo=zone if floats else named)


def uid_of(ical_uid: str) -> str:
    """The UID that an event came with, where Exchange has put it into an id of its own."""
    if not ical_uid.upper().startswith(GLOBAL_ID):
        return ical_uid
    try:
        data = bytes.fromhex(ical_uid)[BEFORE_DATA:]
        if not data.startswith(UID_FOLLOWS):
            return ical_uid
        return data.removeprefix(UID_FOLLOWS).rstrip(b"\x00").decode()
    except ValueError:
        return ical_uid


def _graph_time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
