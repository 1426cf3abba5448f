"""The address that somebody's calendar program reads."""

from __future__ import annotations

from flask import Blueprint, Response, request
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from service import links
from service.domain.errors import LinkGone, NotFound
from service.operations import feeds
from service.web.page import now, reader_of, reading, services, words
from service.web.status import status_of

blueprint = Blueprint("feed", __name__)


@blueprint.get("/feeds/<token>.ics")
def show(token: str) -> AnyResponse:
    """304 for a program that has it already (RFC 9110 13.1.2). Programs show nobody a page, so a fault is a line of
    text."""
    try:
        with reading() as session:
            octets = _octets(session, token)
    except (NotFound, LinkGone) as fault:
        return _private(
            Response(words()("error.feed") + "\n", status_of(fault), content_type="text/plain; charset=utf-8")
        )
    response = Response(octets, content_type="text/calendar; charset=utf-8; method=PUBLISH")
    response.add_etag()
    return _private(response.make_conditional(request))


def _octets(session: Session, token: str) -> bytes:
    settings = services().settings
    if links.resolve(session, now(), "feed", token).person_id is None:  # the coordinator's, of all
        return feeds.programme_feed(session, now(), settings.programme)
    return feeds.feed_of(session, now(), settings, reader_of(session, "feed", token).person)


def _private(response: AnyResponse) -> AnyResponse:
    response.headers["Cache-Control"] = "private, no-cache"  # kept by the program alone, and asked for each time
    return response
