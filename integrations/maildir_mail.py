"""The local mailbox: mail kept in a Maildir in the data folder, for people who look before they connect a server."""

from __future__ import annotations

import mailbox
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

from service.ports import Envelope

RECIPIENT = "X-Envelope-To"


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
        self._folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        yield MaildirSession(mailbox.Maildir(self._folder, factory=None, create=True))


class MaildirSession:
    def __init__(self, box: mailbox.Maildir) -> None:
        self._box = box
        self._recipient: str | None = None

    def offer(self, envelope: Envelope) -> None:
        self._recipient = envelope.recipient

    def deliver(self, octets: bytes) -> None:
        if self._recipient is None:
            raise ValueError("deliver needs an offer first")
        # The header goes in front as octets: parsing and writing the message anew could change what was signed for.
        self._box.add(f"{RECIPIENT}: {self._recipient}\r\n".encode() + octets)
        self._recipient = None


def kept_mails(folder: Path) -> list[KeptMail]:
    """Every mail of the box, oldest first; an empty list when there is no box yet."""
    if not folder.is_dir():
        return []
    box = mailbox.Maildir(folder, factory=None, create=False)
    keys = sorted(box.iterkeys(), key=lambda key: (os.path.getmtime(_path(folder, box, key)), key))
    return [_read(box, key) for key in keys]


def kept_mail(folder: Path, key: str) -> KeptMail | None:
    if not folder.is_dir():
        return None
    box = mailbox.Maildir(folder, factory=None, create=False)
    return _read(box, key) if key in box else None


def _read(box: mailbox.Maildir, key: str) -> KeptMail:
    octets = box.get_bytes(key)
    message = BytesParser(policy=policy.default).parsebytes(octets)
    assert isinstance(message, EmailMessage)
    recipient = str(message.get(RECIPIENT, ""))
    return KeptMail(key, recipient, message, octets.partition(b"\n")[2])


def _path(folder: Path, box: mailbox.Maildir, key: str) -> Path:
    return folder / str(box._lookup(key))  # type: ignore[attr-defined]
