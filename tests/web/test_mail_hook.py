"""Mail that a provider pushes: signed, stored once, and decided like any other."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from service.domain.received import MOST_BYTES
from service.store.tables import Inbound
from service.web import create_app, hooks
from tests.web.walk import NOW
from workers import clock

SECRET = "s" * 32
MAIL = b"Message-ID: <1@example.org>\r\nFrom: ana@example.org\r\n\r\nYes.\r\n"


@pytest.fixture
def services(services):
    return replace(services, settings=replace(services.settings, mail_hook_secret=SECRET), machine_clock=lambda: NOW)


@pytest.fixture
def client(services):
    return create_app(services).test_client()


def signed(body, at=NOW, secret=SECRET):
    """As docs/mail.md says it is done."""
    moment = str(int(at.timestamp()))
    signature = hmac.new(secret.encode(), moment.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"Greenroom-Timestamp": moment, "Greenroom-Signature": f"sha256={signature}"}


def stored(services):
    with services.database.read() as session:
        return list(session.scalars(select(Inbound).order_by(Inbound.id)))


def test_a_pushed_mail_is_stored_once_and_handed_out(services, client):
    for _ in range(2):
        assert client.post("/hooks/mail", data=MAIL, headers=signed(MAIL)).status_code == 202
    [row] = stored(services)
    assert (row.raw, row.state) == (MAIL, "pending")
    assert services.jobs.asked == [("read_inbound", [row.id])] * 2


def test_without_a_broker_the_clock_hands_it_out(services, client):
    services.jobs.broken = True
    assert client.post("/hooks/mail", data=MAIL, headers=signed(MAIL)).status_code == 202
    services.jobs.broken = False
    clock.refresh_due(services)
    assert services.jobs.asked == [("read_inbound", [stored(services)[0].id])]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        signed(MAIL, secret="t" * 32),
        signed(MAIL + b" "),
        signed(MAIL, NOW - timedelta(minutes=6)),
        signed(MAIL, NOW + timedelta(minutes=6)),
        signed(MAIL) | {"Greenroom-Timestamp": str(int(NOW.timestamp()) + 1)},
        signed(MAIL) | {"Greenroom-Timestamp": "9" * 30},
        signed(MAIL) | {"Greenroom-Signature": "sha256=\xe9"},
    ],
)
def test_what_is_not_signed_just_now_is_not_taken(services, client, headers):
    assert client.post("/hooks/mail", data=MAIL, headers=headers).status_code == 401
    assert stored(services) == []


def test_a_signature_counts_within_five_minutes(services, client):
    for minutes in (-5, 5):
        at = NOW + timedelta(minutes=minutes)
        assert client.post("/hooks/mail", data=MAIL, headers=signed(MAIL, at)).status_code == 202


def test_of_a_long_mail_the_beginning_is_kept_and_a_longer_one_is_refused(services, client, monkeypatch):
    long = MAIL + b"x" * MOST_BYTES * 2
    assert client.post("/hooks/mail", data=long, headers=signed(long)).status_code == 202
    [row] = stored(services)
    assert row.raw == long[:MOST_BYTES]
    monkeypatch.setattr(hooks, "MOST_PUSHED", len(long) - 1)
    assert client.post("/hooks/mail", data=long, headers=signed(long)).status_code == 413
    assert client.post("/hooks/mail", data=b"\r\n", headers=signed(b"\r\n")).status_code == 400


def test_without_a_secret_there_is_no_such_address(services):
    silent = replace(services, settings=replace(services.settings, mail_hook_secret=None))
    assert create_app(silent).test_client().post("/hooks/mail", data=MAIL, headers=signed(MAIL)).status_code == 404
