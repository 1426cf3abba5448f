"""People and pairs: adding, changing, ending; their links; the mails that only greet or carry links."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from babel import Locale, UnknownLocaleError
from email_validator import EmailNotValidError, validate_email
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.access import Action, Role, Thing, check, may
from service.domain.availability import Availability, to_json
from service.domain.errors import FieldFault, InvalidInput, NotFound
from service.domain.typed import LONGEST_PLACE, typed
from service.operations import booking, cadence
from service.operations.bounces import try_again
from service.operations.meetings import may_cancel, meetings_of, role_in
from service.store import claims, outbox, proposals
from service.store.database import alone, load_row
from service.store.tables import Calendar, Connection, Meeting, Pair, Person, Proposal

LONGEST_NAME = 100
TURNING = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
MAILS, WHEN_DELETED, WHEN_MOVED = ("all", "fewer", "none"), ("free", "keep"), ("propose", "keep")
CHOICES = {"mails": MAILS, "when_deleted": WHEN_DELETED, "when_moved": WHEN_MOVED}  # of tables.Person
ADDRESSES_LOCK = 7_264_934  # PostgreSQL's advisory lock of those who add people or change an address


@dataclass(frozen=True, slots=True)
class PersonInput:
    """A person as somebody typed them."""

    email: str
    name: str
    zone: str
    locale: str = "en"


def parse_person(text: str) -> tuple[str, str]:
    """Name and address of `Ana Lima <ana@example.org>`; the name is empty when only an address was given."""
    found = re.fullmatch(r"\s*(.*?)\s*<([^<>]*)>\s*", text)
    return (found[1].strip().strip('"'), found[2].strip()) if found else ("", text.strip())


def checked_person(wanted: PersonInput, field: str) -> PersonInput:
    """The person with a normal address, or InvalidInput with everything that is wrong; `field` says whose it is."""
    faults: list[FieldFault] = []
    email, name = wanted.email, " ".join(wanted.name.split())
    try:
        email = checked_email(wanted.email)
    except EmailNotValidError:
        faults.append(FieldFault(f"{field}_email", "bad_email", {"text": wanted.email[:LONGEST_NAME]}))
    if not name:
        faults.append(FieldFault(f"{field}_name", "no_name", {}))
    elif len(name) > LONGEST_NAME or not _is_plain(name):
        faults.append(FieldFault(f"{field}_name", "bad_name", {"most": LONGEST_NAME}))
    if not is_zone(wanted.zone):
        faults.append(FieldFault(f"{field}_zone", "unknown_zone", {"text": wanted.zone[:LONGEST_NAME]}))
    if faults:
        raise InvalidInput(*faults)
    return PersonInput(email, name, wanted.zone, wanted.locale)


def _is_plain(name: str) -> bool:
    """Nothing that breaks a header, looks like markup, or turns around what is printed after it (UAX 9 2.1, 2.2).
    Joiners stay: names in Arabic and Indic scripts need them."""
    return "<" not in name and not any(
        unicodedata.category(char) == "Cc" or unicodedata.bidirectional(char) in TURNING for char in name
    )


def checked_email(text: str) -> str:
    """Lower case and normal. Whether mail arrives there is not asked: the welcome mail finds out."""
    found = validate_email(text.strip(), check_deliverability=False, test_environment=True, allow_smtputf8=False)
    return (found.ascii_email or found.normalized).lower()  # the form that every mail server on the way takes


def is_zone(name: str) -> bool:
    """A zone of the IANA database, `Area/City` or UTC; neither a path nor an alias of the system's own."""
    return name in _zones() and name not in {"localtime", "Factory", "posixrules"}


@cache
def _zones() -> frozenset[str]:
    """Read once: the system's list is a walk through six hundred files, half the time of a page."""
    return frozenset(available_timezones())


def add_person(session: Session, now: datetime, wanted: PersonInput, field: str) -> Person:
    """The person, known already or new. Raises InvalidInput when the address is known with another name or zone."""
    wanted = checked_person(wanted, field)
    alone(session, ADDRESSES_LOCK)
    known = session.scalars(select(Person).where(Person.email == wanted.email)).one_or_none()
    if known is None:
        known = Person(
            email=wanted.email, name=wanted.name, zone=wanted.zone, locale=wanted.locale, mails="all", created_at=now
        )
        session.add(known)
        session.flush()
        return known
    _check_same(known.name, known.zone, wanted, field)
    return known


def _check_same(name: str, zone: str, wanted: PersonInput, field: str) -> None:
    faults = []
    if wanted.name != name:
        faults.append(FieldFault(f"{field}_name", "other_name", {"email": wanted.email, "known": name}))
    if wanted.zone != zone:
        faults.append(FieldFault(f"{field}_zone", "other_zone", {"email": wanted.email, "known": zone}))
    if faults:
        raise InvalidInput(*faults)


def add_pair(
    session: Session, now: datetime, mentee: PersonInput, mentor: PersonInput, place: str | None = None
) -> Pair:
    """A new pair; mails nobody. Raises InvalidInput, also for a pair that stands already."""
    one, other = add_person(session, now, mentee, "mentee"), add_person(session, now, mentor, "mentor")
    if one.id == other.id:
        raise InvalidInput.of("mentor_email", "same_person", email=one.email)
    known = session.scalars(select(Pair).where(Pair.mentee_id == one.id, Pair.mentor_id == other.id)).one_or_none()
    if known is not None and known.ended_at is None:
        raise InvalidInput.of("mentor_email", "pair_known", pair=known.id)
    said = typed("place", place, LONGEST_PLACE)
    if known is not None:
        return paired_anew(now, known, said)
    pair = Pair(mentee_id=one.id, mentor_id=other.id, mentee=one, mentor=other, place=said, created_at=now)
    session.add(pair)
    session.flush()
    return pair


