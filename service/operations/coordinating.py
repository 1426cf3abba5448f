"""What a coordinator does about pairs. Each change leaves a line that both of the pair see."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import literal, or_, select, update
from sqlalchemy.orm import Session

from service.domain.access import TABLES, Action, Role, Thing, check
from service.domain.errors import InvalidInput, NotFound
from service.links import revoke_links
from service.operations import cadence, people
from service.operations.looks import note_change
from service.operations.people import PersonChange, PersonInput
from service.operations.personal_links import link_to_hand_on
from service.store import outbox
from service.store.database import load_row
from service.store.tables import ApiToken, Base, Link, Pair, Person

# And not theirs: a key is there from the start, whether anything is written or not.
ABOUT_THEM = frozenset({Thing.PERSON, Thing.PAIR, Thing.LINK, Thing.MAIL, Thing.LOOKED, Thing.SECRET})


def pair_anew(
    session: Session, now: datetime, mentee: PersonInput, mentor: PersonInput, place: str | None = None
) -> Pair:
    """As `people.add_pair`; of somebody we know the address is enough."""
    check(Role.COORDINATOR, Thing.PAIR, Action.WRITE)
    made = people.add_pair(session, now, _known(session, mentee), _known(session, mentor), place)
    note_pairing(session, now, made)
    return made


def note_pairing(session: Session, now: datetime, pair: Pair) -> None:
    """A line that both see. Two who were a pair before get the welcome, which names the way out: one of them may have
    left it. Repeatable: one mail a day."""
    note_change(session, now, pair.id, Role.COORDINATOR, "paired")
    for person in (pair.mentee, pair.mentor) if pair.created_at < now else ():
        key = f"p{person.id}:welcome:again{pair.id}:{now:%Y-%m-%d}"
        outbox.add(session, now, "welcome", person.id, dedup=key, pair_id=pair.id)
        person.welcomed_at = person.welcomed_at or now


def take_up_again(session: Session, now: datetime, pair: Pair) -> Pair:
    """A pair that had ended goes on, with its history. Repeatable."""
    if pair.ended_at is None:
        return pair
    one, other = (PersonInput(each.email, each.name, each.zone) for each in (pair.mentee, pair.mentor))
    return pair_anew(session, now, one, other)


def _known(session: Session, wanted: PersonInput) -> PersonInput:
    known = session.scalars(select(Person).where(Person.email == wanted.email.strip().lower())).one_or_none()
    if known is None or (wanted.name.strip() and wanted.zone.strip()):
        return wanted
    return PersonInput(known.email, wanted.name.strip() or known.name, wanted.zone.strip() or known.zone)


def end(session: Session, now: datetime, pair: Pair) -> None:
    """As `people.end_pair`. Repeatable."""
    check(Role.COORDINATOR, Thing.PAIR, Action.WRITE)
    if pair.ended_at is None:
        people.end_pair(session, now, pair)
        note_change(session, now, pair.id, Role.COORDINATOR, "end")


def greet(session: Session, now: datetime, pair: Pair, person_id: int) -> None:
    """One hello to one of the two, also when they had it, at most once a day. Raises InvalidInput where it would not
    be sent, NotFound for whoever is not of the pair."""
    person = _of(pair, person_id)
    if pair.ended_at is not None:
        raise InvalidInput.of("welcome", "greet_ended")
    if person.mails == "none":
        raise InvalidInput.of("welcome", "greet_unwanted", name=person.first_name)
    if person.refused_at is not None:
        raise InvalidInput.of("welcome", "greet_refused", name=person.first_name)
    if person.welcomed_at is not None and person.welcomed_at > now - timedelta(days=1):
        return
    key = f"p{person.id}:welcome" if person.welcomed_at is None else f"p{person.id}:welcome:{now:%Y-%m-%d}"
    if outbox.add(session, now, "welcome", person.id, dedup=key, pair_id=pair.id):
        person.welcomed_at = person.welcomed_at or now
        cadence.wake(session, now, pair.id)  # who was not greeted is asked nothing
        note_change(session, now, pair.id, Role.COORDINATOR, "welcome")


def correct_address(session: Session, now: datetime, pair: Pair, person_id: int, email: str) -> None:
    """Their links and tokens so far stop working: somebody else may have got them. Raises InvalidInput, also of an
    ended pair and once their pages are in use, whether mail arrives or not: whoever could then put in an address of
    their own would read what the two wrote."""
    check(Role.COORDINATOR, Thing.PERSON, Action.WRITE)
    person = load_row(session, Person, _of(pair, person_id).id)
    if person is None:
        raise NotFound
    wanted = people.checked_person(PersonInput(email, person.name, person.zone), "person").email
    if wanted == person.email:
        return
    if pair.ended_at is not None:
        raise InvalidInput.of("email", "address_ended")
    if in_use(session, person.id):
        raise InvalidInput.of("email", "address_in_use", name=person.first_name)
    people.edit_person(session, now, person, PersonChange(email=wanted))
    revoke_links(session, now, person.id)
    tokens = update(ApiToken).where(ApiToken.person_id == person.id, ApiToken.revoked_at.is_(None))
    session.execute(tokens.values(revoked_at=now))
    for each in people.list_pairs(session, person.id):
        note_change(session, now, each.id, Role.COORDINATOR, "address")


def links_to_hand_on(session: Session, now: datetime, pair: Pair) -> list[tuple[Person, Link]]:
    """To the pages of both, less of whoever uses theirs: with that link a coordinator would read what stands there.
    Such a link is none that our mails bring. Needs a write session."""
    new = [each for each in (pair.mentee, pair.mentor) if not in_use(session, each.id)]
    return [(each, link_to_hand_on(session, now, each)) for each in new]


def in_use(session: Session, person_id: int) -> bool:
    """Whether anything stands that they, or a pair of theirs, typed, booked or connected. By the table of everything
    that is kept, so that a new kind counts by itself."""
    theirs = select(Pair.id).where((Pair.mentee_id == person_id) | (Pair.mentor_id == person_id))
    for name, kept in TABLES.items():
        columns = Base.metadata.tables[name].columns
        mine = [columns[column] == person_id for column in ("person_id", "by_id") if column in columns]
        mine += [columns["pair_id"].in_(theirs)] if "pair_id" in columns else []
        if not mine or kept.thing in ABOUT_THEM:
            continue
        if session.scalars(select(literal(1)).where(or_(*mine)).limit(1)).first() is not None:
            return True
    return False


def _of(pair: Pair, person_id: int) -> Person:
    for person in (pair.mentee, pair.mentor):
        if person.id == person_id:
            return person
    raise NotFound
