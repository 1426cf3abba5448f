"""The contract of calendars, kept by every adapter and by the one in memory."""

from __future__ import annotations

import hashlib

import pytest

from integrations.http import GuardedHttp
from integrations.ics_feed import IcsFeed
from service.domain.errors import AdapterError
from tests.fakes import MemoryCalendar
from tests.integrations import servers
from tests.integrations.busy_contract import WAIT, BusyContract, ics_of
from tests.integrations.dav_contract import DavContract


class TestMemory(BusyContract):
    @pytest.fixture(autouse=True)
    def made(self):
        self.calendar = MemoryCalendar()

    def adapter(self):
        return self.calendar

    def put(self, entries):
        self.calendar.events = [(each, entry.uid) for entry in entries for each in entry.occurrences]
        self.calendar.version += 1

    def fail(self, failure):
        self.calendar.fault = failure.error() if failure else None

    def sent(self):
        return self.calendar.sent


class TestFeed(BusyContract):
    @pytest.fixture(autouse=True)
    def served(self):
        self.answers = {}
        with servers.answering(self.answers) as upstream, servers.relay(upstream) as self.relay:
            yield

    def adapter(self):
        return IcsFeed(GuardedHttp(frozenset({self.relay.host}), None), f"http://{self.relay.host}/feed.ics")

    def put(self, entries):
        content = ics_of(entries)
        tag = f'"{hashlib.sha256(content).hexdigest()[:8]}"'

        def answer(handler):
            known = handler.headers.get("If-None-Match") == tag
            servers.body(b"" if known else content, 304 if known else 200, ETag=tag)(handler)

        self.answers["/feed.ics"] = answer

    def fail(self, failure):
        self.relay.answer = failure.answer if failure else None

    def sent(self):
        return self.relay.calendars_sent


@pytest.fixture(scope="module")
def radicale(tmp_path_factory):
    with servers.radicale(tmp_path_factory.mktemp("radicale"), {"ben": "right"}) as host:
        yield host


@pytest.fixture(scope="module")
def xandikos(tmp_path_factory):
    with servers.xandikos(tmp_path_factory.mktemp("xandikos"), "/ben/") as host:
        yield host


class TestRadicale(DavContract):
    home = "/ben/"

    @pytest.fixture
    def upstream(self, radicale):
        return radicale

    def test_a_wrong_password_says_so(self):
        with pytest.raises(AdapterError) as caught:
            self.at("/", password="wrong").discover(WAIT)
        assert (caught.value.code, caught.value.permanent) == ("unauthorized", True)


class TestXandikos(DavContract):
    home = "/ben/calendars/"

    @pytest.fixture
    def upstream(self, xandikos):
        return xandikos
