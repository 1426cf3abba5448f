"""Questions that a mentor leaves and a mentee keeps, and debriefs that stay sealed until both have had their say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.access import Action, Thing, When, check, may
from service.domain.errors import InvalidInput, MoveNotAllowed, NotAllowed, NotFound
from service.domain.reflection import LONGEST
from service.domain.typed import typed
from service.operations.meetings import check_lives, role_in
from service.store.tables import Debrief, Meeting, Pair, Question


def leave_question(session: Session, now: datetime, pair: Pair, by_id: int, text: str) -> Question:
    """One at a time. Repeatable. Raises InvalidInput, and NotAllowed for the mentee."""
    check(role_in(pair, by_id), Thing.QUESTION, Action.WRITE)
    check_lives(pair)
    if by_id != pair.mentor_id:
        raise NotAllowed
    said = typed("text", text, LONGEST)
    if said is None:
        raise InvalidInput.of("text", "empty")
    for held in questions_of(session, pair, by_id):
        if held.text == said:
            return held
        if held.state == "open":
            raise InvalidInput.of("text", "one_question")
    made = Question(pair_id=pair.id, by_id=by_id, text=said, state="open", created_at=now)
    session.add(made)
    session.flush()
    return made


def questions_of(session: Session, pair: Pair, person_id: int) -> list[Question]:
    check(role_in(pair, person_id), Thing.QUESTION, Action.READ)
    return list(session.scalars(select(Question).where(Question.pair_id == pair.id).order_by(Question.id.desc())))


def is_here(question: Question, today: date) -> bool:
    """Whether it asks to be looked at: it is new, or the day is here that the mentee picked."""
    return question.state == "open" and (question.back_on is None or question.back_on <= today)


def told_state(question: Question, person_id: int) -> str:
    """To the mentor nothing is told of it but, where the mentee shares that, that it was answered and kept."""
    return "open" if person_id == question.by_id and question.shared_at is None else question.state


def load_mine(session: Session, question_id: int, person_id: int) -> Question:
    """For the mentee to whom it was left. Raises NotFound."""
    question = session.get(Question, question_id)
    if question is None or session.get_one(Pair, question.pair_id).mentee_id != person_id:
        raise NotFound
    return question


def put_back(question: Question, back_on: date | None, today: date) -> None:
    """Until that day it is quiet. Raises InvalidInput."""
    if back_on is None or back_on <= today:
        raise InvalidInput.of("back_on", "not_ahead")
    question.back_on, question.state = back_on, "open"


def keep(session: Session, now: datetime, question: Question, answer: str | None, *, shared: bool) -> None:
    """Answered, if only by keeping it: the words are the mentee's alone. Raises InvalidInput, NotAllowed."""
    said = typed("answer", answer, LONGEST)
    if said != question.answer:
        check_lives(session.get_one(Pair, question.pair_id))
    question.answer, question.state = said, "kept"
    question.shared_at = (question.shared_at or now) if shared else None


def dismiss(question: Question) -> None:
    question.state, question.shared_at = "dismissed", None


@dataclass(frozen=True, slots=True)
class Debriefs:
    """Of one meeting, for one reader: `own` and `theirs` are None as long as they are not in or not to be read."""

    own: Debrief | None
    theirs: Debrief | None
    open: bool


def debriefs_of(session: Session, meeting: Meeting, person_id: int) -> Debriefs:
    rows = {row.person_id: row for row in session.scalars(select(Debrief).where(Debrief.meeting_id == meeting.id))}
    mentee = rows.get(meeting.pair.mentee_id)
    is_open = len(rows) == 2 or (mentee is not None and mentee.text is None)
    theirs = rows.get(meeting.pair.other(person_id).id)
    given = (When.BOTH,) if is_open else ()
    if theirs is None or not may(
        role_in(meeting.pair, person_id, theirs.person_id), Thing.DEBRIEF, Action.READ, *given
    ):
        theirs = None
    return Debriefs(rows.get(person_id), theirs, is_open)


def write_debrief(
    session: Session, now: datetime, meeting: Meeting, by_id: int, text: str | None, *, skip: bool = False
) -> None:
    """One's own, once the meeting is over; after it is opened it stays as it is, so that nobody answers the other's.
    Only the mentee may skip. Repeatable. Raises InvalidInput, MoveNotAllowed, NotAllowed."""
    check(role_in(meeting.pair, by_id, by_id), Thing.DEBRIEF, Action.WRITE)
    check_lives(meeting.pair)
    if now < meeting.ends_at or meeting.phase == "cancelled":
        raise MoveNotAllowed(phase=meeting.phase)
    if skip and by_id != meeting.pair.mentee_id:
        raise NotAllowed
    said = None if skip else typed("debrief", text, LONGEST)
    if said is None and not skip:
        raise InvalidInput.of("debrief", "empty")
    held = debriefs_of(session, meeting, by_id)
    if held.own is None:
        session.add(Debrief(meeting_id=meeting.id, person_id=by_id, text=said, created_at=now))
    elif not held.open:
        held.own.text = said
