"""One thing agreed, on its own page: how it stands, the days of a class, the drafts for meeting somebody."""

from __future__ import annotations

from flask import Blueprint, Response, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from service import numbers
from service.domain.commitments import REASONS, STATES
from service.domain.errors import InvalidInput
from service.messages.drafts import introduction, thanks
from service.operations import commitments
from service.operations.commitments import Answer, Line
from service.store.tables import Pair
from service.web.page import (
    Reader,
    asked_int,
    day_of,
    fault_sentences,
    limited,
    now,
    page,
    reader_of,
    reading,
    see_other,
    words,
    writing,
)

blueprint = Blueprint("commitments", __name__)


def line_of(prefix: str, field: str) -> Line:
    """A line of a posted form whose fields begin with `prefix`; `field` names its day in a fault."""
    return Line(
        commitment_id=numbers.whole(request.form.get(f"{prefix}id", "")),
        text=request.form.get(f"{prefix}text", ""),
        owner_id=asked_int(f"{prefix}owner"),
        due_on=day_of(field, request.form.get(f"{prefix}due_on", "")),
        kind=request.form.get(f"{prefix}kind") or "do",
        must=request.form.get(f"{prefix}must") != "no",
    )


@blueprint.get("/p/<token>/agreed/<int:commitment_id>")
def show(token: str, commitment_id: int) -> AnyResponse:
    with reading() as session:
        return _show(session, reader_of(session, "person", token), token, commitment_id)


def _show(
    session: Session,
    reader: Reader,
    token: str,
    commitment_id: int,
    faults: list[str] | None = None,
    status: int = 200,
) -> AnyResponse:
    line = commitments.load_commitment(session, commitment_id, reader.person.id)
    pair = session.get_one(Pair, line.pair_id)
    return page(
        "commitment.html", status, reader=reader, token=token, line=line, faults=faults or [],
        done="done" in request.args, mine=line.owner_id in {None, reader.person.id},
        owner=pair.me(line.owner_id) if line.owner_id else None, other=pair.other(reader.person.id),
        states=[state for state in STATES if state != "open"], reasons=REASONS,
        introduction=introduction(words(), pair.mentee.name, pair.mentee.email)
        if line.kind == "meet" and reader.person.id == pair.mentor_id else None,
        thanks=thanks(words(), reader.person.first_name)
        if line.kind == "meet" and line.state == "done" and line.owner_id == reader.person.id else None,
    )  # fmt: skip


@blueprint.post("/p/<token>/agreed/<int:commitment_id>")
def answered(token: str, commitment_id: int) -> AnyResponse:
    """How it stands, or the days of a class; then the page again, with what was wrong on it."""
    limited(token)
    try:
        with writing() as session:
            reader = reader_of(session, "person", token)
            line = commitments.load_own(session, commitment_id, reader.person.id)
            if "first" in request.form:
                first, last = (day_of(name, request.form.get(name, "")) for name in ("first", "last"))
                commitments.plan_learning(line, first, last)
            else:
                commitments.set_commitment(now(), line, _answer())
    except InvalidInput as fault:
        with reading() as session:
            reader = reader_of(session, "person", token)
            return _show(session, reader, token, commitment_id, fault_sentences(fault), 422)
    return see_other(url_for("commitments.show", token=token, commitment_id=commitment_id, done=1))


def _answer() -> Answer:
    return Answer(
        state=request.form.get("state", ""),
        due_on=day_of("due_on", request.form.get("due_on", "")),
        reason=request.form.get("reason") or None,
        note=request.form.get("note"),
        took=request.form.get("took"),
    )


@blueprint.get("/p/<token>/agreed/<int:commitment_id>/hold.ics")
def hold(token: str, commitment_id: int) -> AnyResponse:
    """The days of a class for the calendar of whoever takes it; the other's calendar has nothing of it."""
    with reading() as session:
        reader = reader_of(session, "person", token)
        line = commitments.load_own(session, commitment_id, reader.person.id)
        octets = commitments.hold_of(line, now(), words()("hold.summary"), words()("hold.halfway"))
    response = Response(octets, content_type="text/calendar; charset=utf-8; method=PUBLISH")
    response.headers["Content-Disposition"] = 'attachment; filename="hold.ics"'
    response.headers["Cache-Control"] = "no-store"
    return response
