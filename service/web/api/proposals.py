"""The calls about times that one of a pair offers the other."""

from __future__ import annotations

from service.catalogue import Words
from service.domain.access import Thing
from service.domain.errors import InvalidInput, NotFound, SlotTaken
from service.operations import arcs, booking, people, proposing
from service.operations.meetings import load_meeting
from service.operations.offering import SlotQuery
from service.operations.proposing import ProposalInput, load_proposal, open_proposals
from service.web import confirm
from service.web.api import answers, bodies, shapes
from service.web.api.frame import Caller, TakenWithFresh, call
from service.web.api.meetings import meeting_of
from service.web.api.slots import fresh_slots
from service.web.offers import offered, offered_move
from service.web.page import now, reading, services, writing


@call(
    "POST",
    "/pairs/<int:pair_id>/proposals",
    "Offers the other up to three times, which are held; a newer one about the same replaces it.",
    body=bodies.ProposalInput,
    answer=answers.Proposal,
    status=201,
    may=(404, 409, 422, 503),
    about=Thing.PROPOSAL,
)
def propose(caller: Caller, pair_id: int, body: bodies.ProposalInput) -> answers.Proposal:
    query = _query(caller, pair_id, body)
    try:
        made = confirm.propose(services(), query, ProposalInput(tuple(body.starts), caller.me, body.comment))
    except SlotTaken:
        raise _with_fresh(caller, query) from None
    return _proposal(caller, made)


def _query(caller: Caller, pair_id: int, body: bodies.ProposalInput) -> SlotQuery:
    with reading() as session:
        pair = people.load_pair(session, pair_id, caller.me)
        if body.meeting is not None:
            meeting = load_meeting(session, body.meeting, caller.me)
            if meeting.pair_id != pair_id:
                raise NotFound
            return booking.moving_query(meeting, caller.me, body.minutes)
        if body.session is None:
            raise InvalidInput.of("session", "missing")
        if body.date is not None:
            arcs.load_date(session, body.date, caller.me)
        mentee = pair.mentee_id == caller.me
        return SlotQuery(pair_id, body.session, body.date, body.minutes, reader="mentee" if mentee else "mentor")


def _with_fresh(caller: Caller, query: SlotQuery) -> TakenWithFresh:
    with reading() as session:
        words = Words.of(people.load_pair(session, query.pair_id, caller.me).me(caller.me).locale)
        if query.moving is None:
            return TakenWithFresh(fresh_slots(offered(session, query), words))
        meeting = load_meeting(session, query.moving, caller.me)
        return TakenWithFresh(fresh_slots(offered_move(session, query, meeting), words))


def _proposal(caller: Caller, proposal_id: int) -> answers.Proposal:
    with reading() as session:
        return shapes.proposal_answer(now(), load_proposal(session, proposal_id, caller.me))


@call(
    "GET",
    "/pairs/<int:pair_id>/proposals",
    "What can still be taken, by either of the two.",
    answer=answers.Proposals,
    may=(404,),
    about=Thing.PROPOSAL,
)
def proposals(caller: Caller, pair_id: int) -> answers.Proposals:
    with reading() as session:
        people.load_pair(session, pair_id, caller.me)
        found = open_proposals(session, now(), pair_id)
        return answers.Proposals(items=[shapes.proposal_answer(now(), each) for each in found], next=None)


@call(
    "GET",
    "/proposals/<int:proposal_id>",
    "One proposal, whatever became of it.",
    answer=answers.Proposal,
    may=(404,),
    about=Thing.PROPOSAL,
)
def proposal(caller: Caller, proposal_id: int) -> answers.Proposal:
    return _proposal(caller, proposal_id)


@call(
    "POST",
    "/proposals/<int:proposal_id>/accept",
    "Takes one of its times: booked, or moved there. The same again is the same meeting.",
    body=bodies.Acceptance,
    answer=answers.Meeting,
    may=(404, 409, 422, 503),
    about=Thing.MEETING,
)
def accept(caller: Caller, proposal_id: int, body: bodies.Acceptance) -> answers.Meeting:
    with reading() as session:
        found = load_proposal(session, proposal_id, caller.me)
        pair_id, query = found.pair_id, proposing.query_of(found, caller.me)
        time_id = next((time.id for time in found.times if time.starts_at == body.start), None)
    if time_id is None:
        raise InvalidInput.of("start", "not_proposed")
    try:
        meeting_id = confirm.take(services(), pair_id, time_id, caller.me)
    except SlotTaken:
        raise _with_fresh(caller, query) from None
    return meeting_of(caller, meeting_id)


@call(
    "DELETE",
    "/proposals/<int:proposal_id>",
    "Its author takes it back; from the other: none of these.",
    status=204,
    may=(404,),
    about=Thing.PROPOSAL,
)
def end(caller: Caller, proposal_id: int) -> None:
    with writing() as session:
        proposing.close(session, now(), proposal_id, caller.me)
