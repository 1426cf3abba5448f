"""What did not go out, a mail or a calendar entry: whether it is tried again, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

MOST_ATTEMPTS = 12
KEEP_TRYING = timedelta(days=4)  # a server that is away over a weekend loses no mail (RFC 5321 4.5.4.1)
FIRST_RETRY = timedelta(seconds=15)
LONGEST_RETRY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a mail did not go. `unknown`: the answer was lost after DATA. `jitter` 0..1 spreads retries."""

    code: str
    permanent: bool = False
    unknown: bool = False
    retry_after: timedelta | None = None
    jitter: float = 0.0


def back_off(attempts: int, jitter: float) -> timedelta:
    """15 s, doubling up to an hour, plus up to a quarter of it."""
    return min(FIRST_RETRY * (1 << min(max(0, attempts - 1), 10)), LONGEST_RETRY) * (1 + jitter / 4)


def given_up(fault: Failure, attempts: int, age: timedelta) -> bool:
    """Nothing but a person's word sends it again."""
    return fault.permanent or (attempts >= MOST_ATTEMPTS and age >= KEEP_TRYING)
