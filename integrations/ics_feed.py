"""A calendar at a secret address: an ICS feed, read with ETag and Last-Modified."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import unquote, urlsplit

from integrations.http import GuardedHttp, Login, check
from integrations.several import ask_each, left
from service.domain.busy import read_busy
from service.ports import BusyReading, CalendarRef, Fetched, ReadRequest, SyncMark, Wanted

MOST_BYTES = 16 * 1024 * 1024
FEED = CalendarRef(key="", name="", counts=True)


class IcsFeed:
    """ports.BusyCalendar over one address. `webcal:` is https; a name and password in the address become a login."""

    def __init__(self, http: GuardedHttp, url: str) -> None:
        self._http = http
        scheme, sign, rest = url.partition("://")
        self._url, self._login = _take_login(
            f"https://{rest}" if sign and scheme.lower() in {"webcal", "webcals"} else url
        )

    def discover(self, timeout: timedelta) -> tuple[CalendarRef, ...]:
        """The feed is its only calendar; the real read is the first `fetch`."""
        return (FEED,)

    def fetch(
        self, calendar: CalendarRef, request: ReadRequest, mark: SyncMark | None, timeout: timedelta
    ) -> BusyReading | None:
        """None when nothing changed: the server says so, or sends the same again, as most do. A mark belongs to one
        window: the caller gives none when the window has moved, since what recurs looks different then."""
        headers = {"Accept": "text/calendar, */*;q=0.1"}
        if mark is not None and mark.etag:
            headers["If-None-Match"] = mark.etag
        if mark is not None and mark.modified:
            headers["If-Modified-Since"] = mark.modified
        response = check(
            self._http.fetch(
                "GET", self._url, timeout=timeout, headers=headers, login=self._login, most_bytes=MOST_BYTES
            )
        )
        if response.status == 304:
            return None
        digest = hashlib.sha256(response.body).hexdigest()
        if mark is not None and mark.sync_token == digest:
            return None
        spans, own, partial = read_busy(response.body, request)
        new_mark = SyncMark(response.headers.get("etag"), response.headers.get("last-modified"), digest)
        return BusyReading(spans, own, partial, new_mark)

    def fetch_all(self, wanted: Sequence[Wanted], request: ReadRequest, timeout: timedelta) -> list[Fetched]:
        deadline = time.monotonic() + timeout.total_seconds()
        return ask_each(wanted, lambda each: self.fetch(each[0], request, each[1], left(deadline)), at_once=1)


def _take_login(url: str) -> tuple[str, Login | None]:
    """The address without what stands before its @, and that as a login."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url, None  # said in a sentence when it is fetched
    before, sign, host = parts.netloc.rpartition("@")
    if not sign:
        return url, None
    username, _, password = before.partition(":")
    return parts._replace(netloc=host).geturl(), Login(unquote(username), unquote(password))
