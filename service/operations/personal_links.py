"""People's own links: their page, the page of times, all of them anew, and the mail that brings them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from email_validator import EmailNotValidError
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.links import link_for, revoke_links
from service.operations import people
from service.store import outbox
from service.store.tables import Link, Pair, Person

HANDED_ON = "handed-on"  # as a link's `session`: to their page, and known to whoever paired them
LINKS_MAIL_EVERY = 600  # seconds: the front page sends a person their links once in ten minutes at most


def person_link(session: Session, now: datetime, person: Person) -> Link:
    return link_for(session, now, "person", person.id)


def link_to_hand_on(session: Session, now: datetime, person: Person) -> Link:
    """To the same page, and in no mail of ours: it ends once they come by a link that they alone have."""
    return link_for(session, now, "person", person.id, session=HANDED_ON)


def handed_on(session: Session, person_id: int) -> Sequence[Link]:
    """The links to their page that somebody else may know, and that lead there still."""
    wanted = select(Link).where(
        Link.person_id == person_id, Link.purpose == "person", Link.session == HANDED_ON, Link.revoked_at.is_(None)
    )
    return session.scalars(wanted).all()


def end_handed_on(session: Session, now: datetime, person_id: int) -> None:
    """They came by a link of their own. Repeatable."""
    for link in handed_on(session, person_id):
        link.revoked_at = now


def links_of(session: Session, now: datetime, pair: Pair) -> dict[str, Link]:
    """Both people's own pages. Needs a write session."""
    return {"mentee": person_link(session, now, pair.mentee), "mentor": person_link(session, now, pair.mentor)}


def scheduling_link(
    session: Session, now: datetime, pair: Pair, session_key: str | None = None, date_id: int | None = None
) -> Link:
    """The mentee's link to choose a time, for one session type and date or for any. Needs a write session."""
    return link_for(session, now, "schedule", pair.mentee_id, pair_id=pair.id, session=session_key, date_id=date_id)


def scheduling_link_for(session: Session, now: datetime, pair: Pair, person_id: int) -> Link:
    """The same page for either of the two: a mentor may choose a time as well."""
    return link_for(session, now, "schedule", pair.me(person_id).id, pair_id=pair.id)


def rotate_links(session: Session, now: datetime, person: Person) -> list[Link]:
    """Every link of the person stops working at once; returns new ones: their page, a scheduling link a pair, and the
    programme's page."""
    revoke_links(session, now, person.id)
    pairs = (pair for pair in people.list_pairs(session, person.id) if pair.ended_at is None)
    fresh = [person_link(session, now, person)]
    fresh += [scheduling_link(session, now, pair) for pair in pairs if pair.mentee_id == person.id]
    fresh += [link_for(session, now, "programme", person.id)] if person.coordinates else []
    return fresh


def queue_links_mail(session: Session, now: datetime, email: str) -> bool:
    """Mails a person their links, at most once in ten minutes; an unknown address gets nothing. The caller answers
    everyone the same."""
    try:
        address = people.checked_email(email)
    except EmailNotValidError:
        return False
    person = session.scalars(select(Person).where(Person.email == address)).one_or_none()
    if person is None:
        return False
    slot = int(now.timestamp()) // LINKS_MAIL_EVERY
    return outbox.add(session, now, "links", person.id, dedup=f"p{person.id}:links:{slot}")
