"""Stand-ins for the outside, as strict as what they stand for: a clock that is set, a mail server, a queue,
calendars."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from integrations.several import ask_each
from service.domain.busy import OwnEvent
from service.domain.errors import AdapterError, GreenroomError, MailRefused
from service.domain.interval import Interval, intersect, merge
from service.ports import (
    BusyReading,
    CalendarRef,
    ConsentBegun,
    Envelope,
    EventAddress,
    EventSeen,
    EventToWrite,
    Fetched,
    Granted,
    LiveAnswer,
    ReadRequest,
    SyncMark,
    VideoLink,
    Wanted,
)


class SetClock:
    """Stands still until it is told otherwise."""

    def __init__(self, now: datetime = datetime(2027, 2, 1, 9, 0, tzinfo=UTC)) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> datetime:
        self.now += timedelta(**by)
        return self.now


@dataclass
class SentMail:
    recipient: str
    octets: bytes


class MemoryMailer:
    """Keeps what it took. `fault` makes the next steps fail: it gets the step's name and may raise. After anything
    but a refusal the connection is gone, until the next session."""

    def __init__(self) -> None:
        self.sent: list[SentMail] = []
        self.fault: Callable[[str], None] = lambda step: None
        self._offered: Envelope | None = None
        self._gone = False

    @contextmanager
    def session(self) -> Iterator[MemoryMailer]:
        self._gone = False
        self._reach("connect")
        yield self

    def offer(self, envelope: Envelope) -> None:
        self._reach("offer")
        self._offered = envelope

    def deliver(self, octets: bytes) -> None:
        assert self._offered is not None, "DATA needs RCPT TO first"
        self._reach("deliver")
        self.sent.append(SentMail(self._offered.recipient, octets))
        self._offered = None

    def _reach(self, step: str) -> None:
        if self._gone:
            raise AdapterError("smtp_unreachable", permanent=False)
        try:
            self.fault(step)
        except GreenroomError as fault:
            self._gone = not isinstance(fault, MailRefused)
            raise


class RecordedJobs:
    """A queue that nobody works on: what was asked for is in `asked`. `broken` makes it answer like a dead broker."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, object]] = []
        self.broken = False
        self.calendars_wait = 0

    def _check(self) -> None:
        if self.broken:
            raise AdapterError("broker_unreachable", permanent=False)

    def send_batch(self, token: str, outbox_ids: Sequence[int]) -> None:
        self._check()
        self.asked.append(("send_batch", (token, tuple(outbox_ids))))

    def read_calendars(self) -> None:
        self._check()
        if ("read_calendars", None) not in self.asked:
            self.asked.append(("read_calendars", None))

    def read_inbound(self, inbound_ids: Sequence[int]) -> None:
        self._check()
        self.asked.append(("read_inbound", list(inbound_ids)))

    def write_events(self, write_ids: Sequence[int]) -> None:
        self._check()
        self.asked.append(("write_events", tuple(write_ids)))

    def depth(self) -> int:
        self._check()
        return 0

    def calendar_depth(self) -> int:
        self._check()
        return self.calendars_wait


@dataclass
class MemoryCalendar:
    """One calendar of one account; `events` are (interval, uid or None). `fault` is raised instead of an answer."""

    events: list[tuple[Interval, str | None]] = field(default_factory=list)
    fault: AdapterError | None = None
    partial: bool = False
    version: int = 0
    reads: int = 0
    sent: int = 0  # how often its events left it

    def discover(self, timeout: timedelta) -> tuple[CalendarRef, ...]:
        self._answer()
        return (CalendarRef(key="main", name="Work", counts=True),)

    def fetch(
        self, calendar: CalendarRef, request: ReadRequest, mark: SyncMark | None, timeout: timedelta
    ) -> BusyReading | None:
        self._answer()
        now = SyncMark(sync_token=str(self.version))
        if mark == now:
            return None
        self.sent += 1
        ours = tuple(
            OwnEvent(uid, interval, cancelled=False, partstat=None)
            for interval, uid in self.events
            if uid in request.our_uids and uid is not None
        )
        spans = merge(interval.span for interval, uid in self.events if uid is None or uid not in request.our_uids)
        return BusyReading(intersect(spans, [request.window.span]), ours, self.partial, now)

    def fetch_all(self, wanted: Sequence[Wanted], request: ReadRequest, timeout: timedelta) -> list[Fetched]:
        return ask_each(wanted, lambda each: self.fetch(each[0], request, each[1], timeout), at_once=1)

    def _answer(self) -> None:
        self.reads += 1
        if self.fault is not None:
            raise self.fault

    def put(self, start: datetime, minutes: int = 60, uid: str | None = None) -> None:
        self.events.append((Interval.lasting(start, timedelta(minutes=minutes)), uid))
        self.version += 1


class MemoryCalendars:
    """ports.CalendarFactory over named in-memory calendars: the connection's URL is the name."""

    def __init__(self) -> None:
        self.by_url: dict[str, MemoryCalendar] = {}

    def __call__(
        self, provider: str, url: str, username: str | None, password: str | None, connection_id: int | None = None
    ) -> MemoryCalendar:
        return self.by_url.setdefault(url, MemoryCalendar())


