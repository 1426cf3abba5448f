"""Times that one offers the other: making the offer, looking at it, taking one of them, and ending it."""

from __future__ import annotations

from flask import Blueprint, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from service import links
from service.domain.errors import (
    CalendarUnreadable,
    GreenroomError,
    InvalidInput,
    NotFound,
    ProposalOver,
    RuleBroken,
    SlotTaken,
)
from service.operations import lapsing, personal_links, proposing
from service.operations.booking import moving_query
from service.operations.proposing import ProposalInput, load_proposal, load_time
from service.store.tables import Meeting, Proposal
from service.web import booking, confirm, meeting
from service.web.choice import Choice, choice_of
from service.web.page import (
    Reader,
    asked_start,
    fault_sentences,
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
from service.web.times import other_time

blueprint = Blueprint("proposals", __name__)
REFUSED = (SlotTaken, RuleBroken, CalendarUnreadable, InvalidInput)


@blueprint.post("/s/<token>/proposals")
def offer(token: str) -> AnyResponse:
    """Up to three times for a new meeting."""
    limited(token)
    with reading() as session:
        reader = reader_of(session, "schedule", token)
        choice = choice_of(reader)
        if choice is None:
            return see_other(url_for("booking.times", token=token))
        query = booking.query_of(session, reader, choice)
    try:
        proposal_id = confirm.propose(services(), query, _wanted(reader))
    except REFUSED as fault:
        said, status = _refused(fault)
        with reading() as session:
            reader = reader_of(session, "schedule", token)
            return booking.times_page(session, reader, token, choice, said=said, status=status)
    return see_other(url_for("proposals.show", token=token, proposal_id=proposal_id))


@blueprint.post("/m/<token>/proposals")
def offer_instead(token: str) -> AnyResponse:
    """Up to three times that a meeting could move to."""
    limited(token)
    with reading() as session:
        reader = reader_of(session, "meeting", token)
        query = moving_query(meeting.meeting_of(session, reader), reader.person.id)
    try:
        proposal_id = confirm.propose(services(), query, _wanted(reader))
    except REFUSED as fault:
        said, status = _refused(fault)
        with reading() as session:
            reader = reader_of(session, "meeting", token)
            return meeting.move_times(session, reader, token, meeting.meeting_of(session, reader), said, status)
    with writing() as session:
        link = personal_links.scheduling_link_for(session, now(), pair_of(session, reader.link), reader.person.id)
        return see_other(url_for("proposals.show", token=link.token, proposal_id=proposal_id))


def _wanted(reader: Reader) -> ProposalInput:
    starts = tuple(asked_start(each) for each in request.form.getlist("start"))
    return ProposalInput(starts, reader.person.id, request.form.get("comment"))


def _refused(fault: GreenroomError) -> tuple[str, int]:
    """What to say above the times, and the status."""
    if isinstance(fault, InvalidInput):
        return " ".join(fault_sentences(fault)), 422
    if isinstance(fault, CalendarUnreadable):
        return words()("page.not_offered.unreadable", names=words().items(fault.names)), 503
    if isinstance(fault, SlotTaken):
        return words()("page.not_offered.gone"), 409
    return words()("page.not_offered.rule", why=words()(f"refusal.{fault.code}", person="")), 422


@blueprint.get("/s/<token>/proposals/<int:proposal_id>")
def show(token: str, proposal_id: int) -> AnyResponse:
    """To its author: what they wait for. To the other: the times, each a button that leads on."""
    with reading() as session:
        reader = reader_of(session, "schedule", token)
        return _show(session, reader, token, _of_link(reader, load_proposal(session, proposal_id, reader.person.id)))


def _show(session: Session, reader: Reader, token: str, proposal: Proposal, status: int = 200) -> AnyResponse:
    other, instead_of = proposal.pair.other(reader.person.id), _instead_of(session, proposal)
    return page(
        "proposal.html", status, reader=reader, token=token, proposal=proposal, other=other,
        mine=proposal.by_id == reader.person.id, instead_of=instead_of,
        word=lapsing.told(session, now(), proposal, reader.person.id),
        stands=_stands(session, reader, proposal),
        times=[
            (time, other_time(words(), time.starts_at, reader.zone, other), lapsing.kept(time, instead_of, now()))
            for time in proposal.times
            if time.starts_at > now()
        ],
    )  # fmt: skip


def _of_link(reader: Reader, proposal: Proposal) -> Proposal:
    if proposal.pair_id != reader.link.pair_id:
        raise NotFound
    return proposal


def _instead_of(session: Session, proposal: Proposal) -> Meeting | None:
    return session.get(Meeting, proposal.meeting_id) if proposal.meeting_id is not None else None


def _stands(session: Session, reader: Reader, proposal: Proposal) -> tuple[str, str | None] | None:
    """What came of it: the meeting's moment, and the reader's link to its page."""
    meeting_id = proposal.taken_id or proposal.meeting_id
    stands = session.get(Meeting, meeting_id) if meeting_id is not None else None
    if stands is None:
        return None
    known = links.known_link(
        session, now(), "meeting", reader.person.id, pair_id=proposal.pair_id, meeting_id=stands.id
    )
    url = url_for("meeting.show", token=known.token) if known is not None else None
    return reader.words.moment(stands.starts_at, reader.zone), url


@blueprint.post("/s/<token>/proposals/<int:proposal_id>")
def end(token: str, proposal_id: int) -> AnyResponse:
    """Its author takes it back; the other says that none of these suits, and comes to the list of times."""
    limited(token)
    with writing() as session:
        reader = reader_of(session, "schedule", token)
        _of_link(reader, load_proposal(session, proposal_id, reader.person.id))
        proposal = proposing.close(session, now(), proposal_id, reader.person.id)
        if proposal.outcome == "declined":
            return see_other(_other_times(session, reader, token, proposal))
    return see_other(url_for("proposals.show", token=token, proposal_id=proposal_id))


def _other_times(session: Session, reader: Reader, token: str, proposal: Proposal) -> str:
    if proposal.meeting_id is None:
        choice = _choice(proposal)
        return url_for("booking.times", token=token, none=1, session=choice.session, date=choice.date_id)
    return url_for("meeting.move", token=_meeting_token(session, reader, proposal.meeting_id), none=1)


def _meeting_token(session: Session, reader: Reader, meeting_id: int) -> str:
    pair_id = reader.link.pair_id
    return links.link_for(session, now(), "meeting", reader.person.id, pair_id=pair_id, meeting_id=meeting_id).token


def _choice(proposal: Proposal) -> Choice:
    return Choice(proposal.session, proposal.date_id, proposing.minutes_of(proposal))


@blueprint.get("/s/<token>/proposed/<int:time_id>")
def decide(token: str, time_id: int) -> AnyResponse:
    """One time, not booked yet, and the button that books it; what became of it where it is too late."""
    with reading() as session:
        reader = reader_of(session, "schedule", token)
        proposal, time = load_time(session, time_id, reader.person.id)
        _of_link(reader, proposal)
        if proposal.outcome is not None or proposal.by_id == reader.person.id:
            return _show(session, reader, token, proposal)
        other, instead_of = proposal.pair.other(reader.person.id), _instead_of(session, proposal)
        return page(
            "take.html", reader=reader, token=token, proposal=proposal, time=time, other=other,
            instead_of=instead_of, kept=lapsing.kept(time, instead_of, now()), minutes=proposing.minutes_of(proposal),
            other_time=other_time(words(), time.starts_at, reader.zone, other),
        )  # fmt: skip


@blueprint.post("/s/<token>/proposed/<int:time_id>")
def taken(token: str, time_id: int) -> AnyResponse:
    """Booked, or moved; else why not, beside fresh times. Sent twice it is one meeting."""
    limited(token)
    with reading() as session:
        reader = reader_of(session, "schedule", token)
        proposal, time = load_time(session, time_id, reader.person.id)
        _of_link(reader, proposal)
        if proposal.by_id == reader.person.id:
            return _show(session, reader, token, proposal, 409)
        over = proposal.outcome not in {None, "taken"}
        if over:
            return _show(session, reader, token, proposal, 409)
    try:
        meeting_id = confirm.take(services(), proposal.pair_id, time_id, reader.person.id)
    except (SlotTaken, RuleBroken, CalendarUnreadable) as fault:
        return _not_taken(token, proposal, reader.words.moment(time.starts_at, reader.zone), fault)
    except ProposalOver:
        with reading() as session:
            reader = reader_of(session, "schedule", token)
            return _show(session, reader, token, load_proposal(session, proposal.id, reader.person.id), 409)
    with writing() as session:
        return see_other(url_for("meeting.show", token=_meeting_token(session, reader, meeting_id), booked=1))


def _not_taken(token: str, proposal: Proposal, moment: str, fault: GreenroomError) -> AnyResponse:
    """Says so first, beside fresh times."""
    moves = proposal.meeting_id is not None
    what = "page.not_moved" if moves else "page.not_booked"
    if isinstance(fault, CalendarUnreadable):
        said, status = words()(f"{what}.unreadable", names=words().items(fault.names)), 503
    else:
        said, status = words()(f"{what}.gone", time=moment), 409
    with writing() as session:
        reader = reader_of(session, "schedule", token)
        mine = _meeting_token(session, reader, proposal.meeting_id) if proposal.meeting_id is not None else ""
    with reading() as session:
        if moves:
            reader = reader_of(session, "meeting", mine)
            return meeting.move_times(session, reader, mine, meeting.meeting_of(session, reader), said, status)
        reader = reader_of(session, "schedule", token)
        return booking.times_page(session, reader, token, _choice(proposal), said=said, status=status)
