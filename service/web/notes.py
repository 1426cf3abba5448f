"""A person's own notes in a pair, what the other shares, the question shelf and the sealed debrief."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from service.domain.errors import InvalidInput, NotFound
from service.domain.reflection import PROMPTS
from service.domain.wording import heard
from service.operations import notes, people, shelf, suggestions
from service.operations.meetings import load_meeting
from service.store.tables import Pair
from service.web.page import (
    Reader,
    asked_int,
    curtain,
    day_of,
    fault_sentences,
    limited,
    now,
    page,
    reader_of,
    reading,
    see_other,
    writing,
)

blueprint = Blueprint("notes", __name__)


@blueprint.get("/p/<token>/notes/<int:pair_id>")
def show(token: str, pair_id: int) -> AnyResponse:
    with reading() as session:
        reader = reader_of(session, "person", token)
        return _show(session, reader, token, people.load_pair(session, pair_id, reader.person.id))


def _show(
    session: Session, reader: Reader, token: str, pair: Pair, faults: list[str] | None = None, status: int = 200,
    found: list[tuple[str, str]] | None = None,
) -> AnyResponse:  # fmt: skip
    mine, today = reader.person.id, now().astimezone(reader.zone).date()
    met = notes.last_meeting(session, now(), pair)
    private = [] if curtain() else notes.notes_of(session, pair, mine)
    return page(
        "notes.html", status, reader=reader, token=token, pair=pair, other=pair.other(mine), faults=faults or [],
        mentee=pair.mentee_id == mine, done="done" in request.args, curtain=curtain(), found=found, met=met,
        prompts=notes.prompts_of(session, met) if met else (), notes=private,
        said={note.prompt: note for note in private if met and note.meeting_id == met.id and note.prompt},
        shared=notes.shared_with(session, pair, mine), put_away=suggestions.is_put_away(session, mine),
        questions=[
            (each, shelf.told_state(each, mine), shelf.is_here(each, today))
            for each in shelf.questions_of(session, pair, mine)
        ],
        debriefs=shelf.debriefs_of(session, met, mine) if met and met.session == "debrief" else None,
    )  # fmt: skip


@blueprint.post("/p/<token>/notes/<int:pair_id>/<what>")
def change(token: str, pair_id: int, what: str) -> AnyResponse:
    """One change, then the page again; what was wrong is said on it, and nothing was changed."""
    limited(token)
    if what not in CHANGES:
        raise NotFound
    checking, status = request.form.get("action") == "check", 200
    sentences: list[str] = []
    if not checking:
        try:
            with writing() as session:
                reader = reader_of(session, "person", token)
                CHANGES[what](session, reader, people.load_pair(session, pair_id, reader.person.id))
            return see_other(url_for("notes.show", token=token, pair_id=pair_id, done=1, _anchor=what))
        except InvalidInput as fault:
            sentences, status = fault_sentences(fault), 422
    with reading() as session:
        reader = reader_of(session, "person", token)
        pair = people.load_pair(session, pair_id, reader.person.id)
        found = heard(request.form.get("debrief", "")) if checking else None
        return _show(session, reader, token, pair, sentences, status, found)


def _reflect(session: Session, reader: Reader, pair: Pair) -> None:
    meeting = load_meeting(session, asked_int("meeting") or 0, reader.person.id)
    if meeting.pair_id != pair.id:
        raise NotFound
    said = {key: request.form[f"thought.{key}"] for key in PROMPTS if f"thought.{key}" in request.form}
    notes.reflect(session, now(), meeting, reader.person.id, said, request.form.getlist("unsure"))


def _story(session: Session, reader: Reader, pair: Pair) -> None:
    parts = {name: request.form.get(name, "") for name in notes.PARTS}
    notes.tell_story(session, now(), pair, reader.person.id, parts, act="act" in request.form)


def _share(session: Session, reader: Reader, _pair: Pair) -> None:
    note = notes.load_own(session, asked_int("note") or 0, reader.person.id)
    notes.share(note, now(), shared=request.form.get("share") == "yes")


def _remove(session: Session, reader: Reader, pair: Pair) -> None:
    """Repeatable: what is gone is gone."""
    for note in notes.notes_of(session, pair, reader.person.id):
        if note.id == asked_int("note"):
            session.delete(note)


def _open(session: Session, reader: Reader, _pair: Pair) -> None:
    notes.open_shared(session, now(), asked_int("note") or 0, reader.person.id)


def _ask(session: Session, reader: Reader, pair: Pair) -> None:
    shelf.leave_question(session, now(), pair, reader.person.id, request.form.get("text", ""))


def _question(session: Session, reader: Reader, _pair: Pair) -> None:
    question = shelf.load_mine(session, asked_int("question") or 0, reader.person.id)
    how = request.form.get("how", "")
    if how == "later":
        today = now().astimezone(reader.zone).date()
        shelf.put_back(question, day_of("back_on", request.form.get("back_on", "")), today)
    elif how == "dismiss":
        shelf.dismiss(question)
    else:
        shelf.keep(session, now(), question, request.form.get("answer"), shared="shared" in request.form)


def _debrief(session: Session, reader: Reader, pair: Pair) -> None:
    meeting = load_meeting(session, asked_int("meeting") or 0, reader.person.id)
    if meeting.pair_id != pair.id:
        raise NotFound
    skip = request.form.get("action") == "skip"
    shelf.write_debrief(session, now(), meeting, reader.person.id, request.form.get("debrief"), skip=skip)


def _put_away(session: Session, reader: Reader, _pair: Pair) -> None:
    suggestions.put_away(session, reader.person.id, request.form.get("moment", ""))


CHANGES: dict[str, Callable[[Session, Reader, Pair], None]] = {
    "reflect": _reflect, "story": _story, "share": _share, "remove": _remove, "open": _open, "ask": _ask,
    "question": _question, "debrief": _debrief, "put_away": _put_away,
}  # fmt: skip
