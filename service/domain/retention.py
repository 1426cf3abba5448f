"""How long what is kept is kept: one table, read by whatever clears, and told in docs/privacy.md."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum


class Period(StrEnum):
    LAST_WRITES = "last_writes"


PERIODS: dict[Period, timedelta] = {
    Period.LAST_WRITES: timedelta(days=1),  # how long a pair's end waits for calendars to let go of its meetings
}
