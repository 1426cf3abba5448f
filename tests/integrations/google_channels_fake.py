"""Google's push channels, as its guide to push notifications has them (developers.google.com/workspace/calendar/api/
guides/push): registered, told of changes, ended."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.client import HTTPConnection
from urllib.parse import urlsplit

from tests.integrations.google_calendars_fake import FakeCalendar
from tests.integrations.google_document import JSON, Asked, Refused

LIFE = timedelta(days=7)


@dataclass
class Channel:
    answer: JSON  # what its maker was told
    address: str
    calendar: FakeCalendar
    until: datetime
    told: int = 0


@dataclass
class ChannelsFake:
    clock: Callable[[], datetime]
    channels: dict[str, Channel] = field(default_factory=dict)
    plain: bool = False  # whether an address with http will do, in tests

    def watch(self, calendar: FakeCalendar, asked: Asked) -> JSON:
        body = asked.body or {}
        key = body.get("id", "")
        if body.get("type") != "web_hook":
            raise Refused(400, "unknownChannelType")
        if not re.fullmatch(r"[A-Za-z0-9\-_+/=]{1,64}", key):
            raise Refused(400, "channelIdInvalid")
        if not body.get("address", "").startswith("https://") and not self.plain:
            raise Refused(400, "webhookUrlNotHttps", f"WebHook callback must be HTTPS: {body.get('address')}")
        if key in self.channels:
            raise Refused(400, "channelIdNotUnique", "Channel id not unique")
        until = self._until(body)
        answer = {
            "kind": "api#channel",
            "id": key,
            "resourceId": f"resource-{calendar.id}",
            "resourceUri": f"https://www.googleapis.com/calendar/v3/calendars/{calendar.id}/events",
            "expiration": str(int(until.timestamp() * 1000)),
            **({"token": body["token"]} if "token" in body else {}),
        }
        self.channels[key] = Channel(answer, body["address"], calendar, until)
        return answer

    def _until(self, body: JSON) -> datetime:
        """A week at most, whatever was asked for."""
        longest = self.clock() + LIFE
        asked = [longest]
        if body.get("params", {}).get("ttl"):
            asked.append(self.clock() + timedelta(seconds=int(body["params"]["ttl"])))
        if body.get("expiration"):
            asked.append(datetime.fromtimestamp(int(body["expiration"]) / 1000, UTC))
        return min(asked)

    def stop(self, asked: Asked) -> None:
        body = asked.body or {}
        channel = self.channels.get(body.get("id", ""))
        if channel is None or channel.answer["resourceId"] != body.get("resourceId"):
            raise Refused(404, "notFound", "Channel not found")
        del self.channels[body["id"]]

    def headers(self, key: str, state: str = "exists") -> dict[str, str]:
        """Of the next notice about a channel; it has no body."""
        channel = self.channels[key]
        channel.told += 1
        found = {
            "X-Goog-Channel-ID": key,
            "X-Goog-Channel-Expiration": format_datetime(channel.until.astimezone(UTC), usegmt=True),
            "X-Goog-Message-Number": str(channel.told),
            "X-Goog-Resource-ID": channel.answer["resourceId"],
            "X-Goog-Resource-State": state,
            "X-Goog-Resource-URI": channel.answer["resourceUri"],
        }
        return {**found, **({"X-Goog-Channel-Token": channel.answer["token"]} if "token" in channel.answer else {})}

    def notify(self, calendar: FakeCalendar, state: str = "exists") -> list[int]:
        """Tells every channel of the calendar that has not ended; what each address answered."""
        answers = []
        for key, channel in list(self.channels.items()):
            if channel.calendar is calendar and self.clock() < channel.until:
                parts = urlsplit(channel.address)
                connection = HTTPConnection(parts.netloc, timeout=10)
                connection.request("POST", parts.path, headers=self.headers(key, state))
                answers.append(connection.getresponse().status)
                connection.close()
        return answers
