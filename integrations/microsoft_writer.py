"""Events of ours in a Microsoft account's default calendar, by Graph.

`transactionId` lets Graph refuse a second create, and a property of ours on the event (a singleValueExtendedProperty)
says whose it is and which revision of ours it holds, so that what a lost answer left behind is found. Guests of an
event are always told of what happens to it: Graph has no way to say otherwise.
"""

from __future__ import annotations

import html
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from integrations.microsoft_account import MicrosoftAccount
from integrations.microsoft_calendar import PARTSTATS, TEAMS, UNREADABLE, uid_of
from integrations.microsoft_entra import GraphRequest, json_of
from service.domain.errors import AdapterError
from service.domain.interval import Interval
from service.ports import EventAddress, EventSeen, EventToWrite, VideoLink

PROPERTIES = "String {6b1f3c1e-4d0e-4c55-9f0b-0f0d6a4a7e51} Name greenroom"  # a set of our own
OURS, REVISION = f"{PROPERTIES}Uid", f"{PROPERTIES}Revision"
VIDEO_FIELDS = "isOnlineMeeting,onlineMeeting"
FIELDS = f"id,iCalUId,isCancelled,{VIDEO_FIELDS}"
SEEN_FIELDS = f"start,end,isCancelled,attendees,{VIDEO_FIELDS}"
URL = re.compile(r"https?://[^\s<]+")
# Our part of the body. Graph adds its own with the way in to a video meeting, and a body without that ends the meeting
# (learn.microsoft.com/graph/api/event-update, on isOnlineMeeting), so only ours is ever exchanged.
OPEN, CLOSE = '<div class="greenroom">', "</div>"
OUR_PART = re.compile(r'<div[^>]*\bclass=["\']?[\w ]*greenroom\b[^>]*>', re.IGNORECASE)
DIV = re.compile(r"<(/?)div\b[^>]*>", re.IGNORECASE)
CONFLICT, CHANGED = 409, 412
GONE = "not_found"


class MicrosoftWriter:
    """ports.CalendarWriter over one account."""

    def __init__(self, account: MicrosoftAccount) -> None:
        self._account = account

    def put(self, event: EventToWrite, timeout: timedelta) -> EventAddress:
        deadline = time.monotonic() + timeout.total_seconds()
        calendar = self._default(deadline)
        found = self._find(calendar, event, deadline)
        if found is not None:
            return self._settle(calendar, found, event, deadline)
        body = {**_body(event), "sensitivity": "private", "transactionId": _name(event), "attendees": _attendees(event)}
        if event.video:
            body |= {"isOnlineMeeting": True, "onlineMeetingProvider": TEAMS}
        try:
            return self._address(calendar, self._ask("POST", self._events(calendar), deadline, body))
        except AdapterError as fault:
            if fault.params.get("status") != CONFLICT:
                raise
            # It has been created, and Graph's search does not know it yet: it will when this is tried again.
            raise AdapterError("server_error", permanent=False, host=self._account.host) from fault

    def change(self, at: EventAddress, event: EventToWrite, timeout: timedelta) -> EventAddress:
        deadline = time.monotonic() + timeout.total_seconds()
        try:
            return self._patched(at, event, deadline)
        except AdapterError as fault:
            if fault.params.get("status") != CHANGED:
                raise
        url = f"{self._events(at.calendar, at.event_id)}?{urlencode({'$select': FIELDS, **_expanded()})}"
        return self._settle(at.calendar, self._ask("GET", url, deadline), event, deadline)

    def remove(self, at: EventAddress | None, event: EventToWrite, timeout: timedelta) -> bool:
        """Deleting a meeting that we organise tells its guests that it is off."""
        deadline = time.monotonic() + timeout.total_seconds()
        if at is None:
            calendar = self._default(deadline)
            found = self._find(calendar, event, deadline)
            if found is None:
                return False
            at = self._address(calendar, found)
        try:
            self._account.send(GraphRequest("DELETE", self._events(at.calendar, at.event_id)), deadline)
        except AdapterError as fault:
            if fault.code != GONE:
                raise
        return True

    def look(self, at: EventAddress, timeout: timedelta) -> EventSeen | None:
        deadline = time.monotonic() + timeout.total_seconds()
        url = f"{self._events(at.calendar, at.event_id)}?{urlencode({'$select': SEEN_FIELDS})}"
        try:
            found = self._ask("GET", url, deadline)
        except AdapterError as fault:
            if fault.code == GONE:
                return None
            raise
        try:
            return None if found["isCancelled"] else _seen(found)
        except UNREADABLE:
            raise self._unexpected() from None

    def _default(self, deadline: float) -> str:
        found = self._ask("GET", f"{self._account.root}/me/calendar?{urlencode({'$select': 'id'})}", deadline)
        if not isinstance(found.get("id"), str):
            raise self._unexpected()
        return str(found["id"])

    def _find(self, calendar: str, event: EventToWrite, deadline: float) -> dict[str, Any] | None:
        """What an earlier call of `put` has written."""
        ours = f"ep/id eq '{OURS}' and ep/value eq '{_name(event)}'"
        query = {"$select": FIELDS, "$filter": f"singleValueExtendedProperties/Any(ep: {ours})", **_expanded()}
        found = self._ask("GET", f"{self._events(calendar)}?{urlencode(query)}", deadline).get("value")
        if not isinstance(found, list):
            raise self._unexpected()
        return found[0] if found else None

    def _settle(self, calendar: str, found: dict[str, Any], event: EventToWrite, deadline: float) -> EventAddress:
        """The event as it stands there: of this revision it is what we wanted, an older one is brought up to it."""
        at = self._address(calendar, found)
        kept = {each.get("id"): each.get("value") for each in found.get("singleValueExtendedProperties") or []}
        if kept.get(OURS) != _name(event):
            raise AdapterError("event_not_ours", permanent=True, host=self._account.host)
        return at if kept.get(REVISION) == str(event.revision) else self._patched(at, event, deadline)

    def _patched(self, at: EventAddress, event: EventToWrite, deadline: float) -> EventAddress:
        url = self._events(at.calendar, at.event_id)
        body = {**_body(event), **self._body_around(url, event, deadline)}
        return self._address(at.calendar, self._ask("PATCH", url, deadline, body, at.etag))

    def _body_around(self, url: str, event: EventToWrite, deadline: float) -> dict[str, Any]:
        """What somebody wrote around our part stays. Where that part is gone all is ours again, unless there is a video
        meeting, of whomever: that is worth more than what we say."""
        found = self._ask("GET", f"{url}?{urlencode({'$select': 'body,isOnlineMeeting'})}", deadline)
        try:
            around = _around_ours(found["body"]["content"])
            if around is None:
                return {"body": found["body"]} if found["isOnlineMeeting"] else {}
        except UNREADABLE:
            raise self._unexpected() from None
        return {"body": _html(_ours(event).join(around))}

    def _ask(
        self, method: str, url: str, deadline: float, body: dict[str, Any] | None = None, etag: str | None = None
    ) -> dict[str, Any]:
        return json_of(self._account.send(GraphRequest(method, url, body, etag), deadline))

    def _events(self, calendar: str, event: str | None = None) -> str:
        """Ids are case-sensitive and may hold a slash."""
        events = f"{self._account.root}/me/calendars/{quote(calendar, safe='')}/events"
        return events if event is None else f"{events}/{quote(event, safe='')}"

    def _address(self, calendar: str, answer: dict[str, Any]) -> EventAddress:
        try:
            uid = uid_of(answer["iCalUId"])
            return EventAddress(calendar, answer["id"], answer["@odata.etag"], uid, _video(answer))
        except UNREADABLE:
            raise self._unexpected() from None

    def _unexpected(self) -> AdapterError:
        return AdapterError("unexpected_answer", permanent=True, host=self._account.host)


