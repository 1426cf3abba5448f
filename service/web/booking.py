"""The scheduling link: what for, which time, one decisive page, booked."""

from __future__ import annotations

import hashlib
from datetime import datetime

from flask import Blueprint, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from service import links
from service.domain import slots
from service.domain.errors import CalendarUnreadable, InvalidInput, KeyReused, RuleBroken, SlotTaken
from service.domain.sessions import KINDS
from service.domain.terms import terms_of
from service.operations import arcs, booking, events, lapsing, personal_links, video
from service.operations.booking import BookingInput
from service.operations.meetings import booked_with, meetings_of
from service.operations.offering import Frame, SlotQuery, frame, refusal_of
from service.operations.seeing import Sight, sights
from service.store.proposals import for_another_meeting
from service.store.tables import Pair, Proposal
from service.web import confirm
from service.web.agenda_form import Draft, default_drafts, drafts_of, items_of, shown_drafts, shuffled
from service.web.choice import Choice, choice_of
from service.web.dates import date_input
from service.web.offers import offered
from service.web.page import (
    Reader,
    asked_key,
    asked_start,
    fault_sentences,
    fresh_key,
    limited,
    now,
    page,
    pair_of,
    reader_of,
    reading,
    see_other,
    services,
    words,
    writing,
)
from service.web.times import Times, in_mind_of, other_time, times_of

blueprint = Blueprint("booking", __name__)
MET = frozenset({"booked", "ended", "closed"})
NOT_KEPT = {"action", "start", "zone", "day", "at"}  # a look at other times asks these anew


@blueprint.get("/s/<token>")
def times(token: str) -> AnyResponse:
    with reading() as session:
        reader = reader_of(session, "schedule", token)
        choice = choice_of(reader)
        if choice is None:
            return _what_for(session, reader, token)
        return times_page(session, reader, token, choice)


@blueprint.post("/s/<token>/dates")
def add_date(token: str) -> AnyResponse:
    """A date from the first question: then straight to the times of its practice run."""
    limited(token)
    try:
        with writing() as session:
            reader = reader_of(session, "schedule", token)
            critical = arcs.add_date(session, now(), pair_of(session, reader.link), date_input(reader.person.zone))
            session_key, date_id = _first_session(critical.kind), critical.id
    except InvalidInput as fault:
        with reading() as session:
            reader = reader_of(session, "schedule", token)
            return _what_for(session, reader, token, fault_sentences(fault), 422)
    return see_other(url_for("booking.times", token=token, session=session_key, date=date_id))


def _first_session(kind: str) -> str:
    """A practice run where the kind of date has one, else the first meeting of its arc."""
    by_role = {window.role: window.session for window in KINDS[kind].windows}
    return by_role.get("practice") or by_role.get("shape") or "check-in"


@blueprint.get("/s/<token>/time")
def decide(token: str) -> AnyResponse:
    with reading() as session:
        reader = reader_of(session, "schedule", token)
        choice = choice_of(reader)
        if choice is None:
            return see_other(url_for("booking.times", token=token))
        start = asked_start(request.args.get("start", ""))
        return _decide_page(
            session, reader, token, choice, start, default_drafts(session, _frame(session, reader, choice))
        )


@blueprint.post("/s/<token>/time")
def decided(token: str) -> AnyResponse:
    """The decisive page's buttons: book, other times (nothing typed is lost), or a point of the agenda up or down."""
    limited(token)
    with reading() as session:
        reader = reader_of(session, "schedule", token)
        choice = choice_of(reader)
        if choice is None:
            return see_other(url_for("booking.times", token=token))
        action = request.form.get("action", "book")
        drafts = drafts_of(request.form)
        if action == "other":  # a question about times names none
            return times_page(session, reader, token, choice, kept=True)
        start = asked_start(request.form.get("start", ""))
        if action != "book":
            return _decide_page(session, reader, token, choice, start, shuffled(drafts, action))
    return _book(reader, token, choice, start, drafts)


