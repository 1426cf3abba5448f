"""The contract of calendars, kept by every adapter and by the one in memory."""

from __future__ import annotations

import hashlib

import pytest

from integrations.caldav_calendar import CalDav
from integrations.http import GuardedHttp, Login
from integrations.ics_feed import IcsFeed
from service.domain.errors import AdapterError
from tests.fakes import MemoryCalendar
from tests.integrations import servers
from tests.integrations.busy_contract import WAIT, BusyContract, ics_of


class TestMemory(BusyContract):
    @pytest.fixture(autouse=True)
    def made(self):
        self.calendar = MemoryCalendar()

    def adapter(self):
        return self.calendar

    def put(self, events):
        self.calendar.events = list(events)
        self.calendar.version += 1

    def break_it(self):
        self.calendar.fault = AdapterError("timeout", permanent=False)


class TestFeed(BusyContract):
    @pytest.fixture(autouse=True)
    def served(self):
        self.answers = {}
        with servers.answering(self.answers) as self.host:
            yield

    def adapter(self):
        return IcsFeed(GuardedHttp(frozenset({self.host}), None), f"http://{self.host}/feed.ics")

    def put(self, events):
        content = ics_of(events)
        tag = f'"{hashlib.sha256(content).hexdigest()[:8]}"'

        def answer(handler):
            known = handler.headers.get("If-None-Match") == tag
            servers.body(b"" if known else content, 304 if known else 200, ETag=tag)(handler)

        self.answers["/feed.ics"] = answer

    def break_it(self):
        del self.answers["/feed.ics"]


class TestCalDav(BusyContract):
    @pytest.fixture(autouse=True)
    def served(self, tmp_path):
        with servers.radicale(tmp_path, {"ben": "right"}) as self.host:
            self.http, self.password, self.held = GuardedHttp(frozenset({self.host}), None), "right", set()
            make = '<c:mkcalendar xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"/>'
            self.send("MKCALENDAR", "", make.encode())
            yield

    def send(self, method, name, content=None):
        kind = "text/calendar" if method == "PUT" else "application/xml"
        answer = self.http.fetch(
            method, f"http://{self.host}/ben/office/{name}", timeout=WAIT, body=content,
            headers={"Content-Type": kind}, login=Login("ben", "right"), most_bytes=10**6,
        )  # fmt: skip
        assert answer.status in {200, 201, 204}

    def adapter(self):
        return CalDav(self.http, f"http://{self.host}/", "ben", self.password)

    def put(self, events):
        wanted = {uid for _, uid in events}
        for gone in self.held - wanted:
            self.send("DELETE", f"{gone}.ics")
        for interval, uid in events:
            self.send("PUT", f"{uid}.ics", ics_of([(interval, uid)]))
        self.held = wanted

    def break_it(self):
        self.password = "wrong"
