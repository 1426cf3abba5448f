"""A mailbox over IMAP (RFC 9051, and RFC 3501 where that is what a server speaks), by the standard library's client."""

from __future__ import annotations

import imaplib
import re
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from integrations.certificates import has_run_out
from integrations.imap_idle import ImapWatch
from service.domain.errors import AdapterError
from service.ports import ReceivedMail

MOST_OCTETS = 2 * 1024 * 1024  # of one mail
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
UID = re.compile(rb"\bUID (\d+)")


class ImapMailbox:
    """ports.Mailbox. `security` is none, starttls or tls; `extra_ca` is trusted beside the system's; `done` and
    `unclear` are folders that mail is moved to once it is dealt with, made when they are missing; without one it stays,
    and is marked as read. `timeout` is for each step."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        username: str,
        password: str,
        security: str,
        folder: str,
        done: str | None,
        unclear: str | None,
        extra_ca: Path | None,
        timeout: timedelta,
    ) -> None:
        self._host, self._port, self._username, self._password = host, port, username, password
        self._security, self._folder, self._done, self._unclear = security, folder, done, unclear
        self._extra_ca, self._timeout = extra_ca, timeout

    @property
    def key(self) -> str:
        return f"{self._username}@{self._host}:{self._port}/{self._folder}"

    @contextmanager
    def session(self) -> Iterator[ImapSession]:
        client = self._connect()
        try:
            yield ImapSession(client, self._host, self._folder, self._done, self._unclear)
        finally:
            with suppress(OSError, imaplib.IMAP4.error):
                client.logout()
            _hang_up(client)

    @contextmanager
    def watch(self) -> Iterator[ImapWatch]:
        client = self._connect()
        try:
            session = ImapSession(client, self._host, self._folder, None, None)
            if "IDLE" not in session.capabilities:
                raise AdapterError("imap_not_told", permanent=False, host=self._host)
            watch = ImapWatch(client, self._host, self._timeout)
            yield watch
            watch.leave()
        finally:
            _hang_up(client)

    def _connect(self) -> imaplib.IMAP4:
        client: imaplib.IMAP4 | None = None
        try:
            client = self._open()
            if self._security == "starttls":
                client.starttls(ssl_context=self._context())
        except (OSError, imaplib.IMAP4.error) as fault:
            _hang_up(client)
            raise AdapterError(_code_of(fault), permanent=False, host=self._host) from fault
        try:
            self._log_in(client)
        except (OSError, imaplib.IMAP4.error) as fault:
            _hang_up(client)
            away = isinstance(fault, OSError | imaplib.IMAP4.abort)
            code = "imap_unreachable" if away else "imap_login_refused"
            raise AdapterError(code, permanent=False, host=self._host) from fault
        return client

    def _open(self) -> imaplib.IMAP4:
        timeout = self._timeout.total_seconds()
        if self._security == "tls":
            return imaplib.IMAP4_SSL(self._host, self._port, ssl_context=self._context(), timeout=timeout)
        return imaplib.IMAP4(self._host, self._port, timeout=timeout)

    def _log_in(self, client: imaplib.IMAP4) -> None:
        """By SASL PLAIN (RFC 4616) where it is offered, which takes any letters: LOGIN takes ASCII alone."""
        if "AUTH=PLAIN" in client.capabilities:
            client.authenticate("PLAIN", lambda _: f"\0{self._username}\0{self._password}".encode())
        elif self._password.isascii() and self._username.isascii():
            client.login(self._username, self._password)
        else:
            raise imaplib.IMAP4.error

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self._extra_ca is not None:
            context.load_verify_locations(self._extra_ca)
        return context


class ImapSession:
    """ports.MailboxSession."""

    def __init__(self, client: imaplib.IMAP4, host: str, folder: str, done: str | None, unclear: str | None) -> None:
        self._client, self._host, self._done, self._unclear = client, host, done, unclear
        for made in {done, unclear} - {None, folder}:
            self._ask(client.create, _quoted(str(made)), may_refuse=True)  # NO: it is there
        self._ask(client.select, _quoted(folder), fault="imap_no_folder")
        # Asked anew: imaplib keeps what was said before the login, and Dovecot names MOVE and UIDPLUS after it.
        self.capabilities = set(b" ".join(self._ask(client.capability)).decode("ascii", "replace").upper().split())
        _, validity = client.response("UIDVALIDITY")
        self.validity = int(validity[0] or 0)

    def before(self, day: date) -> int:
        last = self._search("UID", "*")  # asked first: what comes in between is of that day or later
        first = self._search("SINCE", f"{day.day}-{MONTHS[day.month - 1]}-{day.year}")
        return first[0] - 1 if first else max(last, default=0)

    def fetch(self, after: int, most: int) -> list[ReceivedMail]:
        """A mail that somebody deleted meanwhile is not among them."""
        uids = [uid for uid in self._search("UID", f"{after + 1}:*") if uid > after][:most]
        if not uids:
            return []
        wanted = ",".join(map(str, uids))
        answer = self._ask(self._client.uid, "FETCH", wanted, f"(UID BODY.PEEK[]<0.{MOST_OCTETS}>)")
        found = dict(_fetched(answer))
        return [ReceivedMail(uid, found.get(uid, b"")) for uid in uids if uid in found]

    def file(self, uids: Sequence[int], *, unclear: bool) -> None:
        mails, folder = ",".join(map(str, uids)), self._unclear if unclear else self._done
        if folder is None:
            self._ask(self._client.uid, "STORE", mails, "+FLAGS.SILENT", r"(\Seen)")
        elif "MOVE" in self.capabilities:
            self._ask(self._client.uid, "MOVE", mails, _quoted(folder))
        else:  # in this order: whatever ends it, there is one of each mail at least
            self._ask(self._client.uid, "COPY", mails, _quoted(folder))
            self._ask(self._client.uid, "STORE", mails, "+FLAGS.SILENT", r"(\Seen \Deleted)")
            if "UIDPLUS" in self.capabilities:  # EXPUNGE alone would delete what others marked
                self._ask(self._client.uid, "EXPUNGE", mails)

    def _search(self, *wanted: str) -> list[int]:
        (found,) = self._ask(self._client.uid, "SEARCH", *wanted)[:1] or [b""]
        return sorted(map(int, (found or b"").split()))

    def _ask(
        self, command: Callable[..., Any], *arguments: str, fault: str = "imap_refused", may_refuse: bool = False
    ) -> list[Any]:
        """The server's own words are left out of the error: they may quote what is in the mailbox."""
        try:
            said, answer = command(*arguments)
        except (OSError, imaplib.IMAP4.abort) as gone:
            raise AdapterError("imap_unreachable", permanent=False, host=self._host) from gone
        except imaplib.IMAP4.error as refused:
            raise AdapterError(fault, permanent=False, host=self._host) from refused
        if said != "OK" and not may_refuse:
            raise AdapterError(fault, permanent=False, host=self._host)
        return list(answer)


def _code_of(fault: OSError | imaplib.IMAP4.error) -> str:
    """The catalogue's key for what went wrong while connecting."""
    if isinstance(fault, ssl.SSLError):
        return "imap_tls_expired" if has_run_out(fault) else "imap_tls_failed"
    if isinstance(fault, OSError | imaplib.IMAP4.abort):
        return "imap_unreachable"
    return "imap_not_supported"  # no STARTTLS, in words of its own; without it the password is not sent


def _hang_up(client: imaplib.IMAP4 | None) -> None:
    with suppress(OSError):  # it may be closed already
        if client is not None:
            client.shutdown()


def _fetched(answer: list[Any]) -> Iterator[tuple[int, bytes]]:
    """imaplib gives (all before the literal, the literal), then what follows it; the UID may stand on either side."""
    for at, piece in enumerate(answer):
        if not isinstance(piece, tuple):
            continue
        after = answer[at + 1] if at + 1 < len(answer) and isinstance(answer[at + 1], bytes) else b""
        named = UID.search(piece[0]) or UID.search(after)
        if named is not None:
            yield int(named[1]), piece[1]


def _quoted(folder: str) -> str:
    escaped = folder.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
