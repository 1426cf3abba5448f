"""The calls about getting ready for a meeting: each one's list, and what the mentor is asked to watch in a practice."""

from __future__ import annotations

from sqlalchemy.orm import Session

from service.domain.access import Thing
from service.operations import preparing
from service.operations.meetings import load_meeting
from service.operations.preparing import Prepared
from service.store.tables import Meeting
from service.web.api import answers
from service.web.api.frame import Caller, Model, call
from service.web.api.meetings import meeting_of
from service.web.page import now, reading, words, writing


class Task(Model):
    key: str
    text: str
    due_on: answers.Day
    done: bool


class Preparation(Model):
    """`listen`: what a mentor can be asked to watch in this meeting; `listened`: what they are asked to."""

    mine: list[Task]
    theirs: list[Task]
    listen: list[str]
    listened: list[str]
    shorter_minutes: int | None


class Done(Model):
    """Keys of one's own list; what is not named is not done."""

    done: list[str]


class Listen(Model):
    listen: list[str]


def _tasks(tasks: list[Prepared], other: str) -> list[Task]:
    t = words()
    return [
        Task(
            key=each.task.key, text=t(f"prep.{each.task.key}", other=other), due_on=each.due_on.isoformat(),
            done=each.done,
        )
        for each in tasks
    ]  # fmt: skip


def _answer(session: Session, meeting: Meeting, me: int) -> Preparation:
    desk, pair = preparing.desk(session, meeting, me), meeting.pair
    return Preparation(
        mine=_tasks(desk.mine, pair.other(me).first_name),
        theirs=_tasks(desk.theirs, pair.me(me).first_name),
        listen=list(desk.listen),
        listened=sorted(desk.listened),
        shorter_minutes=desk.shorter_minutes,
    )


@call(
    "GET",
    "/meetings/<int:meeting_id>/preparation",
    "What there is to prepare, by when, and what is done.",
    answer=Preparation,
    may=(404,),
    about=Thing.AGENDA,
)
def preparation(caller: Caller, meeting_id: int) -> Preparation:
    with reading() as session:
        return _answer(session, load_meeting(session, meeting_id, caller.me), caller.me)


@call(
    "PUT",
    "/meetings/<int:meeting_id>/preparation",
    "What of one's own list is done; mails nobody.",
    body=Done,
    answer=Preparation,
    may=(404, 409, 422),
    about=Thing.AGENDA,
)
def put_preparation(caller: Caller, meeting_id: int, body: Done) -> Preparation:
    with writing() as session:
        meeting = load_meeting(session, meeting_id, caller.me)
        preparing.tick(session, now(), meeting, caller.me, body.done)
        session.flush()
        return _answer(session, meeting, caller.me)


@call(
    "PUT",
    "/meetings/<int:meeting_id>/listen",
    "What the mentor is asked to watch in a practice: points of its agenda.",
    body=Listen,
    answer=Preparation,
    may=(403, 404, 409, 422),
    about=Thing.ASK,
)
def put_listen(caller: Caller, meeting_id: int, body: Listen) -> Preparation:
    with writing() as session:
        meeting = load_meeting(session, meeting_id, caller.me)
        preparing.listen_for(session, now(), meeting, caller.me, body.listen)
        session.flush()
        return _answer(session, meeting, caller.me)


@call(
    "POST",
    "/meetings/<int:meeting_id>/unready",
    "The mentee is not ready and keeps the meeting: it begins with what got in the way.",
    answer=answers.Meeting,
    may=(403, 404, 409),
    about=Thing.ASK,
)
def unready(caller: Caller, meeting_id: int) -> answers.Meeting:
    with writing() as session:
        preparing.keep_unready(session, now(), load_meeting(session, meeting_id, caller.me), caller.me)
    return meeting_of(caller, meeting_id)
