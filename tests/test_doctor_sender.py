"""What the doctor says of the domain that mail comes from, as a real DNS server tells it."""

from __future__ import annotations

import base64
import time
from dataclasses import replace

import dns.rcode
import pytest

from integrations.dns_records import DnsRecords
from service.doctor import sender
from service.setting_values import SmtpServer
from service.settings import Settings
from tests import dns_server

HOME = "meet.example.org"
KEY = base64.b64encode(bytes(294)).decode()  # as long as a key of 2048 bits
DKIM = f'"v=DKIM1; k=rsa; p={KEY[:200]}" "{KEY[200:]}"'
GOOD = {
    HOME: ['"hello=1"', '"v=spf1 mx include:mail.example.net ~all"'],
    f"mail2027._domainkey.{HOME}": [DKIM],
    "_dmarc.example.org": ['"v=DMARC1; p=quarantine; rua=mailto:postmaster@example.org"'],
}


@pytest.fixture
def settings(tmp_path):
    server = SmtpServer("127.0.0.1", 25, None, None, "none")
    return Settings(data_dir=tmp_path, smtp=server, mail_from=f"Meet <meet@{HOME}>", dkim_selector="mail2027")


def told(settings, texts, **options):
    with dns_server.running(texts, **options) as port:
        return {row.part: row for row in sender.domain(settings, DnsRecords(["127.0.0.1"], port))}


def test_a_domain_that_is_in_order(settings):
    rows = told(settings, GOOD)
    assert {part: row.state for part, row in rows.items()} == dict.fromkeys(("spf", "dkim", "dmarc"), "well")
    assert "into junk" in rows["dmarc"].advice, "the record of the domain above holds"


def test_a_domain_that_publishes_nothing_gets_records_to_copy(settings):
    rows = told(settings, {HOME: []})
    assert {part: row.state for part, row in rows.items()} == {"spf": "look", "dkim": "broken", "dmarc": "look"}
    assert f'{HOME}. TXT "v=spf1 mx include:' in rows["spf"].advice
    assert f'mail2027._domainkey.{HOME}. TXT "v=DKIM1; ' in rows["dkim"].advice
    assert f'_dmarc.{HOME}. TXT "v=DMARC1; p=none; ' in rows["dmarc"].advice


@pytest.mark.parametrize(
    ("part", "at", "records", "state", "word"),
    [
        ("spf", HOME, ['"v=spf1 -all"', '"v=spf1 mx ~all"'], "broken", "several"),
        ("spf", HOME, ['"v=spf1 mx +all"'], "look", "anybody"),
        ("spf", HOME, ['"v=spf1 mx"'], "look", "does not name"),
        ("spf", HOME, ['"v=spf10 mx -all"'], "look", "does not say"),
        ("spf", HOME, ['"v=spf1 redirect=example.net"'], "well", "in its name"),
        ("dkim", f"mail2027._domainkey.{HOME}", ['"v=DKIM1; p="'], "broken", "taken back"),
        ("dkim", f"mail2027._domainkey.{HOME}", ['"v=DKIM1; p=MIIB..."'], "broken", "Copy it again"),
        ("dkim", f"mail2027._domainkey.{HOME}", [f'"k=rsa; p={KEY[:120]}"'], "broken", "1024"),
        ("dkim", f"mail2027._domainkey.{HOME}", [f'"k=ed25519; p={KEY[:44]}"'], "well", "published"),
        ("dmarc", f"_dmarc.{HOME}", ['"v=DMARC1; p=reject"'], "well", "refuse"),
        ("dmarc", f"_dmarc.{HOME}", ['"v=DMARC1; p=none"'], "well", "enough"),
        ("dmarc", f"_dmarc.{HOME}", ['"v=DMARC1; p=maybe"'], "broken", "no policy"),
        ("dmarc", f"_dmarc.{HOME}", ['"v=DMARC1; p=none"', '"v=DMARC1; p=reject"'], "broken", "several"),
    ],
)
def test_records_that_are_not_as_they_should_be(settings, part, at, records, state, word):
    row = told(settings, GOOD | {at: records})[part]
    assert (row.state, word in row.advice) == (state, True), row


def test_a_domain_that_does_not_exist(settings):
    row = told(settings, {"org": []})["spf"]
    assert row.state == "broken"
    assert "GREENROOM_MAIL_FROM" in row.advice
    [reserved] = told(replace(settings, mail_from="meet@greenroom.localhost"), {}).values()
    assert (reserved.part, reserved.state) == ("sender", "broken")


def test_without_a_selector_it_says_why_the_key_was_not_looked_up(settings):
    row = told(replace(settings, dkim_selector=None), GOOD)["dkim"]
    assert row.state == "unknown"
    assert "GREENROOM_DKIM_SELECTOR" in row.advice


def test_a_resolver_that_does_not_answer_is_no_fault_of_the_mail(settings, monkeypatch):
    monkeypatch.setattr(sender, "TOGETHER", sender.TOGETHER / 10)
    began = time.monotonic()
    rows = told(settings, GOOD, silent=True)
    assert time.monotonic() - began < 3
    assert {row.state for row in rows.values()} == {"unknown"}
    assert "DNS does not answer" in rows["spf"].advice
    assert {row.state for row in told(settings, GOOD, rcode=dns.rcode.SERVFAIL).values()} == {"unknown"}
    assert {row.state for row in told(settings, {}).values()} == {"unknown"}, "who knows no org knows nothing"


def test_where_mail_stays_here_nothing_is_looked_up(settings):
    assert told(replace(settings, smtp=None), GOOD) == {}
