"""Google's events: listed, followed, written and watched, as its reference of events has it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from tests.integrations.google_calendars_fake import FakeCalendar, interval_of, occurrences, opened, page_of, sealed
from tests.integrations.google_document import AUTH, JSON, Asked, Refused, moment

FREE_BUSY = f"{AUTH}calendar.events.freebusy"
WITH_DETAILS = {f"{AUTH}calendar{each}" for each in ("", ".events", ".readonly", ".events.readonly")}
OWNED = {f"{AUTH}calendar.events.owned", f"{AUTH}calendar.events.owned.readonly"}
# What somebody who may see only when another is busy is given of an event.
BARE = (
    "kind", "etag", "id", "status", "start", "end", "iCalUID", "recurringEventId", "originalStartTime", "eventType",
)  # fmt: skip
NOT_WITH_SYNC = {
    "iCalUID", "orderBy", "privateExtendedProperty", "q", "sharedExtendedProperty", "timeMin", "timeMax", "updatedMin",
}  # fmt: skip


@dataclass
class Invitation:
    """A mail that Google sends by itself."""

    kind: str
    event: str
    recipients: tuple[str, ...]


@dataclass
class EventsFake:
    """`uids`: whether those who see only busy times are told iCalUIDs. `pending`: a Meet link takes its time, or
    with `failing` never comes."""

    clock: Callable[[], datetime]
    uids: bool = True
    pending: bool = False
    failing: bool = False
    invitations: list[Invitation] = field(default_factory=list)

    def listed(self, calendar: FakeCalendar, asked: Asked, scopes: frozenset[str]) -> JSON:
        query = asked.query
        options = {name: value for name, value in query.items() if name not in {"pageToken", "syncToken"}}
        if query.get("orderBy") == "startTime" and not query.get("singleEvents"):
            raise Refused(400, "badRequest", "The requested ordering is not available for the particular query.")
        frame: JSON = {"kind": "calendar#events", "etag": '"0"', "timeZone": calendar.zone, "updated": _now(self.clock)}
        if "syncToken" in query:
            found = self._since(calendar, opened(query["syncToken"]), options)
        else:
            found = self._matching(calendar, query)
        page = page_of(frame, [self._seen(calendar, each, scopes) for each in found], asked)
        if "nextPageToken" not in page and "orderBy" not in query and "q" not in query:
            kept = {name: value for name, value in options.items() if name not in NOT_WITH_SYNC}
            page["nextSyncToken"] = sealed(calendar=calendar.id, at=calendar.changes, kept=kept)
        return page

    def _since(self, calendar: FakeCalendar, token: JSON, options: JSON) -> list[JSON]:
        if set(options) & NOT_WITH_SYNC:
            raise Refused(400, "invalid", "Sync token cannot be used with these parameters.")
        if token.get("calendar") != calendar.id or token.get("kept") != options:
            raise Refused(400, "invalid", "Sync token was made by another query.")
        if token["at"] < calendar.oldest_sync:
            raise Refused(410, "fullSyncRequired", "Sync token is no longer valid, a full sync is required.")
        changed = [event for key, event in calendar.events.items() if calendar.changed[key] > token["at"]]
        return [each for event in changed for each in _single(calendar, event, options)]

    def _matching(self, calendar: FakeCalendar, query: JSON) -> list[JSON]:
        since, until = query.get("timeMin"), query.get("timeMax")
        found = [
            each
            for event in calendar.events.values()
            for each in _single(calendar, event, query)
            if (query.get("showDeleted") or each["status"] != "cancelled")
            and (query.get("iCalUID") in {None, each.get("iCalUID")})
            and (since is None or "start" not in each or interval_of(calendar, each).end > moment(since))
            and (until is None or "start" not in each or interval_of(calendar, each).start < moment(until))
        ]
        wanted = [each.partition("=") for each in query.get("privateExtendedProperty", [])]
        return [
            each
            for each in found
            if all(each.get("extendedProperties", {}).get("private", {}).get(k) == v for k, _, v in wanted)
        ]

    def _seen(self, calendar: FakeCalendar, event: JSON, scopes: frozenset[str]) -> JSON:
        whole = scopes & WITH_DETAILS or (calendar.access_role == "owner" and scopes & OWNED)
        if whole or event["status"] == "cancelled":
            return event
        names = [name for name in BARE if self.uids or name != "iCalUID"]
        return {**{name: event[name] for name in names if name in event}, "visibility": "private"}

    def get(self, calendar: FakeCalendar, asked: Asked, scopes: frozenset[str]) -> JSON:
        return self._seen(calendar, _find(calendar, asked), scopes)

    def insert(self, calendar: FakeCalendar, asked: Asked) -> JSON:
        body = dict(asked.body or {})
        if not {"start", "end"} <= set(body):
            raise Refused(400, "required", "Missing end time.")
        if "id" in body and "iCalUID" in body:
            raise Refused(400, "invalid", "only one of id and iCalUID may be given")
        key = body.get("id") or secrets.token_hex(13)
        if not re.fullmatch(r"[a-v0-9]{5,1024}", key):
            raise Refused(400, "invalid", "Invalid resource id value.")
        if key in calendar.events:  # also one that was deleted
            raise Refused(409, "duplicate", "The requested identifier already exists.")
        uid = body.get("iCalUID") or f"{key}@google.com"
        made = {"kind": "calendar#event", "status": "confirmed", "eventType": "default", "sequence": 0, **body}
        made |= {
            "id": key,
            "iCalUID": uid,
            "created": _now(self.clock),
            "organizer": {"email": calendar.id, "self": True},
        }
        return self._write(calendar, made, asked, "invite")

    def patch(self, calendar: FakeCalendar, asked: Asked, if_match: str | None) -> JSON:
        event, body = _find(calendar, asked), asked.body or {}
        if event["status"] == "cancelled":
            raise Refused(404, "notFound", "Not Found")
        _match(event, if_match)
        changed = {name: value for name, value in {**event, **body}.items() if value is not None}
        moved = any(changed[side] != event[side] for side in ("start", "end"))
        changed["sequence"] = event.get("sequence", 0) + moved
        return self._write(calendar, changed, asked, "update")

    def delete(self, calendar: FakeCalendar, asked: Asked, if_match: str | None) -> None:
        event = _find(calendar, asked)
        if event["status"] == "cancelled":
            raise Refused(410, "deleted", "Resource has been deleted")
        _match(event, if_match)
        self._tell(event, asked, "cancel")
        gone = {name: event[name] for name in ("kind", "id", "iCalUID", "start", "end") if name in event}
        calendar.touch({**gone, "status": "cancelled"})

    def _write(self, calendar: FakeCalendar, event: JSON, asked: Asked, kind: str) -> JSON:
        try:
            interval_of(calendar, event)
        except ValueError:
            raise Refused(400, "timeRangeEmpty", "The specified time range is empty.") from None
        if asked.query.get("conferenceDataVersion", 0) == 1:
            self._meet(calendar, event)
        elif "conferenceData" in (asked.body or {}):
            raise Refused(400, "invalid", "Our own rule: version 0 ignores it, and nobody notices.")
        event["updated"] = _now(self.clock)
        calendar.touch(event)
        self._tell(event, asked, kind)
        return event

    def _meet(self, calendar: FakeCalendar, event: JSON) -> None:
        data = event.get("conferenceData") or {}
        request = data.get("createRequest")
        if request is None or "conferenceId" in data:
            return
        if not request.get("requestId"):
            raise Refused(400, "required", "requestId")
        if request.get("conferenceSolutionKey", {}).get("type") not in calendar.video:
            raise Refused(400, "invalid", "Invalid conference type value.")
        if self.pending or self.failing:
            status = "failure" if self.failing else "pending"
            event["conferenceData"] = {"createRequest": {**request, "status": {"statusCode": status}}}
            return
        link = (
            f"https://meet.google.com/{sha256(request['requestId'].encode()).hexdigest()[:10]}"  # one for each request
        )
        event["hangoutLink"] = link
        event["conferenceData"] = {
            "createRequest": {**request, "status": {"statusCode": "success"}},
            "conferenceId": request["requestId"],
            "conferenceSolution": {"key": {"type": "hangoutsMeet"}, "name": "Google Meet"},
            "entryPoints": [{"entryPointType": "video", "uri": link}],
        }

    def settle_meet(self, calendar: FakeCalendar) -> None:
        """The links that were pending are ready."""
        self.pending = False
        for event in list(calendar.events.values()):
            if event.get("conferenceData"):
                self._meet(calendar, event)
                calendar.touch(event)

    def _tell(self, event: JSON, asked: Asked, kind: str) -> None:
        if asked.query.get("sendUpdates") in {"all", "externalOnly"}:
            others = tuple(each["email"] for each in event.get("attendees", []) if not each.get("self"))
            self.invitations.append(Invitation(kind, event["id"], others))


def _single(calendar: FakeCalendar, event: JSON, query: JSON) -> list[JSON]:
    if event["status"] == "cancelled" or not query.get("singleEvents"):
        return [event]
    return occurrences(calendar, event)


def _find(calendar: FakeCalendar, asked: Asked) -> JSON:
    event: Any = calendar.events.get(asked.path["eventId"])
    if event is None:
        raise Refused(404, "notFound", "Not Found")
    found: JSON = event
    return found


def _match(event: JSON, if_match: str | None) -> None:
    if if_match not in {None, "*", event["etag"]}:
        raise Refused(412, "conditionNotMet", "Precondition Failed")


def _now(clock: Callable[[], datetime]) -> str:
    return clock().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
