"""CalDAV against a real Radicale: found from anywhere near it, read by time, and only when something changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from integrations.caldav_calendar import CalDav, _same_account, _start_url
from integrations.http import GuardedHttp, Login
from service.catalogue import Words
from service.domain.errors import AdapterError
from service.domain.interval import Interval, instant
from service.ports import CalendarRef, ReadRequest
from tests.integrations import servers

WINDOW = Interval(datetime(2027, 2, 1, tzinfo=UTC), datetime(2027, 4, 10, tzinfo=UTC))
OURS = "0d9f4b0e-8c4e-4a35-9a51-3d7d8f0a6c11"
REQUEST = ReadRequest(WINDOW, ZoneInfo("America/New_York"), frozenset({"ben@example.org"}), frozenset({OURS}))
WAIT = timedelta(seconds=10)
MAKE = (
    '<c:mkcalendar xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><d:set><d:prop>'
    "<d:displayname>{name}</d:displayname>{more}</d:prop></d:set></c:mkcalendar>"
)


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    with servers.radicale(tmp_path_factory.mktemp("radicale"), {"ben": "right", "eve": "empty"}) as found:
        yield found


@pytest.fixture(scope="module")
def http(host):
    return GuardedHttp(frozenset({host}), None)


def send(http, host, method, path, content, user="ben", password="right"):
    kind = "text/calendar" if method == "PUT" else "application/xml"
    answer = http.fetch(
        method, f"http://{host}{path}", timeout=WAIT, body=content.encode(), headers={"Content-Type": kind},
        login=Login(user, password), most_bytes=10**6,
    )  # fmt: skip
    assert answer.status in {200, 201, 204, 207}, answer.body


def put(http, host, name, lines, uid=None):
    ics = (
        f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:{uid or name}\r\n"
        f"DTSTAMP:20270101T000000Z\r\nSUMMARY:SECRET\r\n{lines}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    send(http, host, "PUT", f"/ben/office/{name}.ics", ics)


@pytest.fixture(scope="module")
def filled(http, host):
    send(http, host, "MKCALENDAR", "/ben/office/", MAKE.format(name="Work", more=""))
    send(http, host, "MKCALENDAR", "/ben/home/", MAKE.format(name="Home", more=""))
    tasks = '<c:supported-calendar-component-set><c:comp name="VTODO"/></c:supported-calendar-component-set>'
    send(http, host, "MKCALENDAR", "/ben/tasks/", MAKE.format(name="Tasks", more=tasks))
    put(http, host, "weekly", "DTSTART:20270111T150000Z\r\nDTEND:20270111T160000Z\r\nRRULE:FREQ=WEEKLY;COUNT=5")
    put(http, host, "long-ago", "DTSTART:20200111T150000Z\r\nDTEND:20200111T160000Z")
    put(http, host, "ours", "DTSTART:20270212T150000Z\r\nDTEND:20270212T160000Z", OURS)
    return host


def account(http, url, password="right", user="ben"):
    return CalDav(http, url, user, password)


@pytest.mark.parametrize("path", ["", "/", "/ben/", "/ben/office/"])
def test_calendars_are_found_from_anywhere(http, filled, path):
    found = account(http, f"http://{filled}{path}").discover(WAIT)
    assert {ref.name for ref in found} == {"Work", "Home"}, "a list of tasks is no calendar"
    assert all(ref.counts for ref in found)


def work(http, host):
    adapter = account(http, f"http://{host}/")
    return adapter, next(ref for ref in adapter.discover(WAIT) if ref.name == "Work")


def test_the_window_is_read_without_titles_and_our_own_apart(http, filled):
    adapter, ref = work(http, filled)
    reading = adapter.fetch(ref, REQUEST, None, WAIT)
    assert [f"{instant(start):%m-%d %H}" for start, _ in reading.spans] == ["02-01 15", "02-08 15"]
    assert [event.uid for event in reading.own] == [OURS]
    assert "SECRET" not in repr(reading)


def test_nothing_is_read_again_until_something_changes(http, filled):
    adapter, ref = work(http, filled)
    first = adapter.fetch(ref, REQUEST, None, WAIT)
    assert adapter.fetch(ref, REQUEST, first.mark, WAIT) is None
    put(http, filled, "new", "DTSTART:20270301T150000Z\r\nDTEND:20270301T160000Z")
    again = adapter.fetch(ref, REQUEST, first.mark, WAIT)
    assert len(again.spans) == len(first.spans) + 1


def test_a_wrong_password_says_so(http, filled):
    with pytest.raises(AdapterError) as caught:
        account(http, f"http://{filled}/", password="wrong").discover(WAIT)
    assert (caught.value.code, caught.value.permanent) == ("unauthorized", True)


def test_an_account_without_calendars_says_so(http, filled):
    with pytest.raises(AdapterError) as caught:
        account(http, f"http://{filled}/", password="empty", user="eve").discover(WAIT)
    assert caught.value.code == "no_calendars"


def test_a_calendar_that_is_gone_says_so(http, filled):
    adapter, ref = work(http, filled)
    gone = type(ref)(ref.key.replace("office", "gone"), "Gone", True)
    with pytest.raises(AdapterError) as caught:
        adapter.fetch(gone, REQUEST, None, WAIT)
    assert caught.value.code == "not_found"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (servers.body(b"<html/>", 200), "not_caldav"),
        (servers.body(b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>", 207), "not_caldav"),
        (servers.body(b"not xml at all", 207), "not_caldav"),
        (servers.redirect("http://127.0.0.2:1/elsewhere"), "redirect_elsewhere"),
        (servers.body(b"", 503, Retry_After="30"), "server_error"),
    ],
)
def test_what_is_no_caldav_server_says_so(answer, code):
    with servers.answering({"/": answer, "/.well-known/caldav": answer}) as host:
        http = GuardedHttp(frozenset({host}), None)
        with pytest.raises(AdapterError) as caught:
            account(http, f"http://{host}/").discover(timedelta(seconds=5))
    assert caught.value.code == code


def test_the_well_known_address_leads_to_the_account(http, filled):
    with servers.answering({"/.well-known/caldav": servers.redirect("/dav")}) as host:
        both = GuardedHttp(frozenset({host}), None)
        with pytest.raises(AdapterError) as caught:
            account(both, f"http://{host}/").discover(timedelta(seconds=5))
    assert caught.value.code == "no_calendars"


@pytest.mark.parametrize(
    ("given", "url", "user"),
    [
        ("ana@example.org", "https://example.org/", "ana@example.org"),
        ("cal.example.org", "https://cal.example.org/", None),
        ("cal.example.org/dav", "https://cal.example.org/dav", None),
        ("https://cal.example.org/dav/", "https://cal.example.org/dav/", None),
    ],
)
def test_where_looking_begins(given, url, user):
    assert _start_url(given) == (url, user)


def multistatus(*responses):
    inner = "".join(f"<d:response><d:href>{href}</d:href>{rest}</d:response>" for href, rest in responses)
    spaces = 'xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"'
    return servers.body(f"<d:multistatus {spaces}>{inner}</d:multistatus>".encode(), 207)


def props(inner):
    return f"<d:propstat><d:prop>{inner}</d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat>"


ACCOUNT = multistatus(("/cal/", props("<d:resourcetype><d:collection/><c:calendar/></d:resourcetype>")))


@pytest.mark.parametrize(
    "front",
    [
        servers.body(b"<html>Welcome</html>"),
        servers.body(b"", 403),
        servers.body(b"", 405),
        servers.redirect("http://127.0.0.2:1/www"),
    ],
)
def test_a_web_site_in_front_does_not_hide_the_account_behind(front):
    answers = {"/": front, "/.well-known/caldav": servers.redirect("/dav/", 301), "/dav/": ACCOUNT}
    with servers.answering(answers) as host:
        found = account(GuardedHttp(frozenset({host}), None), f"http://{host}/").discover(WAIT)
        assert [ref.key for ref in found] == [f"http://{host}/cal/"]


def test_the_login_does_not_follow_a_principal_to_another_host():
    asked = []

    def note(handler):
        asked.append(handler.headers.get("Authorization"))
        servers.body(b"", 207)(handler)

    with servers.answering({"/": note}) as other:
        elsewhere = f"localhost:{other.partition(':')[2]}"
        home = props(f"<d:current-user-principal><d:href>http://{elsewhere}/</d:href></d:current-user-principal>")
        with servers.answering({"/": multistatus(("/", home))}) as host:
            http = GuardedHttp(frozenset({host, elsewhere}), None)
            with pytest.raises(AdapterError) as caught:
                account(http, f"http://{host}/").discover(WAIT)
    assert caught.value.code == "redirect_elsewhere"
    assert "localhost" in Words.of("en")("adapter.redirect_elsewhere", **caught.value.params)
    assert asked == []


PRINCIPAL_NOWHERE = props("<d:current-user-principal><d:href>http://[::1/</d:href></d:current-user-principal>")
COLLECTION = "<d:resourcetype><d:collection/><c:calendar/>{}</d:resourcetype>"


@pytest.mark.parametrize(
    "answer",
    [multistatus(("http://[::1/", props(COLLECTION.format("")))), multistatus(("/", PRINCIPAL_NOWHERE))],
)
def test_a_server_that_names_no_address_says_so(answer):
    with servers.answering({"/": answer}) as host, pytest.raises(AdapterError) as caught:
        account(GuardedHttp(frozenset({host}), None), f"http://{host}/").discover(WAIT)
    assert (caught.value.code, caught.value.params) == ("bad_redirect", {"host": "127.0.0.1"})


@pytest.mark.parametrize("given", ["https://[::1", "", "@", "ftp://cal.example.org/"])
def test_what_is_no_address_says_so(http, given):
    with pytest.raises(AdapterError) as caught:
        account(http, given).discover(WAIT)
    assert caught.value.code == "bad_url"


def test_what_is_somebody_elses_or_takes_no_time_does_not_count_unless_its_owner_says_so():
    followed = COLLECTION.format('<s:subscribed xmlns:s="http://calendarserver.org/ns/"/>')
    clear = "<c:schedule-calendar-transp><c:transparent/></c:schedule-calendar-transp>"
    listed = multistatus(
        ("/own/", props(COLLECTION.format(""))),
        ("/holidays/", props(followed)),
        ("/birthdays/", props(COLLECTION.format("") + clear)),
    )
    with servers.answering({"/": listed}) as host:
        found = account(GuardedHttp(frozenset({host}), None), f"http://{host}/").discover(WAIT)
    assert {ref.name: ref.counts for ref in found} == {"own": True, "holidays": False, "birthdays": False}


@pytest.mark.parametrize(
    ("start", "url", "same"),
    [
        ("https://caldav.icloud.com/", "https://p34-caldav.icloud.com/1/", True),
        ("https://caldav.icloud.com/", "https://icloud.com.example.org/1/", False),
        ("https://a.example.org/", "https://b.example.org/", False),
        ("https://a.example.org/", "https://A.example.org/x/", True),
    ],
)
def test_where_the_login_may_go(start, url, same):
    assert _same_account(start, url) is same


@pytest.mark.parametrize(
    "rest",
    [
        "<d:status>HTTP/1.1 507 Insufficient Storage</d:status>",
        "<d:status>HTTP/1.1 500 Internal Server Error</d:status>",
        "<d:propstat><d:prop><c:calendar-data/></d:prop><d:status>HTTP/1.1 404 Not Found</d:status></d:propstat>",
    ],
)
def test_an_answer_with_something_missing_is_not_free(rest):
    with servers.answering({"/cal/": multistatus(("/cal/one.ics", rest))}) as host:
        adapter = account(GuardedHttp(frozenset({host}), None), f"http://{host}/")
        with pytest.raises(AdapterError) as caught:
            adapter.fetch(CalendarRef(f"http://{host}/cal/", "Work", True), REQUEST, None, WAIT)
    assert (caught.value.code, caught.value.permanent) == ("incomplete", False)


def test_an_entry_that_cannot_be_read_makes_its_calendar_unreadable():
    ics = props("<c:calendar-data>BEGIN:VCALENDAR&#13;&#10;BEGIN:VEVENT&#13;&#10;UID:x</c:calendar-data>")
    with servers.answering({"/cal/": multistatus(("/cal/one.ics", ics))}) as host:
        adapter = account(GuardedHttp(frozenset({host}), None), f"http://{host}/")
        with pytest.raises(AdapterError) as caught:
            adapter.fetch(CalendarRef(f"http://{host}/cal/", "Work", True), REQUEST, None, WAIT)
    assert caught.value.code == "cut_short"


def test_all_days_at_the_windows_edges_are_the_owners(http, filled):
    """New York's first of February begins and its ninth of April ends after UTC's: a server that takes days for UTC's
    would leave the day before out at one end, or the day after at the other."""
    put(http, filled, "before", "DTSTART;VALUE=DATE:20270131\r\nDTEND;VALUE=DATE:20270201")
    adapter, ref = work(http, filled)
    spans = adapter.fetch(ref, REQUEST, None, WAIT).spans
    send(http, filled, "DELETE", "/ben/office/before.ics", "")
    assert (instant(spans[0][0]), instant(spans[0][1])) == (WINDOW.start, datetime(2027, 2, 1, 5, tzinfo=UTC))
