"""What a person asks of us on their page: hours, how much mail, how much their entries show, a pause, a usual place."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from flask import request
from sqlalchemy.orm import Session

from service.domain.availability import DEFAULT, Availability, cap_of, from_json, overrides_of
from service.domain.errors import NotFound
from service.operations import cadence, details, help_requests, people
from service.operations.people import PersonChange
from service.store.tables import Pair
from service.web.page import Reader, asked_int, day_of, now

CAPS = ("cap_day", "cap_week", "cap_month")
HOURS_FIELDS = ("hours", "buffer_before", "buffer_after", "notice", "horizon", *CAPS, "pledge")


def _hours(_session: Session, reader: Reader) -> None:
    given = {name: request.form.get(name, "").strip() for name in HOURS_FIELDS}
    data: dict[str, object] = {name: value for name, value in given.items() if value}
    data |= {name: cap_of(given[name]) for name in CAPS if name in data}
    overrides = overrides_of(filter(str.strip, request.form.get("overrides", "").splitlines()))
    off = [line.strip() for line in request.form.get("off", "").splitlines() if line.strip()]
    wanted: Availability = from_json(data | {"overrides": overrides, "off": off}, base=DEFAULT)
    people.set_availability(reader.person, wanted)


def _mails(session: Session, reader: Reader) -> None:
    people.edit_person(session, now(), reader.person, PersonChange(mails=request.form.get("mails", "")))


def _keep(session: Session, reader: Reader) -> None:
    """Whether what they wrote for themselves stays when the rest of an ended pair goes."""
    wanted = PersonChange(keeps_notes=request.form.get("keep") == "on")
    people.edit_person(session, now(), reader.person, wanted)


def _changes(session: Session, reader: Reader) -> None:
    """What a change in their own calendar does."""
    wanted = PersonChange(when_deleted=request.form.get("when_deleted"), when_moved=request.form.get("when_moved"))
    people.edit_person(session, now(), reader.person, wanted)


def _person(session: Session, reader: Reader) -> None:
    people.edit_person(
        session,
        now(),
        reader.person,
        PersonChange(
            name=request.form.get("name") or None,
            zone=request.form.get("own_zone") or None,
            locale=request.form.get("locale") or None,
        ),
    )


def my_pair(session: Session, reader: Reader) -> Pair:
    pair_id = asked_int("pair")
    if pair_id is None:
        raise NotFound
    return people.load_pair(session, pair_id, reader.person.id)


def _place(session: Session, reader: Reader) -> None:
    people.set_place(my_pair(session, reader), request.form.get("place"))


def _invite(session: Session, reader: Reader) -> None:
    details.show_at_most(session, now(), reader.person, request.form.get("invite") or None)


def _pause(session: Session, reader: Reader) -> None:
    """Until the morning of that day, on the reader's clock; without a day it ends."""
    day = day_of("until", request.form.get("until", ""))
    until = datetime.combine(day, time(), ZoneInfo(reader.person.zone)).astimezone(UTC) if day is not None else None
    cadence.pause(session, now(), my_pair(session, reader), until)


def _help(session: Session, reader: Reader) -> None:
    help_requests.ask(session, now(), reader.person, request.form.get("help"))


def _take_back(session: Session, reader: Reader) -> None:
    help_requests.take_back(session, reader.person.id, asked_int("asked") or 0)


CHANGES: dict[str, Callable[[Session, Reader], None]] = {
    "hours": _hours, "mails": _mails, "person": _person, "place": _place, "invite": _invite, "pause": _pause,
    "changes": _changes, "help": _help, "take_back": _take_back, "keep": _keep,
}  # fmt: skip
