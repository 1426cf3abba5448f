"""The local mailbox: mail kept in a Maildir in the data folder, for people who look before they connect a server."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.parser import BytesHeaderParser, BytesParser
from pathlib import Path

from service.domain.errors import AdapterError
from service.ports import Envelope

RECIPIENT = "X-Envelope-To"
ROOMS = ("tmp", "new", "cur")  # what makes a folder a Maildir


@dataclass(frozen=True, slots=True)
class KeptMail:
    """One mail of the box: its key there, whom it was for, and the message."""

    key: str
    recipient: str
    message: EmailMessage
    octets: bytes


class MaildirMailer:
    """ports.Mailer into a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def session(self) -> Iterator[MaildirSession]:
        try:
            for room in ROOMS:
                (self._folder / room).mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as fault:
            raise AdapterError("mailbox_not_writable", permanent=False) from fault
        yield MaildirSession(self._folder)


class MaildirSession:
    """ports.MailSession. The same message for the same recipient is kept once, however often it is delivered."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._recipient: str | None = None

    def offer(self, envelope: Envelope) -> None:
        self._recipient = envelope.recipient

    def deliver(self, octets: bytes) -> None:
        if self._recipient is None:
            raise ValueError("deliver needs an offer first")
        key = _key(octets, self._recipient)
        try:
            if key not in _files(self._folder):
                # The header goes in front as octets: writing the parsed message anew could change it.
                self._keep(key, f"{RECIPIENT}: {self._recipient}\r\n".encode() + octets)
        except OSError as fault:
            raise AdapterError("mailbox_not_writable", permanent=False) from fault
        self._recipient = None

    def _keep(self, key: str, octets: bytes) -> None:
        """Whole or not at all: a reader of `new` never sees half a mail."""
        written = self._folder / "tmp" / f"{key}.{os.getpid()}"
        written.write_bytes(octets)
        written.replace(self._folder / "new" / key)


def kept_mails(folder: Path) -> list[KeptMail]:
    """Every mail of the box, oldest first; an empty list when there is no box yet."""
    files = _files(folder)
    return [_read(key, files[key]) for key in sorted(files, key=lambda key: (files[key].stat().st_mtime_ns, key))]


def kept_mail(folder: Path, key: str) -> KeptMail | None:
    path = _files(folder).get(key)
    return _read(key, path) if path is not None else None


def _files(folder: Path) -> dict[str, Path]:
    """Key -> file. A key from outside is looked up here and never made into a path."""
    rooms = [folder / room for room in ROOMS[1:]]
    return {path.name.partition(":")[0]: path for room in rooms if room.is_dir() for path in room.iterdir()}


def _key(octets: bytes, recipient: str) -> str:
    message_id = str(BytesHeaderParser().parsebytes(octets).get("Message-ID", "")).encode()
    return hashlib.sha256(recipient.encode() + b"\0" + (message_id or octets)).hexdigest()[:32]


def _read(key: str, path: Path) -> KeptMail:
    octets = path.read_bytes()
    message = BytesParser(policy=policy.default).parsebytes(octets)
    assert isinstance(message, EmailMessage)
    return KeptMail(key, str(message.get(RECIPIENT, "")), message, octets.partition(b"\n")[2])
