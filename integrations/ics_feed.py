"""A calendar at a secret address: an ICS feed, read with ETag and Last-Modified."""

from __future__ import annotations

from datetime import timedelta

from integrations.http import GuardedHttp, check
from service.domain.busy import read_busy
from service.ports import BusyReading, CalendarRef, ReadRequest, SyncMark

MOST_BYTES = 16 * 1024 * 1024
FEED = CalendarRef(key="", name="", counts=True)


class IcsFeed:
    """ports.BusyCalendar over one address. `webcal:` is https."""

    def __init__(self, http: GuardedHttp, url: str) -> None:
        self._http = http
        scheme, sign, rest = url.partition("://")
        self._url = f"https://{rest}" if sign and scheme.lower() in {"webcal", "webcals"} else url

    def discover(self, timeout: timedelta) -> tuple[CalendarRef, ...]:
        """The feed is its only calendar; the real read is the first `fetch`."""
        return (FEED,)

    def fetch(
        self, calendar: CalendarRef, request: ReadRequest, mark: SyncMark | None, timeout: timedelta
    ) -> BusyReading | None:
        """None when the server says that nothing changed. A mark belongs to one window: the caller gives none when the
        window has moved, since what recurs looks different then."""
        headers = {"Accept": "text/calendar, */*;q=0.1"}
        if mark is not None and mark.etag:
            headers["If-None-Match"] = mark.etag
        if mark is not None and mark.modified:
            headers["If-Modified-Since"] = mark.modified
        response = check(self._http.fetch("GET", self._url, timeout=timeout, headers=headers, most_bytes=MOST_BYTES))
        if response.status == 304:
            return None
        spans, own, partial = read_busy(response.body, request)
        new_mark = SyncMark(etag=response.headers.get("etag"), modified=response.headers.get("last-modified"))
        return BusyReading(spans, own, partial, new_mark)
