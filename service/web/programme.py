"""The coordinator's page: who needs a hand, the pairs and whether they meet, and what may be done about a pair."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from service.domain.access import Role
from service.domain.errors import InvalidInput, LinkGone, NotFound
from service.operations import coordinating, help_requests, importing, looks, people, programme
from service.operations.importing import OPTIONAL, REQUIRED, Checked
from service.operations.people import PersonInput
from service.store.tables import Pair
from service.web.page import (
    Reader,
    asked_int,
    fault_sentences,
    limited,
    now,
    page,
    reader_of,
    reading,
    see_other,
    writing,
)

blueprint = Blueprint("programme", __name__)
MOST_ROWS = 100  # of a preview: nobody reads more


@blueprint.get("/programme/<token>")
def show(token: str) -> AnyResponse:
    return _page(token)


def _coordinator(session: Session, token: str) -> Reader:
    reader = reader_of(session, "programme", token)
    if not reader.person.coordinates:
        raise LinkGone
    return reader


def _page(token: str, faults: list[str] | None = None, status: int = 200) -> AnyResponse:
    """Every pair that is on it gets its line, before it is shown. RFC 9110 9.2.1: the reader asks only to look."""
    one, shown = asked_int("pair"), request.args.get("show", "all")
    if shown not in programme.SHOWN:
        raise NotFound
    with reading() as session:
        reader = _coordinator(session, token)
        number = min(max(0, asked_int("page") or 0), 10**6)
        if one is not None:
            found, more = programme.standing_of(session, now(), [people.load_pair(session, one)]), False
        else:
            found, more = programme.standings(session, now(), shown, number)
        attention, quiet = programme.attention(session), programme.quiet_ones(session, now())
        asked = help_requests.open_ones(session, Role.COORDINATOR, reader.person.id)
        figures = programme.figures(session, now())
    on_it = {each.pair.id for each in found} | {each.pair.id for each in attention} | {pair.id for pair in quiet}
    with writing() as session:
        looks.note_list(session, now(), Role.COORDINATOR, on_it)
    return page(
        "programme.html", status, reader=reader, token=token, faults=faults or [], done=request.args.get("done"),
        asked=asked, attention=attention, quiet=quiet, figures=figures, found=found, more=more, number=number,
        shown=shown, one=one, fewest=programme.FEWEST, columns=REQUIRED + OPTIONAL,
    )  # fmt: skip


@blueprint.get("/programme/<token>/agreement/<int:pair_id>")
def agreement(token: str, pair_id: int) -> AnyResponse:
    """What the two signed, where they agreed that it is read here. Their line is written before it is shown."""
    with reading() as session:
        reader = _coordinator(session, token)
        pair = people.load_pair(session, pair_id)
        signed, text = programme.agreement_of(session, pair)
    with writing() as session:
        looks.note_look(session, now(), pair_id, Role.COORDINATOR, "agreement")
    return page("programme_agreement.html", reader=reader, token=token, pair=pair, signed=signed, text=text)


@blueprint.post("/programme/<token>/<what>")
def change(token: str, what: str) -> AnyResponse:
    """One change, then the page again; what was wrong is said on it, and nothing was changed."""
    limited(token)
    try:
        if what == "import":
            return _preview(token)
        if what not in CHANGES:
            raise NotFound
        with writing() as session:
            _coordinator(session, token)
            pair_id = CHANGES[what](session)
    except InvalidInput as fault:
        return _page(token, fault_sentences(fault), 422)
    return see_other(url_for("programme.show", token=token, done=what, pair=pair_id, _anchor="done"))


def _preview(token: str) -> AnyResponse:
    """What the file would add; nothing is. Its text goes along in the form that adds it, and is checked again there."""
    data = _octets()
    with reading() as session:
        reader = _coordinator(session, token)
        checked = importing.check_pairs(session, data)
    return page(
        "programme_import.html", reader=reader, token=token, rows=checked.rows[:MOST_ROWS], many=len(checked.rows),
        new=_new(checked), known=checked.known, csv=data.decode("utf-8-sig"),
    )  # fmt: skip


def _new(checked: Checked) -> int:
    return len({who.email for mentee, mentor, _ in checked.rows for who in (mentee, mentor)} - checked.known.keys())


def _octets() -> bytes:
    """The file, or the text in its place."""
    file = request.files.get("file")
    data = file.read() if file is not None else b""
    return data or request.form.get("csv", "").encode()


def _pair(session: Session) -> Pair:
    return people.load_pair(session, asked_int("pair") or 0)


def _import(session: Session) -> None:
    for pair in importing.import_pairs(session, now(), _octets()):
        coordinating.note_pairing(session, now(), pair)


def _two(session: Session) -> int:
    one, other = (
        PersonInput(*(request.form.get(f"{who}_{name}", "") for name in ("email", "name", "zone")))
        for who in ("mentee", "mentor")
    )
    return coordinating.pair_anew(session, now(), one, other).id


def _again(session: Session) -> int:
    return coordinating.take_up_again(session, now(), _pair(session)).id


def _end(session: Session) -> int:
    pair = _pair(session)
    coordinating.end(session, now(), pair)
    return pair.id


def _address(session: Session) -> int:
    pair, email = _pair(session), request.form.get("email", "")
    coordinating.correct_address(session, now(), pair, asked_int("person") or 0, email)
    return pair.id


def _welcome(session: Session) -> int:
    pair = _pair(session)
    coordinating.greet(session, now(), pair, asked_int("person") or 0)
    return pair.id


def _answered(session: Session) -> None:
    help_requests.answered(session, now(), asked_int("asked") or 0)


CHANGES: dict[str, Callable[[Session], int | None]] = {
    "add": _import, "two": _two, "again": _again, "end": _end, "address": _address, "welcome": _welcome,
    "answered": _answered,
}  # fmt: skip
