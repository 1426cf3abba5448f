"""Flask: parse, call one operation, render. No account, no cookie; a link is who somebody is."""

from __future__ import annotations

import logging
from typing import Any

from flask import Flask, Response, g, request
from limits.strategies import FixedWindowRateLimiter
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response as AnyResponse

from service import logs
from service.domain import errors
from service.store.database import AWAY
from service.store.types import KeyMissing
from service.web import (
    after,
    agreement,
    api,
    arc,
    booking,
    callback,
    commitments,
    consent,
    counting,
    erasing,
    feed,
    front,
    goals,
    health,
    hooks,
    journal,
    mailbox,
    meeting,
    metrics,
    notes,
    operator,
    person,
    preparing,
    primer,
    programme,
    proposals,
    pulse,
    sender,
)
from service.web.dates import wall_fields
from service.web.headers import HEADERS
from service.web.offers import SlotTimes
from service.web.page import end_what_was_handed_on, fault_sentences, page, refused, typed, words
from service.web.status import status_of
from service.web.traced import request_id, route, trace_requests
from service.wiring import Services

log = logging.getLogger(__name__)
PARTS = (
    front, arc, booking, meeting, proposals, after, erasing, person, agreement, goals, journal, notes, commitments,
    feed, consent, callback, hooks, operator, preparing, primer, programme, pulse, sender, mailbox, health, metrics,
    api,
)  # fmt: skip
MOST_BODY = 2 * 1024 * 1024


class _Site(Flask):
    def log_exception(self, exc_info: Any) -> None:
        """What fails while a failure is told, or an answer is finished. Flask's own line would hold the path."""
        logs.mistake(log, route(), exc_info[1])


def create_app(services: Services, slot_times: SlotTimes | None = None) -> Flask:
    """The whole site over these services. `slot_times` is what the processes of one server share."""
    app = _Site(__name__)
    app.extensions["greenroom"] = services
    app.extensions["greenroom-limiter"] = FixedWindowRateLimiter(counting.counts(services.settings))
    app.extensions["greenroom-slot-times"] = slot_times or SlotTimes()
    app.config["MAX_CONTENT_LENGTH"] = MOST_BODY
    app.config["MAX_FORM_MEMORY_SIZE"] = MOST_BODY
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    for part in PARTS:
        app.register_blueprint(part.blueprint)
    trace_requests(app)
    app.after_request(_headers)
    app.after_request(end_what_was_handed_on)
    app.register_error_handler(errors.GreenroomError, _expected)
    for away in AWAY:
        app.register_error_handler(away, _database)
    app.register_error_handler(KeyMissing, _key_missing)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)
    proxies = services.settings.trusted_proxies
    if proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies)  # type: ignore[method-assign]
    app.jinja_env.globals.update(programme=services.settings.programme, contact=services.settings.contact)
    app.jinja_env.globals.update(demo_strip=mailbox.strip, typed=typed, refused=refused, wall_fields=wall_fields)
    return app


def _headers(response: Response) -> Response:
    headers = response.headers
    headers.extend([(name, value) for name, value in HEADERS.items() if name not in headers])
    return response


def _expected(error: errors.GreenroomError) -> AnyResponse:
    status = status_of(error)
    if isinstance(error, errors.InvalidInput):
        sentences = fault_sentences(error)
    elif isinstance(error, errors.AdapterError):
        sentences = [words()(f"adapter.{error.code}", **error.params)]
    else:
        sentences = [words()(f"error.{error.code}", **error.params)]
    again = _posted() if isinstance(error, errors.TooMany) else []
    texts = [] if again else _texts()
    return page(
        "error.html",
        status,
        sentences=sentences,
        lost=status in {404, 410} and error.code != "erased",
        again=again,
        texts=texts,
    )


def _texts() -> list[str]:
    """What somebody wrote into a form that can be sent no more, as of a pair that has ended: for them to keep."""
    own_words = {"ask", "reason", "reflection", "text", "note", "more", "less", "keep", "debrief", "matters", "summary"}
    return [
        text for name, text in request.form.items(multi=True) if text and (name in own_words or name.endswith(".text"))
    ]


def _posted() -> list[tuple[str, str]]:
    """What this form held, to be sent once more by one button: nothing that somebody typed is lost. No password goes
    back to a page, and no browser lets a page choose a file."""
    return [(name, value) for name, value in request.form.items(multi=True) if name != "password"]


def _database(error: SQLAlchemyError) -> AnyResponse:
    log.error("the database did not answer: %s", logs.kind(error))
    return page("error.html", 503, sentences=[words()("error.database")], lost=False, again=_posted())


def _key_missing(error: KeyMissing) -> AnyResponse:
    log.error("a stored value needs key %s", error.key_id)
    return page("error.html", 503, sentences=[words()("error.key_missing")], lost=False)


def _http(error: HTTPException) -> AnyResponse:
    if request.path.startswith(api.PREFIX):
        return api.http_problem(error)
    key = {404: "error.not_found", 413: "error.too_large", 405: "error.wrong_method"}.get(
        error.code or 500, "error.failed"
    )
    quote = request_id() if error.code == 500 else ""
    return page("error.html", error.code or 500, sentences=[words()(key)], lost=error.code == 404, quote=quote)


def _unexpected(error: Exception) -> AnyResponse:
    """A mistake of ours: the trace goes to the log without what anybody typed, the reader gets a sentence."""
    logs.mistake(log, route(), error)
    g.pop("words", None)
    if request.path.startswith(api.PREFIX):
        return api.problem(500, "failed", words()("error.failed"))
    return page("error.html", 500, sentences=[words()("error.failed")], lost=False, quote=request_id())
