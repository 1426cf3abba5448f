"""What operations need from the outside, as Protocols; adapters in `integrations` fulfil them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from service.domain.busy import OwnEvent as OwnEvent
from service.domain.interval import Interval, Span


@dataclass(frozen=True, slots=True)
class CalendarRef:
    """One calendar of a connection: `key` is its stable address there (an href, or "" for a feed)."""

    key: str
    name: str
    counts: bool  # whether it should count as busy unless the person says otherwise


@dataclass(frozen=True, slots=True)
class SyncMark:
    """What lets the next read ask only for changes; opaque outside its adapter."""

    etag: str | None = None
    modified: str | None = None
    sync_token: str | None = None


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """What is read, and for whom.

    `zone` is the owner's, for floating times and all-day events; `addresses` are the owner's (lower case), to find
    what they declined; `our_uids` are meetings of ours, which never count as busy.
    """

    window: Interval
    zone: ZoneInfo
    addresses: frozenset[str]
    our_uids: frozenset[str]


@dataclass(frozen=True, slots=True)
class BusyReading:
    """Merged busy spans of one calendar inside the request's window; never a title.

    `partial`: an event could not be read in full; its span is in `spans` (unknown start or end raises instead).
    """

    spans: Sequence[Span]
    own: tuple[OwnEvent, ...]
    partial: bool
    mark: SyncMark


class BusyCalendar(Protocol):
    """A connection's calendars. Every call raises AdapterError; none takes longer than `timeout` in all."""

    def discover(self, timeout: timedelta) -> tuple[CalendarRef, ...]:
        """Every event calendar of the connection, after a real read."""
        ...

    def fetch(
        self, calendar: CalendarRef, request: ReadRequest, mark: SyncMark | None, timeout: timedelta
    ) -> BusyReading | None:
        """The calendar's busy times in the window; None when nothing changed since `mark`. May be repeated."""
        ...


@dataclass(frozen=True, slots=True)
class Guest:
    email: str
    name: str


@dataclass(frozen=True, slots=True)
class EventToWrite:
    """A meeting as its event is to stand in a calendar. With `guests` the calendar invites them, and tells them of
    every change; without, nobody is told anything.

    `revision` grows with each change that has to be written. `copy` is 0, and grows when somebody has deleted the event
    and it is to stand again: a provider keeps the id of a deleted event for ever.
    """

    uid: str
    copy: int
    revision: int
    interval: Interval
    summary: str
    description: str
    location: str | None
    guests: tuple[Guest, ...] = ()


@dataclass(frozen=True, slots=True)
class EventAddress:
    """Where an event was written, as the provider names it; every later write goes there and nowhere else.

    `ical_uid` is the UID that the provider gave it, an alias of ours.
    """

    calendar: str
    event_id: str
    etag: str
    ical_uid: str


@dataclass(frozen=True, slots=True)
class EventSeen:
    """An event of ours as it stands in its calendar now. `answers` are PARTSTATs (RFC 5545 3.2.12) of its guests by
    address in lower case."""

    interval: Interval
    answers: Mapping[str, str]


class CalendarWriter(Protocol):
    """Events of ours in one connection's main calendar. Every call raises AdapterError, takes no longer than `timeout`,
    and may be repeated, also when the answer of an earlier one was lost: nothing is written, and nobody told, twice."""

    def put(self, event: EventToWrite, timeout: timedelta) -> EventAddress:
        """A new event. AdapterError `not_found` when it has been deleted since an earlier call wrote it."""
        ...

    def change(self, at: EventAddress, event: EventToWrite, timeout: timedelta) -> EventAddress:
        """What we say of it, and nothing else of it. What somebody changed meanwhile is overwritten only where we say
        it too. AdapterError `not_found` when it has been deleted."""
        ...

    def remove(self, at: EventAddress | None, event: EventToWrite, timeout: timedelta) -> None:
        """One that is gone already is removed. Without an address: what a `put` wrote whose answer never came."""
        ...

    def look(self, at: EventAddress, timeout: timedelta) -> EventSeen | None:
        """The event as it stands; None when it has been deleted."""
        ...


class WriterFactory(Protocol):
    """Given by wiring, as CalendarFactory is, for the providers whose calendars can be written to."""

    def __call__(self, provider: str, url: str, connection_id: int) -> CalendarWriter: ...


@dataclass(frozen=True, slots=True)
class Envelope:
    sender: str
    recipient: str


