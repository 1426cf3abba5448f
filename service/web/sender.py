"""The account that mail is sent from: its part of the operator's page, the way to its provider and back."""

from __future__ import annotations

from flask import Blueprint, url_for
from werkzeug.wrappers import Response as AnyResponse

from service import links
from service.domain.errors import AdapterError, NotFound
from service.operations import sending
from service.operations.consents import Taken
from service.operations.sending import SEND
from service.ports import Authorizer, Granted
from service.web import operator
from service.web.consent import authorizer_of, end_at_provider, go_there, redirect_uri
from service.web.page import limited, now, reading, see_other, services, words, writing

blueprint = Blueprint("sender", __name__)


@blueprint.post("/operator/<token>/sender")
def begin(token: str) -> AnyResponse:
    """To the provider's page, where the account itself says yes."""
    limited(token)
    provider = services().settings.sending_provider
    if provider is None:
        raise NotFound
    with reading() as session:
        links.resolve(session, now(), "operator", token)
    begun = authorizer_of(provider).begin(SEND, redirect_uri(provider), services().settings.mail_address)
    with writing() as session:
        link = links.resolve(session, now(), "operator", token)
        return go_there(session, link, provider, SEND, begun)


@blueprint.post("/operator/<token>/sender/off")
def end(token: str) -> AnyResponse:
    limited(token)
    with writing() as session:
        links.resolve(session, now(), "operator", token)
        ended = sending.forget(session)
    end_at_provider(ended)
    return see_other(url_for("operator.show", token=token, _anchor="sender"))


def arrived(taken: Taken, authorizer: Authorizer, granted: Granted) -> AnyResponse:
    """Raises AdapterError where what was given is not kept. It is not given back either: Google would end all that this
    account ever gave us, its owner's calendar as well."""
    if authorizer.missing(SEND, granted.scopes):
        raise AdapterError("sender_partial", permanent=True)
    with writing() as session:
        ended = sending.keep(session, now(), taken.provider, granted, services().settings.mail_address)
    end_at_provider(ended)
    return see_other(url_for("operator.show", token=taken.token, _anchor="sender"))


def turned_back(taken: Taken, fault: AdapterError) -> AnyResponse:
    """The page where it began, with what happened."""
    say, own = words(), f"page.operator.sender.no.{fault.code}"
    said = [say(own if say.has(own) else f"adapter.{fault.code}", **fault.params)]
    if "admin_url" in fault.params:
        said.append(say("page.operator.sender.no.admin", **fault.params))
    return operator.standing_page(taken.token, said, 422)
