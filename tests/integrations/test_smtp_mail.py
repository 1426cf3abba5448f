"""SMTP beside its contract: how octets are carried, TLS, and logins, against a real server on loopback."""

from __future__ import annotations

from datetime import timedelta

import pytest
from aiosmtpd.smtp import AuthResult

from integrations.smtp_mail import SmtpMailer, stuffed
from service.domain.errors import AdapterError
from service.ports import Envelope
from tests import certificates, smtp

OCTETS = b"Subject: Hello\r\n\r\nA line.\r\n"


def mailer(port, **other):
    options = {"username": None, "password": None, "security": "none", "extra_ca": None} | other
    return SmtpMailer("127.0.0.1", port, timeout=timedelta(seconds=5), **options)


def send(port, **other):
    with mailer(port, **other).session() as session:
        session.offer(Envelope("meet@example.org", "ana@example.org"))
        session.deliver(OCTETS)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return certificates.certificate(tmp_path_factory.mktemp("tls"))


@pytest.mark.parametrize(
    ("given", "carried"),
    [
        (b"a\r\n", b"a\r\n.\r\n"),
        (b"a", b"a\r\n.\r\n"),
        (b".\r\n", b"..\r\n.\r\n"),
        (b"a\r\n.b\r\n", b"a\r\n..b\r\n.\r\n"),
    ],
)
def test_dots_are_doubled_and_one_ends_the_message(given, carried):
    assert stuffed(given) == carried


def test_starttls_trusts_the_authority_that_was_given(certificate):
    context, public = certificate
    with smtp.running(tls_context=context, require_starttls=True) as (sink, port):
        send(port, security="starttls", extra_ca=public)
        assert len(sink.taken) == 1
        with pytest.raises(AdapterError) as refused:
            send(port, security="none")
        assert refused.value.permanent  # 530: a setting has to change first


def test_starttls_refuses_a_stranger_and_does_not_fall_back(certificate):
    context, _ = certificate
    with smtp.running(tls_context=context) as (sink, port):
        with pytest.raises(AdapterError) as refused:
            send(port, security="starttls")
        assert refused.value.code == "smtp_tls_failed"
        assert sink.taken == []


def test_starttls_is_not_given_up_where_the_server_has_none():
    with smtp.running() as (sink, port):
        with pytest.raises(AdapterError) as refused:
            send(port, security="starttls")
        assert refused.value.code == "smtp_not_supported"
        assert sink.taken == []


def _only_ana(server, session, envelope, mechanism, login):
    return AuthResult(success=login.login == b"ana" and login.password == b"s3cret-word", handled=False)


def test_a_login_is_used_and_a_wrong_one_is_told_without_the_password(certificate):
    context, public = certificate
    options = {"tls_context": context, "auth_required": True, "authenticator": _only_ana}
    secure = {"security": "starttls", "extra_ca": public, "username": "ana"}
    with smtp.running(**options) as (sink, port):
        send(port, **secure, password="s3cret-word")
        assert len(sink.taken) == 1
        with pytest.raises(AdapterError) as refused:
            send(port, **secure, password="guessed-word")
    assert (refused.value.code, refused.value.permanent) == ("smtp_login_refused", False)
    assert "guessed" not in str(refused.value)


def test_tls_from_the_first_octet(certificate):
    context, public = certificate
    with smtp.running(ssl_context=context) as (sink, port):
        send(port, security="tls", extra_ca=public)
        assert len(sink.taken) == 1
