"""What somebody answered and we did not understand, or could not tell to be theirs: it waits on its author's page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.agenda import MOST_POINTS
from service.domain.errors import InvalidInput, NotFound
from service.domain.meeting import Phase
from service.domain.plain_reply import STATES, Said, own_words, promises_in, understood
from service.domain.received import parsed
from service.domain.reply import reply_in
from service.operations import inbound
from service.operations.arcs import DateInput, add_date
from service.operations.commitments import Answer, agree, set_commitment
from service.operations.followup import submit_followup
from service.operations.occasions import mentored, occasion_in
from service.operations.plain_replies import (
    LONGEST_NOTE,
    UNPROVED,
    about_of,
    add_point,
    commitments_to_answer,
    promise_of,
)
from service.store.database import load_row
from service.store.tables import Commitment, Inbound, Meeting, Pair, Person

MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Unsure:
    """One message that waits. `answer` is what an iTIP reply says, as accepted; `unproved` that somebody else may have
    written it. `said` is what it says of one of `commitments`, in a word; `over` that their meeting is. `occasion` is
    the date that a forwarded invitation holds, for one of `pairs`."""

    message: Inbound
    meeting: Meeting | None
    text: str = ""
    answer: str = ""
    unproved: bool = False
    said: Said | None = None
    commitments: tuple[Commitment, ...] = ()
    over: bool = False
    occasion: DateInput | None = None
    pairs: tuple[Pair, ...] = ()


def waiting_of(session: Session, now: datetime, person_id: int, most: int = MOST_SHOWN) -> list[Unsure]:
    """What this person wrote and we did not understand, newest first: for nobody's eyes but theirs."""
    return [_read(session, now, row) for row in _rows(session, person_id, most)]


def texts_of(session: Session, person_id: int) -> list[str]:
    """Their own words in what waits, newest first."""
    messages = [parsed(row.raw) for row in _rows(session, person_id, MOST_SHOWN)]
    return [own_words(message) if message is not None else "" for message in messages]


def _rows(session: Session, person_id: int, most: int) -> Sequence[Inbound]:
    wanted = select(Inbound).where(Inbound.person_id == person_id, Inbound.state == "waiting")
    return session.scalars(wanted.order_by(Inbound.id.desc()).limit(most)).all()


def put_right(
    session: Session,
    now: datetime,
    max_age: timedelta,
    person_id: int,
    inbound_id: int,
    wish: str,
    subject_id: int | None = None,
) -> None:
    """The author says what was meant: `mine` has it decided, `agenda` puts it there, `answer` is about the commitment
    `subject_id`, `agreed` is what both promised, `not_happened`; `date` is for the pair `subject_id`; `leave` lets it
    be. Twice is once. Raises NotFound, InvalidInput, MoveNotAllowed."""
    row = load_row(session, Inbound, inbound_id)
    if row is None or row.person_id != person_id:
        raise NotFound
    if row.state != "waiting":
        return
    if wish == "mine" and row.verdict == UNPROVED:
        row.state = "pending"
        inbound.decide(session, now, max_age, row.id)
        return
    if wish == "leave":
        row.state, row.verdict = "ignored", "left"
    else:
        row.state, row.verdict = "applied", _apply(session, now, _read(session, now, row), person_id, wish, subject_id)
    row.raw = b""


def _apply(session: Session, now: datetime, unsure: Unsure, person_id: int, wish: str, subject_id: int | None) -> str:
    """The verdict. Raises NotFound for a wish that this message cannot be meant for."""
    if unsure.unproved:
        raise NotFound
    if wish == "date":
        pair = next((pair for pair in unsure.pairs if pair.id == subject_id), None)
        if pair is None or unsure.occasion is None:
            raise NotFound
        add_date(session, now, pair, unsure.occasion)
        return "occasion"
    meeting = load_row(session, Meeting, unsure.meeting.id) if unsure.meeting is not None else None
    if meeting is None:
        raise NotFound
    if wish == "agenda":
        _put_on_agenda(session, now, meeting, person_id, unsure.text)
        return "point"
    if wish == "answer":
        line = next((line for line in unsure.commitments if line.id == subject_id), None)
        if line is None or unsure.said is None:
            raise NotFound
        set_commitment(now, line, Answer(unsure.said.what, unsure.said.due_on, note=unsure.said.text or None))
        return unsure.said.what
    if not unsure.over:
        raise NotFound
    if wish == "agreed":
        for said in promises_in(unsure.text):
            agree(session, now, meeting, person_id, promise_of(meeting, said))
        return "promises"
    if wish == "not_happened":
        submit_followup(session, now, meeting, person_id, happened=False)
        return "not_happened"
    raise NotFound


def _put_on_agenda(session: Session, now: datetime, meeting: Meeting, person_id: int, text: str) -> None:
    if meeting.phase != Phase.BOOKED or now >= meeting.starts_at:
        raise NotFound
    if not add_point(session, now, meeting, person_id, text[:LONGEST_NOTE]):
        raise InvalidInput.of("agenda", "too_many", most=MOST_POINTS)


def _read(session: Session, now: datetime, row: Inbound) -> Unsure:
    meeting = session.get(Meeting, row.meeting_id) if row.meeting_id is not None else None
    message = parsed(row.raw)
    person = session.get(Person, row.person_id) if row.person_id is not None else None
    if message is None or person is None:
        return Unsure(row, meeting)
    if row.verdict == "occasion":
        return Unsure(
            row, None, occasion=occasion_in(session, message, person.zone), pairs=tuple(mentored(session, person))
        )
    text, reply = own_words(message), reply_in(message)
    answer = "" if reply is None else "proposed" if reply.counter else reply.partstat.lower()
    if row.verdict == UNPROVED or meeting is None:
        return Unsure(row, meeting, text, answer, unproved=row.verdict == UNPROVED)
    said = understood(text, about_of(session, now, person, meeting, None))
    of_one = said if said.what in STATES else None
    mine = tuple(commitments_to_answer(session, meeting, person.id)) if of_one is not None else ()
    over = meeting.phase in {Phase.ENDED, Phase.CLOSED}
    return Unsure(row, meeting, text, answer, said=of_one, commitments=mine, over=over)
