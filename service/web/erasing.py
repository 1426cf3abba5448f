"""Taking away all that is one's own: a page that says what goes and what stays, and the one button on it."""

from __future__ import annotations

from flask import Blueprint, url_for
from werkzeug.wrappers import Response as AnyResponse

from service.domain.errors import LinkGone
from service.operations import erasing, people
from service.web.page import limited, now, page, reader_of, reading, see_other, writing

blueprint = Blueprint("erasing", __name__)


@blueprint.get("/p/<token>/erase")
def show(token: str) -> AnyResponse:
    with reading() as session:
        try:
            reader = reader_of(session, "person", token)
        except LinkGone as fault:
            if fault.code != "erased":
                raise
            return page("erased.html")
        pairs = [pair for pair in people.list_pairs(session, reader.person.id) if pair.ended_at is None]
        others = [pair.other(reader.person.id).first_name for pair in pairs]
        return page("erase.html", reader=reader, token=token, others=others)


@blueprint.post("/p/<token>/erase")
def erased(token: str) -> AnyResponse:
    """Once; whoever sends it again is told that it is done. What they connected ends as soon as their meetings have
    left their calendars."""
    limited(token)
    with writing() as session:
        try:
            reader = reader_of(session, "person", token)
        except LinkGone as fault:
            if fault.code != "erased":
                raise
        else:
            erasing.erase_words(session, now(), reader.person)
    return see_other(url_for("erasing.show", token=token))
