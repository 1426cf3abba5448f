"""What CalDAV does on any server: accounts with several calendars, found from anywhere near them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from integrations.caldav_calendar import CalDav
from integrations.http import GuardedHttp, Login
from service.domain.errors import AdapterError
from service.domain.interval import Interval
from service.ports import CalendarRef, ReadRequest
from tests.integrations import servers
from tests.integrations.busy_contract import (
    LATER,
    MORNING,
    REQUEST,
    WAIT,
    WINDOW,
    BusyContract,
    Entry,
    busy_of,
    ics_of,
)

MAKE = (
    '<c:mkcalendar xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><d:set><d:prop>'
    "<d:displayname>{name}</d:displayname>{more}</d:prop></d:set></c:mkcalendar>"
)
TASKS = '<c:supported-calendar-component-set><c:comp name="VTODO"/></c:supported-calendar-component-set>'


class DavContract(BusyContract):
    """A subclass has a fixture `upstream`, the server's host:port, and says where Ben's calendars are in it."""

    home: str  # a path, with slashes at both ends

    @pytest.fixture(autouse=True)
    def account(self, upstream):
        self.upstream = upstream
        with servers.relay(upstream) as self.relay:
            self.http, self.held = GuardedHttp(frozenset({self.upstream, self.relay.host}), None), set()
            for name in ("office", "home", "tasks"):
                self.send("DELETE", f"{name}/", wanted={200, 204, 404})
            self.make("office", "Work")
            yield

    def send(self, method, path, content=None, wanted=frozenset({200, 201, 204})):
        kind = "text/calendar" if method == "PUT" else "application/xml"
        answer = self.http.fetch(
            method, f"http://{self.upstream}{self.home}{path}", timeout=WAIT, body=content,
            headers={"Content-Type": kind}, login=Login("ben", "right"), most_bytes=10**6,
        )  # fmt: skip
        assert answer.status in wanted, answer.body

    def make(self, path, name, more=""):
        self.send("MKCALENDAR", f"{path}/", MAKE.format(name=name, more=more).encode())

    def adapter(self):
        return self.at("/")

    def at(self, path, password="right"):
        return CalDav(self.http, f"http://{self.relay.host}{path}", "ben", password)

    def put(self, entries):
        wanted = {entry.uid for entry in entries}
        for gone in self.held - wanted:
            self.send("DELETE", f"office/{gone}.ics")
        for entry in entries:
            self.send("PUT", f"office/{entry.uid}.ics", ics_of([entry]))
        self.held = wanted

    def fail(self, failure):
        self.relay.answer = failure.answer if failure else None

    def sent(self):
        return self.relay.calendars_sent

    def test_calendars_are_found_from_anywhere_and_a_list_of_tasks_is_none(self):
        self.make("home", "Home")
        self.make("tasks", "Tasks", TASKS)
        for path in ("", "/", self.home, "/.well-known/caldav"):
            found = self.at(path).discover(WAIT)
            assert {ref.name for ref in found} == {"Work", "Home"}
            assert all(ref.counts for ref in found)

    def test_each_calendar_has_times_and_changes_of_its_own(self):
        self.make("home", "Home")
        self.put([Entry(MORNING, "one")])
        self.send("PUT", "home/two.ics", ics_of([Entry(LATER, "two")]))
        adapter = self.adapter()
        by_name = {ref.name: ref for ref in adapter.discover(WAIT)}
        work, home = (adapter.fetch(by_name[name], REQUEST, None, WAIT) for name in ("Work", "Home"))
        assert (busy_of(work), busy_of(home)) == ([MORNING], [LATER])
        self.send("DELETE", "home/two.ics")
        assert adapter.fetch(by_name["Work"], REQUEST, work.mark, WAIT) is None
        assert busy_of(adapter.fetch(by_name["Home"], REQUEST, home.mark, WAIT)) == []

    def test_a_calendar_that_is_gone_is_not_free(self):
        self.put([Entry(MORNING, "one")])
        adapter = self.adapter()
        [ref] = adapter.discover(WAIT)
        mark = adapter.fetch(ref, REQUEST, None, WAIT).mark
        self.send("DELETE", "office/")
        for known in (None, mark):
            with pytest.raises(AdapterError) as caught:
                adapter.fetch(ref, REQUEST, known, WAIT)
            assert (caught.value.code, caught.value.permanent) == ("not_found", True)

    def test_a_calendar_that_never_was_is_not_free(self):
        never = CalendarRef(f"http://{self.relay.host}{self.home}never/", "Never", True)
        with pytest.raises(AdapterError) as caught:
            self.adapter().fetch(never, REQUEST, None, WAIT)
        assert caught.value.code == "not_found"

    def test_an_account_without_calendars_says_so(self):
        self.send("DELETE", "office/")
        with pytest.raises(AdapterError) as caught:
            self.adapter().discover(WAIT)
        assert (caught.value.code, caught.value.permanent) == ("no_calendars", True)

    def test_all_days_at_the_windows_edges_are_the_owners(self):
        """New York's first of February begins after UTC's: a server that takes days for UTC's would leave the day
        before out."""
        day = ics_of([Entry(MORNING, "before")])
        for stamp, on in (
            (b":20270210T090000Z", b";VALUE=DATE:20270131"),
            (b":20270210T100000Z", b";VALUE=DATE:20270201"),
        ):
            day = day.replace(stamp, on)
        self.send("PUT", "office/before.ics", day)
        request = ReadRequest(WINDOW, ZoneInfo("America/New_York"), REQUEST.addresses, REQUEST.our_uids)
        adapter = self.adapter()
        reading = adapter.fetch(adapter.discover(WAIT)[0], request, None, WAIT)
        assert busy_of(reading) == [Interval(WINDOW.start, datetime(2027, 2, 1, 5, tzinfo=UTC))]
