"""A person's own journal: taken away as a file, and brought from elsewhere; nobody else sees either."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from service.domain.errors import InvalidInput, NotFound
from service.messages.journal import pair_as_markdown
from service.operations import bringing, people
from service.operations.journal import journal_of
from service.operations.journal_file import MOST_FILE, pack, unpack
from service.web.page import (
    Reader,
    asked_int,
    curtain,
    fault_sentences,
    limited,
    now,
    page,
    reader_of,
    reading,
    see_other,
    writing,
)

blueprint = Blueprint("journal", __name__)


@blueprint.get("/p/<token>/journal")
def show(token: str) -> AnyResponse:
    with reading() as session:
        return _show(session, reader_of(session, "person", token), token)


def _show(
    session: Session, reader: Reader, token: str, faults: list[str] | None = None, status: int = 200
) -> AnyResponse:
    mine = reader.person.id
    brought = {} if curtain() else bringing.brought_of(session, mine)
    pairs = [pair for pair in people.list_pairs(session, mine) if pair.ended_at is None and pair.mentee_id == mine]
    return page(
        "journal.html", status, reader=reader, token=token, faults=faults or [], done="done" in request.args,
        curtain=curtain(), pairs=pairs,
        brought=[(each, pair, pair_as_markdown(reader.words, reader.zone, pair)) for each, pair in brought.items()],
    )  # fmt: skip


@blueprint.get("/p/<token>/journal.zip")
def download(token: str) -> AnyResponse:
    """Made whole before the first octet leaves: it fails as a page, or not at all."""
    limited(token)
    with reading() as session:
        reader = reader_of(session, "person", token)
        journal, brought = journal_of(session, reader.person), bringing.count(session, reader.person.id)
    octets = pack(journal, reader.person.locale, reader.zone, now(), brought=brought)
    response = Response(octets, content_type="application/zip")
    response.headers["Content-Disposition"] = f'attachment; filename="journal-{now():%Y-%m-%d}.zip"'
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.post("/p/<token>/journal/<what>")
def change(token: str, what: str) -> AnyResponse:
    """One change, then the page again; what was wrong is said on it, and nothing was changed."""
    limited(token)
    if what not in CHANGES:
        raise NotFound
    try:
        with writing() as session:
            CHANGES[what](session, reader_of(session, "person", token))
    except InvalidInput as fault:
        with reading() as session:
            return _show(session, reader_of(session, "person", token), token, fault_sentences(fault), 422)
    return see_other(url_for("journal.show", token=token, done=1, _anchor=what))


def _bring(session: Session, reader: Reader) -> None:
    file = request.files.get("file")
    octets = file.read(MOST_FILE + 1) if file is not None else b""
    bringing.bring(session, now(), reader.person, unpack(octets))


def _take_along(session: Session, reader: Reader) -> None:
    pair = people.load_pair(session, asked_int("pair") or 0, reader.person.id)
    bringing.take_along(session, now(), reader.person.id, asked_int("brought") or 0, pair)


def _remove(session: Session, reader: Reader) -> None:
    bringing.remove(session, reader.person.id, asked_int("brought") or 0)


CHANGES: dict[str, Callable[[Session, Reader], None]] = {"bring": _bring, "along": _take_along, "remove": _remove}
