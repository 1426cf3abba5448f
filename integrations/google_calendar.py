"""A Google account's calendars: when they are busy, and which of that is ours.

`freeBusy` is the truth about busy times: it alone knows what counts for its owner, whatever we may see of an event. It
names no event, so `events.list` says two things more: whether anything changed since a mark (a sync token), and which
events carry a UID of ours. Of an event nothing else is asked for.

Two ways lead to a reading. Usually the listing comes first, so that its mark is older than the busy times, and where
nothing changed one request is enough. While somebody waits, everything is asked for at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from integrations.google_account import GoogleAccount
from integrations.google_api import PARTSTATS, GoogleCalls, edge, instant
from integrations.several import ask_each
from service.domain.busy import OwnEvent
from service.domain.errors import AdapterError
from service.domain.interval import Interval, Span, intersect, merge, subtract
from service.ports import BusyReading, CalendarRef, Fetched, ReadRequest, SyncMark, Wanted

MOST_RANGE = timedelta(days=50)  # `timeRangeTooLong` comes somewhere beyond two months, and is documented nowhere
OWN_ROLES = frozenset({"owner", "writer"})
LIST_FIELDS = "nextPageToken,items(id,summary,summaryOverride,primary,selected,accessRole,conferenceProperties)"
MEET = "hangoutsMeet"
MOST_CALENDARS = 50  # developers.google.com/workspace/calendar/api/v3/reference/freebusy/query: calendarExpansionMax
NOT_SHOWN = frozenset({"forbidden", "consent_partial"})  # events may not be seen; busy times may be all the same
AT_ONCE = 8  # requests for one account: Google names no limit at a time, only 600 a minute
EVENT_FIELDS = (
    "timeZone,nextPageToken,nextSyncToken,"
    "items(id,iCalUID,status,transparency,eventType,start,end,attendees(self,responseStatus))"
)
# The same on every call: a sync token belongs to the options that it came with.
EVENT_OPTIONS = {"singleEvents": True, "maxResults": 2500, "maxAttendees": 1, "fields": EVENT_FIELDS}

_Busy = list[Span] | AdapterError


@dataclass
class _Listing:
    """The window's events: ours, and when any others are. `sync_token` None: Google gave none."""

    own: list[OwnEvent] = field(default_factory=list)
    others: list[Span] = field(default_factory=list)
    sync_token: str | None = None


class GoogleCalendar:
    """ports.BusyCalendar over one account."""

    def __init__(self, account: GoogleAccount) -> None:
        self._account = account

    def discover(self, timeout: timedelta) -> tuple[CalendarRef, ...]:
        """What the account has in its list, hidden ones not. Those count that are the person's own time and that they
        look at: the primary one, and others that they may write to and have ticked. A calendar that they only read
        (a colleague's, public holidays) is not about when they are busy."""
        calls = GoogleCalls(self._account, timeout)
        found: list[CalendarRef] = []
        page: str | None = None
        while True:
            answer = calls.execute(calls.api.calendar_list.list(maxResults=250, pageToken=page, fields=LIST_FIELDS))
            try:
                found += [_ref(item) for item in answer.get("items", [])]
            except (KeyError, TypeError, AttributeError):
                raise calls.unexpected() from None
            page = answer.get("nextPageToken")
            if page is None:
                break
        if not found:
            raise AdapterError("no_calendars", permanent=True, host=calls.host)
        return tuple(found)

    def fetch(
        self, calendar: CalendarRef, request: ReadRequest, mark: SyncMark | None, timeout: timedelta
    ) -> BusyReading | None:
        """None when Google knows of no change since the mark: one request with an empty answer."""
        [outcome] = self.fetch_all([(calendar, mark)], request, timeout)
        if isinstance(outcome, AdapterError):
            raise outcome
        return outcome

    def fetch_all(self, wanted: Sequence[Wanted], request: ReadRequest, timeout: timedelta) -> list[Fetched]:
        """A listing for each calendar, and then the busy times of those that changed together: what changes in between
        is seen next time."""
        calls = GoogleCalls(self._account, timeout)
        ours = _fingerprint(request.our_uids)
        if request.live:
            return _at_once(calls, wanted, request, ours)

        def listed(each: Wanted) -> _Listing | None:
            calendar, mark = each
            known = mark is not None and mark.etag == ours and mark.sync_token
            if known and mark is not None and _unchanged(calls, calendar, mark.sync_token or ""):
                return None
            return _list(calls, calendar, request)

        listings = ask_each(wanted, listed, AT_ONCE)
        keys = [each.key for (each, _), found in zip(wanted, listings, strict=True) if isinstance(found, _Listing)]
        busy = _busy_of(calls, keys, request)
        return [
            _reading(busy[each.key], found, request, SyncMark(ours, sync_token=found.sync_token))
            if isinstance(found, _Listing)
            else found
            for (each, _), found in zip(wanted, listings, strict=True)
        ]


