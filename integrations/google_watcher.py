"""Google's push channels (developers.google.com/workspace/calendar/api/guides/push): a channel tells that something in
a calendar changed, not what. It lives for a week, cannot be renewed, and is stopped by both of its names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from integrations.google_account import GoogleAccount
from integrations.google_api import GoogleCalls
from service.domain.errors import AdapterError
from service.ports import CalendarRef
from service.watcher import Watch

FIELDS = "id,resourceId,expiration"


class GoogleWatcher:
    """watcher.Watcher over one account."""

    def __init__(self, account: GoogleAccount) -> None:
        self._account = account

    def watch(self, calendar: CalendarRef, address: str, token: str, timeout: timedelta) -> Watch:
        calls = GoogleCalls(self._account, timeout)
        body = {"id": str(uuid4()), "type": "web_hook", "address": address, "token": token}
        answer = calls.execute(calls.api.events.watch(calendarId=calendar.key, body=body, fields=FIELDS))
        try:
            ends = datetime.fromtimestamp(int(answer["expiration"]) / 1000, UTC)
            return Watch(str(answer["id"]), str(answer["resourceId"]), ends)
        except (KeyError, TypeError, ValueError, OverflowError, OSError):
            raise calls.unexpected() from None

    def stop(self, watch: Watch, timeout: timedelta) -> None:
        calls = GoogleCalls(self._account, timeout)
        try:
            calls.send(calls.api.channels.stop(body={"id": watch.id, "resourceId": watch.resource}))
        except AdapterError as fault:
            if fault.code != "not_found":
                raise
