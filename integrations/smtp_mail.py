"""Mail handed to an SMTP server: one connection for a batch, each step's failure told apart."""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

from integrations.certificates import has_run_out
from service.domain.errors import AdapterError, AnswerLost, MailRefused
from service.ports import Envelope

AFTER_SILENCE = timedelta(minutes=5)  # each message that a hanging server gets is one more that a person must decide
OVER_A_MESSAGE = 3  # it may be searched for spam first, and giving up too soon is "very wasteful" (RFC 5321 4.5.3.2.6)
GO_AHEAD = 354
POSITIVE = 200
PERMANENT = 500  # RFC 5321 4.2.1: 5yz, do not repeat it as it is


class SmtpMailer:
    """ports.Mailer over one server. `security` is none, starttls or tls; `extra_ca` is trusted beside the system's.
    `timeout` is for each step, and OVER_A_MESSAGE times that for the answer to a whole message."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        username: str | None,
        password: str | None,
        security: str,
        extra_ca: Path | None,
        timeout: timedelta,
    ) -> None:
        self._host, self._port = host, port
        self._username, self._password = username, password
        self._security, self._extra_ca, self._timeout = security, extra_ca, timeout

    @contextmanager
    def session(self) -> Iterator[SmtpSession]:
        client = self._connect()
        try:
            yield SmtpSession(client, self._host)
        finally:
            with suppress(OSError, smtplib.SMTPException):
                client.quit()
            client.close()

    def _connect(self) -> smtplib.SMTP:
        client: smtplib.SMTP | None = None
        try:
            client = self._open()
            if self._security == "starttls":
                client.starttls(context=self._context())
            client.ehlo_or_helo_if_needed()
            if self._username is not None:
                client.login(self._username, self._password or "")
        except (OSError, smtplib.SMTPException) as fault:
            if client is not None:
                client.close()
            raise AdapterError(_code_of(fault), permanent=False, host=self._host) from fault
        return client

    def _open(self) -> smtplib.SMTP:
        timeout = self._timeout.total_seconds()
        if self._security == "tls":
            return smtplib.SMTP_SSL(self._host, self._port, timeout=timeout, context=self._context())
        return smtplib.SMTP(self._host, self._port, timeout=timeout)

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self._extra_ca is not None:
            context.load_verify_locations(self._extra_ca)
        return context


class SmtpSession:
    """ports.MailSession. Speaks the steps itself: `sendmail` would not tell a lost answer from a refused message."""

    def __init__(self, client: smtplib.SMTP, host: str) -> None:
        self._client, self._host = client, host
        self._begun = False  # the server remembers a sender and a reader that came to nothing

    def offer(self, envelope: Envelope) -> None:
        try:
            if self._begun:
                self._client.rset()
            self._begun = True
            self._check(*self._client.mail(envelope.sender))
            self._check(*self._client.rcpt(envelope.recipient))
        except (OSError, smtplib.SMTPServerDisconnected) as fault:
            raise AdapterError("smtp_unreachable", permanent=False, host=self._host) from fault

    def deliver(self, octets: bytes) -> None:
        """A connection that breaks before the server's 354 has taken nothing and may be tried again. One that breaks
        later counts as a lost answer, wherever it broke: at worst a person decides about a mail that never left, and
        nobody gets one twice (the gap of RFC 1047).
        """
        try:
            code, _ = self._client.docmd("DATA")
        except (OSError, smtplib.SMTPServerDisconnected) as fault:
            raise AdapterError("smtp_unreachable", permanent=False, host=self._host) from fault
        if code != GO_AHEAD:
            self._check(code)
            raise MailRefused("smtp_refused", permanent=False, reply=code)
        try:
            self._client.send(stuffed(octets))
            code, _ = self._verdict()
        except (OSError, smtplib.SMTPServerDisconnected) as fault:
            silent = isinstance(fault.__context__, TimeoutError)  # smtplib wraps it
            raise AnswerLost(retry_after=AFTER_SILENCE if silent else None) from fault
        if code < POSITIVE:  # smtplib's -1: what came is no answer
            raise AnswerLost
        self._check(code)
        self._begun = False  # RFC 5321 4.1.1.4: a mail that was taken clears what the server remembers

    def _verdict(self) -> tuple[int, bytes]:
        connection = self._client.sock
        assert connection is not None, "the message has just gone over it"
        usual = connection.gettimeout()
        connection.settimeout(usual and usual * OVER_A_MESSAGE)
        code, said = self._client.getreply()
        connection.settimeout(usual)
        return code, said

    @staticmethod
    def _check(code: int, _said: object = None) -> None:
        """The server's words are left out of the error: they often repeat the address."""
        if not 200 <= code < 300:
            raise MailRefused("smtp_refused", permanent=code >= PERMANENT, reply=code)


def stuffed(octets: bytes) -> bytes:
    """The message as DATA carries it: leading dots doubled, and the line with one dot that ends it (RFC 5321 4.5.2).

    Nothing else is touched: the octets that were stored are the octets that arrive.
    """
    ended = octets if octets.endswith(b"\r\n") else octets + b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", ended) + b".\r\n"


def _code_of(fault: Exception) -> str:
    """The catalogue's key for what went wrong while connecting."""
    match fault:
        case ssl.SSLError():
            return "smtp_tls_expired" if has_run_out(fault) else "smtp_tls_failed"
        case smtplib.SMTPAuthenticationError():
            return "smtp_login_refused"
        case smtplib.SMTPNotSupportedError():
            return "smtp_not_supported"
    return "smtp_unreachable"
