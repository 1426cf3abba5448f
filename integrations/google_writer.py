"""Events of ours in a Google account's main calendar.

The id of an event is derived from our UID, so that a second insert meets the first (409), and its private properties
say whose it is and which revision of ours it holds, so that what a lost answer left behind is recognised. What of an
event is not ours to say (answers of guests, reminders, colours) is never sent.
"""

from __future__ import annotations

from base64 import b32hexencode
from datetime import timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from googleapiclient.http import HttpRequest

from integrations.google_account import GoogleAccount
from integrations.google_api import PARTSTATS, GoogleCalls, edge
from service.domain.errors import AdapterError
from service.domain.interval import Interval
from service.ports import EventAddress, EventSeen, EventToWrite, VideoLink

MAIN = "primary"  # of the account that consented: another account is another connection
OURS, REVISION = "greenroomUid", "greenroomRevision"
VIDEO_FIELDS = "conferenceData(createRequest/status,entryPoints(entryPointType,uri))"
FIELDS = f"id,etag,iCalUID,status,organizer(email,self),extendedProperties/private,{VIDEO_FIELDS}"
SEEN_FIELDS = f"status,start,end,attendees(email,responseStatus),{VIDEO_FIELDS}"
CONFLICT, CHANGED = 409, 412
GONE = "not_found"


class GoogleWriter:
    """ports.CalendarWriter over one account."""

    def __init__(self, account: GoogleAccount) -> None:
        self._account = account

    def put(self, event: EventToWrite, timeout: timedelta) -> EventAddress:
        calls = GoogleCalls(self._account, timeout)
        body = {**_body(event), "id": event_id(event), "visibility": "private", "attendees": _attendees(event)}
        if event.video:
            # A request that Google has seen before makes no second meeting.
            request = {"requestId": event_id(event), "conferenceSolutionKey": {"type": "hangoutsMeet"}}
            body["conferenceData"] = {"createRequest": request}
        query = calls.api.events.insert(calendarId=MAIN, body=body, fields=FIELDS, **_options(event))
        try:
            return _address(calls, MAIN, calls.execute(query))
        except AdapterError as fault:
            if fault.params.get("status") != CONFLICT:
                raise
        try:
            found = _read(calls, MAIN, event_id(event))
        except AdapterError as fault:
            if fault.code != GONE:
                raise
            # Its id is taken, so it is there: one of the two answers is wrong, and another id would invite twice.
            raise AdapterError("server_error", permanent=False, **fault.params) from fault
        return self._settle(calls, MAIN, found, event)

    def change(self, at: EventAddress, event: EventToWrite, timeout: timedelta) -> EventAddress:
        calls = GoogleCalls(self._account, timeout)
        try:
            return _patched(calls, at, event)
        except AdapterError as fault:
            if fault.params.get("status") != CHANGED:
                raise
        return self._settle(calls, at.calendar, _read(calls, at.calendar, at.event_id), event)

    def remove(self, at: EventAddress | None, event: EventToWrite, timeout: timedelta) -> bool:
        """Without If-Match: a meeting that is off is off, whatever somebody made of its event. We know its id before it
        is written, so that nothing has to be searched for."""
        calls = GoogleCalls(self._account, timeout)
        calendar, key = (at.calendar, at.event_id) if at is not None else (MAIN, event_id(event))
        query = calls.api.events.delete(calendarId=calendar, eventId=key, sendUpdates=_told(event))
        try:
            calls.send(query)
        except AdapterError as fault:
            if fault.code != GONE:
                raise
        return True

    def look(self, at: EventAddress, timeout: timedelta) -> EventSeen | None:
        """Of a deleted event Google says for a while that it is cancelled, and then 404 or 410."""
        calls = GoogleCalls(self._account, timeout)
        query = calls.api.events.get(calendarId=at.calendar, eventId=at.event_id, fields=SEEN_FIELDS)
        try:
            found = calls.execute(query)
        except AdapterError as fault:
            if fault.code == GONE:
                return None
            raise
        if found.get("status") == "cancelled":
            return None
        try:
            return _seen(found)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise calls.unexpected() from None

    def _settle(self, calls: GoogleCalls, calendar: str, found: dict[str, Any], event: EventToWrite) -> EventAddress:
        """The event as it stands there: ours of this revision is what we wanted, an older one is brought up to it."""
        if found.get("status") == "cancelled":  # of a deleted one little more than that is told
            raise AdapterError(GONE, permanent=True, host=calls.host)
        at = _address(calls, calendar, found)
        private = found.get("extendedProperties", {}).get("private", {})
        if private.get(OURS) != event.uid:
            raise AdapterError("event_not_ours", permanent=True, host=calls.host)
        if private.get(REVISION) == str(event.revision):
            return at
        return _patched(calls, at, event)


