"""Feeds through the guarded way out: what is fetched, what is refused, and in which words."""

from __future__ import annotations

import gzip
import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from integrations.http import GuardedHttp, Login, _is_public
from integrations.ics_feed import IcsFeed
from service.catalogue import Words
from service.domain.errors import AdapterError
from service.domain.interval import Interval
from service.ports import ReadRequest
from tests.integrations import servers

WINDOW = Interval(datetime(2027, 2, 1, tzinfo=UTC), datetime(2027, 4, 10, tzinfo=UTC))
REQUEST = ReadRequest(WINDOW, ZoneInfo("Europe/Berlin"), frozenset(), frozenset())
FEED = (
    b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:e\r\nDTSTAMP:20270101T000000Z\r\n"
    b"DTSTART:20270210T090000Z\r\nDTEND:20270210T100000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)
SHORT = timedelta(seconds=2)


def conditional(handler):
    if handler.headers.get("If-None-Match") == '"v1"':
        servers.body(b"", 304)(handler)
    else:
        servers.body(FEED, ETag='"v1"', Last_Modified="Mon, 01 Feb 2027 00:00:00 GMT")(handler)


@pytest.fixture(scope="module")
def host():
    answers = {
        "/feed.ics": conditional,
        "/html": servers.body(b"<html>Sign in</html>"),
        "/empty": servers.body(b""),
        "/huge": servers.flooding(40),
        "/bomb": servers.body(gzip.compress(b" " * 40 * 1024 * 1024), Content_Encoding="gzip"),
        "/slow": servers.dripping(20),
        "/loop": servers.redirect("/loop2"),
        "/loop2": servers.redirect("/loop"),
        "/moved": servers.redirect("/feed.ics"),
        "/inside": servers.redirect("http://127.0.0.2:1/secret"),
        "/file": servers.redirect("file:///etc/passwd"),
        "/bracket": servers.redirect("http://[::1/"),
        **{f"/{status}": servers.body(b"no", status) for status in (401, 403, 404, 410, 500)},
        "/429": servers.body(b"", 429, Retry_After="120"),
    }
    with servers.answering(answers) as found:
        yield found


@pytest.fixture(scope="module")
def http(host):
    return GuardedHttp(frozenset({host}), None)


def fetch(http, url, mark=None, timeout=SHORT):
    feed = IcsFeed(http, url)
    return feed.fetch(feed.discover(timeout)[0], REQUEST, mark, timeout)


def test_a_feed_is_read_and_then_only_asked_for_changes(http, host):
    first = fetch(http, f"http://{host}/feed.ics")
    assert len(first.spans) == 1
    assert first.mark.etag == '"v1"'
    assert fetch(http, f"http://{host}/feed.ics", first.mark) is None


def test_a_redirect_is_followed(http, host):
    assert len(fetch(http, f"http://{host}/moved").spans) == 1


@pytest.mark.parametrize(
    ("path", "code", "permanent"),
    [
        ("/html", "not_a_calendar", True),
        ("/empty", "not_a_calendar", True),
        ("/huge", "too_large", True),
        ("/bomb", "too_large", True),
        ("/loop", "redirect_loop", True),
        ("/inside", "private_address", True),
        ("/file", "bad_url", True),
        ("/bracket", "bad_redirect", True),
        ("/401", "unauthorized", True),
        ("/403", "forbidden", True),
        ("/404", "not_found", True),
        ("/410", "not_found", True),
        ("/500", "server_error", False),
        ("/429", "throttled", False),
    ],
)
def test_each_failure_has_its_sentence(http, host, path, code, permanent):
    with pytest.raises(AdapterError) as caught:
        fetch(http, f"http://{host}{path}", timeout=timedelta(seconds=10))
    assert (caught.value.code, caught.value.permanent) == (code, permanent)
    sentence = Words.of("en")(f"adapter.{code}", **caught.value.params)
    assert path not in sentence, "an address is a secret, and its host is enough"
    assert sentence[-1] in ".?"


def test_retry_after_is_kept(http, host):
    with pytest.raises(AdapterError) as caught:
        fetch(http, f"http://{host}/429")
    assert caught.value.retry_after == timedelta(minutes=2)


def test_a_server_that_drips_meets_the_deadline(http, host):
    began = time.monotonic()
    with pytest.raises(AdapterError) as caught:
        fetch(http, f"http://{host}/slow", timeout=timedelta(seconds=1))
    assert caught.value.code == "timeout"
    assert time.monotonic() - began < 4


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:1/x", "http://localhost/x", "http://[::1]/x", "http://10.0.0.1/x", "http://169.254.169.254/x",
     "http://192.168.1.1/x", "http://100.64.0.1/x", "http://0.0.0.0/x", "http://[::ffff:127.0.0.1]/x", "http://[fe80::1]/x",
     "http://2130706433/x", "http://[64:ff9b:1::1]/x"],
)  # fmt: skip
def test_private_addresses_are_not_connected_to(url):
    with pytest.raises(AdapterError) as caught:
        fetch(GuardedHttp(frozenset(), None), url)
    assert caught.value.code in {"private_address", "dns_failed"}
    assert "/x" not in str(caught.value.params)


@pytest.mark.parametrize(
    "url", ["", "nonsense", "ftp://x/y", "http://", "http://x:99999/", "https://[bad", "javascript:1"]
)
def test_what_is_no_address_is_told(url):
    with pytest.raises(AdapterError) as caught:
        fetch(GuardedHttp(frozenset(), None), url)
    assert caught.value.code == "bad_url"


def test_public_and_private():
    assert _is_public("93.184.216.34")
    assert _is_public("2606:2800:220:1::1")
    for address in ("127.0.0.1", "10.1.1.1", "224.0.0.1", "2002:7f00:1::", "::ffff:10.0.0.1", "fc00::1"):
        assert not _is_public(address)


def test_a_name_that_resolves_to_a_private_address_is_refused(monkeypatch):
    import socket

    entry = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.7", 443))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: [entry])
    with pytest.raises(AdapterError) as caught:
        fetch(GuardedHttp(frozenset(), None), "https://calendar.example.org/x")
    assert caught.value.code == "private_address"


def test_a_password_is_not_sent_in_the_open():
    http = GuardedHttp(frozenset(), None)
    with pytest.raises(AdapterError) as caught:
        http.fetch("GET", "http://93.184.216.34/", timeout=SHORT, login=Login("a", "b"), most_bytes=10)
    assert caught.value.code == "plain_login"


def test_the_environments_proxy_and_bundle_are_not_looked_at(monkeypatch, http, host):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    assert fetch(http, f"http://{host}/feed.ics") is not None
