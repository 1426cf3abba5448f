"""Asking the coordinator for help: what is typed is for them alone, and they are told that somebody asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.access import Action, Role, Thing, check
from service.domain.errors import InvalidInput, NotFound
from service.domain.typed import typed
from service.operations import coordinators
from service.store import outbox
from service.store.database import load_row
from service.store.tables import HelpRequest, Person

LONGEST = 2000
MOST_OPEN = 5  # of one person: more are one that should be said in one piece
OPEN = HelpRequest.answered_at.is_(None)


def ask(session: Session, now: datetime, person: Person, text: str | None) -> HelpRequest:
    """Keeps it, with one mail to each who will read it that somebody asked. What stands open is not asked twice.
    Raises InvalidInput: nothing said, too much, or nobody there to read it."""
    said = typed("help", text, LONGEST)
    if said is None:
        raise InvalidInput.of("help", "help_unsaid")
    readers = coordinators.readers_for(session, person.id)
    if not readers:
        raise InvalidInput.of("help", "no_coordinator")
    mine = [each for each in own_of(session, person.id) if each.answered_at is None]
    for known in mine:
        if known.text == said:
            return known
    if len(mine) >= MOST_OPEN:
        raise InvalidInput.of("help", "too_many_requests", most=MOST_OPEN)
    made = HelpRequest(person_id=person.id, text=said, created_at=now)
    session.add(made)
    session.flush()
    asked = f"help{made.id}:{now.timestamp():.0f}"  # SQLite gives the highest id away again once its row is deleted
    for reader in readers:
        outbox.add(session, now, "help", reader.id, dedup=f"{asked}:{reader.id}")
    return made


def own_of(session: Session, person_id: int) -> Sequence[HelpRequest]:
    """What they asked and did not take back, the newest first."""
    mine = select(HelpRequest).where(HelpRequest.person_id == person_id)
    return session.scalars(mine.order_by(HelpRequest.id.desc())).all()


def take_back(session: Session, person_id: int, request_id: int) -> None:
    """Gone from the coordinator's page, too. Repeatable: what is not theirs, or not there, stays as it is."""
    found = load_row(session, HelpRequest, request_id)
    if found is not None and found.person_id == person_id:
        session.delete(found)


def open_ones(session: Session, role: Role, reader_id: int | None = None) -> Sequence[tuple[HelpRequest, Person]]:
    """What is not answered, the oldest first, each with who asked, less what the reader's own partners asked. Raises
    NotFound or NotAllowed for anybody but a coordinator."""
    check(role, Thing.HELP, Action.READ)
    partners = coordinators.partners_of(session, reader_id) if reader_id is not None else ()
    wanted = select(HelpRequest, Person).join(Person, HelpRequest.person_id == Person.id)
    wanted = wanted.where(OPEN, HelpRequest.person_id.not_in(partners))
    return [(asked, person) for asked, person in session.execute(wanted.order_by(HelpRequest.id))]


def is_open(session: Session, reader_id: int) -> bool:
    """Whether anybody waits for an answer of this coordinator."""
    return bool(open_ones(session, Role.COORDINATOR, reader_id))


def answered(session: Session, now: datetime, request_id: int) -> None:
    """The coordinator has seen to it: it leaves their page, and its author sees that. Repeatable. Raises NotFound."""
    found = load_row(session, HelpRequest, request_id)
    if found is None:
        raise NotFound
    found.answered_at = found.answered_at or now
