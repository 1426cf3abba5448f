"""The front page: type your address, and your links come by mail; the same answer for everyone."""

from __future__ import annotations

from flask import Blueprint, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from service.operations import personal_links
from service.web.page import limited, now, page, see_other, writing

blueprint = Blueprint("front", __name__)


@blueprint.get("/")
def front() -> AnyResponse:
    return page("front.html", sent="sent" in request.args)


@blueprint.post("/")
def mail_links() -> AnyResponse:
    limited()
    with writing() as session:
        personal_links.queue_links_mail(session, now(), request.form.get("email", ""))
    return see_other(url_for("front.front", sent=1))