class MailSession(Protocol):
    """One connection, several messages. Before `deliver` the server holds nothing of the message."""

    def offer(self, envelope: Envelope) -> None:
        """MAIL FROM and RCPT TO, harmless to repeat. Raises AdapterError."""
        ...

    def deliver(self, octets: bytes) -> None:
        """DATA. Returns on 2xx; raises AdapterError on 4xx/5xx, AnswerLost when the answer never came."""
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

    def file(self, first: int, last: int) -> None:
        """Puts away the mails with these UIDs, as the mailbox's owner wants to find them."""
        ...


class Mailbox(Protocol):
    @property
    def key(self) -> str:
        """The same for the same mailbox, whoever opens it."""
        ...

    def session(self) -> AbstractContextManager[MailboxSession]:
        """Connects and logs in (AdapterError when it cannot), and says goodbye at the end."""
        ...


class Jobs(Protocol):
    """Wakes workers. A job carries ids only; each is backed by a row that a sweep would find as well."""

    def send_batch(self, token: str, outbox_ids: Sequence[int]) -> None: ...

    def read_calendars(self) -> None:
        """One more worker reads what is due, unless one has been asked for that has not begun."""
        ...

    def read_inbound(self, inbound_ids: Sequence[int]) -> None: ...

    def write_events(self, write_ids: Sequence[int]) -> None: ...

    def depth(self) -> int:
        """Jobs waiting to send; raises AdapterError when the broker does not answer."""
        ...

    def calendar_depth(self) -> int:
        """Jobs waiting to read or write calendars; raises AdapterError when the broker does not answer."""
        ...


class CalendarFactory(Protocol):
    """Given by wiring: the adapter for a connection's provider, with its credentials already inside; those of a
    provider that was consented to are found by `connection_id`."""

    def __call__(
        self, provider: str, url: str, username: str | None, password: str | None, connection_id: int | None = None
    ) -> BusyCalendar: ...


class TokenBox(Protocol):
    """One connection's tokens, as the provider's own library keeps them in text. Never logged, queued or shown."""

    def load(self) -> str:
        """As they stand now. Raises AdapterError `reconnect`, permanent, when there are none."""
        ...

    def renewing(self, timeout: timedelta) -> AbstractContextManager[str]:
        """Alone among all processes, with the tokens read again inside: somebody may have renewed them meanwhile.
        Raises AdapterError `timeout` when others hold it too long."""
        ...

    def save(self, tokens: str) -> None:
        """Keeps renewed ones; inside `renewing` only."""
        ...


@dataclass(frozen=True, slots=True)
class ConsentBegun:
    """Where to send the person, and what `finish` needs again; `kept` holds secrets."""

    url: str
    state: str
    kept: str


@dataclass(frozen=True, slots=True)
class Granted:
    """What the person gave. `account_id` never changes at the provider; `account` is its address. `scopes` may be fewer
    than were asked for."""

    account_id: str
    account: str
    scopes: frozenset[str]
    tokens: str


class Authorizer(Protocol):
    """One provider's way of asking for consent: OAuth 2.0 code flow with PKCE (RFC 6749 4.1, RFC 7636)."""

    def begin(self, access: str, redirect_uri: str, hint: str | None) -> ConsentBegun:
        """`access` is busy or write; the least scopes for it are asked for. No network, or AdapterError."""
        ...

    def finish(self, kept: str, redirect_uri: str, answer: dict[str, str]) -> Granted:
        """Trades the code in. Raises AdapterError with a code that says what the person or the operator can do:
        consent_denied, admin_consent, client_refused, redirect_refused, consent_expired, provider_unreachable."""
        ...

    def check(self, redirect_uri: str) -> None:
        """Whether the provider knows us, as far as it tells without a person. Raises AdapterError as `finish` does."""
        ...

    def missing(self, access: str, granted: frozenset[str]) -> frozenset[str]:
        """The scopes that `access` needs and that were not given."""
        ...

    def revoke(self, tokens: str) -> None:
        """Ends the grant at the provider, where it has a way to. Raises AdapterError; the caller forgets the tokens
        all the same."""
        ...


class TextRecords(Protocol):
    """DNS."""

    def texts(self, name: str, timeout: timedelta) -> tuple[str, ...] | None:
        """Every text at the name; None when there is no such name. Raises AdapterError when nobody answers."""
        ...


@dataclass(frozen=True, slots=True)
class LiveAnswer:
    """What stands at our own address: whether it is us, and its clock when it was seen by ours."""

    ours: bool
    dated_at: datetime | None
    seen_at: datetime


class OwnAddress(Protocol):
    def ask(self, timeout: timedelta) -> LiveAnswer:
        """The answer to `/health/live` there. Raises AdapterError when none comes."""
        ...
