"""Every timer. The clock and a restore run the same sweeps, so that neither forgets one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time
from typing import Protocol

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.operations import cadence, closing, day_words, followup, goals, promise_nudges
from service.store.tables import Commitment, CriticalDate, Goal, Meeting, Pair, Sighting


class RunDue(Protocol):
    """Looks at the rows whose timer has run out, and returns how many; one that cannot be looked at is put off by a
    while, or until somebody changes it."""

    def __call__(self, session: Session, now: datetime, *, put_off: bool = True) -> int: ...


SWEEPS: Sequence[RunDue] = (
    followup.run_due,
    cadence.run_due,
    day_words.run_due,
    goals.run_due,
    closing.run_due,
    promise_nudges.run_due,
)
# Sightings are no sweep: each asks for the turn of its pair first, and a restore forgets them.
MOMENTS = (Meeting.due_at, Pair.due_at, Pair.clear_at, CriticalDate.word_at, Sighting.due_at)
DAYS = (Goal.look_again_on, Commitment.nudge_on)


def first(session: Session) -> datetime | None:
    """The timer that runs out first of all."""
    # The condition is the indexes': without it every row would be read.
    found = [session.scalar(select(func.min(each)).where(each.is_not(None))) for each in MOMENTS]
    days = [session.scalar(select(func.min(each)).where(each.is_not(None))) for each in DAYS]
    found += [datetime.combine(day, time(), UTC) for day in days if day is not None]
    return min((each for each in found if each is not None), default=None)
