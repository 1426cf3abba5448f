"""How it goes between the two, half-way and for them alone; and the way out, which needs no reason."""

from __future__ import annotations

from flask import Blueprint, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from service.domain.errors import InvalidInput, NotFound
from service.operations import coordinators, help_requests, midpoints, people, pulses
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
    words,
    writing,
)

blueprint = Blueprint("pulse", __name__)


@blueprint.get("/p/<token>/pulse/<int:pair_id>")
def show(token: str, pair_id: int) -> AnyResponse:
    with reading() as session:
        reader = reader_of(session, "person", token)
        return _show(session, reader, token, people.load_pair(session, pair_id, reader.person.id))


def _show(
    session: Session, reader: Reader, token: str, pair: Pair, faults: list[str] | None = None, status: int = 200
) -> AnyResponse:
    mine = reader.person.id
    held = pulses.pulses_of(session, pair, mine)
    mentee = mine == pair.mentee_id
    told = [(reader.person, held.own), (pair.other(mine), held.theirs)]
    return page(
        "pulse.html", status, reader=reader, token=token, pair=pair, other=pair.other(mine), mentee=mentee,
        faults=faults or [], done="done" in request.args, held=held, lines=pulses.LINES, curtain=curtain(),
        told=told if mentee else told[::-1],  # the mentee's first, whoever reads
        passed=pulses.is_passed, kept=midpoints.standing_of(session, now(), pair),
    )  # fmt: skip


@blueprint.post("/p/<token>/pulse/<int:pair_id>")
def write(token: str, pair_id: int) -> AnyResponse:
    limited(token)
    try:
        with writing() as session:
            reader = reader_of(session, "person", token)
            pair = people.load_pair(session, pair_id, reader.person.id)
            skip = request.form.get("action") == "skip"
            said = {line: request.form.get(line) for line in pulses.LINES}
            pulses.write(session, now(), pair, reader.person.id, said, skip=skip)
    except InvalidInput as fault:
        with reading() as session:
            reader = reader_of(session, "person", token)
            pair = people.load_pair(session, pair_id, reader.person.id)
            return _show(session, reader, token, pair, fault_sentences(fault), 422)
    return see_other(url_for("pulse.show", token=token, pair_id=pair_id, done=1))


@blueprint.get("/p/<token>/ending/<int:pair_id>")
def ending(token: str, pair_id: int) -> AnyResponse:
    """What would end, and what stays; nothing has ended yet."""
    with reading() as session:
        reader = reader_of(session, "person", token)
        pair = people.load_pair(session, pair_id, reader.person.id)
        mentee = reader.person.id == pair.mentee_id
        return page(
            "ending.html", reader=reader, token=token, pair=pair, other=pair.other(reader.person.id), mentee=mentee,
            asks=bool(coordinators.readers_for(session, reader.person.id)), done="done" in request.args,
        )  # fmt: skip


@blueprint.post("/p/<token>/ending/<int:pair_id>")
def end(token: str, pair_id: int) -> AnyResponse:
    """Without a reason, and nobody asks for one; once it has ended, asking for another mentor needs none either.
    Repeatable."""
    limited(token)
    with writing() as session:
        reader = reader_of(session, "person", token)
        pair = people.load_pair(session, pair_id, reader.person.id)
        another = request.form.get("action") == "another"
        if another and pair.ended_at is not None and reader.person.id == pair.mentee_id:
            help_requests.ask(session, now(), reader.person, words()("page.ending.another_please"))
        elif another:
            raise NotFound
        else:
            people.leave(session, now(), pair, reader.person.id)
    return see_other(url_for("pulse.ending", token=token, pair_id=pair_id, done=1 if another else None))
