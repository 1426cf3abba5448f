"""What every page shares: the services, the reader behind a link, words in templates, and how often is too often."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

from flask import Response, current_app, g, redirect, render_template, request
from limits import RateLimitItem, parse
from limits.errors import StorageError
from limits.strategies import FixedWindowRateLimiter
from sqlalchemy import Connection
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from service import links, logs, numbers
from service.catalogue import Words
from service.domain.errors import InvalidInput, NotFound, TooMany
from service.operations.people import is_zone
from service.operations.personal_links import HANDED_ON, end_handed_on, handed_on
from service.store.tables import Link, Pair, Person
from service.store.types import fingerprint
from service.wiring import Services

log = logging.getLogger(__name__)

PER_LINK = parse("60 per 10 minutes")  # a person with a slow hand never gets there
PER_TOKEN = parse("3000 per 10 minutes")
PER_ADDRESS = parse("300 per 10 minutes")


@dataclass(frozen=True, slots=True)
class Reader:
    """Who looks at the page, as their link says, and in which zone times are written for them."""

    link: Link
    person: Person
    words: Words
    zone: ZoneInfo


def services() -> Services:
    return cast(Services, current_app.extensions["greenroom"])


def now() -> datetime:
    """One moment for the whole request."""
    if "now" not in g:
        g.now = services().clock()
    return cast(datetime, g.now)


@contextmanager
def reading() -> Iterator[Session]:
    if "look" in g:
        g.look_session = g.get("look_session") or Session(g.look, expire_on_commit=False)
        yield g.look_session
        return
    with services().database.read() as session:
        yield session


@contextmanager
def looking() -> Iterator[Connection]:
    """For questions over tables: with a session around it the connection alone takes 45 microseconds and not 16, three
    times as long as a token's row (measured in November 2026)."""
    if "look" in g:
        yield g.look
        return
    with services().database.engine.connect() as connection:
        yield connection


@contextmanager
def one_look() -> Iterator[None]:
    """All that is read within is read in one transaction: for a request that only looks and waits for nobody else."""
    with services().database.engine.connect() as connection:
        g.look = connection
        try:
            yield
        finally:
            g.pop("look")
            if "look_session" in g:
                g.pop("look_session").close()


@contextmanager
def writing() -> Iterator[Session]:
    with services().database.write() as session:
        yield session


def reader_of(session: Session, purpose: str, token: str) -> Reader:
    """Raises NotFound or LinkGone. The zone may be another than the person's: that changes labels only."""
    link = links.resolve(session, now(), purpose, token)
    person = session.get(Person, link.person_id) if link.person_id is not None else None
    if person is None:
        raise NotFound
    logs.note(person=link.person_id, pair=link.pair_id, meeting=link.meeting_id)
    if purpose == "person" and link.session != HANDED_ON and handed_on(session, person.id):
        g.came_by_their_own = person.id
    g.words = Words.of(person.locale)
    g.reader = person
    asked = request.values.get("zone", "")
    return Reader(link, person, g.words, ZoneInfo(asked if is_zone(asked) else person.zone))


def end_what_was_handed_on(response: AnyResponse) -> AnyResponse:
    """After an answer. RFC 9110 9.2.1: the reader asks only to look, and that they hold a link of their own shows by
    that; a link that whoever paired them knows as well is needed no longer."""
    person_id = g.pop("came_by_their_own", None)
    if person_id is not None:
        with writing() as session:
            end_handed_on(session, now(), person_id)
    return response


def pair_of(session: Session, link: Link) -> Pair:
    pair = session.get(Pair, link.pair_id) if link.pair_id is not None else None
    if pair is None:
        raise NotFound
    return pair


def words() -> Words:
    return cast(Words, g.get("words") or Words.of("en"))


def page(template: str, status: int = 200, **context: Any) -> Response:
    """A rendered page that nobody stores."""
    response = Response(render_template(template, t=words(), now=now(), **context), status=status)
    response.headers["Cache-Control"] = "no-store"
    return response


def curtain() -> bool:
    """Whether the reader shares their screen: what is private is then not on the page at all."""
    return request.args.get("curtain") == "1"


def see_other(url: str) -> AnyResponse:
    return redirect(url, code=303)


def limited_call(token: str) -> None:
    """Counts a call that changes something, for its bearer token. Raises TooMany beyond what programs need."""
    _count(PER_TOKEN, fingerprint(token))


def limited(token: str | None = None) -> None:
    """Counts this request for its link and its address. Raises TooMany beyond what people do."""
    _count(PER_ADDRESS, request.remote_addr or "unknown")
    if token is not None:
        _count(PER_LINK, fingerprint(token))


def _count(limit: RateLimitItem, key: str) -> None:
    """Raises TooMany. Where the count cannot be kept nobody is refused: booking matters more than counting."""
    limiter = cast(FixedWindowRateLimiter, current_app.extensions["greenroom-limiter"])
    try:
        within = limiter.hit(limit, key)
    except StorageError:
        log.warning("requests are not counted: the broker does not answer")
        return
    if not within:
        raise TooMany(minutes=10)


def fresh_key() -> str:
    """For a form: the same form posted twice is one booking."""
    return secrets.token_urlsafe(16)


def asked_key() -> str | None:
    """The form's `fresh_key`; what cannot have been made there is none."""
    raw = request.form.get("key", "")
    return raw if re.fullmatch(r"[\w-]{16,64}", raw, re.ASCII) else None


def asked_int(name: str) -> int | None:
    """A number from the request; nonsense is none."""
    raw = request.values.get(name, "")
    return numbers.whole(raw)


def asked_day(raw: str) -> date | None:
    """A day in a link of ours; nonsense is none."""
    try:
        return numbers.day(raw)
    except ValueError:
        return None


def asked_start(raw: str) -> datetime:
    """The instant of a `start` that our own pages wrote. Raises InvalidInput for anything else."""
    try:
        start = numbers.moment(raw)
    except ValueError:
        raise InvalidInput.of("start", "bad_time") from None
    if start.tzinfo is None:
        raise InvalidInput.of("start", "naive")
    return start


def day_of(field: str, raw: str) -> date | None:
    if not raw:
        return None
    try:
        return numbers.day(raw)
    except ValueError:
        raise InvalidInput.of(field, "bad_day", text=raw[:20]) from None


def typed(form: str, name: str, held: object = "") -> object:
    """For templates: what somebody typed into a form that was refused, so that nothing is lost; else what is held.

    `form` is the value of the form's own hidden field `form`: a page may hold several with the same fields.
    """
    return request.form.get(name, "") if refused(form) else held


def refused(form: str) -> bool:
    """Whether this page is the answer to that form, which is so only when something in it was wrong."""
    return request.method == "POST" and request.form.get("form") == form


def fault_sentences(fault: InvalidInput) -> list[str]:
    """One sentence for each field that was wrong."""
    return [words()(f"fault.{each.code}", field=each.field, **each.params) for each in fault.faults]
