"""The address that links start with, asked as a reader's browser would ask it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

from integrations.http import PORTS, GuardedHttp
from service.ports import LiveAnswer

MOST_BYTES = 64 * 1024


class OwnPages:
    """ports.OwnAddress. The address is a setting, so it may be private."""

    def __init__(self, base_url: str, extra_ca: Path | None) -> None:
        parts = urlsplit(base_url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        self._url = f"{base_url}/health/live"
        self._http = GuardedHttp(frozenset({f"{host}:{parts.port or PORTS[parts.scheme]}"}), extra_ca)

    def ask(self, timeout: timedelta) -> LiveAnswer:
        answer = self._http.fetch("GET", self._url, timeout=timeout, most_bytes=MOST_BYTES)
        return LiveAnswer(
            ours=answer.status == 200 and b'"status":"live"' in answer.body.replace(b" ", b""),
            dated_at=_date(answer.headers.get("date", "")),
            seen_at=datetime.now(UTC),
        )


def _date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except ValueError:
        return None
