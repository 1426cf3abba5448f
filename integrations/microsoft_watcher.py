"""Graph's subscriptions to changes (learn.microsoft.com/graph/api/subscription-post-subscriptions): each tells that
something in one calendar changed, after Graph has heard our address repeat a token.

For events the documents ask for Calendars.Read at least; where somebody gave only Calendars.ReadBasic Graph may refuse.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from urllib.parse import quote

from integrations.microsoft_account import MicrosoftAccount
from integrations.microsoft_entra import GraphRequest, json_of
from service.domain.errors import AdapterError
from service.ports import CalendarRef
from service.watcher import Watch

# The documents have said 4,230 minutes, and later 10,080: less than both, with room for clocks that differ.
LIFE = timedelta(minutes=4_200)


class MicrosoftWatcher:
    """watcher.Watcher over one account."""

    def __init__(self, account: MicrosoftAccount, clock: Callable[[], datetime]) -> None:
        self._account, self._clock = account, clock

    def watch(self, calendar: CalendarRef, address: str, token: str, timeout: timedelta) -> Watch:
        wanted = {
            "changeType": "created,updated,deleted",
            "resource": f"me/calendars/{quote(calendar.key, safe='')}/events",
            "notificationUrl": address,
            "lifecycleNotificationUrl": address,
            "clientState": token,
            "expirationDateTime": f"{self._clock() + LIFE:%Y-%m-%dT%H:%M:%SZ}",
        }
        deadline = time.monotonic() + timeout.total_seconds()
        answer = json_of(
            self._account.send(GraphRequest("POST", f"{self._account.root}/subscriptions", wanted), deadline)
        )
        try:
            return Watch(str(answer["id"]), "", datetime.fromisoformat(answer["expirationDateTime"]))
        except (KeyError, TypeError, ValueError):
            raise AdapterError("unexpected_answer", permanent=True, host=self._account.host) from None

    def stop(self, watch: Watch, timeout: timedelta) -> None:
        deadline = time.monotonic() + timeout.total_seconds()
        url = f"{self._account.root}/subscriptions/{quote(watch.id, safe='')}"
        try:
            self._account.send(GraphRequest("DELETE", url), deadline)
        except AdapterError as fault:
            if fault.code != "not_found":
                raise
