"""The calls about people, pairs, dates and calendars. What a person may not see is, for them, not there: 404."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from service import links
from service.domain.availability import DEFAULT, from_json, to_json
from service.domain.errors import InvalidInput, NotFound
from service.operations import arcs, calendars, people, refreshing
from service.operations.calendars import NewConnection
from service.operations.times import availability_of
from service.store.tables import Meeting, Pair
from service.web.api import shapes
from service.web.api.frame import Caller, call, person_of
from service.web.api.slots import QUERY, slots_json
from service.web.page import now, reading, services, writing

PROBE_TIMEOUT = timedelta(seconds=15)


@call("GET", "/me", "The person whose token this is.")
def me(caller: Caller) -> dict[str, Any]:
    with reading() as session:
        person = person_of(session, caller)
        return shapes.person_json(person) | {"locale": person.locale, "mails": person.mails}


@call("GET", "/me/availability", "Hours, overrides, buffers, notice, caps, pledge.")
def availability(caller: Caller) -> dict[str, Any]:
    with reading() as session:
        person = person_of(session, caller)
        return to_json(availability_of(person)) | {"assumed": person.availability is None}


@call(
    "PUT", "/me/availability", "Sets all of it; what is left out takes its default.", body=shapes.Anything, may=(422,)
)
def put_availability(caller: Caller, body: shapes.Anything) -> dict[str, Any]:
    with writing() as session:
        person = person_of(session, caller)
        given = {key: value for key, value in (body.model_extra or {}).items() if key != "assumed"}
        people.set_availability(person, from_json(given, base=DEFAULT))
        return to_json(availability_of(person)) | {"assumed": False}


@call("GET", "/me/connections", "Connected calendars, without their secrets.")
def connections(caller: Caller) -> dict[str, Any]:
    with reading() as session:
        return shapes.connections_json(session, caller.me)


@call(
    "POST",
    "/me/connections",
    "Connects a calendar after a real read.",
    body=shapes.ConnectionInput,
    status=201,
    may=(422,),
)
def connect(caller: Caller, body: shapes.ConnectionInput) -> dict[str, Any]:
    if body.provider not in calendars.PROVIDERS:
        raise InvalidInput.of("provider", "provider_not_configured", known=", ".join(calendars.PROVIDERS))
    wanted = NewConnection(body.provider, body.url or "", body.username, body.password)
    with reading() as session:
        asked = refreshing.request_for(session, now(), person_of(session, caller))
    found = calendars.probe(services().calendars, wanted, asked, PROBE_TIMEOUT)
    with writing() as session:
        person = person_of(session, caller)
        made = calendars.add_connection(session, now(), person, wanted, found, services().settings.poll)
        return shapes.connection_json(made)


@call(
    "DELETE", "/me/connections/<int:connection_id>", "Takes a connection and its secrets away.", status=204, may=(404,)
)
def disconnect(caller: Caller, connection_id: int) -> None:
    with writing() as session:
        calendars.remove_connection(session, calendars.load_connection(session, connection_id, caller.me))


@call("GET", "/pairs", "The pairs that this person is in; all of them for the coordinator.")
def pairs(caller: Caller) -> dict[str, Any]:
    with reading() as session:
        return {
            "items": [shapes.pair_json(pair) for pair in people.list_pairs(session, caller.person_id)],
            "next": None,
        }


@call(
    "POST",
    "/pairs",
    "Pairs two people; mails nobody.",
    body=shapes.PairInput,
    status=201,
    may=(403, 422),
    coordinator=True,
)
def add_pair(_caller: Caller, body: shapes.PairInput) -> dict[str, Any]:
    with writing() as session:
        one, other = (
            people.PersonInput(who.email, who.name, who.zone, who.locale) for who in (body.mentee, body.mentor)
        )
        pair = people.add_pair(session, now(), one, other, body.place)
        urls = {
            role: links.url_of(services().settings.base_url, link)
            for role, link in people.links_of(session, now(), pair).items()
        }
        return shapes.pair_json(pair) | {"links": urls}


@call("GET", "/programme", "Counts, and whether pairs meet; nothing that they say.", may=(403,), coordinator=True)
def programme(_caller: Caller) -> dict[str, Any]:
    with reading() as session:
        found = [pair for pair in people.list_pairs(session) if pair.ended_at is None]
        ahead = set(
            session.scalars(
                select(Meeting.pair_id).where(Meeting.phase == "booked", Meeting.starts_at > now()).distinct()
            )
        )
        met = dict(
            session.execute(
                select(Meeting.pair_id, func.count())
                .where(Meeting.phase.in_(("ended", "closed")), Meeting.happened.is_not(False))
                .group_by(Meeting.pair_id)
            ).all()
        )
        items = [
            {"id": pair.id, "has_next_meeting": pair.id in ahead, "has_met": met.get(pair.id, 0) > 0} for pair in found
        ]
        return {"programme": services().settings.programme, "pairs": len(found), "items": items, "next": None}


def _pair(session: Any, caller: Caller, pair_id: int) -> Pair:
    return people.load_pair(session, pair_id, caller.person_id)


@call("GET", "/pairs/<int:pair_id>", "One pair.", may=(404,))
def pair(caller: Caller, pair_id: int) -> dict[str, Any]:
    with reading() as session:
        return shapes.pair_json(_pair(session, caller, pair_id))


@call("PATCH", "/pairs/<int:pair_id>", "The pair's usual place.", body=shapes.PairChange, may=(404, 422))
def change_pair(caller: Caller, pair_id: int, body: shapes.PairChange) -> dict[str, Any]:
    with writing() as session:
        found = people.load_pair(session, pair_id, caller.me)
        if "place" in body.model_fields_set:
            people.set_place(found, body.place)
        return shapes.pair_json(found)


@call(
    "GET",
    "/pairs/<int:pair_id>/slots",
    "Every bookable time, best first, with its reasons.",
    query=QUERY,
    may=(404, 422),
)
def slots(caller: Caller, pair_id: int) -> dict[str, Any]:
    with reading() as session:
        found = people.load_pair(session, pair_id, caller.me)
        return slots_json(session, now(), services().settings.busy_max_age, found, found.me(caller.me))


@call("GET", "/pairs/<int:pair_id>/dates", "Critical dates that this person may see.", may=(404,))
def dates(caller: Caller, pair_id: int) -> dict[str, Any]:
    with reading() as session:
        found = people.load_pair(session, pair_id, caller.me)
        mentee = found.mentee_id == caller.me
        items = [
            shapes.date_json(session, now(), each, mentee) for each in arcs.dates_of(session, now(), found, caller.me)
        ]
        return {"items": items, "next": None}


@call(
    "POST",
    "/pairs/<int:pair_id>/dates",
    "A date that matters to the mentee.",
    body=shapes.DateInput,
    status=201,
    may=(404, 422),
)
def add_date(caller: Caller, pair_id: int, body: shapes.DateInput) -> dict[str, Any]:
    with writing() as session:
        found = people.load_pair(session, pair_id, caller.me)
        if found.mentee_id != caller.me:
            raise NotFound
        made = arcs.add_date(session, now(), found, _date_input(body.model_dump()))
        return shapes.date_json(session, now(), made, mentee=True)


def _date_input(given: dict[str, Any]) -> arcs.DateInput:
    """Wall-clock times in the date's zone; an instant is brought to that wall."""
    for name in ("at", "until"):
        moment = given.get(name)
        if moment is not None and moment.tzinfo is not None and people.is_zone(given["zone"]):
            given[name] = moment.astimezone(ZoneInfo(given["zone"])).replace(tzinfo=None)
    return arcs.DateInput(**given)