def _book(reader: Reader, token: str, choice: Choice, start: datetime, drafts: list[Draft]) -> AnyResponse:
    with reading() as session:
        query = query_of(session, reader, choice)
    wanted = BookingInput(
        start=start,
        by_id=reader.person.id,
        place=request.form.get("place"),
        ask=request.form.get("ask"),
        shadow=request.form.get("shadow"),
        agenda=tuple(draft.as_point() for draft in drafts) if drafts else None,
        invite_by=_typed_invite_by(),
        video=request.form.get("video") or None,
        key=asked_key(),
        body_hash=hashlib.sha256(f"{start.isoformat()} {choice.args}".encode()).hexdigest()[:43],
    )
    try:
        meeting_id = confirm.book(services(), query, wanted)
    except (SlotTaken, RuleBroken, CalendarUnreadable, InvalidInput, KeyReused) as fault:
        return _not_booked(token, choice, start, drafts, fault)
    with writing() as session:
        # Not only the link that they came by, which may name one date: the debrief is offered on the meeting's page.
        personal_links.scheduling_link_for(session, now(), pair_of(session, reader.link), reader.person.id)
        link = links.link_for(session, now(), "meeting", reader.person.id, pair_id=query.pair_id, meeting_id=meeting_id)
        return see_other(url_for("meeting.show", token=link.token, booked=1))


def _not_booked(token: str, choice: Choice, start: datetime, drafts: list[Draft], fault: Exception) -> AnyResponse:
    """Says so first, and keeps what was typed: beside fresh times when the time went, else on the same page."""
    with reading() as session:
        reader = reader_of(session, "schedule", token)
        if isinstance(fault, (SlotTaken, RuleBroken)):
            status = 409 if isinstance(fault, SlotTaken) else 422
            said = words()("page.not_booked.gone", time=reader.words.moment(start, reader.zone))
            if isinstance(fault, RuleBroken):
                said = words()("page.not_booked.rule", why=words()(f"refusal.{fault.code}", person=""))
            return times_page(session, reader, token, choice, kept=True, said=said, status=status)
        if isinstance(fault, CalendarUnreadable):
            sentences = [words()("page.not_booked.unreadable", names=words().items(fault.names))]
            return _decide_page(session, reader, token, choice, start, drafts, sentences, 503)
        if isinstance(fault, KeyReused):
            return _decide_page(session, reader, token, choice, start, drafts, [], 409)
        assert isinstance(fault, InvalidInput)
        return _decide_page(session, reader, token, choice, start, drafts, fault_sentences(fault), 422)


def _booked_before(session: Session, reader: Reader) -> tuple[str, str | None] | None:
    """The meeting that this form booked already, for whoever went back to it: its moment, and the link to its page."""
    meeting = booked_with(session, reader.person.id, asked_key())
    if meeting is None:
        return None
    known = links.known_link(
        session, now(), "meeting", reader.person.id, pair_id=meeting.pair_id, meeting_id=meeting.id
    )
    url = url_for("meeting.show", token=known.token) if known is not None else None
    return reader.words.moment(meeting.starts_at, reader.zone), url


def query_of(session: Session, reader: Reader, choice: Choice) -> SlotQuery:
    pair = pair_of(session, reader.link)
    role: slots.Reader = "mentee" if pair.mentee_id == reader.person.id else "mentor"
    return SlotQuery(pair.id, choice.session, choice.date_id, choice.minutes, choice.first, reader=role)


def _frame(session: Session, reader: Reader, choice: Choice) -> Frame:
    return frame(session, now(), services().settings.busy_max_age, query_of(session, reader, choice))


def _what_for(
    session: Session, reader: Reader, token: str, faults: list[str] | None = None, status: int = 200
) -> AnyResponse:
    """One tap: the first meeting, a check-in, or a practice for a date; a date can be added here."""
    pair = pair_of(session, reader.link)
    never_met = not any(meeting.phase in MET for meeting in meetings_of(session, pair))
    dates = [
        (critical, _first_session(critical.kind))
        for critical in arcs.dates_of(session, now(), pair, reader.person.id)
        if critical.starts_at > now()
    ]
    return page(
        "what_for.html", status, reader=reader, pair=pair, token=token, never_met=never_met, dates=dates,
        faults=faults or [], mentee=reader.person.id == pair.mentee_id, extras=terms_of(pair.terms).extras,
    )  # fmt: skip


