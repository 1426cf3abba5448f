"""The arc around a date on one page: a picture that also reads as a list, and its parts booked together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from service.domain.errors import CalendarUnreadable, GreenroomError, InvalidInput, NotFound, RuleBroken, SlotTaken
from service.domain.venue import Visit, entries
from service.operations import arc_booking, arcs
from service.operations.arc_booking import PartOffer
from service.reasons import reason_text
from service.store.tables import CriticalDate, Meeting, Pair
from service.web import confirm
from service.web.page import (
    Reader,
    asked_start,
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
from service.web.times import other_time

blueprint = Blueprint("arc", __name__)
TOGETHER = frozenset({"conference"})  # kinds of date that the two go to
WIDTH, EDGE = 320, 30  # of the picture, and what stays free at its ends
APART = 62  # that two marks are at least, so that their words, above and below in turn, do not meet


@dataclass(frozen=True, slots=True)
class Mark:
    """A point of the picture. `state`: date, booked, held or open."""

    role: str
    state: str
    at: datetime
    x: int


@blueprint.get("/p/<token>/arc/<int:date_id>")
def show(token: str, date_id: int) -> AnyResponse:
    with reading() as session:
        return _show(session, reader_of(session, "person", token), token, date_id)


def _show(session: Session, reader: Reader, token: str, date_id: int, said: str = "", status: int = 200) -> AnyResponse:
    critical = arcs.load_own_date(session, date_id, reader.person.id)
    other = session.get_one(Pair, critical.pair_id).mentor
    offers = arc_booking.offers_of(session, now(), services().settings.busy_max_age, critical)
    return page(
        "arc.html", status, reader=reader, token=token, date=critical, other=other, said=said, offers=offers,
        marks=marks_of(critical, offers), state_of=state_of, width=WIDTH, done="done" in request.args,
        whys={
            each.line.part.role: reason_text(words(), each.slot.reasons[0], each.slot.start)
            for each in offers if each.slot is not None and each.slot.reasons
        },
        theirs={
            each.line.part.role: other_time(words(), each.slot.start, reader.zone, other)
            for each in offers if each.slot is not None
        },
        open_parts=[each for each in offers if each.slot is not None], over=critical.starts_at <= now(),
    )  # fmt: skip


def state_of(meeting: Meeting) -> str:
    return "held" if meeting.ends_at <= now() else "booked"


def marks_of(critical: CriticalDate, offers: list[PartOffer]) -> list[Mark]:
    """The parts and the date itself, from left to right as they come."""
    zone = ZoneInfo(critical.zone)
    told: list[tuple[str, str, datetime | None]] = []
    for each in offers:
        part, meeting = each.line.part, each.line.meeting
        if meeting is not None:
            told.append((part.role, state_of(meeting), meeting.starts_at))
        elif each.slot is not None:
            told.append((part.role, "open", each.slot.start))
        else:
            day = part.prefer_on if part.session is None else None
            at = datetime(day.year, day.month, day.day, 9, tzinfo=zone) if day is not None else None
            told.append((part.role, "open" if at is not None else "none", at))
    told.append(("date", "date", critical.starts_at))
    known = sorted(((role, state, at) for role, state, at in told if at is not None), key=lambda mark: mark[2])
    places = _places([at for _, _, at in known])
    return [Mark(role, state, at, x) for (role, state, at), x in zip(known, places, strict=True)]


def _places(times: list[datetime]) -> list[int]:
    """Where each stands, as far apart as the times are, but for what would be too near to be read."""
    room = WIDTH - 2 * EDGE
    apart = min(APART, room // max(len(times) - 1, 1))
    span = max((times[-1] - times[0]).total_seconds(), 1)
    places = [EDGE + round((at - times[0]).total_seconds() / span * room) for at in times]
    for i in range(1, len(places)):
        places[i] = max(places[i], places[i - 1] + apart)
    places[-1] = min(places[-1], WIDTH - EDGE)
    for i in reversed(range(len(places) - 1)):
        places[i] = min(places[i], places[i + 1] - apart)
    return places


@blueprint.post("/p/<token>/arc/<int:date_id>")
def book(token: str, date_id: int) -> AnyResponse:
    """The ticked parts in one transaction: all of them, or the page again with fresh times."""
    limited(token)
    with reading() as session:
        reader = reader_of(session, "person", token)
        pair_id = arcs.load_own_date(session, date_id, reader.person.id).pair_id
    starts = {key: asked_start(request.form.get(f"start.{key}", "")) for key in request.form.getlist("part")}
    try:
        confirm.read_live(services(), pair_id)
        with writing() as session:
            critical = arcs.load_own_date(session, date_id, reader.person.id)
            max_age = services().settings.busy_max_age
            arc_booking.book_arc(
                session, now(), max_age, critical, reader.person.id, starts, request.form.get("shadow")
            )
    except (SlotTaken, RuleBroken, CalendarUnreadable, InvalidInput) as fault:
        status = 409 if isinstance(fault, SlotTaken) else 503 if isinstance(fault, CalendarUnreadable) else 422
        with reading() as session:
            day = arcs.load_own_date(session, date_id, reader.person.id).starts_at
            said = _why_not(fault, over=day <= now() and any(start < day for start in starts.values()))
            return _show(session, reader_of(session, "person", token), token, date_id, said, status)
    return see_other(url_for("arc.show", token=token, date_id=date_id, done=1))


def _why_not(fault: GreenroomError, *, over: bool) -> str:
    """`over`: something was to be booked before a day that has passed."""
    if isinstance(fault, InvalidInput):
        return " ".join(fault_sentences(fault))
    if isinstance(fault, CalendarUnreadable):
        return words()("page.arc.unreadable")
    return words()("page.arc.over" if over else "page.arc.gone")


@blueprint.get("/p/<token>/dates/<int:date_id>/holds.ics")
def holds(token: str, date_id: int) -> AnyResponse:
    """The days of an event that the two go to, for the calendar of either who may see it."""
    with reading() as session:
        reader = reader_of(session, "person", token)
        critical = arcs.load_date(session, date_id, reader.person.id)
        if critical.kind not in TOGETHER or critical.uid is None:
            raise NotFound
        start = critical.starts_at
        visit = Visit(
            critical.uid, start, critical.ends_at or start, ZoneInfo(critical.zone),
            words()("hold.summary"), words()("hold.meet_up"), words()("hold.check_in"),
        )  # fmt: skip
        octets = entries(visit, now())
    response = Response(octets, content_type="text/calendar; charset=utf-8; method=PUBLISH")
    response.headers["Content-Disposition"] = 'attachment; filename="holds.ics"'
    response.headers["Cache-Control"] = "no-store"
    return response
