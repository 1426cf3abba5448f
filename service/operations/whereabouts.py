"""Where an event that we wrote is now: its owner may have dragged it into another calendar of the same account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from service.domain.errors import AdapterError
from service.ports import CalendarWriter, EventAddress, EventSeen

TIMEOUT = timedelta(seconds=20)
CLOSED = "forbidden"  # of that one calendar; any other fault tells nothing of where the event is


@dataclass(frozen=True, slots=True)
class Found:
    at: EventAddress
    seen: EventSeen


def find(writer: CalendarWriter, at: EventAddress, elsewhere: Sequence[str]) -> Found | None:
    """Where it was written, or else in the first of these other calendars: it keeps its id there (Google's
    `events.move`; Graph's immutable ids). None only when none of them has it. Raises AdapterError when one that may
    have it cannot be asked; one that is closed to us has none of ours."""
    for calendar in (at.calendar, *elsewhere):
        there = replace(at, calendar=calendar)
        try:
            seen = writer.look(there, TIMEOUT)
        except AdapterError as fault:
            if calendar == at.calendar or fault.code != CLOSED:
                raise
            continue
        if seen is not None:
            return Found(there, seen)
    return None
