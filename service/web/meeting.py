"""One meeting: what is so, moving and cancelling it, its hour, and what came of it."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask import Blueprint, Response, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from service import links
from service.domain.commitments import KINDS
from service.domain.errors import (
    CalendarUnreadable,
    InvalidInput,
    LinkGone,
    NotFound,
    RuleBroken,
    SlotTaken,
)
from service.domain.meeting import Phase
from service.domain.terms import terms_of
from service.operations import agendas, booking, details, entries, events, followup, goals, preparing, video
from service.operations.commitments import agree
from service.operations.followup import may_say, say_happened
from service.operations.meetings import (
    agenda_of,
    agreed_at_meeting,
    attendance_of,
    check_may_move,
    commitments_of,
    in_its_hour,
    load_meeting,
    may_cancel,
    may_move,
    strangers_of,
)
from service.operations.seeing import sights
from service.store.tables import Meeting
from service.web import confirm, other_times
from service.web.agenda_form import by_the_clock, drafts_of, parked, shown_drafts, shuffled, stored_drafts
from service.web.commitments import line_of
from service.web.offers import offered_move
from service.web.page import (
    Reader,
    asked_start,
    curtain,
    fault_sentences,
    limited,
    now,
    page,
    reader_of,
    reading,
    refused,
    see_other,
    services,
    words,
    writing,
)
from service.web.times import other_time, times_of

blueprint = Blueprint("meeting", __name__)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def meeting_of(session: Session, reader: Reader) -> Meeting:
    if reader.link.meeting_id is None:
        raise NotFound
    return load_meeting(session, reader.link.meeting_id, reader.person.id)


@blueprint.get("/m/<token>")
def show(token: str) -> AnyResponse:
    with reading() as session:
        reader = reader_of(session, "meeting", token)
        return _show(session, reader, token)


def _show(
    session: Session, reader: Reader, token: str, faults: list[str] | None = None, status: int = 200
) -> AnyResponse:
    """Rows of an agenda that was refused are shown as they were typed."""
    meeting = meeting_of(session, reader)
    pair = meeting.pair
    other = pair.other(reader.person.id)
    answers = attendance_of(session, meeting)
    items = agenda_of(session, meeting)
    suggesting = {each: name for each, name in names_of(meeting).items() if not agendas.may_order(meeting, each)}
    return page(
        "meeting.html", status, reader=reader, token=token, meeting=meeting, pair=pair, other=other,
        meeting_for=goals.meeting_for(session, meeting, reader.person.id), curtain=curtain(), faults=faults or [],
        mentee=reader.person.id == pair.mentee_id, answer=answers.get(reader.person.id),
        their_answer=answers.get(other.id), drafts=shown_drafts(
            drafts_of(request.form) if refused("agenda") else stored_drafts(items, suggesting), words()
        ), clock=by_the_clock(items, meeting.starts_at, words(), reader.zone, now()),
        in_hour=in_its_hour(meeting, now()), agreed=agreed_at_meeting(session, meeting), names=names_of(meeting),
        may_move=may_move(meeting, now()), may_cancel=may_cancel(meeting, now()), booked_now="booked" in request.args,
        notice=terms_of(pair.terms).notice // HOUR,
        grace=terms_of(pair.terms).grace // MINUTE, may_say=[
            answer for answer in ("yes", "no") if may_say(meeting, now(), happened=answer == "yes")
        ],
        may_order=reader.person.id not in suggesting, asked=meeting.changed_by != reader.person.id,
        other_time=other_time(words(), meeting.starts_at, reader.zone, other), over=now() >= meeting.ends_at,
        debrief=other_times.debrief(session, reader, meeting), commitments=[
            line for line in commitments_of(session, pair.id, open_only=True) if line.meeting_id != meeting.id
        ], proposals=other_times.proposals(session, reader, meeting),
        strangers=strangers_of(session, meeting, reader.person.id),
        mail_from=services().settings.mail_address, entry=events.entry_for(session, meeting, reader.person.id),
        unknown_place=video.place_key(session, meeting), video=video.state_of(session, meeting), kinds=KINDS,
        sights=sights(now(), services().settings, meeting, reader.person, items),
        prep=preparing.desk(session, meeting, reader.person.id),
    )  # fmt: skip


def names_of(meeting: Meeting) -> dict[int, str]:
    pair = meeting.pair
    return {pair.mentee_id: pair.mentee.first_name, pair.mentor_id: pair.mentor.first_name}


@blueprint.get("/m/<token>/meeting.ics")
def download(token: str) -> AnyResponse:
    """The entry for calendars without mail; a PUBLISH, since this is no invitation."""
    with reading() as session:
        reader = reader_of(session, "meeting", token)
        meeting = meeting_of(session, reader)
        if meeting.phase == Phase.CANCELLED:
            raise LinkGone("cancelled_meeting")
        known = links.known_link(
            session, now(), "entry", reader.person.id, pair_id=meeting.pair_id, meeting_id=meeting.id
        )
        url = links.url_of(services().settings.base_url, known) if known is not None else None
        octets = entries.entry(
            now(), services().settings, meeting, reader.person, "PUBLISH",
            agenda=agenda_of(session, meeting), answers=attendance_of(session, meeting), entry_url=url,
            alias=events.alias_for(session, meeting, reader.person.id),
        )  # fmt: skip
    response = Response(octets, content_type="text/calendar; charset=utf-8; method=PUBLISH")
    response.headers["Content-Disposition"] = 'attachment; filename="invite.ics"'
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/m/<token>/move")
def move(token: str) -> AnyResponse:
    """Times to move to; with a start, the page that asks once more."""
    with reading() as session:
        reader = reader_of(session, "meeting", token)
        meeting = meeting_of(session, reader)
        if not may_move(meeting, now()):
            return see_other(url_for("meeting.show", token=token))
        if request.args.get("start"):
            return _move_page(reader, token, meeting, asked_start(request.args["start"]))
        return move_times(session, reader, token, meeting)


def _move_page(
    reader: Reader, token: str, meeting: Meeting, start: datetime, faults: list[str] | None = None, status: int = 200
) -> AnyResponse:
    other = meeting.pair.other(reader.person.id)
    return page(
        "move.html", status, reader=reader, token=token, meeting=meeting, start=start, faults=faults or [],
        other=other, other_time=other_time(words(), start, reader.zone, other),
    )  # fmt: skip


def move_times(
    session: Session, reader: Reader, token: str, meeting: Meeting, said: str = "", status: int = 200
) -> AnyResponse:
    """With the reason that was typed for another time, if there is one."""
    query = booking.moving_query(meeting, reader.person.id)
    found = offered_move(session, query, meeting)
    reason = request.form.get("reason")
    return page(
        "times.html", status, reader=reader, token=token, choice=None, times=times_of(found, reader, now()), said=said,
        kept=bool(reason), carry=[("reason", reason)] if reason else [], in_mind=None, pair=meeting.pair,
        other=meeting.pair.other(reader.person.id), date=None, link_names_it=True, moving=meeting,
        offers=[],
    )  # fmt: skip


@blueprint.post("/m/<token>/move")
def moved(token: str) -> AnyResponse:
    """The page's buttons: move it, other times, or the page again for one of those; the reason is kept."""
    limited(token)
    action, start = request.form.get("action", "move"), asked_start(request.form.get("start", ""))
    with reading() as session:
        reader = reader_of(session, "meeting", token)
        meeting = meeting_of(session, reader)
        if action != "move":
            check_may_move(meeting, now())
        if action == "other":
            return move_times(session, reader, token, meeting)
        if action == "show":
            return _move_page(reader, token, meeting, start)
    try:
        confirm.reschedule(services(), meeting.id, reader.person.id, start, reason=request.form.get("reason") or None)
    except (SlotTaken, RuleBroken, CalendarUnreadable, InvalidInput) as fault:
        return _not_moved(token, start, fault)
    return see_other(url_for("meeting.show", token=token))


