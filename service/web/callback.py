"""Back from a provider's page: the one GET that changes something, for the browser that posted the form, and once."""

from __future__ import annotations

from flask import Blueprint, request
from werkzeug.wrappers import Response as AnyResponse

from service.domain.errors import AdapterError
from service.operations import consents
from service.operations.sending import SEND
from service.web import consent, sender
from service.web.consent import COOKIE, authorizer_of, redirect_uri
from service.web.page import now, page, writing

blueprint = Blueprint("callback", __name__)


@blueprint.get("/oauth/<any(google, microsoft):provider>/callback")
def back(provider: str) -> AnyResponse:
    """An administrator who said yes for everybody comes back here, too, and began nowhere."""
    authorizer = authorizer_of(provider)
    if request.args.get("admin_consent", "").lower() == "true":
        return page("allowed.html")
    with writing() as session:
        browser = request.cookies.get(COOKIE, "")
        taken = consents.take(session, now(), provider, request.args.get("state", ""), browser)
    ends = (sender.arrived, sender.turned_back) if taken.access == SEND else (consent.arrived, consent.turned_back)
    arrived, turned_back = ends
    try:
        granted = authorizer.finish(taken.kept, redirect_uri(provider), request.args.to_dict())
        response = arrived(taken, authorizer, granted)
    except AdapterError as fault:
        return turned_back(taken, fault)
    response.delete_cookie(COOKIE, path=request.path)
    return response
