"""Graph's calendars as its documents have them (learn.microsoft.com/graph/api: user-get, user-list-calendars,
calendar-list-calendarview; throttling-limits): what they do not name is refused."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any
from urllib.parse import unquote, urlencode
from zoneinfo import ZoneInfo

from tests.integrations.graph_events_fake import EventRefused, EventsFake

WRITING = frozenset({"Calendars.ReadWrite"})
READING = frozenset({"Calendars.ReadBasic", "Calendars.Read", "Calendars.ReadWrite"})
AT_ONCE = 4
PAGE, MOST_PAGE = 10, 1000
PREFERRED = ('outlook.timezone="UTC"', 'IdType="ImmutableId"')
WEEK = timedelta(days=7)
PAGING = frozenset({"$select", "$top", "$skip"})


class GraphRefused(Exception):
    def __init__(self, status: int, code: str, **headers: str) -> None:
        super().__init__(code)
        self.status, self.code, self.headers = status, code, headers

    @property
    def body(self) -> dict[str, Any]:
        about = {"date": "2026-11-24T10:00:00", "request-id": secrets.token_hex(8)}
        return {"error": {"code": self.code, "message": "as the documents have it", "innerError": about}}


@dataclass(frozen=True)
class Written:
    """A request about events that are written one by one."""

    method: str
    path: str
    query: dict[str, str]
    body: dict[str, Any]
    if_match: str | None


@dataclass(kw_only=True)
class FakeEvent:
    """`start` and `end` of a whole day are its dates at midnight, and mean the mailbox's own days. `shown_in` is a
    zone that times come in whatever was asked for."""

    start: datetime
    end: datetime
    uid: str
    weeks: int = 1
    show_as: str = "busy"
    all_day: bool = False
    cancelled: bool = False
    response: str = "organizer"
    change: str = "x"
    shown_in: tuple[str, ZoneInfo] | None = None

    def occurrences(self) -> Iterator[tuple[datetime, datetime, str]]:
        for week in range(self.weeks):
            yield self.start + week * WEEK, self.end + week * WEEK, "occurrence" if self.weeks > 1 else "singleInstance"


@dataclass(eq=False)
class FakeCalendar:
    name: str
    owner: str
    default: bool = False
    can_edit: bool = True
    id: str = field(default_factory=lambda: f"AAMk{secrets.token_urlsafe(12)}/+AAA=")
    events: list[FakeEvent] = field(default_factory=list)
    written: EventsFake = field(default_factory=EventsFake)

    def put(self, start: datetime, end: datetime, uid: str = "one", **about: Any) -> None:
        self.events.append(FakeEvent(start=start, end=end, uid=uid, **about))


@dataclass(eq=False)
class Mailbox:
    address: str
    zone: ZoneInfo = ZoneInfo("UTC")
    calendars: list[FakeCalendar] = field(default_factory=list)
    asking: int = 0
    most_at_once: int = 0

    def add(self, name: str, **about: Any) -> FakeCalendar:
        made = FakeCalendar(name, about.pop("owner", self.address), **about)
        self.calendars.append(made)
        return made


@dataclass
class GraphFake:
    """`page_most` makes pages smaller than asked for, as Graph may; `next_host` is where next links lead."""

    root: str = ""
    page_most: int = MOST_PAGE
    next_host: str | None = None
    mailboxes: dict[str, Mailbox] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def mailbox(self, address: str) -> Mailbox:
        return self.mailboxes.setdefault(address, Mailbox(address))

    @contextmanager
    def one_of_four(self, mailbox: Mailbox) -> Iterator[None]:
        with self._lock:
            mailbox.asking += 1
            mailbox.most_at_once = max(mailbox.most_at_once, mailbox.asking)
            asking = mailbox.asking
        try:
            if asking > AT_ONCE:
                raise GraphRefused(429, "ApplicationThrottled", Retry_After="3")
            yield
        finally:
            with self._lock:
                mailbox.asking -= 1

    def write(self, mailbox: Mailbox, scopes: frozenset[str], asked: Written) -> dict[str, Any] | None:
        """What is about one event, or makes one; None where there is nothing to say. Raises GraphRefused."""
        self._need(scopes, READING if asked.method == "GET" else WRITING)
        _, _, key, _, *rest = [unquote(part) for part in asked.path.split("/")]
        calendar = next((each for each in mailbox.calendars if each.id == key), None)
        if calendar is None:
            raise GraphRefused(404, "ErrorItemNotFound")
        try:
            match asked.method, rest:
                case "POST", []:
                    return calendar.written.create(asked.body)
                case "GET", []:
                    return calendar.written.search(asked.query)
                case "GET", [event]:
                    return calendar.written.get(event, asked.query)
                case "PATCH", [event]:
                    return calendar.written.change(event, asked.body, asked.if_match)
                case "DELETE", [event]:
                    calendar.written.delete(event)
                    return None
        except EventRefused as refused:
            raise GraphRefused(refused.status, refused.code) from None
        raise GraphRefused(405, "BadRequest")

    def answer(self, mailbox: Mailbox, scopes: frozenset[str], path: str, query: dict[str, str]) -> dict[str, Any]:
        """`path` is below the root, still quoted. Raises GraphRefused."""
        match [unquote(part) for part in path.split("/")]:
            case ["me"]:
                self._need(scopes, frozenset({"User.Read"}))
                return self._selected([_about_me(mailbox)], self._options(query, frozenset({"$select"})))[0]
            case ["me", "calendar"]:
                self._need(scopes, READING)
                [default] = [each for each in mailbox.calendars if each.default]
                return self._selected([_about(default)], self._options(query, frozenset({"$select"})))[0]
            case ["me", "calendars"]:
                self._need(scopes, READING)
                items = [_about(each) for each in mailbox.calendars]
                return self._paged(path, items, query, PAGING)
            case ["me", "calendars", key, "calendarView"]:
                self._need(scopes, READING)
                calendar = next((each for each in mailbox.calendars if each.id == key), None)
                if calendar is None:
                    raise GraphRefused(404, "ErrorItemNotFound")
                return self._paged(
                    path, _view(calendar, mailbox, query), query, PAGING | {"startDateTime", "endDateTime"}
                )
        raise GraphRefused(400, "BadRequest")

    def _need(self, scopes: frozenset[str], accepted: frozenset[str]) -> None:
        if not scopes & accepted:
            raise GraphRefused(403, "ErrorAccessDenied")

    def _options(self, query: dict[str, str], known: frozenset[str]) -> dict[str, str]:
        if set(query) - known:
            raise GraphRefused(400, "ErrorInvalidUrlQuery")
        return query

    def _selected(self, items: list[dict[str, Any]], query: dict[str, str]) -> list[dict[str, Any]]:
        if "$select" not in query:
            return items
        names = query["$select"].split(",")
        if items and set(names) - set(items[0]):
            raise GraphRefused(400, "RequestBroker--ParseUri")
        return [{"@odata.etag": 'W/"x"', **{name: item[name] for name in ("id", *names)}} for item in items]

    def _paged(
        self, path: str, items: list[dict[str, Any]], query: dict[str, str], known: frozenset[str]
    ) -> dict[str, Any]:
        self._options(query, known)
        top, skip = int(query.get("$top", PAGE)), int(query.get("$skip", 0))
        if not 1 <= top <= MOST_PAGE or skip < 0:
            raise GraphRefused(400, "ErrorInvalidUrlQuery")
        until = skip + min(top, self.page_most)
        answer: dict[str, Any] = {"@odata.context": "x", "value": self._selected(items[skip:until], query)}
        if until < len(items):
            root = self.root if self.next_host is None else f"https://{self.next_host}/v1.0"
            answer["@odata.nextLink"] = f"{root}/{path}?{urlencode({**query, '$skip': str(until)})}"
        return answer


def preferred(header: str) -> None:
    """Our own rule, not Graph's: without them times come in the mailbox's zone and ids change."""
    if not set(PREFERRED) <= {part.strip() for part in header.split(",")}:
        raise GraphRefused(400, "PreferMissing")


def _about_me(mailbox: Mailbox) -> dict[str, Any]:
    return {
        "id": f"id-of-{mailbox.address}", "displayName": "SECRET-NAME", "mail": mailbox.address,
        "userPrincipalName": f"upn.{mailbox.address}", "businessPhones": [], "jobTitle": "SECRET-JOB",
    }  # fmt: skip


def _about(calendar: FakeCalendar) -> dict[str, Any]:
    return {
        "id": calendar.id, "name": calendar.name, "color": "auto", "changeKey": "x", "canShare": True,
        "canViewPrivateItems": True, "canEdit": calendar.can_edit, "isDefaultCalendar": calendar.default,
        "owner": {"name": "SECRET-NAME", "address": calendar.owner},
        "allowedOnlineMeetingProviders": list(calendar.written.providers),
    }  # fmt: skip


def _view(calendar: FakeCalendar, mailbox: Mailbox, query: dict[str, str]) -> list[dict[str, Any]]:
    try:
        window = [datetime.fromisoformat(query[side]) for side in ("startDateTime", "endDateTime")]
    except (KeyError, ValueError):
        raise GraphRefused(400, "ErrorInvalidParameter") from None
    since, until = (each if each.tzinfo else each.replace(tzinfo=UTC) for each in window)
    found = []
    made = [
        FakeEvent(start=since, end=until, uid=uid, change=tag) for uid, since, until, tag in calendar.written.shown()
    ]
    for event in [*calendar.events, *made]:
        for start, end, kind in event.occurrences():
            real = [each.replace(tzinfo=mailbox.zone) if event.all_day else each for each in (start, end)]
            if real[0] < until and since < real[1]:
                found.append((real[0], _item(event, start, end, kind)))
    return [item for _, item in sorted(found, key=lambda each: each[0])]


def _item(event: FakeEvent, start: datetime, end: datetime, kind: str) -> dict[str, Any]:
    return {
        "id": f"AAMk{event.uid}", "iCalUId": event.uid, "subject": "SECRET-TITLE", "bodyPreview": "SECRET-BODY",
        "body": {"contentType": "html", "content": "SECRET-BODY"}, "location": {"displayName": "SECRET-PLACE"},
        "attendees": [{"emailAddress": {"name": "SECRET-NAME", "address": "secret@example.net"}}],
        "start": _edge(start, event), "end": _edge(end, event), "isAllDay": event.all_day, "showAs": event.show_as,
        "isCancelled": event.cancelled, "type": kind, "sensitivity": "normal",
        "responseStatus": {"response": event.response, "time": "0001-01-01T00:00:00Z"}, "changeKey": event.change,
        "originalStartTimeZone": "tzone://Microsoft/Custom", "seriesMasterId": None,
    }  # fmt: skip


def _edge(moment: datetime, event: FakeEvent) -> dict[str, str]:
    name, zone = event.shown_in or ("UTC", ZoneInfo("UTC"))
    local = moment if event.all_day else moment.astimezone(zone)
    return {"dateTime": f"{local:%Y-%m-%dT%H:%M:%S}.0000000", "timeZone": name}
