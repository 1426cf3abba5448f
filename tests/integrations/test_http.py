"""The guarded way out: which server is asked, how long it may take, whom it is trusted to be."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from integrations.http import GuardedHttp, Login, check
from integrations.ics_feed import IcsFeed
from service.domain.errors import AdapterError, Unanswered
from tests import certificates
from tests.integrations import servers
from tests.integrations.busy_contract import MORNING, REQUEST, WAIT, Entry, ics_of

SECOND = timedelta(seconds=1)
HEADERS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def get(http, url, timeout=WAIT, **more):
    return http.fetch("GET", url, timeout=timeout, most_bytes=10**6, **more)


def name_server(monkeypatch, *answers):
    """Names under example.org resolve to these, one list for each question; what is an address already stays."""
    real, lists = socket.getaddrinfo, iter(answers)

    def ask(name, port, *some, **more):
        if not name.endswith("example.org"):
            return real(name, port, *some, **more)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in next(lists)]

    monkeypatch.setattr(socket, "getaddrinfo", ask)


@pytest.mark.parametrize(
    "answer",
    [
        servers.trickling(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"a", 20),
        servers.trickling(HEADERS + b"1;note=", b"a", 20),
        servers.trickling(HEADERS, b"1\r\na\r\n", 20),
        servers.trickling(b"HTTP/1.1 200 OK\r\n\r\n", b"a", 20),
    ],
)
def test_a_server_that_drips_anywhere_meets_the_deadline(answer):
    with servers.answering({"/": answer}) as host:
        began = time.monotonic()
        with pytest.raises(AdapterError) as caught:
            get(GuardedHttp(frozenset({host}), None), f"http://{host}/", SECOND)
        assert time.monotonic() - began < 4
    assert (caught.value.code, caught.value.permanent) == ("timeout", False)


def test_a_name_server_that_does_not_answer_meets_the_deadline(monkeypatch):
    answered = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_some, **_more: answered.wait(10) and [])
    began = time.monotonic()
    with pytest.raises(AdapterError) as caught:
        get(GuardedHttp(frozenset(), None), "https://calendar.example.org/", SECOND)
    answered.set()
    assert caught.value.code == "timeout"
    assert time.monotonic() - began < 4


def test_a_body_that_ends_early_is_no_body():
    short = servers.trickling(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nBEGIN", b"", 0)
    with servers.answering({"/": short}) as host, pytest.raises(AdapterError) as caught:
        get(GuardedHttp(frozenset({host}), None), f"http://{host}/")
    assert caught.value.code == "connect_failed"


def test_the_next_address_is_tried_when_one_does_not_answer(monkeypatch):
    with servers.answering({"/": servers.body(b"here")}) as host:
        port = host.partition(":")[2]
        name_server(monkeypatch, ["127.0.0.3", "127.0.0.1"])
        http = GuardedHttp(frozenset({f"calendar.example.org:{port}"}), None)
        assert get(http, f"http://calendar.example.org:{port}/").body == b"here"


def test_one_private_address_among_public_ones_is_enough_to_refuse(monkeypatch):
    name_server(monkeypatch, ["93.184.216.34", "10.0.0.1"])
    with pytest.raises(AdapterError) as caught:
        get(GuardedHttp(frozenset(), None), "https://calendar.example.org/")
    assert caught.value.code == "private_address"


def test_the_address_that_was_checked_is_the_one_that_is_asked(monkeypatch):
    """DNS rebinding: a second look-up of the same name, if there were one, would lead elsewhere."""
    with servers.answering({"/": servers.body(b"checked")}) as host:
        port = host.partition(":")[2]
        name_server(monkeypatch, ["127.0.0.1"], ["127.0.0.3"])
        http = GuardedHttp(frozenset({f"calendar.example.org:{port}"}), None)
        assert get(http, f"http://calendar.example.org:{port}/").body == b"checked"


@pytest.mark.parametrize("path", ["/kalender%20%C3%BC", "/kalender ü", "/a\tb", "/?q=ü"])
def test_an_address_in_any_letters_is_asked_for(path):
    with servers.answering({}) as host:
        assert get(GuardedHttp(frozenset({host}), None), f"http://{host}{path}").status == 404


def test_a_login_stays_with_the_host_that_it_was_given_for():
    seen = []

    def note(handler):
        seen.append(handler.headers.get("Authorization"))
        servers.body(b"")(handler)

    with servers.answering({"/": note, "/here": servers.redirect("/")}) as other:
        elsewhere = f"localhost:{other.partition(':')[2]}"
        http = GuardedHttp(frozenset({other, elsewhere}), None)
        get(http, f"http://{other}/here", login=Login("ana", "secret"))
        with servers.answering({"/": servers.redirect(f"http://{elsewhere}/")}) as host:
            get(GuardedHttp(frozenset({host, elsewhere}), None), f"http://{host}/", login=Login("ana", "secret"))
    assert seen == ["Basic YW5hOnNlY3JldA==", None]


def test_retry_after_as_a_date_is_measured_by_the_servers_clock():
    def answer(handler):
        handler.date_time_string = lambda *_some: "Mon, 01 Feb 2027 00:00:00 GMT"
        servers.body(b"", 503, Retry_After="Mon, 01 Feb 2027 00:05:00 GMT")(handler)

    with servers.answering({"/": answer}) as host, pytest.raises(AdapterError) as caught:
        check(get(GuardedHttp(frozenset({host}), None), f"http://{host}/"))
    assert caught.value.retry_after == timedelta(minutes=5)


def certificate(folder, name):
    """A certificate for this name that vouches for itself; its file, and a server's context that shows it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2045, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    shown, private = folder / "shown.pem", folder / "private.pem"
    shown.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown, private)
    return shown, context


