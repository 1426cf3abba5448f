"""The calls about critical dates: the mentee's, and the mentor's to see once they are shared."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from service.domain.access import Action, Role, Thing, check
from service.domain.errors import FieldFault, InvalidInput
from service.operations import arcs, people
from service.store.tables import CriticalDate
from service.web.api import answers, bodies, shapes
from service.web.api.frame import Caller, call
from service.web.page import now, reading, writing


@call(
    "GET",
    "/pairs/<int:pair_id>/dates",
    "Critical dates that this person may see.",
    answer=answers.Dates,
    may=(404,),
    about=Thing.DATE,
)
def dates(caller: Caller, pair_id: int) -> answers.Dates:
    with reading() as session:
        found = people.load_pair(session, pair_id, caller.me)
        role = arcs.role_in(found, caller.me)
        seen = arcs.dates_of(session, now(), found, caller.me)
        return answers.Dates(items=[shapes.date_answer(session, now(), each, role) for each in seen], next=None)


@call(
    "POST",
    "/pairs/<int:pair_id>/dates",
    "A date that matters to the mentee.",
    body=bodies.DateInput,
    answer=answers.CriticalDate,
    status=201,
    may=(404, 422),
    about=Thing.DATE,
)
def add_date(caller: Caller, pair_id: int, body: bodies.DateInput) -> answers.CriticalDate:
    with writing() as session:
        found = people.load_pair(session, pair_id, caller.me)
        check(arcs.role_in(found, caller.me), Thing.DATE, Action.WRITE)
        made = arcs.add_date(session, now(), found, _date_input(body.model_dump()))
        return shapes.date_answer(session, now(), made, Role.AUTHOR)


def _date_input(given: dict[str, Any]) -> arcs.DateInput:
    """Wall-clock times in the date's zone; an instant is brought to that wall."""
    for name in ("at", "until"):
        moment = given.get(name)
        if moment is not None and moment.tzinfo is not None and people.is_zone(given["zone"]):
            given[name] = moment.astimezone(ZoneInfo(given["zone"])).replace(tzinfo=None)
    return arcs.DateInput(**given)


@call(
    "PATCH",
    "/dates/<int:date_id>",
    "Moves, renames or shares a date.",
    body=bodies.DateChange,
    answer=answers.CriticalDate,
    may=(404, 422),
    about=Thing.DATE,
)
def change_date(caller: Caller, date_id: int, body: bodies.DateChange) -> answers.CriticalDate:
    with writing() as session:
        critical = arcs.load_own_date(session, date_id, caller.me)
        given = body.model_dump(exclude_unset=True)
        faults = [name for name in ("kind", "at", "zone") if name in given and given[name] is None]
        if faults:
            raise InvalidInput(*(FieldFault(name, "empty", {}) for name in faults))
        shared = given.pop("shared", None)
        if shared is False and critical.shared_at is not None:
            raise InvalidInput.of("shared", "stays_shared")
        if shared:
            arcs.share_date(critical, now())
        if "until" in given and given["until"] is None:
            critical.ends_at = None  # else the length is kept
        if given:
            arcs.move_date(session, now(), critical, _date_input(_held(critical) | given))
        return shapes.date_answer(session, now(), critical, Role.AUTHOR)


def _held(critical: CriticalDate) -> dict[str, Any]:
    """The date as somebody would have sent it, without its end: when it moves, its length is kept."""
    return {
        "kind": critical.kind,
        "at": critical.starts_at.astimezone(ZoneInfo(critical.zone)).replace(tzinfo=None),
        "zone": critical.zone,
        "run_minutes": critical.run_minutes,
        "label": critical.label,
        "shared_label": critical.shared_label,
    }


@call(
    "DELETE",
    "/dates/<int:date_id>",
    "The date is off; booked meetings are kept and asked about.",
    status=204,
    may=(404,),
    about=Thing.DATE,
)
def drop_date(caller: Caller, date_id: int) -> None:
    with writing() as session:
        critical = arcs.load_own_date(session, date_id, caller.me)
        arcs.drop_date(session, now(), critical)
