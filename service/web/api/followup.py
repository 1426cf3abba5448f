"""The calls before and after a meeting: yes or no, what the mentee wants from it, whether it happened, and what one
thinks of it for oneself."""

from __future__ import annotations

from typing import Literal

from service.domain.access import Action, Thing, check
from service.operations import booking, details, followup
from service.operations.meetings import load_meeting, role_in
from service.web.api import answers
from service.web.api.frame import Caller, Model, call
from service.web.api.meetings import meeting_of
from service.web.page import now, reading, writing


class Attending(Model):
    partstat: Literal["ACCEPTED", "DECLINED"]


class Ask(Model):
    text: str | None


class AskInput(Model):
    text: str


class Happened(Model):
    """Null as long as nobody said."""

    happened: bool | None


class HappenedInput(Model):
    happened: bool


class Reflection(Model):
    text: str | None


class ReflectionInput(Model):
    text: str


@call(
    "PUT",
    "/meetings/<int:meeting_id>/attendance",
    "Yes, or cannot come: then the time is free again and both are told.",
    body=Attending,
    answer=answers.Meeting,
    may=(404, 409, 422),
    about=Thing.MEETING,
)
def attend(caller: Caller, meeting_id: int, body: Attending) -> answers.Meeting:
    with writing() as session:
        meeting = load_meeting(session, meeting_id, caller.me)
        say = details.accept if body.partstat == "ACCEPTED" else booking.decline
        say(session, now(), meeting, caller.me)
    return meeting_of(caller, meeting_id)


@call(
    "GET",
    "/meetings/<int:meeting_id>/ask",
    "What the mentee wants from it.",
    answer=Ask,
    may=(404,),
    about=Thing.ASK,
)
def ask(caller: Caller, meeting_id: int) -> Ask:
    with reading() as session:
        meeting = load_meeting(session, meeting_id, caller.me)
        check(role_in(meeting.pair, caller.me, meeting.pair.mentee_id), Thing.ASK, Action.READ)
        return Ask(text=meeting.ask)


@call(
    "PUT",
    "/meetings/<int:meeting_id>/ask",
    "The mentee says what they want from it; the brief carries it.",
    body=AskInput,
    answer=Ask,
    may=(404, 409, 422),
    about=Thing.ASK,
)
def put_ask(caller: Caller, meeting_id: int, body: AskInput) -> Ask:
    with writing() as session:
        meeting = load_meeting(session, meeting_id, caller.me)
        followup.answer_ask(session, now(), meeting, caller.me, body.text)
        return Ask(text=meeting.ask)


@call(
    "PUT",
    "/meetings/<int:meeting_id>/happened",
    "Either says whether the two met; the last answer holds.",
    body=HappenedInput,
    answer=Happened,
    may=(404, 409, 422),
    about=Thing.MEETING,
)
def put_happened(caller: Caller, meeting_id: int, body: HappenedInput) -> Happened:
    with writing() as session:
        meeting = load_meeting(session, meeting_id, caller.me)
        followup.say_happened(session, now(), meeting, caller.me, body.happened)
        return Happened(happened=meeting.happened)


@call(
    "GET",
    "/meetings/<int:meeting_id>/reflection",
    "What one wrote for oneself about it.",
    answer=Reflection,
    may=(404,),
    about=Thing.PRIVATE,
)
def reflection(caller: Caller, meeting_id: int) -> Reflection:
    with reading() as session:
        meeting = load_meeting(session, meeting_id, caller.me)
        return Reflection(text=followup.reflection_of(session, meeting, caller.me) or None)


@call(
    "PUT",
    "/meetings/<int:meeting_id>/reflection",
    "For oneself; nobody else ever reads it.",
    body=ReflectionInput,
    answer=Reflection,
    may=(404, 409, 422),
    about=Thing.PRIVATE,
)
def put_reflection(caller: Caller, meeting_id: int, body: ReflectionInput) -> Reflection:
    with writing() as session:
        meeting = load_meeting(session, meeting_id, caller.me)
        followup.reflect(session, now(), meeting, caller.me, body.text)
        session.flush()
        return Reflection(text=followup.reflection_of(session, meeting, caller.me) or None)