def _not_moved(token: str, start: datetime, fault: Exception) -> AnyResponse:
    """Says so first, beside fresh times; what was typed is kept."""
    with reading() as session:
        reader = reader_of(session, "meeting", token)
        meeting = meeting_of(session, reader)
        if isinstance(fault, InvalidInput):
            return _move_page(reader, token, meeting, start, fault_sentences(fault), 422)
        if isinstance(fault, CalendarUnreadable):
            said, status = words()("page.not_moved.unreadable", names=words().items(fault.names)), 503
        else:
            said = words()("page.not_moved.gone", time=words().moment(start, reader.zone))
            status = 409 if isinstance(fault, SlotTaken) else 422
        return move_times(session, reader, token, meeting, said, status)


@blueprint.post("/m/<token>/<any(cancel, decline, accept, agenda, ask, place, agree, happened):what>")
def change(token: str, what: str) -> AnyResponse:
    """One change, then the page again; what was wrong is said on it, and nothing was changed."""
    limited(token)
    try:
        with writing() as session:
            reader = reader_of(session, "meeting", token)
            meeting = meeting_of(session, reader)
            CHANGES[what](session, reader, meeting)
    except InvalidInput as fault:
        with reading() as session:
            return _show(session, reader_of(session, "meeting", token), token, fault_sentences(fault), 422)
    return see_other(url_for("meeting.show", token=token, _anchor="agreed" if what == "agree" else None))


def _cancel(session: Session, reader: Reader, meeting: Meeting) -> None:
    booking.cancel(session, now(), meeting, reader.person.id, request.form.get("reason") or None)


def _decline(session: Session, reader: Reader, meeting: Meeting) -> None:
    booking.decline(session, now(), meeting, reader.person.id)


def _happened(session: Session, reader: Reader, meeting: Meeting) -> None:
    say_happened(session, now(), meeting, reader.person.id, request.form.get("happened") == "yes")


def _accept(session: Session, reader: Reader, meeting: Meeting) -> None:
    details.accept(session, now(), meeting, reader.person.id)


def _agenda(session: Session, reader: Reader, meeting: Meeting) -> None:
    action, mine = request.form.get("action", ""), reader.person.id
    posted = drafts_of(request.form)
    drafts, put_off = parked(shuffled(posted, action), action)
    if put_off is not None:
        agendas.park(session, now(), meeting, mine, put_off.as_point())
    details.edit_agenda(session, now(), meeting, mine, tuple(draft.as_point() for draft in drafts))


def _ask(session: Session, reader: Reader, meeting: Meeting) -> None:
    followup.answer_ask(session, now(), meeting, reader.person.id, request.form.get("ask", ""))


def _place(session: Session, reader: Reader, meeting: Meeting) -> None:
    details.set_meeting_place(session, now(), meeting, reader.person.id, request.form.get("place"))


def _agree(session: Session, reader: Reader, meeting: Meeting) -> None:
    agree(session, now(), meeting, reader.person.id, line_of("", "due_on"))


CHANGES = {
    "cancel": _cancel, "decline": _decline, "accept": _accept, "agenda": _agenda, "ask": _ask, "place": _place,
    "agree": _agree, "happened": _happened,
}  # fmt: skip
