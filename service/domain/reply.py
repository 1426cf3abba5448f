"""An answer to an invitation: read out of a mail, and made as a mail program would send it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.policy import SMTP
from email.utils import format_datetime, make_msgid, parseaddr

from icalendar import Calendar, Component, Event

MOST_BYTES = 2 * 1024 * 1024
MOST_LEAVES = 100


@dataclass(frozen=True, slots=True)
class ItipReply:
    """What an attendee answered. Addresses are lower case; `sender` is the mail's From."""

    uid: str
    attendee: str
    partstat: str
    sequence: int
    dtstamp: datetime
    sender: str


def parse_reply(raw: bytes) -> ItipReply | None:
    """The iTIP REPLY in any text/calendar leaf, in any encoding; None when there is none that can be read.

    ORGANIZER, Subject, Date and In-Reply-To are not looked at: real replies come without them. What lies inside a
    message/rfc822 is somebody else's mail (a bounce carries our own REQUEST).
    """
    if len(raw) > MOST_BYTES:
        return None
    message = _parsed(raw)
    if message is None:
        return None
    sender = parseaddr(str(message.get("From", "")))[1].lower()
    for leaf in _leaves(message):
        if leaf.get_content_type() not in {"text/calendar", "application/ics"}:
            continue
        payload = leaf.get_payload(decode=True)
        reply = _read(payload, sender) if isinstance(payload, bytes) else None
        if reply is not None:
            return reply
    return None


def make_reply(request: bytes, attendee: str, partstat: str, now: datetime) -> bytes:
    """A whole mail that answers the REQUEST for this attendee: SEQUENCE echoed, one ATTENDEE, no alarm (RFC 5546
    3.2.3).

    Raises ValueError when the attendee was not invited.
    """
    asked = next(iter(Calendar.from_ical(request).walk("VEVENT")))
    me = next((who for who in _listed(asked, "attendee") if _address(who) == attendee.lower()), None)
    if me is None:
        raise ValueError("not invited")
    organizer = asked["organizer"]
    event = Event()
    for name in ("uid", "sequence", "dtstart", "dtend", "summary"):
        if name in asked:
            event[name] = asked[name]
    event.add("dtstamp", now)
    event["organizer"] = organizer
    me.params["PARTSTAT"] = partstat
    me.params.pop("RSVP", None)
    event.add("attendee", me, encode=False)
    calendar = Calendar()
    calendar.add("prodid", "-//Greenroom//Demo mailbox//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "REPLY")
    calendar.add_component(event)
    message = EmailMessage(policy=SMTP)
    message["From"] = attendee
    message["To"] = _address(organizer)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = make_msgid(domain="mailbox.localhost")
    message["Subject"] = f"{partstat.capitalize()}: {asked.get('summary', '')}"
    message.set_content(f"{partstat.capitalize()}.\n")
    message.add_alternative(
        calendar.to_ical(), maintype="text", subtype="calendar", params={"method": "REPLY", "charset": "UTF-8"}
    )
    return message.as_bytes()


def request_in(raw: bytes) -> bytes | None:
    """The calendar part of a mail that invites or cancels."""
    message = _parsed(raw)
    for leaf in _leaves(message) if message is not None else ():
        if leaf.get_content_type() == "text/calendar":
            payload = leaf.get_payload(decode=True)
            return payload if isinstance(payload, bytes) else None
    return None


def _parsed(raw: bytes) -> Message | None:
    """By the old policy, whose headers are plain text: the new one's readers raise IndexError on a From of one quote
    mark. None for a mail nested so deeply that the parser gives up."""
    try:
        return message_from_bytes(raw)
    except RecursionError:
        return None


def _leaves(message: Message) -> Iterator[Message]:
    """Leaf parts, depth first, without entering message/rfc822, and not more than anybody sends."""
    waiting: list[Message] = [message]
    for _ in range(MOST_LEAVES):
        if not waiting:
            return
        part = waiting.pop(0)
        if part.get_content_maintype() == "message":
            continue
        inside = part.get_payload()
        if isinstance(inside, list):
            waiting = [piece for piece in inside if isinstance(piece, Message)] + waiting
        else:
            yield part


def _read(payload: bytes, sender: str) -> ItipReply | None:
    try:
        calendar = Calendar.from_ical(payload)
        if str(calendar.get("method", "")).upper() != "REPLY":
            return None
        event = next(iter(calendar.walk("VEVENT")), None)
        if event is None or "uid" not in event:
            return None
        attendees = _listed(event, "attendee")
        if len(attendees) != 1:
            return None
        stamp = event.decoded("dtstamp", None)
        return ItipReply(
            uid=str(event["uid"]).strip(),
            attendee=_address(attendees[0]),
            partstat=str(attendees[0].params.get("PARTSTAT", "NEEDS-ACTION")).upper(),
            sequence=int(event.get("sequence", 0)),
            dtstamp=_utc(stamp) if stamp is not None else datetime.min.replace(tzinfo=UTC),
            sender=sender,
        )
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return None  # a calendar that cannot be read answers nothing


def _listed(event: Component, name: str) -> list:  # type: ignore[type-arg]
    found = event.get(name, [])
    return found if isinstance(found, list) else [found]


def _address(who: object) -> str:
    return re.sub(r"(?i)^mailto:", "", str(who).strip()).strip().lower()


def _utc(moment: datetime | date) -> datetime:
    if not isinstance(moment, datetime):
        return datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
