"""Graph's events, written and read one by one, as its documents have them (learn.microsoft.com/graph/api:
calendar-post-events, event-get, event-update, event-delete; outlook-single-value-extended-properties)."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

JSON = dict[str, Any]
WRITABLE = frozenset({"subject", "body", "location", "start", "end", "attendees", "sensitivity", "showAs",
                      "singleValueExtendedProperties", "transactionId", "isOnlineMeeting",
                      "onlineMeetingProvider"})  # fmt: skip
NOT_LATER = frozenset({"transactionId"})  # it is fixed by the create
PROPERTY = re.compile(r"String \{[0-9a-f-]{36}\} Name \w+")
ANY = re.compile(r"singleValueExtendedProperties/Any\(ep: ep/id eq '([^']+)' and ep/value eq '([^']+)'\)")
EXPAND = re.compile(r"singleValueExtendedProperties\(\$filter=(id eq '[^']+'(?: or id eq '[^']+')*)\)")


class EventRefused(Exception):
    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


@dataclass
class EventsFake:
    """One calendar's events by their ids. `told` is what its guests were mailed; `blind`: a search does not know yet
    what was created just now, as Graph's may not. `pending`: the way into a Teams meeting takes its time."""

    items: dict[str, JSON] = field(default_factory=dict)
    told: list[tuple[str, str]] = field(default_factory=list)
    blind: bool = False
    pending: bool = False
    providers: tuple[str, ...] = ("teamsForBusiness",)  # allowedOnlineMeetingProviders

    def create(self, body: JSON) -> JSON:
        self._check(body, WRITABLE)
        known = [each for each in self.items.values() if each["transactionId"] == body.get("transactionId")]
        if body.get("transactionId") and known:
            raise EventRefused(409, "ErrorDuplicateTransactionId")
        key = f"AAMk{secrets.token_urlsafe(12)}/+="
        self.items[key] = {
            "id": key, "iCalUId": secrets.token_hex(40).upper(), "isCancelled": False, "transactionId": None,
            "singleValueExtendedProperties": [], "attendees": [], "showAs": "busy", "type": "singleInstance",
            "isAllDay": False, "responseStatus": {"response": "organizer"}, "isOnlineMeeting": False,
            "onlineMeeting": None,
        }  # fmt: skip
        return self._write(key, body, "invite")

    def change(self, key: str, body: JSON, if_match: str | None) -> JSON:
        self._check(body, WRITABLE - NOT_LATER)
        event = self._find(key)
        if if_match not in {None, event["@odata.etag"]}:
            raise EventRefused(412, "ErrorIrresolvableConflict")
        return self._write(key, body, "update")

    def delete(self, key: str) -> None:
        self._tell(self._find(key), "cancel")
        del self.items[key]

    def get(self, key: str, query: dict[str, str]) -> JSON:
        if set(query) - {"$select", "$expand"}:
            raise EventRefused(400, "ErrorInvalidUrlQuery")
        return _shown(self._find(key), query)

    def search(self, query: dict[str, str]) -> JSON:
        found = ANY.fullmatch(query.get("$filter", ""))
        if found is None or set(query) - {"$select", "$expand", "$filter"}:
            raise EventRefused(400, "ErrorInvalidUrlQuery")
        wanted = {"id": found[1], "value": found[2]}
        events = [each for each in self.items.values() if wanted in each["singleValueExtendedProperties"]]
        return {"value": [] if self.blind else [_shown(each, query) for each in events]}

    def shown(self) -> Iterator[tuple[str, datetime, datetime, str]]:
        """What a view of the calendar has of them."""
        for event in self.items.values():
            start, end = (
                datetime.fromisoformat(event[side]["dateTime"]).replace(tzinfo=UTC) for side in ("start", "end")
            )
            yield event["iCalUId"], start, end, event["@odata.etag"]

    def touch(self, key: str, **changes: Any) -> None:
        """Somebody changes it in Outlook."""
        self.items[key] = {**self.items[key], **changes, "@odata.etag": f'W/"{secrets.token_hex(8)}"'}

    def _find(self, key: str) -> JSON:
        if key not in self.items:
            raise EventRefused(404, "ErrorItemNotFound")
        return self.items[key]

    def _write(self, key: str, body: JSON, kind: str) -> JSON:
        merged = {each["id"]: each for each in self.items[key]["singleValueExtendedProperties"]}
        merged |= {each["id"]: each for each in body.get("singleValueExtendedProperties", [])}
        changes = {**body, "singleValueExtendedProperties": list(merged.values())}
        if "attendees" in body:
            changes["attendees"] = [{**each, "status": {"response": "none"}} for each in body["attendees"]]
        self.touch(key, **changes)
        self._meet(self.items[key], new=kind == "invite")
        self._tell(self.items[key], kind)
        return _shown(self.items[key], {})

    def _meet(self, event: JSON, *, new: bool) -> None:
        """A provider that the calendar does not allow makes no meeting. The way in stands in the body as well, and a
        body without it ends the meeting (event-update, on isOnlineMeeting)."""
        if new:
            event["isOnlineMeeting"] = event["isOnlineMeeting"] and event["onlineMeetingProvider"] in self.providers
            if event["isOnlineMeeting"] and event["body"]["contentType"] == "html":
                blob = f'<div class="me-email-text"><a href="{_join_url(event)}">Join</a></div>'
                content = f"<html><body>{event['body']['content']}<br>{blob}</body></html>"
                event["body"] = {"contentType": "html", "content": content}
        event["isOnlineMeeting"] = event["isOnlineMeeting"] and _join_url(event) in event["body"]["content"]
        joined = event["isOnlineMeeting"] and not self.pending
        event["onlineMeeting"] = {"joinUrl": _join_url(event)} if joined else None

    def settle_meetings(self) -> None:
        """The ways in that were pending are ready."""
        self.pending = False
        for event in self.items.values():
            self._meet(event, new=False)

    def _tell(self, event: JSON, kind: str) -> None:
        self.told += [(kind, each["emailAddress"]["address"]) for each in event["attendees"]]

    def _check(self, body: JSON, known: frozenset[str]) -> None:
        properties = body.get("singleValueExtendedProperties", [])
        edges = [body[side] for side in ("start", "end") if side in body]
        if set(body) - known or not all(PROPERTY.fullmatch(each["id"]) for each in properties):
            raise EventRefused(400, "RequestBodyRead")
        if any(set(edge) != {"dateTime", "timeZone"} or edge["timeZone"] != "UTC" for edge in edges):
            raise EventRefused(400, "TimeZoneNotSupportedException")


def _join_url(event: JSON) -> str:
    return f"https://teams.microsoft.com/l/meetup-join/19%3ameeting_{event['id'].rstrip('/+=')}%40thread.v2/0"


def _shown(event: JSON, query: dict[str, str]) -> JSON:
    """Our properties come only where they are asked for."""
    names = query["$select"].split(",") if "$select" in query else [name for name in event if name[0] != "@"]
    if set(names) - {*event, *WRITABLE}:
        raise EventRefused(400, "RequestBroker--ParseUri")
    shown = {name: event[name] for name in ("id", "@odata.etag", *names) if name in event}
    shown.pop("singleValueExtendedProperties", None)
    if "$expand" in query:
        expanded = EXPAND.fullmatch(query["$expand"])
        if expanded is None:
            raise EventRefused(400, "RequestBroker--ParseUri")
        asked = re.findall(r"'([^']+)'", expanded[1])
        shown["singleValueExtendedProperties"] = [
            each for each in event["singleValueExtendedProperties"] if each["id"] in asked
        ]
    return shown
