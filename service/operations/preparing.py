"""Getting ready for a meeting: each one's list, what a practice is watched for, and keeping it without being ready."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.access import Action, Thing, check
from service.domain.agenda import AgendaDraft
from service.domain.agreement import Role
from service.domain.errors import InvalidInput, MoveNotAllowed, NotFound
from service.domain.preparation import CHECKLISTS, LISTEN, Task, shorter
from service.operations import agendas
from service.operations.meetings import agenda_of, may_cancel, role_in
from service.store.tables import Meeting, Preparation

PRACTICE, RUN = "practice", "practice.run"
LISTEN_POINT = "listen."
IN_THE_WAY = "ready.in_the_way"
IN_THE_WAY_MINUTES = 5


@dataclass(frozen=True, slots=True)
class Prepared:
    """One of the things to prepare, by when, and whether it is done."""

    task: Task
    due_on: date
    done: bool


def checklist(meeting: Meeting, done: Collection[str]) -> list[Prepared]:
    """Both people's, as it is counted back from where the meeting is now. `done`: the keys of what is."""
    pair = meeting.pair
    zones: dict[Role, ZoneInfo] = {"mentee": ZoneInfo(pair.mentee.zone), "mentor": ZoneInfo(pair.mentor.zone)}
    return [
        Prepared(task, task.due_on(meeting.starts_at, zones[task.role]), task.key in done)
        for task in CHECKLISTS.get(meeting.session, ())
    ]


def done_for(session: Session, meeting: Meeting) -> set[str]:
    return set(session.scalars(select(Preparation.key).where(Preparation.meeting_id == meeting.id)))


@dataclass(frozen=True, slots=True)
class Desk:
    """A meeting's preparation as one of the two sees it. `shorter_minutes`: of the shorter meeting that may be had;
    None when it is short already. `listen`: what can be listened for."""

    mine: list[Prepared]
    theirs: list[Prepared]
    shorter_minutes: int | None
    listen: tuple[str, ...]
    listened: set[str]


def desk(session: Session, meeting: Meeting, person_id: int) -> Desk:
    tasks, role = checklist(meeting, done_for(session, meeting)), meeting.pair.role(person_id)
    half = shorter(meeting.ends_at - meeting.starts_at)
    return Desk(
        mine=[each for each in tasks if each.task.role == role],
        theirs=[each for each in tasks if each.task.role != role],
        shorter_minutes=half // timedelta(minutes=1) if half else None,
        listen=LISTEN if meeting.session == PRACTICE else (),
        listened=listened_for(session, meeting),
    )


def tick(session: Session, now: datetime, meeting: Meeting, by_id: int, keys: Collection[str]) -> None:
    """Of this person's own list these are done, and the others are not. Mails nobody: the brief says it. Repeatable."""
    _check_ahead(meeting, now)
    role = meeting.pair.role(by_id)
    mine = {task.key for task in CHECKLISTS.get(meeting.session, ()) if task.role == role}
    kept = {row.key: row for row in session.scalars(select(Preparation).where(Preparation.meeting_id == meeting.id))}
    for key in mine:
        if key in keys and key not in kept:
            session.add(Preparation(meeting_id=meeting.id, key=key, done_at=now))
        elif key not in keys and key in kept:
            session.delete(kept[key])


def listen_for(session: Session, now: datetime, meeting: Meeting, by_id: int, keys: Collection[str]) -> None:
    """What the mentor is asked to watch in a practice: points of the agenda, right after the run. Raises NotFound for
    any other meeting, NotAllowed for the mentor, InvalidInput."""
    check(role_in(meeting.pair, by_id, meeting.pair.mentee_id), Thing.ASK, Action.WRITE)
    if meeting.session != PRACTICE:
        raise NotFound
    if not set(keys) <= set(LISTEN):
        raise InvalidInput.of("listen", "unknown_choice", known=", ".join(LISTEN))
    _check_ahead(meeting, now)
    others = [each for each in _drafts(session, meeting) if not (each.key or "").startswith(LISTEN_POINT)]
    at = next((place for place, each in enumerate(others, 1) if each.key == RUN), 0)
    chosen = [AgendaDraft(key=f"{LISTEN_POINT}{key}") for key in LISTEN if key in keys]
    agendas.put(session, now, meeting, by_id, (*others[:at], *chosen, *others[at:]))


def listened_for(session: Session, meeting: Meeting) -> set[str]:
    keys = (item.key or "" for item in agenda_of(session, meeting))
    return {key.removeprefix(LISTEN_POINT) for key in keys if key.startswith(LISTEN_POINT)}


def keep_unready(session: Session, now: datetime, meeting: Meeting, by_id: int) -> None:
    """The meeting stays, and begins with what got in the way. Repeatable."""
    check(role_in(meeting.pair, by_id, meeting.pair.mentee_id), Thing.ASK, Action.WRITE)
    _check_ahead(meeting, now)
    drafts = _drafts(session, meeting)
    if all(each.key != IN_THE_WAY for each in drafts):
        first = AgendaDraft(key=IN_THE_WAY, minutes=IN_THE_WAY_MINUTES)
        agendas.put(session, now, meeting, by_id, (first, *drafts))


def _drafts(session: Session, meeting: Meeting) -> list[AgendaDraft]:
    return [
        AgendaDraft(item.text, item.key, item.minutes, item.help, item.hidden) for item in agenda_of(session, meeting)
    ]


def _check_ahead(meeting: Meeting, now: datetime) -> None:
    if not may_cancel(meeting, now):
        raise MoveNotAllowed(phase=meeting.phase)