def _at_once(calls: GoogleCalls, wanted: Sequence[Wanted], request: ReadRequest, ours: str) -> list[Fetched]:
    """Takes the time of one answer and not of several. A mark from here could be younger than the busy times, and hide
    a change between the two: the one that stood before is kept, or none."""
    keys = [calendar.key for calendar, _ in wanted]
    with ThreadPoolExecutor(1, thread_name_prefix="busy") as beside:
        asking = beside.submit(_busy_of, calls, keys, request)
        listings = ask_each(wanted, lambda each: _list(calls, each[0], request), AT_ONCE)
        busy = asking.result()
    return [
        found
        if isinstance(found, AdapterError)
        else _reading(busy[each.key], found, request, mark if mark and mark.etag == ours else SyncMark(ours))
        for (each, mark), found in zip(wanted, listings, strict=True)
    ]


def _ref(item: dict[str, Any]) -> CalendarRef:
    name = item.get("summaryOverride") or item.get("summary") or item["id"]
    own = item.get("selected", False) and item.get("accessRole") in OWN_ROLES
    main = bool(item.get("primary", False))
    video = main and MEET in item.get("conferenceProperties", {}).get("allowedConferenceSolutionTypes", [])
    return CalendarRef(item["id"], name, counts=bool(own or main), video="meet" if video else None)


def _fingerprint(our_uids: frozenset[str]) -> str:
    """Part of the mark: an event that Google made for us becomes ours only when we have kept the UID that it got, and
    may have been read before that."""
    return hashlib.sha256("\n".join(sorted(our_uids)).encode()).hexdigest()


def _unchanged(calls: GoogleCalls, calendar: CalendarRef, sync_token: str) -> bool:
    """Any change is a reason to read anew: what it is does not matter. So is a token that Google no longer takes."""
    query = calls.api.events.list(calendarId=calendar.key, syncToken=sync_token, **EVENT_OPTIONS)
    try:
        answer = calls.execute(query)
    except AdapterError as fault:
        if fault.code in {"not_found", "unexpected_status"}:  # 410, or 400 when it was made by another version of ours
            return False  # where it is the calendar that is gone, reading it anew says so
        if fault.code in NOT_SHOWN:  # its owner shares less of it than when the mark was made
            return False
        raise
    return not answer.get("items") and "nextPageToken" not in answer


def _list(calls: GoogleCalls, calendar: CalendarRef, request: ReadRequest) -> _Listing:
    """Nothing where it is refused and busy times may not be: whoever shares only those with the account. Without a mark
    they are read each time."""
    listing = _Listing()
    window = {"timeMin": request.window.start.isoformat(), "timeMax": request.window.end.isoformat()}
    page: str | None = None
    while True:
        query = calls.api.events.list(calendarId=calendar.key, pageToken=page, **window, **EVENT_OPTIONS)
        try:
            answer = calls.execute(query)
        except AdapterError as fault:
            if fault.code in NOT_SHOWN:
                return _Listing()
            raise
        try:
            _add(listing, answer, request)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise calls.unexpected() from None
        page = answer.get("nextPageToken")
        if page is None:
            listing.sync_token = answer.get("nextSyncToken")
            return listing


def _add(listing: _Listing, answer: dict[str, Any], request: ReadRequest) -> None:
    zone = _zone(answer.get("timeZone"), request.zone)
    for event in answer.get("items", []):
        uid = event.get("iCalUID")
        if event.get("status") == "cancelled":
            continue
        interval = _interval(event, zone)
        if uid in request.our_uids:
            listing.own.append(OwnEvent(uid, interval, cancelled=False, partstat=_partstat(event)))
        elif interval is not None and event.get("transparency") != "transparent":
            listing.others.append(interval.span)