def paired_anew(now: datetime, pair: Pair, place: str | None) -> Pair:
    """An ended pair goes on, with what is still kept of it; `place` None leaves its place. Whoever finds the times is
    asked again when it is time."""
    pair.ended_at, pair.place = None, place or pair.place
    pair.paused_until, pair.due_at = None, now
    pair.clear_at = pair.stage = None
    return pair


def list_pairs(session: Session, person_id: int | None = None) -> list[Pair]:
    wanted = select(Pair).order_by(Pair.id)
    if person_id is not None:
        wanted = wanted.where((Pair.mentee_id == person_id) | (Pair.mentor_id == person_id))
    return list(session.scalars(wanted))


def load_pair(session: Session, pair_id: int, person_id: int | None = None) -> Pair:
    """Raises NotFound when it never existed, or when `person_id` is given and not in it: deliberately the same."""
    pair = session.get(Pair, pair_id)
    role = Role.COORDINATOR if person_id is None or pair is None else role_in(pair, person_id)
    if pair is None or not may(role, Thing.PAIR, Action.READ):
        raise NotFound("no_such_pair")
    return pair


def load_person(session: Session, email: str) -> Person:
    found = session.scalars(select(Person).where(Person.email == email.strip().lower())).one_or_none()
    if found is None:
        raise NotFound("no_such_person", email=email)
    return found


def end_pair(session: Session, now: datetime, pair: Pair) -> None:
    """No new meetings; the ones ahead are cancelled, and both are told of those. Repeatable."""
    claims.take_turns_of(session, pair.id)  # a booking under way is seen below; a later one sees that the pair ended
    if pair.ended_at is not None:
        return
    pair.ended_at = pair.clear_at = now
    proposals.end(session, now, proposals.open_ones(session, Proposal.pair_id == pair.id), "over")
    for seen in meetings_of(session, pair, live_only=True):
        meeting = load_row(session, Meeting, seen.id)
        if meeting is not None and may_cancel(meeting, now):
            booking.cancel(session, now, meeting, None)


def leave(session: Session, now: datetime, pair: Pair, by_id: int) -> None:
    """Either of the two ends it, and says no reason. Repeatable."""
    check(role_in(pair, by_id), Thing.ENDING, Action.WRITE)
    end_pair(session, now, pair)


@dataclass(frozen=True, slots=True)
class PersonChange:
    """What is to be different; None leaves it."""

    email: str | None = None
    name: str | None = None
    zone: str | None = None
    locale: str | None = None
    mails: str | None = None
    when_deleted: str | None = None
    when_moved: str | None = None
    keeps_notes: bool | None = None


def edit_person(session: Session, now: datetime, person: Person, change: PersonChange) -> Person:
    """The instants of booked meetings stay; a new zone changes how they are written, and which times are offered. What
    an old address sent back goes to a new one."""
    said = PersonInput(change.email or person.email, change.name or person.name, change.zone or person.zone)
    wanted = checked_person(said, "person")
    if change.locale is not None and not _is_locale(change.locale):
        raise InvalidInput.of("locale", "unknown_locale", text=change.locale[:20])
    for field, known in CHOICES.items():
        if getattr(change, field) not in {None, *known}:
            raise InvalidInput.of(field, "unknown_choice", known=", ".join(known))
    if wanted.email != person.email:
        alone(session, ADDRESSES_LOCK)
    taken = session.scalars(select(Person).where(Person.email == wanted.email, Person.id != person.id)).first()
    if taken is not None:
        raise InvalidInput.of("email", "email_taken", email=wanted.email)
    if (person.email, person.zone) != (wanted.email, wanted.zone):
        _read_calendars_anew(session, person)
    if person.email != wanted.email:
        try_again(session, now, person)
    person.email, person.name, person.zone = wanted.email, wanted.name, wanted.zone
    person.locale = change.locale or person.locale
    person.keeps_notes = person.keeps_notes if change.keeps_notes is None else change.keeps_notes
    for field in CHOICES:
        setattr(person, field, getattr(change, field) or getattr(person, field))
    return person


def _read_calendars_anew(session: Session, person: Person) -> None:
    """Days, bare times and what was declined mean something else to another zone or address: "unchanged" is no answer
    to the next read."""
    read_by_now = select(Calendar).join(Connection).where(Connection.person_id == person.id)
    for calendar in session.scalars(read_by_now):
        calendar.mark = None


def _is_locale(name: str) -> bool:
    try:
        return Locale.parse(name) is not None
    except (ValueError, UnknownLocaleError):
        return False


def set_availability(person: Person, availability: Availability | None) -> None:
    """None: the defaults hold again, and are shown as assumed."""
    person.availability = None if availability is None else to_json(availability)


def set_place(pair: Pair, place: str | None) -> None:
    """The pair's usual place. Meetings that are booked keep theirs."""
    pair.place = typed("place", place, LONGEST_PLACE)


def queue_welcome(session: Session, now: datetime, pair: Pair) -> list[Person]:
    """One hello to each of the two who never had one; returns whom. Repeatable."""
    greeted = []
    for person in (pair.mentee, pair.mentor):
        key = f"p{person.id}:welcome"
        if person.welcomed_at is None and outbox.add(session, now, "welcome", person.id, dedup=key, pair_id=pair.id):
            person.welcomed_at = now
            greeted.append(person)
    cadence.wake(session, now, pair.id)
    return greeted


def zone_of(person: Person) -> ZoneInfo:
    return ZoneInfo(person.zone)