@call("PATCH", "/dates/<int:date_id>", "Moves, renames or shares a date.", body=shapes.DateChange, may=(404, 422))
def change_date(caller: Caller, date_id: int, body: shapes.DateChange) -> dict[str, Any]:
    with writing() as session:
        critical = arcs.load_own_date(session, date_id, caller.me)
        zone = ZoneInfo(critical.zone)
        held = {
            "kind": critical.kind,
            "at": critical.starts_at.astimezone(zone).replace(tzinfo=None),
            "zone": critical.zone,
            "until": critical.ends_at.astimezone(zone).replace(tzinfo=None) if critical.ends_at else None,
            "run_minutes": critical.run_minutes,
            "label": critical.label,
            "shared_label": critical.shared_label,
        }
        given = body.model_dump(exclude_unset=True)
        for name in ("kind", "at", "zone"):
            if name in given and given[name] is None:
                raise InvalidInput.of(name, "empty")
        if given.pop("shared", None):
            arcs.share_date(critical, now())
        if given:
            if "at" in given and "until" not in given:
                held["until"] = None
            arcs.move_date(session, now(), critical, _date_input(held | given))
        return shapes.date_json(session, now(), critical, mentee=True)


@call(
    "DELETE",
    "/dates/<int:date_id>",
    "The date is off; booked meetings are kept and asked about.",
    status=204,
    may=(404,),
)
def drop_date(caller: Caller, date_id: int) -> None:
    with writing() as session:
        critical = arcs.load_own_date(session, date_id, caller.me)
        arcs.drop_date(session, now(), critical)
