"""A strict Google of our own on loopback: consent, tokens, calendars, events, written from Google's documents.

It refuses what the documents do not name, keeps a journal of what was asked, and fails as it is told.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler
from threading import RLock
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.integrations.gmail_fake import PATH as GMAIL
from tests.integrations.gmail_fake import GmailFake
from tests.integrations.google_calendars_fake import CalendarsFake, FakeCalendar
from tests.integrations.google_channels_fake import ChannelsFake
from tests.integrations.google_document import JSON, Asked, Refused, asked, document, partial
from tests.integrations.google_events_fake import EventsFake
from tests.integrations.google_oauth_fake import CLIENT_ID, CLIENT_SECRET, GoogleGrant, OAuthFake, OAuthRefused
from tests.integrations.servers import Answer, body, serving

ROOT = "/calendar/v3/"


@dataclass
class Call:
    """One request that reached the fake: an API method, or token, auth, revoke, userinfo."""

    method: str
    path: dict[str, str] = field(default_factory=dict)
    query: dict[str, Any] = field(default_factory=dict)
    body: JSON | None = None


class GoogleFake:
    """`answer` is what every API request gets while it is set; `faults` what the next ones of a method do; `lost` are
    methods whose work is done and whose answer never arrives; each API request takes `delay` seconds."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.host = ""
        self.oauth = OAuthFake(clock)
        self.events = EventsFake(clock)
        self.channels = ChannelsFake(clock)
        self.calendars = CalendarsFake()
        self.gmail = GmailFake()
        self.journal: list[Call] = []
        self.answer: Answer | None = None
        self.faults: dict[str, list[Answer]] = {}
        self.lost: set[str] = set()
        self.delay = 0.0
        self._lock = RLock()

    @property
    def settings(self) -> dict[str, Any]:
        """What Settings need to send people here."""
        base = f"http://{self.host}"
        return {
            "google_client_id": CLIENT_ID,
            "google_client_secret": CLIENT_SECRET,
            "google_auth_uri": f"{base}/o/oauth2/v2/auth",
            "google_token_uri": f"{base}/token",
            "google_revoke_uri": f"{base}/revoke",
            "google_userinfo_uri": f"{base}/v1/userinfo",
            "google_calendar_root": f"{base}{ROOT}",
            "google_gmail_root": f"{base}/",
            "allow_insecure_oauth": True,
        }

    def calendar(self, owner: str, name: str | None = None, **about: Any) -> FakeCalendar:
        """A calendar of an account; the one with its own address is the primary one."""
        made = FakeCalendar(name or owner, owner, primary=name is None, **about)
        self.calendars.calendars.append(made)
        return made

    def calls(self, method: str) -> list[Call]:
        return [call for call in self.journal if call.method == method]

    def consent(self, url: str, account: str, *, untick: tuple[str, ...] = (), deny: bool = False) -> dict[str, str]:
        """What somebody does with their browser at `url`: the answer that they bring back."""
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query))
        connection = HTTPConnection(parts.netloc, timeout=10)
        connection.request("GET", f"{parts.path}?{parts.query}")
        page = connection.getresponse()
        assert page.status == 200, page.read()
        page.read()
        form = [(f"asked.{name}", value) for name, value in query.items()]
        form += [("scope", each) for each in query["scope"].split() if each not in untick]
        form += [("account", account), ("decision", "deny" if deny else "allow")]
        connection.request("POST", parts.path, urlencode(form))
        back = connection.getresponse().headers["Location"]
        connection.close()
        return dict(parse_qsl(urlsplit(back).query))

    def handle(self, handler: BaseHTTPRequestHandler, content: bytes) -> Answer:
        parts = urlsplit(handler.path)
        if parts.path.startswith(ROOT):
            return self._api(handler, parts.path.removeprefix(ROOT), parse_qsl(parts.query, True), content)
        if parts.path == GMAIL:
            return self._send(handler, content)
        form = parse_qsl(content.decode(), True)
        name = parts.path.rpartition("/")[2]
        with self._lock:
            self.journal.append(Call(name))
            if self.faults.get(name):
                return self.faults[name].pop(0)
            try:
                return self._identity(handler, name, dict(parse_qsl(parts.query, True)), form)
            except OAuthRefused as refused:
                return _json({"error": refused.error, "error_description": "Bad Request"}, refused.status)

    def _send(self, handler: BaseHTTPRequestHandler, content: bytes) -> Answer:
        time.sleep(self.delay)
        with self._lock:
            self.journal.append(Call("messages.send"))
            if self.answer is not None:
                return self.answer
            if self.faults.get("messages.send"):
                return self.faults["messages.send"].pop(0)
            try:
                grant = self.oauth.who(handler.headers["Authorization"])
                if grant is None:
                    raise Refused(401, "authError", "Invalid Credentials")
                sent = self.gmail.send(grant.scopes, handler.headers["Content-Type"], content)
            except Refused as refused:
                return _json(refused.body, refused.status, **refused.headers)
        return dropped if "messages.send" in self.lost else _json(sent)

    def _identity(
        self, handler: BaseHTTPRequestHandler, name: str, query: dict[str, str], form: list[tuple[str, str]]
    ) -> Answer:
        match handler.command, name:
            case "GET", "auth":
                return body(self.oauth.page(query).encode(), 200, Content_Type="text/html; charset=utf-8")
            case "POST", "auth":
                return body(b"", 302, Location=self.oauth.decide(form))
            case "POST", "token":
                return _json(self.oauth.token(dict(form)))
            case "POST", "revoke":
                self.oauth.revoke(dict(form))
                return _json({})
            case "GET", "userinfo":
                grant = self.oauth.who(handler.headers["Authorization"])
                return _json(self.oauth.userinfo(grant)) if grant else _json({"error": "invalid_request"}, 401)
        return body(b"", 404)

    def _api(self, handler: BaseHTTPRequestHandler, path: str, query: list[tuple[str, str]], content: bytes) -> Answer:
        time.sleep(self.delay)
        try:
            found = asked(handler.command, path, query, content)
            with self._lock:
                self.journal.append(Call(found.method, found.path, found.query, found.body))
                if self.answer is not None:
                    return self.answer
                if self.faults.get(found.method):
                    return self.faults[found.method].pop(0)
                grant = self.oauth.who(handler.headers["Authorization"])
                if grant is None:
                    raise Refused(401, "authError", "Invalid Credentials")
                if not grant.scopes & found.scopes:
                    raise Refused(403, "insufficientPermissions", "Insufficient Permission")
                answer = self._act(found, grant, handler.headers["If-Match"])
                if answer is not None:
                    answer = partial(answer, found.query.get("fields"), _schema(found.method))
        except Refused as refused:
            return _json(refused.body, refused.status, **refused.headers)
        if found.method in self.lost:
            return dropped
        return body(b"", 204) if answer is None else _json(answer)

    def _act(self, found: Asked, grant: GoogleGrant, if_match: str | None) -> JSON | None:
        owner = grant.account.email
        match found.method:
            case "calendarList.list":
                return self.calendars.calendar_list(owner, found)
            case "freebusy.query":
                return self.calendars.free_busy(owner, found)
            case "channels.stop":
                return self.channels.stop(found)
        calendar = self.calendars.find(owner, found.path.get("calendarId", ""))
        match found.method:
            case "events.list":
                return self.events.listed(calendar, found, grant.scopes)
            case "events.get":
                return self.events.get(calendar, found, grant.scopes)
            case "events.watch":
                return self.channels.watch(calendar, found)
        if calendar.access_role not in {"owner", "writer"}:
            raise Refused(403, "requiredAccessLevel", "You need to have writer access to this calendar.")
        match found.method:
            case "events.insert":
                return self.events.insert(calendar, found)
            case "events.patch":
                return self.events.patch(calendar, found, if_match)
            case "events.delete":
                return self.events.delete(calendar, found, if_match)
        raise Refused(501, "notImplemented", f"the fake has no {found.method}")


@contextmanager
def google(clock: Callable[[], datetime]) -> Iterator[GoogleFake]:
    fake = GoogleFake(clock)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            fake.handle(self, content)(self)

        do_POST = do_PATCH = do_DELETE = do_PUT = do_GET

        def log_message(self, *_arguments: object) -> None:
            pass

    with serving(Handler) as fake.host:
        yield fake


def dropped(handler: BaseHTTPRequestHandler) -> None:
    """Hangs up without a word."""
    handler.close_connection = True
    handler.connection.close()


def refused(status: int, reason: str, **headers: str) -> Answer:
    return _json(Refused(status, reason).body, status, **headers)


def _json(value: JSON, status: int = 200, **headers: str) -> Answer:
    return body(json.dumps(value).encode(), status, Content_Type="application/json; charset=UTF-8", **headers)


def _schema(method: str) -> str:
    resource, _, name = method.rpartition(".")
    found: str = document()["resources"][resource]["methods"][name]["response"]["$ref"]
    return found
