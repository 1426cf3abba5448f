"""Consent at a provider: what we will see, the way there, and what comes of it."""

from __future__ import annotations

import secrets
from datetime import timedelta
from urllib.parse import urlsplit

from flask import Blueprint, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from service import numbers
from service.domain.errors import AdapterError, InvalidInput, NotFound
from service.operations import calendars, consents, refreshing, watching
from service.operations.calendars import NewConnection
from service.operations.consents import ACCESSES, BUSY, WRITE, Ended, Taken
from service.ports import Authorizer, ConsentBegun, Granted
from service.store.tables import Connection, Link, Person
from service.web.headers import HEADERS
from service.web.page import (
    Reader,
    fault_sentences,
    limited,
    now,
    page,
    reader_of,
    reading,
    see_other,
    services,
    words,
    writing,
)

blueprint = Blueprint("consent", __name__)
COOKIE = "greenroom-consent"
PROBE_TIMEOUT = timedelta(seconds=15)
LADDER = ("hours", "feed", BUSY, WRITE)  # what somebody gives of their calendar, step by step
STOP_TIMEOUT = timedelta(seconds=3)  # somebody waits who only wants to be rid of it


def authorizer_of(provider: str) -> Authorizer:
    """Raises NotFound for a provider that is not set up here."""
    try:
        return services().authorizers[provider]
    except KeyError:
        raise NotFound from None


def redirect_uri(provider: str) -> str:
    """Exactly as it is registered at the provider."""
    return f"{services().settings.base_url}/oauth/{provider}/callback"


@blueprint.get("/connect/<token>")
def connect(token: str) -> AnyResponse:
    with reading() as session:
        return connect_page(session, reader_of(session, "connect", token), token)


@blueprint.post("/connect/<token>")
def connected(token: str) -> AnyResponse:
    """A feed or a CalDAV account, by its address."""
    limited(token)
    try:
        return connect_calendar(token, "connect")
    except (InvalidInput, AdapterError) as fault:
        sentences = (
            fault_sentences(fault)
            if isinstance(fault, InvalidInput)
            else [words()(f"adapter.{fault.code}", **fault.params)]
        )
        with reading() as session:
            return connect_page(session, reader_of(session, "connect", token), token, sentences, 422)


@blueprint.post("/connect/<token>/consent")
def begin(token: str) -> AnyResponse:
    """To the provider's page."""
    limited(token)
    provider, access = request.form.get("provider", ""), request.form.get("access", BUSY)
    authorizer = authorizer_of(provider)
    if access not in ACCESSES:
        raise NotFound
    with reading() as session:
        reader = reader_of(session, "connect", token)
    begun = authorizer.begin(access, redirect_uri(provider), reader.person.email)
    with writing() as session:
        reader = reader_of(session, "connect", token)
        return go_there(session, reader.link, provider, access, begun)


def go_there(session: Session, link: Link, provider: str, access: str, begun: ConsentBegun) -> AnyResponse:
    """The cookie binds what comes back to this browser: a link that somebody else was sent cannot connect their account
    to this person (RFC 6749 10.12)."""
    browser = secrets.token_urlsafe(24)
    consents.begin(session, now(), link, provider, access, begun, browser)
    response = see_other(begun.url)
    secure = services().settings.base_url.startswith("https:")
    path = url_for("callback.back", provider=provider)
    response.set_cookie(
        COOKIE, browser, max_age=consents.LIVES, path=path, secure=secure, httponly=True, samesite="Lax"
    )
    return response


@blueprint.post("/connect/<token>/step_down")
def step_down(token: str) -> AnyResponse:
    """From writing our meetings to busy times only. All of the grant ends, and the page leads to the smaller one."""
    limited(token)
    connection_id = numbers.whole(request.form.get("connection", "")) or 0
    with reading() as session:
        person_id = reader_of(session, "connect", token).person.id
    end_watches(connection_id, person_id)
    with writing() as session:
        reader = reader_of(session, "connect", token)
        ended = consents.step_down(session, calendars.load_connection(session, connection_id, reader.person.id))
    end_at_provider(ended)
    return see_other(url_for("consent.connect", token=token, done=connection_id, _anchor="connected"))


def lets_out(response: AnyResponse) -> AnyResponse:
    """A form of ours may lead to the providers' pages: Chromium asks form-action again after a redirect."""
    origins = {f"{at.scheme}://{at.netloc}" for at in map(urlsplit, services().settings.consent_pages)}
    policy = HEADERS["Content-Security-Policy"].replace(
        "form-action 'self'", " ".join(["form-action 'self'", *sorted(origins)])
    )
    response.headers["Content-Security-Policy"] = policy
    return response


