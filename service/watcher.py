"""What a provider that tells of changes is asked for, as Protocols."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from service.ports import CalendarRef


@dataclass(frozen=True, slots=True)
class Watch:
    """A provider's promise to tell of one calendar's changes until `expires_at`. `id` comes with every notice;
    `resource` is what the provider wants to hear besides it when the watch is stopped, "" where that is nothing."""

    id: str
    resource: str
    expires_at: datetime


class Watcher(Protocol):
    """One connection's watches. Every call raises AdapterError and takes no longer than `timeout`."""

    def watch(self, calendar: CalendarRef, address: str, token: str, timeout: timedelta) -> Watch:
        """A new one beside those that stand: its notices go to `address` and carry `token`. When its answer is lost
        there may be one that nobody knows; it ends by itself."""
        ...

    def stop(self, watch: Watch, timeout: timedelta) -> None:
        """One that has ended already is stopped. May be repeated."""
        ...


class WatcherFactory(Protocol):
    """Given by wiring, as CalendarFactory is; None for a provider that tells nothing."""

    def __call__(self, provider: str, url: str, connection_id: int, /) -> Watcher | None: ...


def nobody_watches(_provider: str, _url: str, _connection_id: int) -> Watcher | None:
    """Where every provider is only read."""
    return None
