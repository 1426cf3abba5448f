"""The mentee's goals and what matters to them; the mentor reads what is shared, and suggests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from service.domain import goals as domain
from service.domain.errors import InvalidInput, NotFound
from service.domain.goals import GoalDraft
from service.domain.wording import heard
from service.operations import goals, people, suggestions
from service.store.tables import Pair
from service.web.meeting import meeting_of
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

blueprint = Blueprint("goals", __name__)
TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
LARGEST_FILE = 1024 * 1024


@blueprint.get("/p/<token>/goals/<int:pair_id>")
def show(token: str, pair_id: int) -> AnyResponse:
    with reading() as session:
        reader = reader_of(session, "person", token)
        return _show(session, reader, token, people.load_pair(session, pair_id, reader.person.id))


def _show(
    session: Session, reader: Reader, token: str, pair: Pair, faults: list[str] | None = None, status: int = 200,
    found: list[tuple[str, str]] | None = None,
) -> AnyResponse:  # fmt: skip
    """`found`: what the word helper heard in words that were not sent yet, None where it was not asked."""
    mine = reader.person.id
    held = goals.goals_of(session, pair, mine)
    return page(
        "goals.html", status, reader=reader, token=token, pair=pair, other=pair.other(mine), faults=faults or [],
        mentee=pair.mentee_id == mine, done="done" in request.args, curtain=curtain(), found=found,
        goals=[goal for goal in held if goal.shared_at is not None or not curtain()], states=domain.STATES,
        matters=suggestions.matters_of(session, pair, mine), put_away=suggestions.is_put_away(session, mine),
        suggestions=[
            (each, suggestions.told_state(each, mine)) for each in suggestions.suggestions_of(session, pair, mine)
        ], report=goals.report(session, pair),
    )  # fmt: skip


@blueprint.get("/p/<token>/goals/<int:pair_id>/goals.<any(csv, json):form>")
def download(token: str, pair_id: int, form: str) -> AnyResponse:
    """What this person may see, as `import` takes it."""
    with reading() as session:
        reader = reader_of(session, "person", token)
        pair = people.load_pair(session, pair_id, reader.person.id)
        drafts = [GoalDraft(**goals.vars_of(goal)) for goal in goals.goals_of(session, pair, reader.person.id)]
    text = domain.as_csv(drafts) if form == "csv" else domain.as_json(drafts)
    response = Response(text.encode(), content_type=TYPES[form])
    response.headers["Content-Disposition"] = f'attachment; filename="goals.{form}"'
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.post("/p/<token>/goals/<int:pair_id>/<what>")
def change(token: str, pair_id: int, what: str) -> AnyResponse:
    """One change, then the page again; what was wrong is said on it, and nothing was changed."""
    limited(token)
    if what not in CHANGES:
        raise NotFound
    if request.form.get("action") == "check":
        return _checked(token, pair_id)
    try:
        with writing() as session:
            reader = reader_of(session, "person", token)
            CHANGES[what](session, reader, people.load_pair(session, pair_id, reader.person.id))
    except InvalidInput as fault:
        with reading() as session:
            reader = reader_of(session, "person", token)
            pair = people.load_pair(session, pair_id, reader.person.id)
            return _show(session, reader, token, pair, fault_sentences(fault), 422)
    return see_other(url_for("goals.show", token=token, pair_id=pair_id, done=1, _anchor=what))


def _checked(token: str, pair_id: int) -> AnyResponse:
    """The form as it was, with what the helper heard: nothing of it is kept."""
    with reading() as session:
        reader = reader_of(session, "person", token)
        pair = people.load_pair(session, pair_id, reader.person.id)
        return _show(session, reader, token, pair, found=heard(request.form.get("text", "")))


def _said() -> dict[str, Any]:
    form = request.form
    return {
        "text": form.get("text", ""),
        "worked_when": form.get("worked_when") or None,
        "target_on": day_of("target_on", form.get("target_on", "")),
        "review_on": day_of("review_on", form.get("review_on", "")),
        "state": form.get("state", "draft"),
        "shared": "shared" in form,
    }


def _add(session: Session, reader: Reader, pair: Pair) -> None:
    goals.add(session, now(), pair, reader.person.id, GoalDraft(**_said()))


def _change(session: Session, reader: Reader, pair: Pair) -> None:
    goal = goals.load(session, asked_int("goal") or 0, reader.person.id)
    if goal.pair_id != pair.id:
        raise NotFound
    goals.change(session, now(), goal, _said())


def _remove(session: Session, reader: Reader, pair: Pair) -> None:
    """Repeatable: what is gone is gone."""
    wanted = asked_int("goal")
    for goal in goals.goals_of(session, pair, reader.person.id):
        if goal.id == wanted:
            goals.remove(session, goals.load(session, goal.id, reader.person.id))


def _import(session: Session, reader: Reader, pair: Pair) -> None:
    file = request.files.get("file")
    raw = file.read(LARGEST_FILE + 1) if file is not None else b""
    if len(raw) > LARGEST_FILE:
        raise InvalidInput.of("file", "file_too_large", most=LARGEST_FILE // 1024 // 1024)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInput.of("file", "not_goals") from None
    goals.bring_in(session, now(), pair, reader.person.id, domain.read(text))


def _matters(session: Session, reader: Reader, pair: Pair) -> None:
    suggestions.set_matters(session, now(), pair, reader.person.id, request.form.get("matters"))


def _suggest(session: Session, reader: Reader, pair: Pair) -> None:
    kind, text = request.form.get("kind", "option"), request.form.get("text", "")
    suggestions.suggest(session, now(), pair, reader.person.id, kind, text)


def _answer(session: Session, reader: Reader, pair: Pair) -> None:
    wanted = suggestions.load(session, asked_int("suggestion") or 0, reader.person.id)
    if wanted.pair_id != pair.id:
        raise NotFound
    how, text = request.form.get("answer", ""), request.form.get("text")
    suggestions.answer(session, now(), wanted, reader.person.id, how, text)


def _put_away(session: Session, reader: Reader, _pair: Pair) -> None:
    suggestions.put_away(session, reader.person.id, request.form.get("moment", ""))


def _bring_back(session: Session, reader: Reader, _pair: Pair) -> None:
    suggestions.bring_back(session, reader.person.id)


CHANGES: dict[str, Callable[[Session, Reader, Pair], None]] = {
    "add": _add, "change": _change, "remove": _remove, "import": _import, "matters": _matters, "suggest": _suggest,
    "answer": _answer, "put_away": _put_away, "bring_back": _bring_back,
}  # fmt: skip


@blueprint.post("/m/<token>/for")
def meeting_for(token: str) -> AnyResponse:
    """What a meeting is for: one of the goals, or just talk."""
    limited(token)
    with writing() as session:
        reader = reader_of(session, "meeting", token)
        meeting = meeting_of(session, reader)
        goals.set_meeting_for(session, meeting, reader.person.id, asked_int("goal"))
    return see_other(url_for("meeting.show", token=token, _anchor="for"))
