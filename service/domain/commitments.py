"""What two people agreed to do: its kinds, the honest answers to how it stands, and by when, counted from the meeting
at which it is talked about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event

from service.domain.itip import PRODID, plain

KINDS = ("do", "read", "learn", "meet")
STATES = ("open", "done", "moving", "stuck", "renegotiated")
REASONS = ("time", "bigger", "waiting", "changed", "else")  # why somebody renegotiates: a kind, no account
DAYS_BEFORE = 2  # working days before the meeting
_DAY = timedelta(days=1)


def nudge_key(pair_id: int, owner_id: int, due_on: date) -> str:
    """Of the one mail that asks somebody about everything that they chose one day for."""
    return f"p{pair_id}:nudge:{owner_id}:{due_on}"


def asked_day(key: str) -> date:
    """The day that a mail with this key asks about."""
    return date.fromisoformat(key.rpartition(":")[2])


def due_before(starts_at: datetime, zone: ZoneInfo, today: date) -> date:
    """Two working days (Monday to Friday) before the meeting on its day in the zone; never a day that has passed."""
    day, left = starts_at.astimezone(zone).date(), DAYS_BEFORE
    while left:
        day -= _DAY
        left -= day.weekday() < 5
    return max(day, today)


@dataclass(frozen=True, slots=True)
class Learning:
    """Days that somebody keeps for a class; both ends included. The words are seen by whoever sees their calendar."""

    uid: str
    first: date
    last: date
    summary: str
    halfway_summary: str

    @property
    def halfway(self) -> date:
        return self.first + (self.last - self.first) // 2


def hold(learning: Learning, stamped_at: datetime) -> bytes:
    """Two private entries for the owner's own calendar, of whole days and without taking time: the class, and a look
    at it halfway. METHOD:PUBLISH (RFC 5546 3.2.1): nobody is invited, nobody is told."""
    calendar = Calendar()
    calendar.add("prodid", PRODID)
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    days = (learning.uid, learning.first, learning.last, learning.summary)
    half = (f"{learning.uid}-half", learning.halfway, learning.halfway, learning.halfway_summary)
    for uid, first, last, summary in (days, half):
        event = Event()
        event.add("uid", uid)
        event.add("dtstamp", stamped_at)
        event.add("dtstart", first)
        event.add("dtend", last + _DAY)  # the first day that is free again: RFC 5545 3.6.1
        event.add("summary", plain(summary))
        event.add("class", "PRIVATE")
        event.add("transp", "TRANSPARENT")
        calendar.add_component(event)
    octets: bytes = calendar.to_ical()
    return octets
