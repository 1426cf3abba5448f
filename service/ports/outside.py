"""What else of the outside operations and doctor need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol


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
