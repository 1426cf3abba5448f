"""An event of several days that two people go to: its days held whole, when they meet, and two looks at how it goes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event

from service.domain.itip import PRODID, plain

MEET_UP_BEFORE = timedelta(minutes=30)
CHECK_IN_AT = time(17, 30)  # on the venue's clock, as the day's programme ends
CHECK_IN_LASTS = timedelta(minutes=15)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Visit:
    """`zone` is the venue's. The words are seen by whoever sees a calendar."""

    uid: str
    starts_at: datetime
    ends_at: datetime
    zone: ZoneInfo
    summary: str
    meet_up: str
    check_in: str


def days_of(visit: Visit) -> tuple[date, date]:
    """First and last day there."""
    last = visit.ends_at - timedelta(microseconds=1)
    return visit.starts_at.astimezone(visit.zone).date(), last.astimezone(visit.zone).date()


def holds_of(visit: Visit) -> Iterator[tuple[str, datetime, datetime, str]]:
    """Name, start, end and words of what is held within it, each by the venue's clock of its own day."""
    first, last = days_of(visit)
    yield "meet-up", visit.starts_at - MEET_UP_BEFORE, visit.starts_at, visit.meet_up
    for number, day in enumerate(sorted({first, last}), 1):
        start = datetime.combine(day, CHECK_IN_AT, visit.zone).astimezone(UTC)
        yield f"check-in-{number}", start, start + CHECK_IN_LASTS, visit.check_in


def entries(visit: Visit, stamped_at: datetime) -> bytes:
    """METHOD:PUBLISH (RFC 5546 3.2.1), private: the days without taking time, the holds in UTC, nobody invited."""
    calendar = Calendar()
    calendar.add("prodid", PRODID)
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    first, last = days_of(visit)
    calendar.add_component(_entry(f"{visit.uid}-days", first, last + _DAY, visit.summary, stamped_at, "TRANSPARENT"))
    for name, start, end, words in holds_of(visit):
        calendar.add_component(_entry(f"{visit.uid}-{name}", start, end, words, stamped_at, "OPAQUE"))
    octets: bytes = calendar.to_ical()
    return octets


def _entry(
    uid: str, start: date | datetime, end: date | datetime, words: str, stamped_at: datetime, transp: str
) -> Event:
    entry = Event()
    entry.add("uid", uid)
    entry.add("dtstamp", stamped_at)
    entry.add("dtstart", start)
    entry.add("dtend", end)
    entry.add("summary", plain(words))
    entry.add("class", "PRIVATE")
    entry.add("transp", transp)
    return entry
