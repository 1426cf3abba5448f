"""Whose calendars are read next: spread over time, in turn for hosts and people, no host more often than it likes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

SPREAD, GOLDEN = 0.1, 0.6180339887  # neighbouring numbers land far apart (Weyl's sequence)
BEHIND = timedelta(seconds=2)  # a person's second behind their first: sixty of one let others pass for two minutes
LONGEST_HOLD = timedelta(days=1)  # a server that asks for more is asked again all the same


@dataclass(frozen=True, slots=True)
class Waiting:
    """A connection that is due. `host` is any name that those on one server share."""

    connection_id: int
    person_id: int
    host: str
    due_at: datetime


def next_reads(
    now: datetime,
    waiting: Sequence[Waiting],
    reading: Mapping[str, int],
    held: Mapping[str, datetime],
    per_host: int,
    free: int,
) -> list[int]:
    """The ids of up to `free` connections to read now, in order: each host's first before any host's second, and
    within that the oldest first, where each further one of a person counts as if it had come due a little later. So
    neither a host with thousands of calendars nor a person with dozens makes the others wait, and none waits for ever.

    `reading`: how many are being read at each host, of at most `per_host`. `held`: hosts that asked to be left alone,
    and until when.
    """
    nth: Counter[int] = Counter()
    ranked = []
    for each in sorted(waiting, key=lambda each: (each.due_at, each.connection_id)):
        ranked.append((each.due_at + nth[each.person_id] * BEHIND, each.connection_id, each.host))
        nth[each.person_id] += 1
    seats = Counter(reading)
    chosen = []
    for turn, connection_id, host in sorted(ranked):
        if seats[host] < per_host and not is_held(now, held.get(host)):
            chosen.append((seats[host], turn, connection_id))
            seats[host] += 1
    return [connection_id for *_, connection_id in sorted(chosen)[: max(0, free)]]


def is_held(now: datetime, until: datetime | None) -> bool:
    """What lies further ahead than any hold may was written by a clock that has been set back since."""
    return until is not None and now < until <= now + LONGEST_HOLD


def hold_until(now: datetime, retry_after: timedelta) -> datetime:
    """When a host that answered Retry-After (RFC 9110 10.2.3) may be asked again, by us at all."""
    return now + min(retry_after, LONGEST_HOLD)


def spread(connection_id: int, poll: timedelta) -> timedelta:
    """The interval, up to a tenth shorter, the same for a connection each time: those that came due in the same minute
    do not stay in step."""
    return poll * (1 - SPREAD * _place(connection_id))


def first_look(connection_id: int, poll: timedelta) -> timedelta:
    """How long after it was connected a calendar is read again: what one import connects comes due over a whole
    interval, not in one minute."""
    return poll * (1 - _place(connection_id))


def _place(connection_id: int) -> float:
    """Between 0 and 1, evenly over any run of ids."""
    return (connection_id * GOLDEN) % 1


def host_of(url: str) -> str:
    """The server behind an address as people write it: a URL, a bare host, or name@host. Lower case; "" for none."""
    rest = url.strip().rpartition("://")[2]
    try:
        return urlsplit(f"//{rest}").hostname or ""
    except ValueError:
        return ""
