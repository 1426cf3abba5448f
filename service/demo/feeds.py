"""The demo's calendar feeds over HTTP on loopback: `python -m service.demo.feeds PORT DAY`."""

from __future__ import annotations

import hashlib
import sys
from datetime import date
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from service.demo.diaries import calendar_of
from service.demo.programme import FEEDS


def bodies(made_on: date) -> dict[str, bytes]:
    return {f"/{name}.ics": calendar_of(diary, made_on).to_ical() for name, diary in FEEDS.items()}


def server(port: int, made_on: date) -> ThreadingHTTPServer:
    """Serves every feed with an ETag; anything else is 404."""
    feeds = bodies(made_on)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = feeds.get(self.path)
            if body is None:
                self.send_error(HTTPStatus.NOT_FOUND)
                return
            etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
            unchanged = self.headers.get("If-None-Match") == etag
            self.send_response(HTTPStatus.NOT_MODIFIED if unchanged else HTTPStatus.OK)
            self.send_header("ETag", etag)
            self.send_header("Content-Type", "text/calendar; charset=utf-8")
            self.send_header("Content-Length", "0" if unchanged else str(len(body)))
            self.end_headers()
            if not unchanged:
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Silent: the demo's terminal is for its links."""

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


def main() -> None:
    server(int(sys.argv[1]), date.fromisoformat(sys.argv[2])).serve_forever()


if __name__ == "__main__":
    main()