def arrived(taken: Taken, authorizer: Authorizer, granted: Granted) -> AnyResponse:
    """Raises AdapterError where what was given is not enough, or the first reading fails."""
    access = _access(authorizer, taken, granted)
    if access is None:
        with reading() as session:
            ended = consents.over(session, taken.provider, granted.account, granted.tokens)
        end_at_provider(ended)
        raise AdapterError("consent_partial", permanent=True)
    connection_id = _connect(taken, access, granted)
    return see_other(url_for("consent.connect", token=taken.token, done=connection_id, _anchor="connected"))


def _access(authorizer: Authorizer, taken: Taken, granted: Granted) -> str | None:
    """What can be done with what was given: less than was asked for, where a tick was taken away, or nothing."""
    wanted = (taken.access, BUSY)
    return next((access for access in wanted if not authorizer.missing(access, granted.scopes)), None)


def _connect(taken: Taken, access: str, granted: Granted) -> int:
    """Keeps the tokens, reads for the first time with no session open, keeps what came. Raises AdapterError; then the
    connection stands, and needs its person."""
    with writing() as session:
        connection = consents.keep(session, now(), taken, access, granted)
        asked = refreshing.request_for(session, now(), session.get_one(Person, taken.person_id))
        connection_id, url = connection.id, connection.url
    adapter = services().calendars(taken.provider, url, None, None, connection_id)
    found = calendars.read_all(adapter, asked, PROBE_TIMEOUT)
    with writing() as session:
        calendars.settle(session, now(), session.get_one(Connection, connection_id), found, services().settings.poll)
    return connection_id


def turned_back(taken: Taken, fault: AdapterError) -> AnyResponse:
    """The page where it began, with what happened and the ways on."""
    with reading() as session:
        reader = reader_of(session, "connect", taken.token)
        sentence = words()(f"adapter.{fault.code}", **fault.params)
        return connect_page(session, reader, taken.token, [sentence], 422, admin_url=fault.params.get("admin_url"))


def connect_page(
    session: Session,
    reader: Reader,
    token: str,
    faults: list[str] | None = None,
    status: int = 200,
    admin_url: str | None = None,
) -> AnyResponse:
    """What we will see and never see, the steps of the ladder, and what is connected already."""
    of_person = calendars.connections_of(session, reader.person.id)
    shown = [
        (each, consents.account_of(session, each), calendars.next_busy(each, now()))
        for each in of_person
        if not consents.waits(each)
    ]
    return lets_out(
        page(
            "connect.html", status, reader=reader, token=token, faults=faults or [], admin_url=admin_url,
            connections=shown, ladder=LADDER, stands=_stands([each for each, _, _ in shown]),
            done=request.args.get("done"), providers=services().settings.providers,
            wanted=consents.wanted(session, reader.link),
        )
    )  # fmt: skip


def _stands(connections: list[Connection]) -> str:
    """The highest step of the ladder that somebody is on."""
    steps = [each.access if each.provider in services().authorizers else "feed" for each in connections]
    return max(steps, key=LADDER.index, default="hours")


def end_at_provider(ended: Ended | None) -> None:
    if ended is not None:
        consents.revoke(services().authorizers, ended)


def end_watches(connection_id: int, person_id: int) -> None:
    """Before the tokens go with which they can be stopped. One that the provider does not let go of ends by itself in a
    few days, and what it tells until then is about nothing. Raises NotFound."""
    with reading() as session:
        plan = watching.all_of(session, calendars.load_connection(session, connection_id, person_id))
    watcher = services().watchers(plan.provider, plan.url, plan.connection_id)
    if watcher is None or not plan.spent:
        return
    watching.stop(plan.spent, watcher, STOP_TIMEOUT)
    with writing() as session:
        watching.drop(session, now(), plan.spent)


def connect_calendar(token: str, purpose: str) -> AnyResponse:
    """A real read of what was given, with no session open, then the connection. Raises InvalidInput, AdapterError."""
    with reading() as session:
        reader = reader_of(session, purpose, token)
        asked = refreshing.request_for(session, now(), reader.person)
    wanted = NewConnection(
        provider=request.form.get("provider", ""),
        url=request.form.get("url", ""),
        username=request.form.get("username") or None,
        password=request.form.get("password") or None,
    )
    found = calendars.probe(services().calendars, wanted, asked, PROBE_TIMEOUT)
    with writing() as session:
        reader = reader_of(session, purpose, token)
        calendars.add_connection(session, now(), reader.person, wanted, found, services().settings.poll)
    page_of = "person.show" if purpose == "person" else "consent.connect"
    return see_other(url_for(page_of, token=token, done=1, _anchor="calendars"))
