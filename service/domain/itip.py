"""iTIP from a meeting: REQUEST, CANCEL, and a plain event for a download (RFC 5545, 5546, 6047)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from icalendar import Calendar, Event, Parameters, vCalAddress, vText
from icalendar.parser import Contentline

from service.domain.interval import Interval

LONGEST_LINE = 75
ESCAPES = b"\\^"  # of a value and of a parameter (RFC 5545 3.3.11, RFC 6868)
READ_AGAIN = timedelta(hours=1)
BLOCKS = UUID("5b0c2bd3-6d0f-4f9c-9a51-2f3f5e1c7a10")  # of the UIDs of blocks
PRODID = "-//Greenroom//Meetings//EN"
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")  # Unicode's category Cc, less the line feed
URL = re.compile(r"https?://[^\s<>\"]+")


@dataclass(frozen=True, slots=True)
class Attendee:
    email: str
    name: str
    partstat: str = "NEEDS-ACTION"


@dataclass(frozen=True, slots=True)
class Invitation:
    """What a calendar entry says. Everything here is seen by whoever may look into either calendar.

    `organizer_name` is how the service shows itself there, `behind` the address of the person who acted; replies go to
    `organizer`, the service's one mailbox. `stamped_at` is new in each message, the same in its retries.
    """

    uid: str
    sequence: int
    stamped_at: datetime
    interval: Interval
    summary: str
    description: str
    location: str | None
    organizer: str
    organizer_name: str
    behind: str
    attendees: tuple[Attendee, ...]


class Text(vText):
    """What somebody typed, as RFC 5545 3.3.11 writes TEXT. The library takes a typed `\\N`, as in `C:\\New`, for the
    end of a line (icalendar 7.3)."""

    def to_ical(self) -> bytes:
        escaped = self.replace("\\", "\\\\").replace(";", r"\;").replace(",", r"\,").replace("\n", r"\n")
        return escaped.encode()


def request(invitation: Invitation) -> bytes:
    """METHOD:REQUEST (RFC 5546 3.2.2): times in UTC and so without VTIMEZONE, no alarm, private."""
    event = _event(invitation)
    event.add("status", "CONFIRMED")
    _people(event, invitation, rsvp=True)
    return _calendar("REQUEST", event)


def cancel(invitation: Invitation) -> bytes:
    """METHOD:CANCEL (RFC 5546 3.2.5) for the whole event: STATUS and DTSTART for stores that need them, no alarm."""
    event = _event(invitation)
    event.add("status", "CANCELLED")
    _people(event, invitation, rsvp=False)
    return _calendar("CANCEL", event)


def publish(invitation: Invitation) -> bytes:
    """METHOD:PUBLISH (RFC 5546 3.2.1) for a download: no ATTENDEE may be in it."""
    return _calendar("PUBLISH", _published(invitation, cancelled=False))


def feed(name: str, entries: Iterable[tuple[Invitation, bool]]) -> bytes:
    """A calendar that somebody's program reads again and again: each entry with whether it was cancelled. The same
    entries give the same octets. `name` and how often to look are RFC 7986's, with the older words for the name."""
    calendar = _empty("PUBLISH")
    _read_again(calendar, name)
    for invitation, cancelled in entries:
        calendar.add_component(_published(invitation, cancelled=cancelled))
    return _octets(calendar)


@dataclass(frozen=True, slots=True)
class Block:
    """A time in which somebody meets; nothing in it says who."""

    interval: Interval
    stamped_at: datetime
    summary: str


def busy_feed(name: str, blocks: Iterable[Block]) -> bytes:
    """As `feed`, without METHOD, whose PUBLISH would need an ORGANIZER (RFC 5546 3.2.1). A block's UID comes from its
    time alone."""
    calendar = _empty(None)
    _read_again(calendar, name)
    for block in blocks:
        event = Event()
        begins, ends = block.interval.start, block.interval.end
        event.add("uid", str(uuid5(BLOCKS, f"{begins:%Y%m%dT%H%M%SZ}/{ends:%Y%m%dT%H%M%SZ}")))
        event.add("dtstamp", block.stamped_at)
        event.add("dtstart", begins)
        event.add("dtend", ends)
        event.add("summary", Text(plain(block.summary)))
        event.add("transp", "OPAQUE")
        calendar.add_component(event)
    return _octets(calendar)


@dataclass(frozen=True, slots=True)
class Record:
    """A meeting as somebody keeps it for themselves: nobody is invited by it."""

    uid: str
    stamped_at: datetime
    interval: Interval
    summary: str
    location: str | None
    cancelled: bool


