"""The calls about the arc around a date: the best time for each of its parts, and booking them together."""

from __future__ import annotations

from service.domain.access import Thing
from service.links import link_for
from service.operations import arc_booking, arcs
from service.operations.arc_booking import PartOffer
from service.reasons import reason_text
from service.web import confirm
from service.web.api import answers, bodies, shapes
from service.web.api.frame import Caller, Model, call
from service.web.page import now, reading, services, words, writing


class PartTime(Model):
    start: answers.Instant
    end: answers.Instant
    reasons: list[answers.Reason]


class Part(answers.ArcLine):
    """`time` is null where it stands already, is no meeting, or nothing suits both. `nearby`: its days have none, and
    this is the best of the others."""

    time: PartTime | None
    nearby: bool


class Arc(Model):
    items: list[Part]
    next: str | None


class ArcInput(Model):
    """`parts`: the start of each session that is wanted; all of them are booked, or none."""

    parts: dict[str, bodies.Moment]
    shadow: str | None = None


def _part(offer: PartOffer) -> Part:
    slot, t = offer.slot, words()
    time = None
    if slot is not None:
        reasons = [answers.Reason(code=each.code, text=reason_text(t, each, slot.start)) for each in slot.reasons]
        time = PartTime(start=shapes.instant(slot.start), end=shapes.instant(slot.end), reasons=reasons)
    return Part(**dict(shapes.arc_line(offer.line)), time=time, nearby=offer.nearby)


@call(
    "GET",
    "/dates/<int:date_id>/arc",
    "Each part of the arc: its days, the meeting that stands, or the best time for one.",
    answer=Arc,
    may=(404,),
    about=Thing.DATE,
)
def arc(caller: Caller, date_id: int) -> Arc:
    return _arc(caller, date_id)


def _arc(caller: Caller, date_id: int) -> Arc:
    with reading() as session:
        critical = arcs.load_own_date(session, date_id, caller.me)
        offers = arc_booking.offers_of(session, now(), services().settings.busy_max_age, critical)
        return Arc(items=[_part(each) for each in offers], next=None)


@call(
    "POST",
    "/dates/<int:date_id>/arc",
    "Books parts of it in one step, all or none. A part that stands is left as it is, so it may be repeated.",
    body=ArcInput,
    answer=Arc,
    may=(404, 409, 422, 503),
    about=Thing.DATE,
)
def book_arc(caller: Caller, date_id: int, body: ArcInput) -> Arc:
    with reading() as session:
        pair_id = arcs.load_own_date(session, date_id, caller.me).pair_id
    confirm.read_live(services(), pair_id)
    with writing() as session:
        critical = arcs.load_own_date(session, date_id, caller.me)
        max_age = services().settings.busy_max_age
        booked = arc_booking.book_arc(session, now(), max_age, critical, caller.me, body.parts, body.shadow)
        for meeting in booked:
            link_for(session, now(), "meeting", caller.me, pair_id=pair_id, meeting_id=meeting.id)
    return _arc(caller, date_id)
