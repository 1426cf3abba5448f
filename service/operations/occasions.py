"""The invitation of an occasion itself, forwarded to us by the mentee: a date that waits for their yes."""

from __future__ import annotations

from datetime import datetime
from email.message import Message

from icalendar import Calendar
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.errors import InvalidInput
from service.domain.event_time import UNREADABLE
from service.domain.received import MOST_FORWARDS, calendars_in, sender_of
from service.operations.arcs import DateInput, read_ics_date
from service.operations.people import list_pairs
from service.store.tables import CalendarWrite, Inbound, Meeting, Pair, Person

KIND = "presentation"
MOST_OCTETS = 100_000  # of one event and its zones


def decide(session: Session, now: datetime, row: Inbound, message: Message) -> tuple[str, str] | None:
    """It waits on the mentee's page, whoever wrote it in their name, and its organiser never hears of us. None when
    the mail is no such thing."""
    person = session.scalars(select(Person).where(Person.email == sender_of(message))).one_or_none()
    if person is None or not mentored(session, person):
        return None
    found = occasion_in(session, message, person.zone)
    if found is None or found.at_utc is None or found.at_utc <= now:
        return None
    row.person_id = person.id
    return "waiting", "occasion"


def mentored(session: Session, person: Person) -> list[Pair]:
    """The pairs in which the person is the mentee."""
    return [pair for pair in list_pairs(session, person.id) if pair.mentee_id == person.id and pair.ended_at is None]


def occasion_in(session: Session, message: Message, zone: str) -> DateInput | None:
    """The first event that is none of ours in the mail, or in one that is attached to it: a mail program forwards
    either way."""
    for octets in calendars_in(message, MOST_FORWARDS):
        if len(octets) > MOST_OCTETS:
            continue
        try:
            calendar = Calendar.from_ical(octets)
            event = next(iter(calendar.walk("VEVENT")), None)
            if event is None or str(calendar.get("method", "")).upper() not in {"", "REQUEST", "PUBLISH"}:
                continue
            if not _is_ours(session, str(event.get("uid", ""))):
                return read_ics_date(octets, KIND, zone)
        except (*UNREADABLE, InvalidInput, RecursionError):
            continue
    return None


def _is_ours(session: Session, uid: str) -> bool:
    written = select(CalendarWrite.id).where(CalendarWrite.alias == uid).limit(1)
    known = session.scalar(select(Meeting.id).where(Meeting.uid == uid)), session.scalar(written)
    return any(each is not None for each in known)
