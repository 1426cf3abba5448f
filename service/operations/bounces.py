"""An address that sends our mails back: it gets no more of them until somebody puts it right, and people are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import parseaddr

from sqlalchemy import func, select
from sqlalchemy.orm import Session, undefer

from service.domain.bounce import ours_named, refused_for_good
from service.domain.errors import NotFound
from service.store import outbox, returned
from service.store.database import load_row
from service.store.tables import Inbound, OutboxRow, Person

CAME_BACK = "address_refused"  # why a row is dead; a key of page.operator.fault
MOST_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Somebody whose address is refused, since when, and how many mails to them were not delivered."""

    person_id: int
    email: str
    since: datetime
    unsent: int


def decide(session: Session, now: datetime, row: Inbound, message: Message) -> tuple[str, str]:
    """Marks the address when the report is of a mail that we sent to it, and says that nothing arrives there. A
    Message-ID is as random as a token: whoever does not know it silences nobody."""
    for sent in _named(session, row.raw, message):
        person = load_row(session, Person, sent.person_id)
        if person is None or went_to(sent) != person.email or not refused_for_good(message, person.email):
            continue
        row.person_id, row.meeting_id = person.id, sent.meeting_id
        person.refused_at = person.refused_at or now
        returned.came_back(session, sent.id, CAME_BACK)
        return "applied", "address_refused"
    return "ignored", "bounce"


def try_again(session: Session, now: datetime, person: Person) -> int:
    """The address is good, or another one: what was not delivered goes out, if it is still so. Returns how many
    mails. Repeatable."""
    if person.refused_at is None:
        return 0
    person.refused_at = None
    return returned.revive(session, now, person.id, CAME_BACK)


def try_again_at(session: Session, now: datetime, person_id: int) -> int:
    """As `try_again`, by the person's id. Raises NotFound."""
    person = load_row(session, Person, person_id)
    if person is None:
        raise NotFound("no_such_person", email=str(person_id))
    return try_again(session, now, person)


def unreachable(session: Session) -> list[Unreachable]:
    """Longest first, no more than MOST_SHOWN."""
    unsent = (
        select(func.count())
        .select_from(OutboxRow)
        .where(OutboxRow.person_id == Person.id, OutboxRow.state == "dead", OutboxRow.last_error == CAME_BACK)
        .scalar_subquery()
    )
    wanted = select(Person.id, Person.email, Person.refused_at, unsent).where(Person.refused_at.is_not(None))
    return [Unreachable(*row) for row in session.execute(wanted.order_by(Person.refused_at).limit(MOST_SHOWN))]


def count_unreachable(session: Session) -> int:
    """All of them, for `unreachable` is cut."""
    refused = select(func.count()).select_from(Person).where(Person.refused_at.is_not(None))
    return session.scalar(refused) or 0


def _named(session: Session, raw: bytes, message: Message) -> Sequence[OutboxRow]:
    names = ours_named(raw, message)
    if not names:
        return []
    wanted = select(OutboxRow).where(OutboxRow.message_id.in_(names), OutboxRow.state.in_(outbox.OUT))
    return session.scalars(wanted.options(undefer(OutboxRow.octets)).order_by(OutboxRow.id)).all()


def went_to(row: OutboxRow) -> str:
    """The address that stands in the kept octets: the person may have another by now."""
    return parseaddr(str(BytesHeaderParser().parsebytes(row.octets or b"").get("To", "")))[1].lower()