def _name(event: EventToWrite) -> str:
    return f"{event.uid}/{event.copy}"


def _expanded() -> dict[str, str]:
    """Properties come only where they are asked for, each by its id."""
    return {"$expand": f"singleValueExtendedProperties($filter=id eq '{OURS}' or id eq '{REVISION}')"}


def _body(event: EventToWrite) -> dict[str, Any]:
    return {
        "subject": event.summary,
        "body": _html(_ours(event)),
        "location": {"displayName": event.location or ""},
        "start": _edge(event.interval.start),
        "end": _edge(event.interval.end),
        "singleValueExtendedProperties": [
            {"id": OURS, "value": _name(event)},
            {"id": REVISION, "value": str(event.revision)},
        ],
    }


def _around_ours(content: str) -> tuple[str, str] | None:
    """What stands before our part, and after it. Outlook puts each line into a `div` of its own, so that ours ends with
    the one that closes it; where none does, nobody can say what is ours."""
    ours = OUR_PART.search(content)
    if ours is None:
        return None
    depth = 0
    for tag in DIV.finditer(content, ours.start()):
        depth += -1 if tag[1] else 1
        if depth == 0:
            return content[: ours.start()], content[tag.end() :]
    return None


def _html(content: str) -> dict[str, str]:
    return {"contentType": "html", "content": content}


def _ours(event: EventToWrite) -> str:
    """Outlook makes links of addresses in a text, and none in what is HTML already."""
    text = html.escape(event.description).replace("\n", "<br>")
    return OPEN + URL.sub(lambda found: f'<a href="{found[0]}">{found[0]}</a>', text) + CLOSE


def _video(answer: dict[str, Any]) -> VideoLink | None:
    """Graph says that there is a meeting before it says where."""
    if not answer.get("isOnlineMeeting"):
        return None
    url = (answer.get("onlineMeeting") or {}).get("joinUrl")
    return VideoLink(str(url) if url else None)


def _attendees(event: EventToWrite) -> list[dict[str, Any]]:
    return [
        {"emailAddress": {"address": guest.email, "name": guest.name}, "type": "required"} for guest in event.guests
    ]


def _edge(moment: datetime) -> dict[str, str]:
    return {"dateTime": moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"), "timeZone": "UTC"}


def _seen(answer: dict[str, Any]) -> EventSeen:
    start, end = (datetime.fromisoformat(answer[side]["dateTime"]).replace(tzinfo=UTC) for side in ("start", "end"))
    answers = {
        str(each["emailAddress"]["address"]).lower(): PARTSTATS.get(str(each["status"]["response"]), "NEEDS-ACTION")
        for each in answer["attendees"]
    }
    return EventSeen(Interval(start, end), answers, _video(answer))
