"""Google's calendars as an account sees them: its list, and when they are busy."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

from service.domain.interval import Interval, intersect, merge
from tests.integrations.google_document import JSON, Asked, Refused, moment

PAGE = 10  # Google may send fewer than were asked for, and says so by a nextPageToken
MOST_CALENDARS = 50
MOST_RANGE = timedelta(days=60)  # undocumented: two to three months were seen
MOST_INSTANCES = 500


@dataclass(eq=False)
class FakeCalendar:
    """`events` are resources as the document has them; `changed` says at which change each was touched last."""

    id: str
    owner: str  # an account's address
    access_role: str = "owner"
    primary: bool = False
    selected: bool = True
    hidden: bool = False
    deleted: bool = False
    zone: str = "Europe/Berlin"
    broken: bool = False  # computing its free and busy times fails inside a 200
    video: tuple[str, ...] = ("eventHangout", "hangoutsMeet")  # allowedConferenceSolutionTypes
    events: dict[str, JSON] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    changes: int = 0
    oldest_sync: int = 0

    def touch(self, event: JSON) -> None:
        self.changes += 1
        event["etag"] = f'"{self.changes}"'
        self.events[event["id"]] = event
        self.changed[event["id"]] = self.changes

    def put(self, start: datetime, end: datetime, uid: str, /, **properties: Any) -> JSON:
        """As somebody typed it in Google's own pages: full of what nobody of ours may keep."""
        made: JSON = {
            "kind": "calendar#event",
            "id": f"{self.changes:05d}e",
            "iCalUID": uid,
            "status": "confirmed",
            "summary": "SECRET-TITLE",
            "description": "SECRET-DESCRIPTION",
            "location": "SECRET-PLACE",
            "start": {"dateTime": start.isoformat(), "timeZone": self.zone},
            "end": {"dateTime": end.isoformat(), "timeZone": self.zone},
            "attendees": [{"email": "SECRET-GUEST@example.org", "responseStatus": "accepted"}],
            "eventType": "default",
            **properties,
        }
        self.touch(made)
        return made

    def clear(self) -> None:
        """What is gone leaves a tombstone for those who follow the changes."""
        for event in list(self.events.values()):
            if event["status"] != "cancelled":
                self.touch({"kind": "calendar#event", "id": event["id"], "status": "cancelled"})

    def expire_sync(self) -> None:
        self.oldest_sync = self.changes + 1
        self.changes += 1

    @property
    def entry(self) -> JSON:
        """CalendarListEntry."""
        flags = {"primary": self.primary, "selected": self.selected, "hidden": self.hidden, "deleted": self.deleted}
        return {
            "kind": "calendar#calendarListEntry",
            "etag": '"0"',
            "id": self.id,
            "summary": f"Calendar {self.id}",
            "timeZone": self.zone,
            "accessRole": self.access_role,
            "defaultReminders": [],
            "conferenceProperties": {"allowedConferenceSolutionTypes": list(self.video)},
            **{name: True for name, value in flags.items() if value},
        }


def occurrences(calendar: FakeCalendar, event: JSON) -> list[JSON]:
    """A series as its instances; what comes once is its own."""
    if not event.get("recurrence"):
        return [event]
    zone, whole_days = ZoneInfo(event["start"].get("timeZone", calendar.zone)), "date" in event["start"]
    first, last = (_local(event[side], zone) for side in ("start", "end"))
    found = []
    for rule in event["recurrence"]:
        for start in islice(rrulestr(rule.removeprefix("RRULE:"), dtstart=first), MOST_INSTANCES):
            stamp = f"{start:%Y%m%d}" if whole_days else f"{start.replace(tzinfo=zone).astimezone(UTC):%Y%m%dT%H%M%SZ}"
            made = {**event, "id": f"{event['id']}_{stamp}", "recurringEventId": event["id"]}
            del made["recurrence"]
            made["start"], made["end"] = (
                {"date": f"{each:%Y-%m-%d}"} if whole_days else {"dateTime": each.replace(tzinfo=zone).isoformat()}
                for each in (start, start + (last - first))
            )
            if made["id"] not in calendar.events:  # an instance of its own was moved or cancelled
                found.append(made)
    return found


def _local(edge: JSON, zone: ZoneInfo) -> datetime:
    if "date" in edge:
        return datetime.fromisoformat(edge["date"])
    return moment(edge["dateTime"]).astimezone(zone).replace(tzinfo=None)


