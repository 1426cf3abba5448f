"""What somebody answered and we did not understand, or could not tell to be theirs: it waits on its author's page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.agenda import MOST_POINTS
from service.domain.errors import InvalidInput, NotFound
from service.domain.meeting import Phase
from service.domain.plain_reply import own_words
from service.domain.received import parsed
from service.domain.reply import reply_in
from service.operations import inbound
from service.operations.plain_replies import LONGEST_NOTE, UNPROVED, add_point
from service.store.database import load_row
from service.store.tables import Inbound, Meeting

MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Unsure:
    """One message that waits. `answer` is what an iTIP reply says, as accepted; `unproved` that somebody else may have
    written it."""

    message: Inbound
    meeting: Meeting | None
    text: str
    answer: str
    unproved: bool


def waiting_of(session: Session, person_id: int) -> list[Unsure]:
    """What this person wrote and we did not understand, newest first: for nobody's eyes but theirs."""
    wanted = select(Inbound).where(Inbound.person_id == person_id, Inbound.state == "waiting")
    return [_read(session, row) for row in session.scalars(wanted.order_by(Inbound.id.desc()).limit(MOST_SHOWN)).all()]


def put_right(session: Session, now: datetime, max_age: timedelta, person_id: int, inbound_id: int, wish: str) -> None:
    """The author says what was meant: `mine` has it decided, `agenda` puts it there, `leave` lets it be. Twice is once.
    Raises NotFound, InvalidInput."""
    row = load_row(session, Inbound, inbound_id)
    if row is None or row.person_id != person_id:
        raise NotFound
    if row.state != "waiting":
        return
    if wish == "mine" and row.verdict == UNPROVED:
        row.state = "pending"
        inbound.decide(session, now, max_age, row.id)
        return
    if wish == "agenda":
        _put_on_agenda(session, now, row, person_id)
    row.state, row.verdict = ("applied", "point") if wish == "agenda" else ("ignored", "left")
    row.raw = b""


def _put_on_agenda(session: Session, now: datetime, row: Inbound, person_id: int) -> None:
    meeting = load_row(session, Meeting, row.meeting_id) if row.meeting_id is not None else None
    if meeting is None or meeting.phase != Phase.BOOKED or now >= meeting.starts_at:
        raise NotFound
    if not add_point(session, now, meeting, person_id, _read(session, row).text[:LONGEST_NOTE]):
        raise InvalidInput.of("agenda", "too_many", most=MOST_POINTS)


def _read(session: Session, row: Inbound) -> Unsure:
    meeting = session.get(Meeting, row.meeting_id) if row.meeting_id is not None else None
    message = parsed(row.raw)
    if message is None:
        return Unsure(row, meeting, "", "", False)
    reply = reply_in(message)
    answer = "" if reply is None else "proposed" if reply.counter else reply.partstat.lower()
    return Unsure(row, meeting, own_words(message), answer, row.verdict == UNPROVED)