def test_a_certificate_must_be_trusted_and_be_for_that_host(tmp_path):
    shown, context = certificate(tmp_path, "localhost")
    with servers.answering({"/": servers.body(b"safe")}, context) as host:
        port = host.partition(":")[2]
        allowed = frozenset({f"localhost:{port}", host})
        assert get(GuardedHttp(allowed, shown), f"https://localhost:{port}/").body == b"safe"
        for bundle, name in ((None, f"localhost:{port}"), (shown, host)):
            with pytest.raises(AdapterError) as caught:
                get(GuardedHttp(allowed, bundle), f"https://{name}/")
            assert (caught.value.code, caught.value.permanent) == ("tls_failed", True)


def test_a_certificate_that_ran_out_is_its_servers_trouble_and_passes(tmp_path):
    context, authority = certificates.certificate(tmp_path, timedelta(days=-1))
    with servers.answering({"/": servers.body(b"late")}, context) as host:
        with pytest.raises(AdapterError) as caught:
            get(GuardedHttp(frozenset({host}), authority), f"https://{host}/")
        assert (caught.value.code, caught.value.permanent) == ("tls_expired", False)


def test_a_server_that_never_finishes_its_greeting_meets_the_deadline():
    with socket.create_server(("127.0.0.1", 0)) as quiet:
        host = f"127.0.0.1:{quiet.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(AdapterError) as caught:
            get(GuardedHttp(frozenset({host}), None), f"https://{host}/", SECOND)
    assert caught.value.code == "timeout"
    assert time.monotonic() - began < 4


def feed(http, url, mark=None):
    adapter = IcsFeed(http, url)
    return adapter.fetch(adapter.discover(WAIT)[0], REQUEST, mark, WAIT)


def test_a_feed_that_comes_again_unchanged_is_not_read_again():
    answers = {"/f.ics": servers.body(ics_of([Entry(MORNING, "one")]))}
    with servers.answering(answers) as host:
        http = GuardedHttp(frozenset({host}), None)
        first = feed(http, f"http://{host}/f.ics")
        assert feed(http, f"http://{host}/f.ics", first.mark) is None
        assert feed(http, f"http://{host}/f.ics").spans == first.spans, "without a mark it is read whatever it was"
        answers["/f.ics"] = servers.body(ics_of([]))
        assert feed(http, f"http://{host}/f.ics", first.mark).spans == []


def test_a_login_in_a_feeds_address_is_sent_as_one():
    def guarded(handler):
        right = handler.headers.get("Authorization") == "Basic YW5hQHg6cDpk"  # ana@x:p:d
        servers.body(ics_of([Entry(MORNING, "one")]), 200 if right else 401)(handler)

    with servers.answering({"/f.ics": guarded}) as host:
        http = GuardedHttp(frozenset({host}), None)
        assert len(feed(http, f"http://ana%40x:p%3Ad@{host}/f.ics").spans) == 1
        with pytest.raises(AdapterError) as caught:
            feed(http, f"http://{host}/f.ics")
    assert caught.value.code == "unauthorized"


@pytest.mark.parametrize("addresses", [("127.0.0.1", "127.0.0.3"), ("127.0.0.3", "127.0.0.1")])
def test_a_request_that_goes_once_is_not_made_again_at_the_hosts_next_address(monkeypatch, addresses):
    """Only 127.0.0.1 is there, and it hangs up when it has the request."""
    asked = []

    def hang_up(handler):
        asked.append(handler.path)
        handler.connection.close()

    with servers.answering({"/send": hang_up}) as host:
        port = host.partition(":")[2]
        name_server(monkeypatch, addresses)
        http = GuardedHttp(frozenset({f"mail.example.org:{port}"}), None)
        with pytest.raises(Unanswered):
            http.fetch("POST", f"http://mail.example.org:{port}/send", timeout=WAIT, most_bytes=1000, once=True)
    assert asked == ["/send"]