def _without_ours(busy: list[Span], listing: _Listing) -> list[Span]:
    """What of the busy time is not only ours: something else may be at the same time as a meeting of ours, and that
    still counts. Where Google names no UIDs nothing is ours, and everything counts."""
    ours = merge(event.interval.span for event in listing.own if event.interval is not None)
    shared = intersect(intersect(busy, ours), merge(listing.others))
    return merge([*subtract(busy, ours), *shared])


def _parts(window: Interval) -> Iterator[Interval]:
    start = window.start
    while start < window.end:
        end = min(start + MOST_RANGE, window.end)
        yield Interval(start, end)
        start = end


def _busy_of(calls: GoogleCalls, keys: Sequence[str], request: ReadRequest) -> dict[str, _Busy]:
    """Busy times of each calendar, or what kept us from them. A question is about so many calendars at most; about the
    next part of the window only once the one before was answered, unless somebody waits."""
    batches = [keys[start : start + MOST_CALENDARS] for start in range(0, len(keys), MOST_CALENDARS)]
    parts = list(_parts(request.window))
    rounds = [[part] for part in parts] if request.live else [parts]
    questions = [(batch, asked) for batch in batches for asked in rounds]
    answers = ask_each(questions, lambda question: _ask_busy(calls, *question), AT_ONCE)
    busy: dict[str, _Busy] = {key: [] for key in keys}
    for (batch, _), answer in zip(questions, answers, strict=True):
        for key in batch:
            busy[key] = _joined(busy[key], answer if isinstance(answer, AdapterError) else answer[key])
    return busy


def _ask_busy(calls: GoogleCalls, keys: Sequence[str], parts: Sequence[Interval]) -> dict[str, _Busy]:
    """One request is about so much time at most."""
    busy: dict[str, _Busy] = {key: [] for key in keys}
    for part in parts:
        for key, told in _ask_part(calls, keys, part).items():
            busy[key] = _joined(busy[key], told)
    return busy


def _joined(before: _Busy, told: _Busy) -> _Busy:
    """A part that is not known makes the whole unknown."""
    if isinstance(before, AdapterError) or isinstance(told, AdapterError):
        return before if isinstance(before, AdapterError) else told
    return [*before, *told]


def _ask_part(calls: GoogleCalls, keys: Sequence[str], part: Interval) -> dict[str, _Busy]:
    body = {
        "timeMin": part.start.isoformat(),
        "timeMax": part.end.isoformat(),
        "timeZone": "UTC",
        "items": [{"id": key} for key in keys],
    }
    answer = calls.execute(calls.api.freebusy.query(body=body))
    try:
        return {key: _told_of(calls, answer["calendars"][key]) for key in keys}
    except (KeyError, TypeError, ValueError, AttributeError):
        raise calls.unexpected() from None


def _told_of(calls: GoogleCalls, found: dict[str, Any]) -> _Busy:
    """A calendar that Google could not look into is told inside a success, beside an empty list that must not be taken
    for free."""
    if found.get("errors"):
        gone = any(each.get("reason") == "notFound" for each in found["errors"])
        return AdapterError("not_found" if gone else "server_error", permanent=gone, host=calls.host)
    return [Interval(instant(each["start"]), instant(each["end"])).span for each in found["busy"]]


def _reading(busy: _Busy, listing: _Listing, request: ReadRequest, mark: SyncMark) -> BusyReading | AdapterError:
    if isinstance(busy, AdapterError):
        return busy
    spans = intersect(_without_ours(merge(busy), listing), [request.window.span])
    return BusyReading(spans, tuple(listing.own), partial=False, mark=mark)


def _interval(event: dict[str, Any], zone: ZoneInfo) -> Interval | None:
    """None for an event without length."""
    start, end = (edge(event[side], zone) for side in ("start", "end"))
    return Interval(start, end) if start < end else None


def _zone(name: str | None, fallback: ZoneInfo) -> ZoneInfo:
    try:
        return ZoneInfo(name) if name else fallback
    except (ZoneInfoNotFoundError, ValueError):
        return fallback


def _partstat(event: dict[str, Any]) -> str | None:
    """The owner's own answer, where we may see it."""
    for each in event.get("attendees", []):
        if each.get("self"):
            return PARTSTATS.get(str(each.get("responseStatus")))
    return None
