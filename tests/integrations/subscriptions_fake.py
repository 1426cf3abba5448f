"""Graph's subscriptions as its documents have them (learn.microsoft.com/graph/api: subscription-post-subscriptions,
subscription-delete; change-notifications-delivery-webhooks, change-notifications-lifecycle-events)."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from tests.integrations.graph_fake import FakeCalendar, GraphRefused, Mailbox

ENOUGH = frozenset({"Calendars.Read", "Calendars.ReadWrite"})  # "event | Calendars.Read | Calendars.Read"
NEEDED = frozenset({"changeType", "notificationUrl", "resource", "expirationDateTime"})
KNOWN = NEEDED | {"clientState", "lifecycleNotificationUrl", "latestSupportedTlsVersion", "includeResourceData"}
SHORTEST, LONGEST = timedelta(minutes=45), timedelta(minutes=4_230)
MOST_STATE = 128
Told = tuple[int, str, str]  # status, content type, body
Tell = Callable[[str, dict[str, str], bytes], Told]  # how somebody reaches an address with a query and a body


def nobody_there(_url: str, _query: dict[str, str], _body: bytes) -> Told:
    return 503, "", ""


@dataclass
class SubscriptionsFake:
    clock: Callable[[], datetime]
    tell: Tell = nobody_there
    standing: dict[str, dict[str, Any]] = field(default_factory=dict)
    most_at_once: int = 0

    def create(self, mailbox: Mailbox, scopes: frozenset[str], content: dict[str, Any]) -> dict[str, Any]:
        if not NEEDED <= set(content) <= KNOWN:
            raise GraphRefused(400, "InvalidRequest")
        if not scopes & ENOUGH:
            raise GraphRefused(403, "ExtensionError")
        if not set(content["changeType"].split(",")) <= {"created", "updated", "deleted"}:
            raise GraphRefused(400, "InvalidRequest")
        if len(content.get("clientState", "")) > MOST_STATE:
            raise GraphRefused(400, "InvalidRequest")
        if content["resource"] not in {resource_of(each) for each in mailbox.calendars}:
            raise GraphRefused(404, "ErrorItemNotFound")
        if not SHORTEST <= datetime.fromisoformat(content["expirationDateTime"]) - self.clock() <= LONGEST:
            raise GraphRefused(400, "ExtensionError")
        for name in ("notificationUrl", "lifecycleNotificationUrl"):
            if name in content:
                self._validate(content[name])
        made = {**content, "id": str(uuid4()), "applicationId": "x", "creatorId": "x"}
        self.standing[made["id"]] = made
        self.most_at_once = max(self.most_at_once, len(self.alive()))
        return {"@odata.context": "x", **made}

    def _validate(self, url: str) -> None:
        if not url.startswith("https://"):
            raise GraphRefused(400, "InvalidRequest")
        token = f"Validation: Testing client application reachability for subscription {secrets.token_hex(8)}"
        status, kind, text = self.tell(url, {"validationToken": token}, b"")
        if (status, kind.partition(";")[0], text) != (200, "text/plain", token):
            raise GraphRefused(400, "ValidationError")

    def delete(self, key: str) -> None:
        if key not in self.alive():
            raise GraphRefused(404, "ResourceNotFound")
        del self.standing[key]

    def alive(self) -> list[str]:
        return [
            key
            for key, each in self.standing.items()
            if self.clock() < datetime.fromisoformat(each["expirationDateTime"])
        ]

    def notify(self, calendar: FakeCalendar, **changed: Any) -> list[int]:
        """Tells every subscription of the calendar; what each address answered."""
        about = [self.standing[key] for key in self.alive()]
        return [self._send(each, changed) for each in about if each["resource"] == resource_of(calendar)]

    def lifecycle(self, key: str, what: str, **changed: Any) -> int:
        return self._send(self.standing[key], {"lifecycleEvent": what, **changed})

    def _send(self, about: dict[str, Any], changed: dict[str, Any]) -> int:
        notice = {
            "subscriptionId": about["id"],
            "subscriptionExpirationDateTime": f"{self.clock().astimezone(UTC):%Y-%m-%dT%H:%M:%S}.0000000+00:00",
            "clientState": about.get("clientState"),
            "changeType": "updated",
            "resource": "Users/x/Events/x",
            "resourceData": {"@odata.type": "#Microsoft.Graph.Event", "@odata.id": "Users/x/Events/x", "id": "x"},
            "tenantId": "x",
            **changed,
        }
        return self.tell(about["notificationUrl"], {}, json.dumps({"value": [notice]}).encode())[0]


def resource_of(calendar: FakeCalendar) -> str:
    return f"me/calendars/{quote(calendar.id, safe='')}/events"
