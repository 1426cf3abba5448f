"""A person's own page: pairs and dates, hours, calendars, the usual place, how much mail; no account behind it."""

from __future__ import annotations

from contextlib import suppress

from flask import Blueprint, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from service import links, numbers
from service.domain.access import Action, Thing, check
from service.domain.availability import to_json
from service.domain.errors import AdapterError, InvalidInput, NotFound
from service.domain.terms import terms_of
from service.operations import (
    arcs,
    calendars,
    closing,
    consents,
    coordinators,
    feeds,
    help_requests,
    lapsing,
    mirror,
    people,
    personal_links,
    primers,
    pulses,
    unsure,
)
from service.operations.commitments import Answer, load_own, set_commitment
from service.operations.looks import looks_of
from service.operations.meetings import commitments_of, meetings_of
from service.operations.times import availability_of
from service.store.tables import Connection, CriticalDate, Link, Pair
from service.web import wishes
from service.web.consent import connect_calendar, end_at_provider, end_watches
from service.web.dates import date_input, window_days
from service.web.page import (
    Reader,
    asked_int,
    curtain,
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
from service.web.times import age
from service.web.wishes import my_pair

blueprint = Blueprint("person", __name__)


@blueprint.get("/p/<token>")
def show(token: str) -> AnyResponse:
    with reading() as session:
        return _show(session, reader_of(session, "person", token), token)


def _show(
    session: Session, reader: Reader, token: str, faults: list[str] | None = None, status: int = 200
) -> AnyResponse:
    person = reader.person
    all_pairs = people.list_pairs(session, person.id)
    pairs = [_pair_view(session, reader, pair) for pair in all_pairs if pair.ended_at is None]
    ended = [pair for pair in all_pairs if pair.ended_at is not None]
    connections = calendars.connections_of(session, person.id)
    hours = to_json(availability_of(person))
    return page(
        "person.html", status, reader=reader, token=token, person=person, pairs=pairs, faults=faults or [],
        ended=[(pair, pair.other(person.id), closing.goes_at(pair)) for pair in ended],
        hours=hours, overrides=[f"{day} {ranges}" for day, ranges in hours["overrides"].items()],
        assumed=person.availability is None,
        done="done" in request.args,
        connections=[
            (connection, calendars.next_busy(connection, now()), _state(reader, connection))
            for connection in connections
        ],
        waiting=[] if curtain() else unsure.waiting_of(session, now(), person.id), curtain=curtain(),
        feed=feeds.feed_link(session, now(), person), feed_url=_feed_url,
        coordinators=[each.name for each in coordinators.readers_for(session, person.id)],
        asked=[] if curtain() else help_requests.own_of(session, person.id),
        providers=services().settings.providers,
    )  # fmt: skip


def _feed_url(link: Link) -> str:
    return links.url_of(services().settings.base_url, link)


def _state(reader: Reader, connection: Connection) -> str:
    """How it stands, in a sentence; a copy that no longer counts is not called one that does."""
    if consents.waits(connection):
        return words()("connection.waiting")
    tried = age(words(), now(), connection.checked_at) if connection.checked_at is not None else ""
    copy, state = calendars.verified(connection), connection.state
    if state == "stale" and (copy is None or now() - copy > services().settings.busy_max_age):
        state = "too_old"
    return words()(f"connection.{state}", age=tried, copy=words().moment(copy, reader.zone) if copy is not None else "")


def _pair_view(session: Session, reader: Reader, pair: Pair) -> dict[str, object]:
    mine = reader.person.id
    meetings = [m for m in meetings_of(session, pair, live_only=True) if m.ends_at > now()]
    schedule = links.known_link(session, now(), "schedule", mine, pair_id=pair.id)
    return {
        "pair": pair,
        "other": pair.other(mine),
        "names": {pair.mentee_id: pair.mentee.first_name, pair.mentor_id: pair.mentor.first_name},
        "mentee": pair.mentee_id == mine,
        "card": terms_of(pair.terms).card("mentee" if pair.mentee_id == mine else "mentor"),
        "dates": [
            (date, [(line, window_days(line.part.window, date)) for line in arcs.arc_of(session, now(), date)])
            for date in arcs.dates_of(session, now(), pair, mine)
            if date.shared_at is not None or not curtain()
        ],
        "meetings": [
            (meeting, links.known_link(session, now(), "meeting", mine, pair_id=pair.id, meeting_id=meeting.id))
            for meeting in meetings
        ],
        "commitments": commitments_of(session, pair.id, open_only=True),
        "mirror": None
        if pair.mentee_id == mine
        else mirror.mirror_of(session, now(), services().settings.busy_max_age, pair),
        "pulse": pulses.is_due(session, now(), pair),
        "primer": primers.is_offered(session, now(), pair, mine),
        "schedule": schedule.token if schedule is not None else None,
        "looked": looks_of(session, pair, mine),
        "offers": lapsing.lines(session, now(), pair.id, mine),
    }


@blueprint.post("/p/<token>/<what>")
def change(token: str, what: str) -> AnyResponse:
    """One change, then the page again; what was wrong is said on it, and nothing was changed."""
    limited(token)
    try:
        if what == "calendar":
            return connect_calendar(token, "person")
        if what == "remove":
            return _remove(token)
        if what == "switch":
            return _switch(token)
        if what not in CHANGES:
            raise NotFound
        with writing() as session:
            reader = reader_of(session, "person", token)
            target = CHANGES[what](session, reader)
    except (InvalidInput, AdapterError) as fault:
        sentences = (
            fault_sentences(fault)
            if isinstance(fault, InvalidInput)
            else [words()(f"adapter.{fault.code}", **fault.params)]
        )
        with reading() as session:
            return _show(session, reader_of(session, "person", token), token, sentences, 422)
    return see_other(target or url_for("person.show", token=token, done=1, _anchor=what))


def _date(session: Session, reader: Reader) -> str | None:
    pair = my_pair(session, reader)
    check(arcs.role_in(pair, reader.person.id), Thing.DATE, Action.WRITE)
    date_id = asked_int("date")
    wanted = date_input(reader.person.zone)
    if date_id is None:
        arcs.add_date(session, now(), pair, wanted)
    else:
        critical = arcs.load_own_date(session, date_id, reader.person.id)
        if critical.pair_id != pair.id:
            raise NotFound
        arcs.move_date(session, now(), critical, wanted)
    return None


def _my_date(session: Session, reader: Reader) -> CriticalDate:
    return arcs.load_own_date(session, asked_int("date") or 0, reader.person.id)


def _drop_date(session: Session, reader: Reader) -> None:
    arcs.drop_date(session, now(), arcs.load_own_date(session, asked_int("date") or 0, reader.person.id, dropped=True))


def _share_date(session: Session, reader: Reader) -> None:
    arcs.share_date(_my_date(session, reader), now())


def _schedule(session: Session, reader: Reader) -> str:
    """To the page with times: the link is made here, since looking makes nothing."""
    pair = my_pair(session, reader)
    link = personal_links.scheduling_link_for(session, now(), pair, reader.person.id)
    return url_for(
        "booking.times", token=link.token, session=request.form.get("session"), date=request.form.get("date")
    )


def _connection(session: Session, reader: Reader) -> Connection:
    return calendars.load_connection(session, asked_int("connection") or 0, reader.person.id)


def _switch(token: str) -> AnyResponse:
    """To what the button said, not to the other: the same form twice switches once."""
    with writing() as session:
        reader = reader_of(session, "person", token)
        connection = _connection(session, reader)
        off = request.form.get("state") == "off"
        if off:
            calendars.switch_off(connection)
        else:
            calendars.switch_on(connection, now())
        connection_id, person_id = connection.id, reader.person.id
    if off:
        end_watches(connection_id, person_id)
    return see_other(url_for("person.show", token=token, done=1, _anchor="switch"))


def _remove(token: str) -> AnyResponse:
    """Gone here whatever the provider says, and then the provider is told. Repeatable: what is gone is gone."""
    with reading() as session:
        person_id = reader_of(session, "person", token).person.id
    with suppress(NotFound):
        end_watches(asked_int("connection") or 0, person_id)
    ended = None
    with writing() as session:
        reader = reader_of(session, "person", token)
        with suppress(NotFound):
            connection = _connection(session, reader)
            ended = consents.forget(session, connection)
            calendars.remove_connection(session, connection)
    end_at_provider(ended)
    return see_other(url_for("person.show", token=token, done=1, _anchor="calendars"))


def _consent(session: Session, reader: Reader) -> str:
    """To the page that says what will be seen."""
    provider = request.form.get("provider", "")
    if provider not in services().settings.providers:
        raise NotFound
    link = links.link_for(session, now(), "connect", reader.person.id)
    return url_for("consent.connect", token=link.token)


def _counts(session: Session, reader: Reader) -> None:
    connection = _connection(session, reader)
    wanted = {numbers.whole(raw) for raw in request.form.getlist("counts")}
    for calendar in connection.calendars:
        if calendar.counts != (calendar.id in wanted):
            calendars.set_counts(connection, calendar.id, calendar.id in wanted, now())


def _commitment(session: Session, reader: Reader) -> None:
    line = load_own(session, asked_int("commitment") or 0, reader.person.id)
    set_commitment(now(), line, Answer(request.form.get("state", ""), note=request.form.get("note")))


def _feed(session: Session, reader: Reader) -> None:
    feeds.make_feed(session, now(), reader.person, asked_int("instead_of"))


def _words(session: Session, reader: Reader) -> None:
    """What they wrote by mail and we did not understand: they say what it is."""
    wish, _, subject = request.form.get("wish", "leave").partition(":")
    max_age, message_id = services().settings.busy_max_age, asked_int("message") or 0
    unsure.put_right(session, now(), max_age, reader.person.id, message_id, wish, numbers.whole(subject))


def _rotate(session: Session, reader: Reader) -> str:
    """Old links stop working, this page's too: the new one is where the reader goes next."""
    fresh = personal_links.rotate_links(session, now(), reader.person)
    return url_for("person.show", token=fresh[0].token, done=1)


CHANGES = {
    **wishes.CHANGES, "date": _date, "drop_date": _drop_date,
    "share_date": _share_date, "schedule": _schedule, "consent": _consent, "counts": _counts,
    "commitment": _commitment, "rotate": _rotate, "feed": _feed, "words": _words,

}  # fmt: skip
