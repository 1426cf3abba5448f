"""Every timer that the clock looks at: one that is not named here writes to nobody, and is forgotten by no restore."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy.orm import Session

from service.operations import cadence, day_words, followup, goals


class RunDue(Protocol):
    def __call__(self, session: Session, now: datetime, *, put_off: bool = True) -> int: ...


SWEEPS: Sequence[RunDue] = (followup.run_due, cadence.run_due, day_words.run_due, goals.run_due)
