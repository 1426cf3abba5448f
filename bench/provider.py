"""Calendars of Google, of Microsoft and a feed in a process of its own, each with forty events. Argument: its port.

The first part of every path is how many milliseconds its answer takes: `/50/calendar/v3/`. It knows nobody and refuses
nothing: what it measures is how long we take. `/calls` says how many it has had.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.request import urlopen

from bench.served import free_port, wait_for

EVENTS = 40
HANGS = 3_600_000
FORMAT = "%Y%m%dT%H%M%SZ"
CALLS: list[str] = []


@contextmanager
def provider() -> Iterator[int]:
    """Its port, from when it answers until the end."""
    port = free_port()
    with subprocess.Popen([sys.executable, "-m", "bench.provider", str(port)]) as process:
        try:
            wait_for(port)
            yield port
        finally:
            process.terminate()


def roots(port: int, milliseconds: int) -> dict[str, str]:
    """The settings that lead here."""
    root = f"http://127.0.0.1:{port}/{milliseconds}"
    return {
        "GREENROOM_ALLOW_INSECURE_OAUTH": "1",
        "GREENROOM_OUTBOUND_ALLOW": f"127.0.0.1:{port}",
        "GREENROOM_GOOGLE_CLIENT_ID": "bench",
        "GREENROOM_GOOGLE_CLIENT_SECRET": "bench",
        "GREENROOM_GOOGLE_CALENDAR_API_ROOT": f"{root}/calendar/v3/",
        "GREENROOM_MICROSOFT_CLIENT_ID": "bench",
        "GREENROOM_MICROSOFT_CLIENT_SECRET": "bench",
        "GREENROOM_MICROSOFT_GRAPH_ROOT": f"{root}/v1.0",
    }


def calls_of(port: int) -> int:
    with urlopen(f"http://127.0.0.1:{port}/calls") as answer:
        return int(answer.read())


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/calls":
            self._send(str(len(CALLS)).encode())
            return
        length = int(self.headers.get("Content-Length", 0))
        asked = json.loads(self.rfile.read(length)) if length else {}
        CALLS.append(self.path)  # by threads: a list's append is one step
        milliseconds, _, path = self.path[1:].partition("/")
        time.sleep(int(milliseconds) / 1000)
        self._send(_feed() if path.endswith(".ics") else json.dumps(_answer(path, asked)).encode())

    do_POST = do_GET  # noqa: N815 - the server looks for this name

    def _send(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        pass


def _answer(path: str, asked: dict[str, Any]) -> dict[str, Any]:
    if "/freeBusy" in path:
        busy = [{"start": start.isoformat(), "end": end.isoformat()} for start, end in _events()]
        return {"calendars": {item["id"]: {"busy": busy} for item in asked["items"]}}
    if "/calendarView" in path:
        return {"value": [_of_graph(number, *times) for number, times in enumerate(_events())]}
    events = [] if "syncToken=" in path else [_of_google(number, *times) for number, times in enumerate(_events())]
    return {"timeZone": "UTC", "nextSyncToken": "next", "items": events}


def _events() -> Iterator[tuple[datetime, datetime]]:
    """One each evening: the hours in which people meet stay free."""
    evening = datetime.now(UTC).replace(hour=22, minute=0, second=0, microsecond=0)
    for day in range(EVENTS):
        yield evening + timedelta(days=day), evening + timedelta(days=day, hours=1)


def _of_google(number: int, start: datetime, end: datetime) -> dict[str, Any]:
    edges = {"start": {"dateTime": start.isoformat()}, "end": {"dateTime": end.isoformat()}}
    return {"id": f"e{number}", "iCalUID": f"e{number}@google.com", "status": "confirmed", **edges}


def _of_graph(number: int, start: datetime, end: datetime) -> dict[str, Any]:
    edges = {
        side: {"dateTime": at.replace(tzinfo=None).isoformat(), "timeZone": "UTC"}
        for side, at in (("start", start), ("end", end))
    }
    about = {"showAs": "busy", "isCancelled": False, "isAllDay": False, "type": "singleInstance"}
    own = {"responseStatus": {"response": "organizer"}, "iCalUId": f"e{number}", "changeKey": "one"}
    return {"id": f"e{number}", **edges, **about, **own}


def _feed() -> bytes:
    events = [
        f"BEGIN:VEVENT\r\nUID:e{number}\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:{start:{FORMAT}}\r\n"
        f"DTEND:{end:{FORMAT}}\r\nEND:VEVENT\r\n"
        for number, (start, end) in enumerate(_events())
    ]
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//bench\r\n{''.join(events)}END:VCALENDAR\r\n".encode()


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256  # everybody at once, and nobody waits for a second greeting


if __name__ == "__main__":
    Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
