"""An answer to an invitation as a mail program would send it, for the local mailbox and its demo."""

from __future__ import annotations

from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid

from icalendar import Calendar, Event

from service.domain.received import leaves, parsed
from service.domain.reply import address_of, listed


def make_reply(request: bytes, attendee: str, partstat: str, now: datetime) -> bytes:
    """A whole mail that answers the REQUEST for this attendee: SEQUENCE echoed, one ATTENDEE, no alarm (RFC 5546
    3.2.3).

    Raises ValueError when the attendee was not invited.
    """
    asked = next(iter(Calendar.from_ical(request).walk("VEVENT")))
    me = next((who for who in listed(asked, "attendee") if address_of(who) == attendee.lower()), None)
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
    message["To"] = address_of(organizer)
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
    message = parsed(raw)
    for leaf in leaves(message) if message is not None else ():
        if leaf.get_content_type() == "text/calendar":
            payload = leaf.get_payload(decode=True)
            return payload if isinstance(payload, bytes) else None
    return None
