"""Mail handed to an SMTP server: one connection for a batch, each step's failure told apart."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

from service.domain.errors import AdapterError, AnswerLost
from service.ports import Envelope

PERMANENT = 500  # RFC 5321 4.2.1: 5yz, do not repeat it as it is


class SmtpMailer:
    """ports.Mailer over one server. `security` is none, starttls or tls; `extra_ca` is trusted beside the system's."""

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
        self._security, self._extra_ca, self._timeout = security, extra_ca, timeout.total_seconds()

    @contextmanager
    def session(self) -> Iterator[SmtpSession]:
        client = self._connect()
        try:
            yield SmtpSession(client)
        finally:
            with suppress(OSError, smtplib.SMTPException):
                client.quit()
            client.close()

    def _connect(self) -> smtplib.SMTP:
        try:
            if self._security == "tls":
                client: smtplib.SMTP = smtplib.SMTP_SSL(
                    self._host, self._port, timeout=self._timeout, context=self._context()
                )
            else:
                client = smtplib.SMTP(self._host, self._port, timeout=self._timeout)
            if self._security == "starttls":
                client.starttls(context=self._context())
            client.ehlo_or_helo_if_needed()
            if self._username is not None:
                client.login(self._username, self._password or "")
        except ssl.SSLError as fault:
            raise AdapterError("smtp_tls_failed", permanent=False, host=self._host) from fault
        except smtplib.SMTPAuthenticationError as fault:
            raise AdapterError("smtp_login_refused", permanent=False, host=self._host) from fault
        except smtplib.SMTPNotSupportedError as fault:
            raise AdapterError("smtp_not_supported", permanent=False, host=self._host) from fault
        except (OSError, smtplib.SMTPException) as fault:
            raise AdapterError("smtp_unreachable", permanent=False, host=self._host) from fault
        return client

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self._extra_ca is not None:
            context.load_verify_locations(self._extra_ca)
        return context


class SmtpSession:
    """ports.MailSession. Speaks the steps itself: `sendmail` would not tell a lost answer from a refused message."""

    def __init__(self, client: smtplib.SMTP) -> None:
        self._client = client
        self._used = False

    def offer(self, envelope: Envelope) -> None:
        try:
            if self._used:
                self._client.rset()
            self._used = True
            self._check(*self._client.mail(envelope.sender))
            self._check(*self._client.rcpt(envelope.recipient))
        except (OSError, smtplib.SMTPServerDisconnected) as fault:
            raise AdapterError("smtp_unreachable", permanent=False) from fault

    def deliver(self, octets: bytes) -> None:
        """A connection that breaks anywhere in DATA counts as a lost answer: at worst a person decides about a mail
        that
        never left, and nobody gets one twice (the gap of RFC 1047)."""
        try:
            code, _ = self._client.data(octets)
        except smtplib.SMTPDataError as fault:
            code = fault.smtp_code
        except (OSError, smtplib.SMTPServerDisconnected) as fault:
            raise AnswerLost from fault
        self._check(code)

    @staticmethod
    def _check(code: int, _said: object = None) -> None:
        """The server's words are left out of the error: they often repeat the address."""
        if not 200 <= code < 300:
            raise AdapterError("smtp_refused", permanent=code >= PERMANENT, reply=code)
