"""The calls about meetings: booking, moving, cancelling, and what came of them."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from flask import request

from service.catalogue import Words
from service.domain.agenda import checked
from service.domain.errors import InvalidInput, SlotTaken
from service.links import link_for
from service.operations import arcs, booking, followup, people
from service.operations.booking import BookingInput
from service.operations.meetings import agreed_at_meeting, load_meeting
from service.operations.offering import SlotQuery
from service.web import confirm
from service.web.api import shapes
from service.web.api.frame import Caller, call, person_of
from service.web.api.slots import fresh_slots
from service.web.page import now, reading, services, writing


@call(
    "POST",
    "/pairs/<int:pair_id>/meetings",
    "Books a time. Idempotency-Key is honoured.",
    body=shapes.MeetingInput,
    status=201,
    may=(404, 409, 422, 503),
)
def book(caller: Caller, pair_id: int, body: shapes.MeetingInput) -> dict[str, Any]:
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
        agenda=shapes.drafts_of(body.agenda) if body.agenda is not None else None,
        invite_by=body.invite_by,
        key=_key(),
        body_hash=hashlib.sha256(json.dumps(json.loads(request.get_data()), sort_keys=True).encode()).hexdigest()[:43],
    )
    try:
        meeting_id = confirm.book(services(), query, wanted)
    except SlotTaken as gone:
        with reading() as session:
            fresh = fresh_slots(session, now(), services().settings.busy_max_age, query, words)
        gone.more = {"slots": fresh}  # type: ignore[attr-defined]
        raise
    with writing() as session:  # looking makes no link, so the booker's is made here
        link_for(session, now(), "meeting", caller.me, pair_id=pair_id, meeting_id=meeting_id)
    return _meeting(caller, meeting_id)


def _key() -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not 1 <= len(key) <= 200:
        raise InvalidInput.of("Idempotency-Key", "too_long", most=200)
    return key


def _meeting(caller: Caller, meeting_id: int) -> dict[str, Any]:
    with reading() as session:
        meeting = load_meeting(session, meeting_id, caller.me)
        return shapes.meeting_json(session, now(), services().settings.base_url, meeting, meeting.pair.me(caller.me))


@call("GET", "/meetings/<int:meeting_id>", "One meeting.", may=(404,))
def meeting(caller: Caller, meeting_id: int) -> dict[str, Any]:
    return _meeting(caller, meeting_id)


@call(
    "PATCH",
    "/meetings/<int:meeting_id>",
    "Moves it, or changes its place or agenda.",
    body=shapes.MeetingChange,
    may=(404, 409, 422, 503),
)
def change_meeting(caller: Caller, meeting_id: int, body: shapes.MeetingChange) -> dict[str, Any]:
    given = body.model_fields_set
    with reading() as session:
        held = load_meeting(session, meeting_id, caller.me)
        start = body.start or held.starts_at
        query = booking.moving_query(held, caller.me, body.minutes)
    booking.typed("place", body.place, booking.LONGEST_PLACE)  # what cannot be kept is told before anything moves
    drafts = checked(shapes.drafts_of(body.agenda)) if body.agenda is not None else None
    if given & {"start", "minutes"}:
        try:
            confirm.reschedule(services(), meeting_id, caller.me, start, minutes=body.minutes)
        except SlotTaken as gone:
            with reading() as session:
                words = Words.of(person_of(session, caller).locale)
                gone.more = {"slots": fresh_slots(session, now(), services().settings.busy_max_age, query, words)}  # type: ignore[attr-defined]
            raise
    with writing() as session:
        found = load_meeting(session, meeting_id, caller.me)
        if "place" in given:
            booking.set_meeting_place(session, now(), found, caller.me, body.place)
        if drafts is not None:
            booking.edit_agenda(session, now(), found, caller.me, drafts)
    return _meeting(caller, meeting_id)


@call(
    "POST", "/meetings/<int:meeting_id>/cancel", "Cancels it; both are told.", body=shapes.Cancellation, may=(404, 409)
)
def cancel(caller: Caller, meeting_id: int, body: shapes.Cancellation) -> dict[str, Any]:
    with writing() as session:
        booking.cancel(session, now(), load_meeting(session, meeting_id, caller.me), caller.me, body.reason)
    return _meeting(caller, meeting_id)


@call("GET", "/meetings/<int:meeting_id>/commitments", "What the two agreed there.", may=(404,))
def commitments(caller: Caller, meeting_id: int) -> dict[str, Any]:
    with reading() as session:
        found = load_meeting(session, meeting_id, caller.me)
        return {"items": [shapes.commitment_json(line) for line in agreed_at_meeting(session, found)], "next": None}


@call(
    "POST",
    "/meetings/<int:meeting_id>/commitments",
    "Something agreed, by either of the two.",
    body=shapes.CommitmentInput,
    status=201,
    may=(404, 409, 422),
)
def add_commitment(caller: Caller, meeting_id: int, body: shapes.CommitmentInput) -> dict[str, Any]:
    with writing() as session:
        found = load_meeting(session, meeting_id, caller.me)
        made = followup.agree(session, now(), found, caller.me, body.text, body.owner, body.due_on)
        session.flush()
        return shapes.commitment_json(made)


@call(
    "PATCH",
    "/commitments/<int:commitment_id>",
    "Open, done, moving, stuck or renegotiated.",
    body=shapes.CommitmentChange,
    may=(404, 422),
)
def change_commitment(caller: Caller, commitment_id: int, body: shapes.CommitmentChange) -> dict[str, Any]:
    with writing() as session:
        line = followup.load_commitment(session, commitment_id, caller.me)
        return shapes.commitment_json(followup.set_commitment(line, body.state, body.note, body.due_on))