def _read(calls: GoogleCalls, calendar: str, key: str) -> dict[str, Any]:
    found: dict[str, Any] = calls.execute(calls.api.events.get(calendarId=calendar, eventId=key, fields=FIELDS))
    return found


def event_id(event: EventToWrite) -> str:
    """RFC 4648 7 (base32hex) in lower case is exactly what Google takes for an id: a-v and 0-9."""
    copy = event.copy.to_bytes(2, "big") if event.copy else b""
    return b32hexencode(UUID(event.uid).bytes + copy).decode().rstrip("=").lower()


def _patched(calls: GoogleCalls, at: EventAddress, event: EventToWrite) -> EventAddress:
    query: HttpRequest = calls.api.events.patch(
        calendarId=at.calendar, eventId=at.event_id, body=_body(event), fields=FIELDS, **_options(event)
    )
    query.headers["If-Match"] = at.etag
    return _address(calls, at.calendar, calls.execute(query))


def _options(event: EventToWrite) -> dict[str, Any]:
    """Version 1 knows of video meetings; what a body does not name stays."""
    return {"sendUpdates": _told(event), "conferenceDataVersion": 1 if event.video else 0}


def _told(event: EventToWrite) -> str:
    """Whom Google mails. To guests it is `all`, on every call: with `none` those outside Google miss changes."""
    return "all" if event.guests else "none"


def _body(event: EventToWrite) -> dict[str, Any]:
    return {
        "summary": event.summary,
        "description": event.description,
        "location": event.location or "",
        "start": {"dateTime": event.interval.start.isoformat()},
        "end": {"dateTime": event.interval.end.isoformat()},
        "extendedProperties": {"private": {OURS: event.uid, REVISION: str(event.revision)}},
    }


def _attendees(event: EventToWrite) -> list[dict[str, str]]:
    return [{"email": guest.email, "displayName": guest.name} for guest in event.guests]


def _seen(answer: dict[str, Any]) -> EventSeen:
    """A whole day is one of UTC: it is none of our meetings' times in any zone."""
    start, end = (edge(answer[side], ZoneInfo("UTC")) for side in ("start", "end"))
    answers = {
        str(each["email"]).lower(): PARTSTATS.get(str(each.get("responseStatus")), "NEEDS-ACTION")
        for each in answer.get("attendees", [])
    }
    return EventSeen(Interval(start, end), answers, _video(answer))


def _video(answer: dict[str, Any]) -> VideoLink | None:
    """The status is one of pending, success and failure."""
    data = answer.get("conferenceData")
    if data is None:
        return None
    urls = [str(each["uri"]) for each in data.get("entryPoints", []) if each.get("entryPointType") == "video"]
    status = data.get("createRequest", {}).get("status", {}).get("statusCode")
    return VideoLink(urls[0] if urls else None, failed=status == "failure")


def _address(calls: GoogleCalls, calendar: str, answer: dict[str, Any]) -> EventAddress:
    try:
        # The organizer of an event is the calendar that it was made in: its own name, where we only said "primary".
        home = answer.get("organizer", {})
        return EventAddress(
            home["email"] if home.get("self") else calendar,
            answer["id"],
            answer["etag"],
            answer["iCalUID"],
            _video(answer),
        )
    except (KeyError, AttributeError):
        raise calls.unexpected() from None
