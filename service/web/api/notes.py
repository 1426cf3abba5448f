"""The calls about one's own notes, the question shelf and the sealed debrief."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from sqlalchemy.orm import Session

from service.domain.access import Thing
from service.operations import notes, people, shelf
from service.operations.meetings import load_meeting
from service.store import tables
from service.web.api import answers, bodies, shapes
from service.web.api.frame import Caller, Model, call, person_of
from service.web.page import now, reading, writing


class Note(Model):
    """`read_at`: when the other opened it. Of what somebody else shares, the words come once it was opened."""

    id: int
    mine: bool
    kind: str
    prompt: str | None
    text: str | None
    alike: str | None
    unlike: str | None
    trying: str | None
    shared: bool
    read_at: answers.Instant | None


class Notes(Model):
    notes: list[Note]


class StoryInput(Model):
    """`act`: what is to be tried becomes something agreed, which both see."""

    text: str
    alike: str | None = None
    unlike: str | None = None
    trying: str | None = None
    act: bool = False


class Thoughts(Model):
    """By prompt; `unsure` names those that are not sure yet."""

    thoughts: dict[str, str] = Field(default_factory=dict)
    unsure: list[str] = Field(default_factory=list)


class NoteChange(Model):
    shared: bool


class QuestionInput(Model):
    text: str


class QuestionChange(Model):
    """Kept, with or without an answer; brought back on a day; or let go."""

    how: Literal["keep", "later", "dismiss"]
    answer: str | None = None
    shared: bool = False
    back_on: bodies.Day | None = None


class Question(Model):
    """`answer` is the mentee's alone."""

    id: int
    text: str
    state: str
    back_on: answers.Day | None
    answer: str | None


class Questions(Model):
    questions: list[Question]


class DebriefInput(Model):
    """`skip` is the mentee's."""

    text: str | None = None
    skip: bool = False


class Debrief(Model):
    """`theirs` stays null until both are in, or the mentee has skipped."""

    own: str | None
    theirs: str | None
    open: bool


def _note(note: tables.Note, caller: Caller) -> Note:
    mine = note.person_id == caller.me
    words = {name: getattr(note, name) if mine or note.read_at else None for name in notes.PARTS}
    return Note(
        id=note.id, mine=mine, kind=note.kind, prompt=note.prompt, shared=note.shared_at is not None,
        read_at=shapes.instant(note.read_at) if note.read_at else None, **words,
    )  # fmt: skip


def _notes(session: Session, pair: tables.Pair, caller: Caller) -> Notes:
    found = (*notes.notes_of(session, pair, caller.me), *notes.shared_with(session, pair, caller.me))
    return Notes(notes=[_note(each, caller) for each in found])


def _question(each: tables.Question, caller: Caller) -> Question:
    mine = each.by_id != caller.me
    return Question(
        id=each.id, text=each.text, state=shelf.told_state(each, caller.me), answer=each.answer if mine else None,
        back_on=each.back_on.isoformat() if mine and each.back_on else None,
    )  # fmt: skip


def _debrief(session: Session, meeting: tables.Meeting, caller: Caller) -> Debrief:
    held = shelf.debriefs_of(session, meeting, caller.me)
    theirs = held.theirs.text if held.theirs is not None else None
    return Debrief(own=held.own.text if held.own is not None else None, theirs=theirs, open=held.open)


@call(
    "GET",
    "/pairs/<int:pair_id>/notes",
    "One's own notes, and those that the other shares.",
    answer=Notes,
    may=(404,),
    about=Thing.NOTE,
)
def list_notes(caller: Caller, pair_id: int) -> Notes:
    with reading() as session:
        return _notes(session, people.load_pair(session, pair_id, caller.me), caller)


@call(
    "POST",
    "/pairs/<int:pair_id>/stories",
    "What the other told, and what one makes of it.",
    body=StoryInput,
    answer=Note,
    status=201,
    may=(404, 422),
    about=Thing.NOTE,
)
def tell_story(caller: Caller, pair_id: int, body: StoryInput) -> Note:
    with writing() as session:
        pair = people.load_pair(session, pair_id, caller.me)
        parts = {name: getattr(body, name) or "" for name in notes.PARTS}
        return _note(notes.tell_story(session, now(), pair, caller.me, parts, act=body.act), caller)


