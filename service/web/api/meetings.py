"""The calls about meetings: booking, moving, cancelling, and what came of them."""

from __future__ import annotations

import hashlib

from flask import request
from sqlalchemy.orm import Session

from service.catalogue import Words
from service.domain.access import Thing
from service.domain.errors import InvalidInput, SlotTaken
from service.links import link_for
from service.operations import arcs, booking, details, people
from service.operations.booking import BookingInput
from service.operations.commitments import Answer, Line, agree, load_own, set_commitment
from service.operations.meetings import agreed_at_meeting, load_meeting
from service.operations.offering import SlotQuery
from service.store.tables import Meeting
from service.web import confirm
from service.web.api import answers, bodies, shapes
from service.web.api.frame import Caller, TakenWithFresh, call, person_of
from service.web.api.slots import fresh_slots
from service.web.offers import offered, offered_move
from service.web.page import now, reading, services, writing

LONGEST_KEY = 200


@call(
    "POST",
    "/pairs/<int:pair_id>/meetings",
    "Books a time. Idempotency-Key is honoured.",
    body=bodies.MeetingInput,
    answer=answers.Meeting,
    status=201,
    may=(404, 409, 422, 503),
    keyed=True,
    about=Thing.MEETING,
)
def book(caller: Caller, pair_id: int, body: bodies.MeetingInput) -> answers.Meeting:
    with reading() as session:
        found = people.load_pair(session, pair_id, caller.me)
        mentee = found.mentee_id == caller.me
        if body.date is not None:
            arcs.load_date(session, body.date, caller.me)
        words = Words.of(found.me(caller.me).locale)
    query = SlotQuery(pair_id, body.session, body.date, body.minutes, reader="mentee" if mentee else "mentor")
    wanted = BookingInput(
        start=body.start,
        by_id=caller.me,
        place=body.place,
        shadow=body.shadow,
        agenda=bodies.drafts_of(body.agenda) if body.agenda is not None else None,
        invite_by=body.invite_by,
        video=body.video,
        key=_key(),
        body_hash=_hash(pair_id, body),
    )
    try:
        meeting_id = confirm.book(services(), query, wanted)
    except SlotTaken:
        with reading() as session:
            free = offered(session, query)
            raise TakenWithFresh(fresh_slots(free, words)) from None
    with writing() as session:  # looking makes no link, so the booker's is made here
        link_for(session, now(), "meeting", caller.me, pair_id=pair_id, meeting_id=meeting_id)
    return meeting_of(caller, meeting_id)


def _key() -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key == "":
        raise InvalidInput.of("Idempotency-Key", "empty")
    if key is not None and len(key) > LONGEST_KEY:
        raise InvalidInput.of("Idempotency-Key", "too_long", most=LONGEST_KEY)
    return key


def _hash(pair_id: int, body: bodies.MeetingInput) -> str:
    """Of what was asked for and of whom: the same key with another pair is another booking."""
    return hashlib.sha256(f"{pair_id} {body.model_dump_json()}".encode()).hexdigest()[:43]


def meeting_of(caller: Caller, meeting_id: int) -> answers.Meeting:
    with reading() as session:
        meeting = load_meeting(session, meeting_id, caller.me)
        return shapes.meeting_answer(session, now(), services().settings.base_url, meeting, meeting.pair.me(caller.me))


@call("GET", "/meetings/<int:meeting_id>", "One meeting.", answer=answers.Meeting, may=(404,), about=Thing.MEETING)
def meeting(caller: Caller, meeting_id: int) -> answers.Meeting:
    return meeting_of(caller, meeting_id)


@call(
    "PATCH",
    "/meetings/<int:meeting_id>",
    "Moves it, or changes its place or agenda.",
    body=bodies.MeetingChange,
    answer=answers.Meeting,
    may=(404, 409, 422, 503),
    about=Thing.MEETING,
)
def changemeeting_of(caller: Caller, meeting_id: int, body: bodies.MeetingChange) -> answers.Meeting:
    given = body.model_fields_set
    with reading() as session:
        held = load_meeting(session, meeting_id, caller.me)
        start = body.start or held.starts_at
        query = booking.moving_query(held, caller.me, body.minutes)
        words = Words.of(person_of(session, caller).locale)

    def besides(session: Session, found: Meeting) -> None:
        if "place" in given:
            details.set_meeting_place(session, now(), found, caller.me, body.place)
        if body.agenda is not None:
            details.edit_agenda(session, now(), found, caller.me, bodies.drafts_of(body.agenda))

    if given & {"start", "minutes"}:
        try:
            confirm.reschedule(services(), meeting_id, caller.me, start, minutes=body.minutes, also=besides)
        except SlotTaken:
            with reading() as session:
                held = load_meeting(session, meeting_id, caller.me)
                free = offered_move(session, query, held)
                raise TakenWithFresh(fresh_slots(free, words)) from None
    else:
        with writing() as session:
            besides(session, load_meeting(session, meeting_id, caller.me))
    return meeting_of(caller, meeting_id)


@call(
    "POST",
    "/meetings/<int:meeting_id>/cancel",
    "Cancels it; both are told.",
    body=bodies.Cancellation,
    answer=answers.Meeting,
    may=(404, 409, 422),
    about=Thing.MEETING,
)
def cancel(caller: Caller, meeting_id: int, body: bodies.Cancellation) -> answers.Meeting:
    with writing() as session:
        booking.cancel(session, now(), load_meeting(session, meeting_id, caller.me), caller.me, body.reason)
    return meeting_of(caller, meeting_id)


@call(
    "GET",
    "/meetings/<int:meeting_id>/commitments",
    "What the two agreed there.",
    answer=answers.Commitments,
    may=(404,),
    about=Thing.COMMITMENT,
)
def commitments(caller: Caller, meeting_id: int) -> answers.Commitments:
    with reading() as session:
        found = load_meeting(session, meeting_id, caller.me)
        lines = agreed_at_meeting(session, found)
        return answers.Commitments(items=[shapes.commitment_answer(line) for line in lines], next=None)


@call(
    "POST",
    "/meetings/<int:meeting_id>/commitments",
    "Something agreed, by either of the two.",
    body=bodies.CommitmentInput,
    answer=answers.Commitment,
    status=201,
    may=(404, 409, 422),
    about=Thing.COMMITMENT,
)
def add_commitment(caller: Caller, meeting_id: int, body: bodies.CommitmentInput) -> answers.Commitment:
    with writing() as session:
        found = load_meeting(session, meeting_id, caller.me)
        line = Line(None, body.text, body.owner, body.due_on, body.kind, body.must)
        made = agree(session, now(), found, caller.me, line)
        session.flush()
        return shapes.commitment_answer(made)


@call(
    "PATCH",
    "/commitments/<int:commitment_id>",
    "Open, done, moving, stuck or renegotiated.",
    body=bodies.CommitmentChange,
    answer=answers.Commitment,
    may=(404, 422),
    about=Thing.COMMITMENT,
)
def change_commitment(caller: Caller, commitment_id: int, body: bodies.CommitmentChange) -> answers.Commitment:
    with writing() as session:
        line = load_own(session, commitment_id, caller.me)
        said = Answer(body.state, body.due_on, body.reason, body.note, body.took)
        return shapes.commitment_answer(set_commitment(now(), line, said))
