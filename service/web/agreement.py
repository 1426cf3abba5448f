"""The agreement of a pair: answering alone, talking about what differs, signing, and every version that was signed."""

from __future__ import annotations

from flask import Blueprint, Response, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from service.domain.agreement import CLAUSES, GROUPS, Clause, Kind, State, Whose
from service.domain.errors import AgreementChanged, AgreementNotReady, InvalidInput, NotFound
from service.domain.terms import terms_of
from service.messages.agreement import Names, titled, told
from service.operations import agreements, midpoints, people
from service.operations.agreements import Desk
from service.store.tables import Pair
from service.web.page import (
    Reader,
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

blueprint = Blueprint("agreement", __name__)
FIELD = "clause."  # of every field that is a clause
TYPES = {"md": "text/markdown; charset=utf-8", "pdf": "application/pdf"}


@blueprint.get("/p/<token>/agreement/<int:pair_id>")
def show(token: str, pair_id: int) -> AnyResponse:
    with reading() as session:
        reader = reader_of(session, "person", token)
        return _show(session, reader, token, people.load_pair(session, pair_id, reader.person.id))


def _show(
    session: Session, reader: Reader, token: str, pair: Pair, faults: list[str] | None = None, status: int = 200
) -> AnyResponse:
    desk = agreements.desk(session, pair, reader.person.id)
    other, names = pair.other(reader.person.id), Names(pair.mentee.first_name, pair.mentor.first_name)
    terms = terms_of(pair.terms)
    return page(
        "agreement.html", status, reader=reader, token=token, pair=pair, other=other, names=names, desk=desk,
        faults=faults or [], done="done" in request.args, groups=_groups(desk, asked=False),
        asked=_groups(desk, asked=True), held=_held(desk), card=terms.card(desk.role),
        told=lambda clause, said: told(words(), clause, said, names),
        titled=lambda term: titled(words(), term, names),
        reply_time=terms.reply_time, standing=_lines(desk), kept=midpoints.standing_of(session, now(), pair),
        states=State, kinds=Kind, clauses=CLAUSES,
    )  # fmt: skip


def _groups(desk: Desk, *, asked: bool) -> list[tuple[str, list[Clause]]]:
    """What this person may fill in, by group; on a first visit the five questions stand apart from the rest."""
    mine = [clause for clause in CLAUSES.values() if clause.is_answered_by(desk.role) and clause.asked is asked]
    return [(group, [clause for clause in mine if clause.group == group]) for group in GROUPS]


def _held(desk: Desk) -> dict[str, str]:
    """What stands in each field: what was just typed and refused, else what this person said or the terms say."""
    if request.method == "POST":
        return {clause.key: _posted(clause) or "" for clause in CLAUSES.values()}
    held = {clause.key: clause.default for clause in CLAUSES.values()} | dict(desk.own or {})
    if desk.terms is not None:
        for clause in CLAUSES.values():
            key = f"{clause.key}.{desk.role}" if clause.whose is Whose.EACH else clause.key
            held[clause.key] = desk.terms.get(key, held[clause.key])
    return held


def _lines(desk: Desk) -> list[tuple[str, list[tuple[str, Clause, str]]]]:
    """The terms as they stand, by group; what is still to be settled is not among them."""
    terms = desk.terms or {}
    return [
        (
            group,
            [
                (term, clause, terms[term])
                for clause in CLAUSES.values()
                if clause.group == group
                for term in clause.terms
                if term in terms
            ],
        )
        for group in GROUPS
    ]


@blueprint.post("/p/<token>/agreement/<int:pair_id>")
def act(token: str, pair_id: int) -> AnyResponse:
    """One step, then the page again. What could not be done is said on it, and nothing was changed."""
    limited(token)
    try:
        with writing() as session:
            reader = reader_of(session, "person", token)
            pair = people.load_pair(session, pair_id, reader.person.id)
            _step(session, pair, reader.person.id)
    except (InvalidInput, AgreementChanged, AgreementNotReady) as fault:
        refused = isinstance(fault, InvalidInput)
        sentences = fault_sentences(fault) if isinstance(fault, InvalidInput) else [words()(f"error.{fault.code}")]
        with reading() as session:
            reader = reader_of(session, "person", token)
            pair = people.load_pair(session, pair_id, reader.person.id)
            return _show(session, reader, token, pair, sentences, 422 if refused else 409)
    return see_other(url_for("agreement.show", token=token, pair_id=pair_id, done=1))


def _step(session: Session, pair: Pair, by_id: int) -> None:
    action = request.form.get("action")
    if action == "answer":
        agreements.answer(session, now(), pair, by_id, _said())
    elif action == "change":
        agreements.change(session, now(), pair, by_id, _said())
    elif action == "sign":
        agreements.sign(session, now(), pair, by_id, request.form.get("seen", ""))
    elif action == "withdraw":
        agreements.withdraw(session, pair)
    else:
        raise NotFound


def _said() -> dict[str, str]:
    """The clauses that the form held."""
    posted = {clause.key: _posted(clause) for clause in CLAUSES.values()}
    return {key: said for key, said in posted.items() if said is not None}


def _posted(clause: Clause) -> str | None:
    """What was filled in, None where the form had no such field. Of several ticks an empty one says that it had."""
    given = request.form.getlist(FIELD + clause.key)
    return ",".join(filter(None, given)) if clause.kind is Kind.SEVERAL and given else given[0] if given else None


@blueprint.get("/p/<token>/agreement/<int:pair_id>/<int:version>.<any(md, pdf):form>")
def download(token: str, pair_id: int, version: int, form: str) -> AnyResponse:
    """A signed version, to the letter as both got it by mail."""
    with reading() as session:
        reader = reader_of(session, "person", token)
        pair = people.load_pair(session, pair_id, reader.person.id)
        row = agreements.load_version(session, pair, version)
        octets = agreements.as_pdf(row) if form == "pdf" else (row.document or "").encode()
    response = Response(octets, content_type=TYPES[form])
    response.headers["Content-Disposition"] = f'attachment; filename="agreement-v{version}.{form}"'
    response.headers["Cache-Control"] = "no-store"
    return response
