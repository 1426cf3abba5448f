"""The cast of every test: Ana the mentee, Ben her mentor, Cleo the coordinator, Dan who may see nothing, Eve beside
Ana."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.store.tables import Calendar, Connection, CriticalDate, OutboxRow, Pair, Person
from service.store.types import fingerprint

__all__ = ["OutboxRow", "Pair", "Person", "select"]

PEOPLE = {
    "ana": ("Ana Lima", "ana@example.org", "Europe/Lisbon"),
    "ben": ("Ben Okafor", "ben@example.org", "America/New_York"),
    "dan": ("Dan Roe", "dan@example.org", "Europe/Berlin"),
    "eve": ("Eve Sato", "eve@example.org", "Europe/Paris"),
}
TALK = datetime(2027, 3, 4, 15, 0, tzinfo=UTC)  # Thursday, 15:00 in Lisbon


def person(session: Session, now: datetime, key: str) -> Person:
    """The person, added when they are not there yet."""
    name, email, zone = PEOPLE[key]
    known = session.scalars(select(Person).where(Person.email == email)).one_or_none()
    if known is None:
        known = Person(name=name, email=email, zone=zone, locale="en", mails="all", created_at=now)
        session.add(known)
        session.flush()
    return known


def dan(session: Session, now: datetime) -> Person:
    return person(session, now, "dan")


def pair(session: Session, now: datetime, mentee: str = "ana", mentor: str = "ben", place: str | None = None) -> Pair:
    one, other = person(session, now, mentee), person(session, now, mentor)
    made = Pair(mentee_id=one.id, mentor_id=other.id, mentee=one, mentor=other, place=place, created_at=now)
    session.add(made)
    session.flush()
    return made


def other_mentee(session: Session, now: datetime, mentor_id: int) -> Pair:
    """Eve, who has the same mentor."""
    eve, mentor = person(session, now, "eve"), session.get_one(Person, mentor_id)
    made = Pair(mentee_id=eve.id, mentor_id=mentor.id, mentee=eve, mentor=mentor, created_at=now)
    session.add(made)
    session.flush()
    return made


def talk(session: Session, now: datetime, pair: Pair, at: datetime = TALK, **other: object) -> CriticalDate:
    """Ana's presentation, with a private label that must appear nowhere."""
    said: dict[str, object] = {"kind": "presentation", "run_minutes": 15, "label": "SECRET-LABEL"} | other
    made = CriticalDate(pair_id=pair.id, starts_at=at, zone=pair.mentee.zone, created_at=now, **said)
    session.add(made)
    session.flush()
    return made


def broken_calendar(session: Session, now: datetime, person_id: int) -> Connection:
    """A connection whose last good copy is far too old."""
    made = Connection(
        person_id=person_id, provider="ics", url="broken", state="stale", created_at=now, due_at=now, access="busy"
    )
    made.calendars = [
        Calendar(
            key="", key_hash=fingerprint(""), name="Work", counts=True, busy=b"", partial=False,
            verified_at=now - timedelta(days=2),
        )
    ]  # fmt: skip
    session.add(made)
    session.flush()
    return made
