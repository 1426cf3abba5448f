"""Being told by an IMAP server that mail has come (IDLE, RFC 2177), in place of asking again and again."""

from __future__ import annotations

import imaplib
import re
import time
from contextlib import suppress
from datetime import timedelta

from service.domain.errors import AdapterError

COME = re.compile(rb"^\* \d+ EXISTS\b", re.IGNORECASE)
LONGEST_LINE = 64 * 1024


class ImapWatch:
    """ports.MailboxWatch. `client` is logged in, with a folder selected, and nobody else's: from here on its socket is
    read past imaplib, whose buffer is of no more use once a read has timed out (CPython's SocketIO)."""

    def __init__(self, client: imaplib.IMAP4, host: str, timeout: timedelta) -> None:
        self._client, self._host, self._timeout = client, host, timeout
        self._buffer, self._number = b"", 0

    def wait(self, most: timedelta) -> bool:
        until = time.monotonic() + most.total_seconds()
        tag, come = self._send_idle()
        while not come:
            line = self._line(until)
            if line is None:
                break
            come = COME.match(line) is not None
            self._check(line, tag)
        self._send(b"DONE\r\n")
        return self._until_done(tag) or come

    def _send_idle(self) -> tuple[bytes, bool]:
        """Returns when the server has taken it: its tag, and whether something came since the IDLE before, which the
        server may tell ahead of its answer (RFC 3501 7)."""
        self._number += 1
        tag = b"IDLE%d" % self._number
        self._send(tag + b" IDLE\r\n")
        come = False
        while True:
            line = self._line(self._patience)
            if line is None:
                raise self._gone()
            if line.startswith(b"+"):
                return tag, come
            come = come or COME.match(line) is not None
            self._check(line, tag)

    def _until_done(self, tag: bytes) -> bool:
        """Whether something came between our DONE and the server's OK."""
        come = False
        while True:
            line = self._line(self._patience)
            if line is None:
                raise self._gone()
            if line.startswith(tag + b" OK"):
                return come
            come = come or COME.match(line) is not None
            self._check(line, tag)

    @property
    def _patience(self) -> float:
        return time.monotonic() + self._timeout.total_seconds()

    def _check(self, line: bytes, tag: bytes) -> None:
        if line.startswith((tag + b" OK", b"* BYE")):
            raise self._gone()
        if line.startswith(tag):
            raise AdapterError("imap_not_told", permanent=False, host=self._host)

    def _send(self, octets: bytes) -> None:
        try:
            self._client.sock.settimeout(self._timeout.total_seconds())
            self._client.sock.sendall(octets)
        except OSError as fault:
            raise self._gone() from fault

    def _line(self, until: float) -> bytes | None:
        """The next line of the server; None when none has come by then, on the monotonic clock."""
        while b"\n" not in self._buffer:
            left = until - time.monotonic()
            if left <= 0:
                return None
            try:
                self._client.sock.settimeout(left)
                read = self._client.sock.recv(4096)
            except TimeoutError:
                return None
            except OSError as fault:
                raise self._gone() from fault
            if not read or len(self._buffer) > LONGEST_LINE:
                raise self._gone()
            self._buffer += read
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _gone(self) -> AdapterError:
        return AdapterError("imap_unreachable", permanent=False, host=self._host)

    def leave(self) -> None:
        """Says goodbye, without waiting for an answer."""
        with suppress(OSError):
            self._client.sock.sendall(b"BYE LOGOUT\r\n")