def interval_of(calendar: FakeCalendar, event: JSON) -> Interval:
    """A whole day is one of the calendar's zone."""
    start, end = (
        datetime.fromisoformat(event[side]["date"]).replace(tzinfo=ZoneInfo(calendar.zone))
        if "date" in event[side]
        else moment(event[side]["dateTime"])
        for side in ("start", "end")
    )
    return Interval(start, end)


def declined(event: JSON) -> bool:
    return any(each.get("self") and each.get("responseStatus") == "declined" for each in event.get("attendees", []))


class CalendarsFake:
    """calendarList.list and freebusy.query."""

    def __init__(self) -> None:
        self.calendars: list[FakeCalendar] = []

    def of(self, owner: str) -> list[FakeCalendar]:
        return [each for each in self.calendars if each.owner == owner]

    def find(self, owner: str, name: str) -> FakeCalendar:
        for each in self.of(owner):
            if not each.deleted and (each.id == name or (name == "primary" and each.primary)):
                return each
        raise Refused(404, "notFound", "Not Found")

    def calendar_list(self, owner: str, asked: Asked) -> JSON:
        roles = ["freeBusyReader", "reader", "writer", "owner"]
        least = roles.index(asked.query.get("minAccessRole", "freeBusyReader"))
        shown = [
            each.entry
            for each in self.of(owner)
            if (asked.query.get("showHidden") or not each.hidden)
            and (asked.query.get("showDeleted") or not each.deleted)
            and roles.index(each.access_role) >= least
        ]
        return page_of({"kind": "calendar#calendarList", "etag": '"0"'}, shown, asked)

    def free_busy(self, owner: str, asked: Asked) -> JSON:
        body = asked.body or {}
        if not {"timeMin", "timeMax", "items"} <= set(body):
            raise Refused(400, "required", "Required")
        window = Interval(moment(body["timeMin"]), moment(body["timeMax"]))
        if window.duration > MOST_RANGE:
            raise Refused(400, "timeRangeTooLong", "The requested time range is too long.")
        if body.get("calendarExpansionMax", 1) > MOST_CALENDARS or body.get("groupExpansionMax", 1) > 100:
            raise Refused(400, "invalid", "Invalid Value")
        most = body.get("calendarExpansionMax", MOST_CALENDARS)
        found = {}
        for number, item in enumerate(body["items"]):
            fault = "tooManyCalendarsRequested" if number >= most else None
            found[item["id"]] = self._busy(owner, item["id"], window, fault)
        return {
            "kind": "calendar#freeBusy",
            "timeMin": body["timeMin"],
            "timeMax": body["timeMax"],
            "calendars": found,
        }

    def _busy(self, owner: str, name: str, window: Interval, fault: str | None) -> JSON:
        try:
            calendar = self.find(owner, name)
        except Refused as refused:
            calendar, fault = None, fault or refused.reason
        if calendar is None or calendar.broken or fault:
            return {"errors": [{"domain": "global", "reason": fault or "internalError"}], "busy": []}
        spans = [
            interval_of(calendar, each).span
            for event in calendar.events.values()
            if event["status"] != "cancelled"
            and event.get("transparency") != "transparent"
            and event.get("eventType") not in {"workingLocation", "birthday"}
            and not declined(event)
            for each in occurrences(calendar, event)
        ]
        busy = [Interval.of(span) for span in intersect(merge(spans), [window.span])]
        return {"busy": [{"start": _utc(each.start), "end": _utc(each.end)} for each in busy]}


def _utc(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def page_of(frame: JSON, items: list[JSON], asked: Asked) -> JSON:
    """One page; the options must be the same on each."""
    size = min(asked.query.get("maxResults", 250), PAGE)
    options = {name: value for name, value in asked.query.items() if name != "pageToken"}
    offset = 0
    if "pageToken" in asked.query:
        kept = opened(asked.query["pageToken"])
        if kept.get("options") != options:
            raise Refused(400, "invalid", "Invalid page token value.")
        offset = kept["offset"]
    rest = {"nextPageToken": sealed(offset=offset + size, options=options)} if offset + size < len(items) else {}
    return {**frame, "items": items[offset : offset + size], **rest}


def sealed(**what: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(what).encode()).decode()


def opened(token: str) -> JSON:
    try:
        found: JSON = json.loads(base64.urlsafe_b64decode(token.encode()))
    except ValueError:
        raise Refused(400, "invalid", "Invalid token") from None
    return found
