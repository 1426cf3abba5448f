"""One request in the log: a number that the reader can quote, the route by its rule, the ids that it is about."""

from __future__ import annotations

import re
import secrets
from typing import cast

from flask import Flask, Response, g, request

from service import logs
from service.web.page import services

HEADER = "X-Request-ID"
SANE = re.compile(r"[A-Za-z0-9._-]{8,64}")
ABOUT = "greenroom.about"  # in the WSGI environment: what the server's own line about the request says beside figures


def trace_requests(app: Flask) -> None:
    app.before_request(_begin)
    app.after_request(_answer)
    app.teardown_request(_end)


def request_id() -> str:
    return cast(str, g.request_id)


def route() -> str:
    """How the path is written in the code: the path itself may hold somebody's token."""
    return request.url_rule.rule if request.url_rule is not None else "-"


def _begin() -> None:
    given = request.headers.get(HEADER, "")
    # Without a proxy of ours anybody could choose it, and make many requests look like one.
    trusted = services().settings.trusted_proxies > 0 and SANE.fullmatch(given) is not None
    g.request_id = given if trusted else secrets.token_hex(8)
    ids = {name.removesuffix("_id"): value for name, value in (request.view_args or {}).items() if type(value) is int}
    logs.begin({"request_id": g.request_id, "route": route(), **ids})


def _answer(response: Response) -> Response:
    response.headers[HEADER] = request_id()
    return response


def _end(_fault: BaseException | None) -> None:
    request.environ[ABOUT] = logs.current()
    logs.begin({})
