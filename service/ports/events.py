"""What writes our meetings into a calendar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from service.domain.interval import Interval


@dataclass(frozen=True, slots=True)
class Guest:
    email: str
    name: str


@dataclass(frozen=True, slots=True)
class EventToWrite:
    """A meeting as its event is to stand in a calendar. With `guests` the calendar invites them, and tells them of
    every change; without, nobody is told anything.

    `revision` grows with each change that has to be written. `copy` is 0, and grows when somebody has deleted the event
    and it is to stand again: a provider keeps the id of a deleted event for ever. `video`: the calendar adds a video
    meeting of its own, once, and keeps it whatever changes.
    """

    uid: str
    copy: int
    revision: int
    interval: Interval
    summary: str
    description: str
    location: str | None
    guests: tuple[Guest, ...] = ()
    video: bool = False


@dataclass(frozen=True, slots=True)
class VideoLink:
    """Of the video meeting that a calendar was asked for. Without `url` it is not made yet, or with `failed` never."""

    url: str | None = None
    failed: bool = False


@dataclass(frozen=True, slots=True)
class EventAddress:
    """Where an event was written, as the provider names it; every later write goes there and nowhere else.

    `ical_uid` is the UID that the provider gave it, an alias of ours. `video` None: it has no video meeting.
    """

    calendar: str
    event_id: str
    etag: str
    ical_uid: str
    video: VideoLink | None = None


@dataclass(frozen=True, slots=True)
class EventSeen:
    """An event of ours as it stands in its calendar now. `answers` are PARTSTATs (RFC 5545 3.2.12) of its guests by
    address in lower case."""

    interval: Interval
    answers: Mapping[str, str]
    video: VideoLink | None = None


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

    def remove(self, at: EventAddress | None, event: EventToWrite, timeout: timedelta) -> bool:
        """One that is gone already is removed. Without an address: what a `put` wrote whose answer never came; False
        when there is none, as far as the calendar can tell so soon after a `put`."""
        ...

    def look(self, at: EventAddress, timeout: timedelta) -> EventSeen | None:
        """The event as it stands; None when it has been deleted."""
        ...


class WriterFactory(Protocol):
    """Given by wiring, as CalendarFactory is, for the providers whose calendars can be written to."""

    def __call__(self, provider: str, url: str, connection_id: int) -> CalendarWriter: ...
