"""What sends and fetches mail."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Envelope:
    sender: str
    recipient: str


class MailSession(Protocol):
    """One connection, several messages. Before `deliver` the server holds nothing of the message. A refusal that is one
    mail's is a MailRefused; after any other AdapterError, and after AnswerLost, the session is of no more use."""

    def offer(self, envelope: Envelope) -> None:
        """MAIL FROM and RCPT TO, or what comes next to it; harmless to repeat. Raises AdapterError."""
        ...

    def deliver(self, octets: bytes) -> None:
        """DATA, or its like. Returns when the mail was taken; raises AdapterError when it was not, AnswerLost when the
        answer never came."""
        ...


class Mailer(Protocol):
    def session(self) -> AbstractContextManager[MailSession]:
        """Connects (AdapterError when it cannot) and quits at the end."""
        ...


@dataclass(frozen=True, slots=True)
class ReceivedMail:
    """One mail of a mailbox, under its UID there. `octets` end after the first 2 MB of a longer one: an answer stands
    before its attachments."""

    uid: int
    octets: bytes


class MailboxSession(Protocol):
    """One connection. Every call raises AdapterError and may be repeated."""

    @property
    def validity(self) -> int:
        """UIDVALIDITY: when it is another, no UID that was known means anything."""
        ...

    def before(self, day: date) -> int:
        """The UID after which the mails of this day and later come."""
        ...

    def fetch(self, after: int, most: int) -> list[ReceivedMail]:
        """The next mails with a larger UID, smallest first, left as they are; none when there are no more."""
        ...

    def file(self, uids: Sequence[int], *, unclear: bool) -> None:
        """Puts away the mails with these UIDs, as the mailbox's owner wants to find those that were understood, or
        the `unclear` ones. Those that are not there any more are left out."""
        ...


class MailboxWatch(Protocol):
    """One connection over which a mailbox tells that mail has come."""

    def wait(self, most: timedelta) -> bool:
        """Whether something has come, at once when it does; False when nothing did for so long. `most` is below 29
        minutes: servers end a connection that is silent for half an hour (RFC 2177). Raises AdapterError."""
        ...


class Mailbox(Protocol):
    @property
    def key(self) -> str:
        """The same for the same mailbox, whoever opens it."""
        ...

    def session(self) -> AbstractContextManager[MailboxSession]:
        """Connects and logs in (AdapterError when it cannot), and says goodbye at the end."""
        ...

    def watch(self) -> AbstractContextManager[MailboxWatch]:
        """As `session`. Raises AdapterError with the code imap_not_told where the server only answers."""
        ...
