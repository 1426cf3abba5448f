"""What reads busy times from one calendar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from service.domain.busy import OwnEvent
from service.domain.errors import AdapterError
from service.domain.interval import Interval, Span


@dataclass(frozen=True, slots=True)
class CalendarRef:
    """One calendar of a connection: `key` is its stable address there (an href, or "" for a feed). `video`: the kind of
    video meeting that its events may get from it, `meet` or `teams`."""

    key: str
    name: str
    counts: bool  # whether it should count as busy unless the person says otherwise
    video: str | None = None


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
    what they declined; `our_uids` are meetings of ours, which never count as busy. `live`: somebody waits for it, so
    that time counts for more than the number of requests.
    """

    window: Interval
    zone: ZoneInfo
    addresses: frozenset[str]
    our_uids: frozenset[str]
    live: bool = False


@dataclass(frozen=True, slots=True)
class BusyReading:
    """Merged busy spans of one calendar inside the request's window; never a title.

    `partial`: an event could not be read in full; its span is in `spans` (unknown start or end raises instead).
    """

    spans: Sequence[Span]
    own: tuple[OwnEvent, ...]
    partial: bool
    mark: SyncMark


Wanted = tuple[CalendarRef, SyncMark | None]  # a calendar, and what is known of it
Fetched = BusyReading | AdapterError | None  # None: nothing changed


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

    def fetch_all(self, wanted: Sequence[Wanted], request: ReadRequest, timeout: timedelta) -> list[Fetched]:
        """As `fetch`, for several and in their order, at the same time where that is allowed; `timeout` is for all of
        them. Does not raise: a fault stands in the place of its calendar, and a server that asks for a pause is not
        asked for the rest."""
        ...


class CalendarFactory(Protocol):
    """Given by wiring: the adapter for a connection's provider, with its credentials already inside; those of a
    provider that was consented to are found by `connection_id`."""

    def __call__(
        self, provider: str, url: str, username: str | None, password: str | None, connection_id: int | None = None
    ) -> BusyCalendar: ...
