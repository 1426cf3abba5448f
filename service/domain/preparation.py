"""What there is to prepare for a meeting, by session type and role, counted back from its day; and what a practice is
watched for. Data: words are in the catalogue under `prep.<key>` and `agenda.listen.<key>`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from service.domain.agreement import Role

SHORTEST = timedelta(minutes=15)
_STEP = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Task:
    key: str
    role: Role
    days_before: int

    def due_on(self, starts_at: datetime, zone: ZoneInfo) -> date:
        return starts_at.astimezone(zone).date() - timedelta(days=self.days_before)


def _tasks(role: Role, **days_before: int) -> tuple[Task, ...]:
    return tuple(Task(key, role, days) for key, days in days_before.items())


CHECKLISTS: dict[str, tuple[Task, ...]] = {
    "kick-off": (*_tasks("mentee", story=1, hopes=1), *_tasks("mentor", own_story=1)),
    "goals": _tasks("mentee", where_to=2),
    "check-in": _tasks("mentee", one_thing=1),
    "shape": (*_tasks("mentee", outline=2), *_tasks("mentor", read_outline=1)),
    "practice": (*_tasks("mentee", slides=2, watch_for=2), *_tasks("mentor", read_slides=1)),
    "debrief": _tasks("mentee", something_to_look_at=1),
    "decision": _tasks("mentee", situation=1),
    "introduction": (*_tasks("mentee", who_and_why=2), *_tasks("mentor", whom_i_know=1)),
    "cv": (*_tasks("mentee", cv=3), *_tasks("mentor", read_cv=1)),
    "mock-interview": (*_tasks("mentee", advertisement=3), *_tasks("mentor", hard_questions=1)),
    "job-shadow": (*_tasks("mentee", aims=7), *_tasks("mentor", people_told=3)),
    "event": _tasks("mentee", sessions=7, people=3),
    "midpoint": (*_tasks("mentee", more_and_less=2), *_tasks("mentor", own_more_and_less=2)),
    "repair": (*_tasks("mentee", noticed=1), *_tasks("mentor", own_noticed=1)),
    "closure": (*_tasks("mentee", thanks=1), *_tasks("mentor", own_thanks=1)),
}

# What a mentee may ask their mentor to watch in a practice run.
LISTEN = ("opening", "thread", "timing", "slides", "voice", "questions", "ending")


def shorter(duration: timedelta) -> timedelta | None:
    """Half of it, in steps of five minutes; None when that is no talk any more."""
    half = duration / 2 // _STEP * _STEP
    return half if half >= SHORTEST else None