def records(name: str, kept: Iterable[Record]) -> bytes:
    """A file that any calendar opens: no METHOD, so that nothing is answered, and no people."""
    calendar = _empty(None)
    calendar.add("x-wr-calname", Text(plain(name)))
    for each in kept:
        event = _event(
            Invitation(
                uid=each.uid, sequence=0, stamped_at=each.stamped_at, interval=each.interval, summary=each.summary,
                description="", location=each.location, organizer="", organizer_name="", behind="", attendees=(),
            )
        )  # fmt: skip
        event.add("status", "CANCELLED" if each.cancelled else "CONFIRMED")
        calendar.add_component(event)
    return _octets(calendar)


def _read_again(calendar: Calendar, name: str) -> None:
    calendar.add("name", Text(plain(name)))
    calendar.add("x-wr-calname", Text(plain(name)))
    calendar.add("refresh-interval", READ_AGAIN, parameters={"VALUE": "DURATION"})


def _published(invitation: Invitation, *, cancelled: bool) -> Event:
    event = _event(invitation)
    event.add("status", "CANCELLED" if cancelled else "CONFIRMED")
    event["organizer"] = _organizer(invitation)
    return event


def _calendar(method: str, event: Event) -> bytes:
    calendar = _empty(method)
    calendar.add_component(event)
    return _octets(calendar)


def _empty(method: str | None) -> Calendar:
    calendar = Calendar()
    calendar.add("prodid", PRODID)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    if method is not None:
        calendar.add("method", method)
    return calendar


def _octets(calendar: Calendar) -> bytes:
    return b"".join(_folded(line) + b"\r\n" for line in calendar.content_lines() if line)


def _folded(line: Contentline) -> bytes:
    """At most 75 octets (RFC 5545 3.1), no letter and no escape in two pieces. The library goes through each letter,
    takes a tenth of a mail's time for it, and parts a typed backslash from the one that escapes it (icalendar 7.3)."""
    octets: bytes = line.encode()
    if len(octets) <= LONGEST_LINE:
        return octets
    pieces, start = [], 0
    while len(octets) - start >= LONGEST_LINE:
        end = start + LONGEST_LINE - 1  # a space comes before it
        while octets[end] & 0b1100_0000 == 0b1000_0000:  # within a letter
            end -= 1
        if _ends_within_escape(octets[start:end]):
            end -= 1
        pieces.append(octets[start:end])
        start = end
    return b"\r\n ".join([*pieces, octets[start:]])


def _ends_within_escape(piece: bytes) -> bool:
    """Whether its last octet begins an escape: of a run, each second one ends the escape before it."""
    last = piece[-1:]
    return last in ESCAPES and (len(piece) - len(piece.rstrip(last))) % 2 == 1


def _event(invitation: Invitation) -> Event:
    event = Event()
    event.add("uid", invitation.uid)
    event.add("dtstamp", invitation.stamped_at)
    event.add("sequence", invitation.sequence)
    event.add("dtstart", invitation.interval.start)
    event.add("dtend", invitation.interval.end)
    event.add("summary", Text(plain(invitation.summary)))
    if invitation.description:
        event.add("description", Text(plain(invitation.description)))
    if invitation.location:
        event.add("location", Text(plain(invitation.location)))
        link = URL.search(invitation.location)
        if link:
            # A list of parameter values; icalendar's own Conference writes one quoted value, which is wrong.
            parameters = Parameters({"VALUE": "URI", "FEATURE": ["AUDIO", "VIDEO"]})
            event.add("conference", link[0], parameters=parameters)
    event.add("class", "PRIVATE")
    event.add("transp", "OPAQUE")
    return event


def _people(event: Event, invitation: Invitation, *, rsvp: bool) -> None:
    event["organizer"] = _organizer(invitation)
    for attendee in invitation.attendees:
        address = vCalAddress(f"mailto:{attendee.email}")
        address.params["CN"] = vText(plain(attendee.name))
        address.params["CUTYPE"] = vText("INDIVIDUAL")
        address.params["ROLE"] = vText("REQ-PARTICIPANT")
        address.params["PARTSTAT"] = vText(attendee.partstat)
        address.params["RSVP"] = vText("TRUE" if rsvp else "FALSE")
        event.add("attendee", address, encode=False)


def _organizer(invitation: Invitation) -> vCalAddress:
    address = vCalAddress(f"mailto:{invitation.organizer}")
    address.params["CN"] = vText(plain(invitation.organizer_name))
    address.params["EMAIL"] = vText(invitation.behind)
    return address


def plain(text: str) -> str:
    """Without control characters: icalendar lets them through, and readers choke on them (RFC 5545 3.3.11)."""
    return CONTROL.sub("", text)