@dataclass
class MemoryWriter:
    """ports.CalendarWriter over one account. `fault` is raised instead of an answer, `lost` after the work is done.
    `told` is what its guests were mailed, `video` what it says of a link that it is asked for."""

    events: dict[str, EventToWrite] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    told: list[tuple[str, str]] = field(default_factory=list)
    fault: AdapterError | None = None
    lost: bool = False
    answer: str = "NEEDS-ACTION"  # of every guest
    writes: int = 0
    video: VideoLink | None = field(default_factory=lambda: VideoLink("https://meet.example.org/one"))

    def put(self, event: EventToWrite, timeout: timedelta) -> EventAddress:
        key = f"{event.uid}-{event.copy}"
        if key not in self.events:
            self._write(key, event, "invite")
        return self.change(self._address(key), event, timeout)

    def change(self, at: EventAddress, event: EventToWrite, timeout: timedelta) -> EventAddress:
        self._check(at.event_id)
        if self.events[at.event_id].revision != event.revision:
            self._write(at.event_id, event, "update")
        return self._address(at.event_id)

    def remove(self, at: EventAddress | None, event: EventToWrite, timeout: timedelta) -> bool:
        key = at.event_id if at is not None else f"{event.uid}-{event.copy}"
        if self.fault is not None:
            raise self.fault
        if self.events.pop(key, None) is not None:
            self._tell(event, "cancel")
            self._lose()
        return True

    def look(self, at: EventAddress, timeout: timedelta) -> EventSeen | None:
        if self.fault is not None:
            raise self.fault
        event = self.events.get(at.event_id)
        if event is None or at.event_id in self.deleted:
            return None
        return EventSeen(event.interval, {guest.email: self.answer for guest in event.guests}, self._video(event))

    def _check(self, key: str) -> None:
        if self.fault is not None:
            raise self.fault
        if key in self.deleted:
            raise AdapterError("not_found", permanent=True)

    def _write(self, key: str, event: EventToWrite, kind: str) -> None:
        self._check(key)
        self.events[key] = event
        self.writes += 1
        self._tell(event, kind)
        self._lose()

    def _lose(self) -> None:
        if self.lost:
            raise AdapterError("timeout", permanent=False)

    def _tell(self, event: EventToWrite, kind: str) -> None:
        self.told += [(kind, guest.email) for guest in event.guests]

    def _address(self, key: str) -> EventAddress:
        event = self.events[key]
        return EventAddress("main", key, str(event.revision), f"{key}@provider", self._video(event))

    def _video(self, event: EventToWrite) -> VideoLink | None:
        return self.video if event.video else None


class MemoryWriters:
    """ports.WriterFactory over in-memory calendars: the connection's URL is the name."""

    def __init__(self) -> None:
        self.by_url: dict[str, MemoryWriter] = {}

    def __call__(self, provider: str, url: str, connection_id: int) -> MemoryWriter:
        return self.by_url.setdefault(url, MemoryWriter())


class NobodyThere:
    """ports.OwnAddress where nothing runs."""

    def ask(self, timeout: timedelta) -> LiveAnswer:
        raise AdapterError("connect_failed", permanent=False, host="meet.example.org")


class Live:
    """ports.OwnAddress where the service answers, by a clock that may be off."""

    def __init__(self, ours: bool = True, ahead: timedelta = timedelta()) -> None:
        self.ours, self.ahead = ours, ahead

    def ask(self, timeout: timedelta) -> LiveAnswer:
        now = datetime.now(UTC)
        return LiveAnswer(self.ours, now + self.ahead, now)


class NoRecords:
    """ports.TextRecords of a resolver that does not answer."""

    def texts(self, name: str, timeout: timedelta) -> tuple[str, ...] | None:
        raise AdapterError("dns_silent", permanent=False)


@dataclass
class MemoryAuthorizer:
    """ports.Authorizer as strict as the real ones: a code is good once, for the state and address that it was made
    for. `granted` is what the person left ticked."""

    granted: frozenset[str] = frozenset({"busy"})
    account: str = "ben@example.com"
    refused: str | None = None
    revoked: list[str] = field(default_factory=list)
    codes: dict[str, tuple[str, str]] = field(default_factory=dict)
    begun: int = 0

    def begin(self, access: str, redirect_uri: str, hint: str | None) -> ConsentBegun:
        state = f"state-{self.begun}-{access}"
        self.codes[f"code-{self.begun}"] = (state, redirect_uri)
        self.begun += 1
        return ConsentBegun(f"https://provider.example/auth?state={state}", state, f"kept of {state}")

    def code(self) -> str:
        """What the provider's page would send back for the last that began."""
        return list(self.codes)[-1]

    def finish(self, kept: str, redirect_uri: str, answer: dict[str, str]) -> Granted:
        if "error" in answer:
            raise AdapterError(self.refused or "consent_denied", permanent=True)
        state, uri = self.codes.pop(answer["code"])
        assert (kept, redirect_uri) == (f"kept of {state}", uri)
        return Granted(f"id of {self.account}", self.account, self.granted, f"tokens of {state}")

    def check(self, redirect_uri: str) -> None:
        if self.refused is not None:
            raise AdapterError(self.refused, permanent=True)

    def missing(self, access: str, granted: frozenset[str]) -> frozenset[str]:
        return frozenset({"busy", access}) - granted

    def revoke(self, tokens: str) -> None:
        self.revoked.append(tokens)
