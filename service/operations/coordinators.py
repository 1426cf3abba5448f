"""Who coordinates: people with a link to the programme's page. Some of them are in a pair as well."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.links import link_for, revoke_links
from service.operations import people
from service.operations.people import PersonInput
from service.store.tables import Link, Person


def coordinators(session: Session) -> Sequence[Person]:
    return session.scalars(select(Person).where(Person.coordinates).order_by(Person.id)).all()


def partners_of(session: Session, person_id: int) -> set[int]:
    """Whoever is, or was, in a pair with them: neither reads what the other asks of a coordinator."""
    return {pair.other(person_id).id for pair in people.list_pairs(session, person_id)}


def readers_for(session: Session, person_id: int) -> list[Person]:
    """Who reads what this person asks: the coordinators, less those in a pair with them."""
    partners = partners_of(session, person_id)
    return [each for each in coordinators(session) if each.id not in partners]


def appoint(session: Session, now: datetime, wanted: PersonInput) -> Person:
    """Somebody we know keeps their name and zone, whatever is wanted. Repeatable. Raises InvalidInput."""
    checked = people.checked_person(wanted, "person")
    known = session.scalars(select(Person).where(Person.email == checked.email)).one_or_none()
    person = known or people.add_person(session, now, checked, "person")
    person.coordinates = True
    return person


def dismiss(session: Session, now: datetime, person: Person) -> None:
    """The page is closed to them at once; what is theirs as one of a pair stays. Repeatable."""
    person.coordinates = False
    revoke_links(session, now, person.id, "programme")


def programme_link(session: Session, now: datetime, person: Person) -> Link:
    """Repeatable. Needs a write session."""
    return link_for(session, now, "programme", person.id)