@call(
    "PUT",
    "/meetings/<int:meeting_id>/thoughts",
    "What one thinks after a meeting, for oneself.",
    body=Thoughts,
    answer=Notes,
    may=(404, 422),
    about=Thing.NOTE,
)
def put_thoughts(caller: Caller, meeting_id: int, body: Thoughts) -> Notes:
    with writing() as session:
        meeting = load_meeting(session, meeting_id, caller.me)
        notes.reflect(session, now(), meeting, caller.me, body.thoughts, body.unsure)
        session.flush()
        return _notes(session, meeting.pair, caller)


@call(
    "PATCH",
    "/notes/<int:note_id>",
    "Shares a note of one's own, or takes that back.",
    body=NoteChange,
    answer=Note,
    may=(404, 422),
    about=Thing.NOTE,
)
def share_note(caller: Caller, note_id: int, body: NoteChange) -> Note:
    with writing() as session:
        note = notes.load_own(session, note_id, caller.me)
        notes.share(note, now(), shared=body.shared)
        return _note(note, caller)


@call("DELETE", "/notes/<int:note_id>", "Takes a note of one's own away.", status=204, may=(404,), about=Thing.NOTE)
def remove_note(caller: Caller, note_id: int) -> None:
    with writing() as session:
        session.delete(notes.load_own(session, note_id, caller.me))


@call(
    "GET",
    "/pairs/<int:pair_id>/questions",
    "Questions that the mentor left.",
    answer=Questions,
    may=(404,),
    about=Thing.QUESTION,
)
def list_questions(caller: Caller, pair_id: int) -> Questions:
    with reading() as session:
        pair = people.load_pair(session, pair_id, caller.me)
        return Questions(questions=[_question(each, caller) for each in shelf.questions_of(session, pair, caller.me)])


@call(
    "POST",
    "/pairs/<int:pair_id>/questions",
    "One open question, by the mentor.",
    body=QuestionInput,
    answer=Question,
    status=201,
    may=(403, 404, 422),
    about=Thing.QUESTION,
)
def leave_question(caller: Caller, pair_id: int, body: QuestionInput) -> Question:
    with writing() as session:
        pair = people.load_pair(session, pair_id, caller.me)
        return _question(shelf.leave_question(session, now(), pair, caller.me, body.text), caller)


@call(
    "PATCH",
    "/questions/<int:question_id>",
    "What the mentee does with it.",
    body=QuestionChange,
    answer=Question,
    may=(404, 422),
    about=Thing.QUESTION,
)
def change_question(caller: Caller, question_id: int, body: QuestionChange) -> Question:
    with writing() as session:
        question = shelf.load_mine(session, question_id, caller.me)
        if body.how == "later":
            zone = people.zone_of(person_of(session, caller))
            shelf.put_back(question, body.back_on, now().astimezone(zone).date())
        elif body.how == "dismiss":
            shelf.dismiss(question)
        else:
            shelf.keep(session, now(), question, body.answer, shared=body.shared)
        return _question(question, caller)


@call(
    "GET",
    "/meetings/<int:meeting_id>/debrief",
    "One's own debrief, and the other's once it is unsealed.",
    answer=Debrief,
    may=(404,),
    about=Thing.DEBRIEF,
)
def debrief(caller: Caller, meeting_id: int) -> Debrief:
    with reading() as session:
        return _debrief(session, load_meeting(session, meeting_id, caller.me), caller)


@call(
    "PUT",
    "/meetings/<int:meeting_id>/debrief",
    "Writes one's own, or skips it.",
    body=DebriefInput,
    answer=Debrief,
    may=(403, 404, 409, 422),
    about=Thing.DEBRIEF,
)
def put_debrief(caller: Caller, meeting_id: int, body: DebriefInput) -> Debrief:
    with writing() as session:
        meeting = load_meeting(session, meeting_id, caller.me)
        shelf.write_debrief(session, now(), meeting, caller.me, body.text, skip=body.skip)
        session.flush()
        return _debrief(session, meeting, caller)
