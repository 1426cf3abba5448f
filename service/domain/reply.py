"""An answer to an invitation, read out of a mail: a REPLY (RFC 5546 3.2.3), a COUNTER with another time (3.2.7), or a
REFRESH, which asks for the invitation again (3.2.6)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.message import Message
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from icalendar import Calendar, Component

from service.domain.errors import AdapterError
from service.domain.event_time import UNREADABLE, Zones, bounds_of, zone_is_unknown
from service.domain.ics_text import FOLD, LINE_END, normalise
from service.domain.interval import Interval
from service.domain.received import calendars_in, sender_of
from service.domain.typed import clean

# Programs add hundreds of lines of their own, and a COMMENT as long as a book: what is not needed is never parsed.
READ = re.compile(
    rb"(?:BEGIN|END|METHOD|UID|DTSTAMP|SEQUENCE|ATTENDEE|DTSTART|DTEND|DURATION|COMMENT|TZID|TZOFFSETFROM|TZOFFSETTO"
    rb"|RRULE)[;:]",
    re.IGNORECASE,
)
METHODS = frozenset({"REPLY", "COUNTER", "REFRESH"})
MOST_LINES, LONGEST_LINE = 2000, 4000
LONGEST_COMMENT = 1000
EARLIEST = datetime.min.replace(tzinfo=UTC)
UTC_ZONES = Zones(ZoneInfo("UTC"), ZoneInfo("UTC"))


@dataclass(frozen=True, slots=True)
class ItipReply:
    """What an attendee answered. Addresses are lower case; `sender` is the mail's From, `sent_by` whom the attendee
    lets act for them. Without `sequence` the program did not say to what it answered.

    `proposed` is the time that a COUNTER asks for; None in it when that cannot be read. A REFRESH answers nothing.
    """

    uid: str
    attendee: str
    partstat: str
    sequence: int | None
    dtstamp: datetime
    sender: str
    sent_by: str | None = None
    counter: bool = False
    refresh: bool = False
    proposed: Interval | None = None
    comment: str = ""


def reply_in(message: Message) -> ItipReply | None:
    """The first REPLY, COUNTER or REFRESH in any leaf, in any encoding; None when there is none that can be read.

    ORGANIZER, Subject, Date and In-Reply-To are not looked at: real replies come without them. A report of a mail that
    could not be delivered answers nothing, whatever it quotes.
    """
    if message.get_content_type() == "multipart/report":
        return None
    sender = sender_of(message)
    found = (_read(payload, sender) for payload in calendars_in(message))
    return next((reply for reply in found if reply is not None), None)


def _read(payload: bytes, sender: str) -> ItipReply | None:
    try:
        calendar = Calendar.from_ical(normalise(_slim(payload)))
        method = str(calendar.get("method", "")).strip().upper()
        event = next(iter(calendar.walk("VEVENT")), None)
        if method not in METHODS or event is None or not str(event.get("uid", "")).strip():
            return None
        attendees = listed(event, "attendee")
        if len(attendees) != 1:
            return None
        stamp = event.decoded("dtstamp", None)
        params = attendees[0].params
        return ItipReply(
            uid=str(event["uid"]).strip(),
            attendee=address_of(attendees[0]),
            partstat=str(params.get("PARTSTAT", "NEEDS-ACTION")).strip().upper(),
            sequence=int(str(event["sequence"])) if "sequence" in event else None,
            dtstamp=_utc(stamp) if stamp is not None else EARLIEST,
            sender=sender,
            sent_by=_address(str(params["SENT-BY"])) if "SENT-BY" in params else None,
            counter=method == "COUNTER",
            refresh=method == "REFRESH",
            proposed=_proposed(event) if method == "COUNTER" else None,
            comment=_comment(event) if method == "COUNTER" else "",
        )
    except (*UNREADABLE, AdapterError, RecursionError):
        return None  # a calendar that cannot be read answers nothing


def _slim(payload: bytes) -> bytes:
    """The lines that are read, unfolded; of a long one the beginning. A zone goes with a COUNTER's time."""
    text = FOLD.sub(b"", LINE_END.sub(b"\n", payload.lstrip(b"\xef\xbb\xbf \r\n\t")))
    kept = [line[:LONGEST_LINE] for line in (each.strip() for each in text.split(b"\n")) if READ.match(line)]
    if len(kept) > MOST_LINES:
        raise ValueError("more than one answer has")
    return b"\n".join(kept) + b"\n"


def _proposed(event: Component) -> Interval | None:
    """An all-day event and a time in a zone that nobody knows are no time to meet."""
    start = event.decoded("dtstart", None)
    if not isinstance(start, datetime) or start.tzinfo is None or zone_is_unknown(event):
        return None
    bounds = bounds_of(event, UTC_ZONES)
    if bounds is None or bounds[0] >= bounds[1]:
        return None
    return Interval(*(datetime.fromtimestamp(bound, UTC) for bound in bounds))


def _comment(event: Component) -> str:
    written = "\n".join(str(each) for each in listed(event, "comment")) if "comment" in event else ""
    return clean(written)[:LONGEST_COMMENT]


def listed(event: Component, name: str) -> list:  # type: ignore[type-arg]
    found = event.get(name, [])
    return found if isinstance(found, list) else [found]


def address_of(who: object) -> str:
    """Of an ATTENDEE or ORGANIZER in lower case. Apple's are paths, with the address in EMAIL beside them."""
    written = str(who).strip()
    beside = getattr(who, "params", {}).get("EMAIL")
    return _address(str(beside) if beside and "@" not in written else written)


def _address(written: str) -> str:
    bare = re.sub(r"(?i)^mailto:", "", written.strip().strip('"')).partition("?")[0]
    return unquote(bare).strip().lower()


def _utc(moment: datetime | date) -> datetime:
    if not isinstance(moment, datetime):
        return datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
