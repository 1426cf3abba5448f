"""CalDAV servers that answer oddly: what is no calendar server, what is missing, where a login may go."""

from __future__ import annotations

from datetime import timedelta

import pytest

from integrations.caldav_calendar import CalDav, _same_account, _start_url
from integrations.http import GuardedHttp
from service.catalogue import Words
from service.domain.errors import AdapterError
from service.ports import CalendarRef
from tests.integrations import servers
from tests.integrations.busy_contract import REQUEST, WAIT


def account(http, url, password="right", user="ben"):
    return CalDav(http, url, user, password)


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


def test_a_well_known_address_that_leads_nowhere_says_so():
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
def test_what_is_no_address_says_so(given):
    with pytest.raises(AdapterError) as caught:
        account(GuardedHttp(frozenset(), None), given).discover(WAIT)
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


@pytest.mark.parametrize(("said", "code"), [("404 Not Found", "not_found"), ("503 Busy", "server_error")])
@pytest.mark.parametrize("href", ["/cal/", "/cal", "http://{host}/cal/"])
def test_a_calendar_that_a_multistatus_says_is_not_there_is_not_free(said, code, href):
    answers: dict[str, servers.Answer] = {}
    with servers.answering(answers) as host:
        answers["/cal/"] = multistatus((href.format(host=host), f"<d:status>HTTP/1.1 {said}</d:status>"))
        adapter = account(GuardedHttp(frozenset({host}), None), f"http://{host}/")
        with pytest.raises(AdapterError) as caught:
            adapter.fetch(CalendarRef(f"http://{host}/cal/", "Work", True), REQUEST, None, WAIT)
    assert caught.value.code == code


def test_an_entry_that_cannot_be_read_makes_its_calendar_unreadable():
    ics = props("<c:calendar-data>BEGIN:VCALENDAR&#13;&#10;BEGIN:VEVENT&#13;&#10;UID:x</c:calendar-data>")
    with servers.answering({"/cal/": multistatus(("/cal/one.ics", ics))}) as host:
        adapter = account(GuardedHttp(frozenset({host}), None), f"http://{host}/")
        with pytest.raises(AdapterError) as caught:
            adapter.fetch(CalendarRef(f"http://{host}/cal/", "Work", True), REQUEST, None, WAIT)
    assert caught.value.code == "cut_short"