def times_page(
    session: Session,
    reader: Reader,
    token: str,
    choice: Choice,
    *,
    kept: bool = False,
    said: str = "",
    status: int = 200,
) -> AnyResponse:
    pair = pair_of(session, reader.link)  # held: a session forgets what nobody holds, and would load it again
    found = offered(session, query_of(session, reader, choice))
    shown: Times = times_of(found, reader, now())
    return page(
        "times.html", status, reader=reader, token=token, choice=choice, times=shown, said=said,
        kept=kept, carry=_carried(reader, choice, kept=kept), in_mind=in_mind_of(found, reader), moving=None,
        offers=_offers(session, reader, pair),
        pair=pair,
        mentee=found.frame.pair.mentee_id == reader.person.id,
        other=found.frame.pair.other(reader.person.id), date=found.frame.date, link_names_it=bool(reader.link.session),
    )  # fmt: skip


def _offers(session: Session, reader: Reader, pair: Pair) -> list[tuple[Proposal, str]]:
    """What one of the two proposed for another meeting. Most pairs have none, and are asked no more than that."""
    if not for_another_meeting(session, now(), pair.id):
        return []
    lines = lapsing.lines(session, now(), pair.id, reader.person.id)
    return [(each, word) for each, word in lines if each.meeting_id is None]


def _invite_by(session: Session, reader: Reader, pair: Pair) -> str | None:
    """Who is to invite: for a first meeting the mentee's own calendar is what the page recommends. None where there is
    nothing to choose."""
    if reader.person.id != pair.mentee_id or not events.can_write(session, reader.person.id):
        return None
    if request.method == "POST":
        return _typed_invite_by()
    return "mail" if any(meeting.phase in MET for meeting in meetings_of(session, pair)) else "calendar"


def _typed_invite_by() -> str:
    return "calendar" if request.form.get("invite_by") == "calendar" else "mail"


def _carried(reader: Reader, choice: Choice, *, kept: bool = False) -> list[tuple[str, str]]:
    """What goes along with every form and link of these pages: what for, the zone that was asked for, what was
    typed."""
    typed = [(name, value) for name, value in request.form.items(multi=True) if kept and name not in NOT_KEPT]
    zone = [("zone", reader.zone.key)] if "zone" in request.values else []
    return [*(typed or choice.args.items()), *zone]


def _decide_page(
    session: Session,
    reader: Reader,
    token: str,
    choice: Choice,
    start: datetime,
    drafts: list[Draft],
    faults: list[str] | None = None,
    status: int = 200,
) -> AnyResponse:
    framed = _frame(session, reader, choice)
    refused = refusal_of(framed, start)
    if refused is not None and status == 200 and not faults and refused.code != "calendar_unreadable":
        said = words()("page.not_booked.gone", time=reader.words.moment(start, reader.zone))
        return times_page(session, reader, token, choice, kept=request.method == "POST", said=said, status=409)
    pair = pair_of(session, reader.link)
    other = pair.other(reader.person.id)
    before = _booked_before(session, reader)
    return page(
        "decide.html", status, reader=reader, token=token, choice=choice, pair=pair, other=other, start=start,
        minutes=int(framed.duration.total_seconds() // 60),
        drafts=shown_drafts(drafts, words()),
        faults=faults or [], before=before,
        key=(not before and asked_key()) or fresh_key(), ask=request.form.get("ask", ""),
        place=request.form.get("place", pair.place or ""), place_known=bool(pair.place), date=framed.date,
        carry=_carried(reader, choice), other_time=other_time(words(), start, reader.zone, other),
        mentee=reader.person.id == pair.mentee_id,
        invite_by=_invite_by(session, reader, pair),
        video=video.kind_for(session, reader.person.id), video_wanted=bool(request.form.get("video")),
        sights=_sights(framed, reader, pair, start, drafts), look_again=True,
    )  # fmt: skip


def _sights(framed: Frame, reader: Reader, pair: Pair, start: datetime, drafts: list[Draft]) -> tuple[Sight, ...]:
    """Who would see what of it as it is typed now."""
    typed = request.form.get("place"), request.form.get("ask") or None
    wanted = BookingInput(start=start, by_id=reader.person.id, place=typed[0], ask=typed[1])
    meeting = booking.would_be(now(), framed, pair, wanted)
    return sights(now(), services().settings, meeting, reader.person, items_of(drafts))
