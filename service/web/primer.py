"""A reader's short cards, what the programme adds to them, and a mentee's own words on theirs."""

from __future__ import annotations

from flask import Blueprint, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from service.domain.errors import InvalidInput, NotFound
from service.operations import notes, people, primers, suggestions
from service.store.tables import Pair
from service.web.page import (
    Reader,
    curtain,
    fault_sentences,
    limited,
    now,
    page,
    reader_of,
    reading,
    see_other,
    services,
    writing,
)

blueprint = Blueprint("primer", __name__)


@blueprint.get("/p/<token>/primer/<int:pair_id>")
def show(token: str, pair_id: int) -> AnyResponse:
    with reading() as session:
        reader = reader_of(session, "person", token)
        return _show(session, reader, token, people.load_pair(session, pair_id, reader.person.id))


def _show(
    session: Session, reader: Reader, token: str, pair: Pair, faults: list[str] | None = None, status: int = 200
) -> AnyResponse:
    mine, settings = reader.person.id, services().settings
    mentee = mine == pair.mentee_id
    return page(
        "primer.html", status, reader=reader, token=token, pair=pair, other=pair.other(mine), mentee=mentee,
        faults=faults or [], done="done" in request.args, cards=primers.cards_for(pair, mine),
        courses=settings.mentee_courses if mentee else settings.mentor_courses,
        read=primers.state(session, pair, mine) == "read",
        summary="" if curtain() else notes.summary_of(session, pair, mine),
        put_away=primers.MOMENT in suggestions.is_put_away(session, mine),
    )  # fmt: skip


@blueprint.post("/p/<token>/primer/<int:pair_id>/<what>")
def change(token: str, pair_id: int, what: str) -> AnyResponse:
    """Read, with or without words of one's own; or not for me. Then back to where the reader came from."""
    limited(token)
    if what not in {"read", "put_away"}:
        raise NotFound
    try:
        with writing() as session:
            reader = reader_of(session, "person", token)
            pair = people.load_pair(session, pair_id, reader.person.id)
            if what == "read":
                primers.read(session, now(), pair, reader.person.id, request.form.get("summary"))
            else:
                suggestions.put_away(session, reader.person.id, primers.MOMENT)
    except InvalidInput as fault:
        with reading() as session:
            reader = reader_of(session, "person", token)
            pair = people.load_pair(session, pair_id, reader.person.id)
            return _show(session, reader, token, pair, fault_sentences(fault), 422)
    return see_other(url_for("primer.show", token=token, pair_id=pair_id, done=1))
