"""How much work it is to unroll what repeats, so that no calendar keeps us busy for minutes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from service.domain.interval import Interval

# A step is what the recurrence engine does for one candidate: 2 to 4 microseconds (2 cores, November 2026).
MOST_STEPS = 4_000_000
STEPS_OF_A_SERIES, STEPS_OF_AN_OCCURRENCE, STEPS_OF_A_LISTED_DATE = 200, 30, 5
# A rule that matches no more is searched until the year 9999, which takes seconds; only these parts can make it so.
STEPS_OF_A_SEARCH = 400_000
SPARSE = ("BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYSETPOS")
DAYS = {"HOURLY": 1 / 24, "DAILY": 1.0, "WEEKLY": 7.0, "MONTHLY": 30.0, "YEARLY": 365.0}
WEIGHT = {"MONTHLY": 3, "YEARLY": 10}  # a longer period has more candidates to look at

Rule = Mapping[str, Sequence[object]]


def steps_of(rule: Rule, start: date, reach: timedelta, window: Interval) -> float:
    """Roughly how many steps it takes to unroll a rule up to the window's end. `reach` is how far before the window
    an occurrence may begin and still matter: its length, or how far an exception was moved.

    Raises ValueError for a rule that nobody meets by: every minute or second, or one that never moves on.
    """
    frequency = str(_first(rule, "FREQ", "")).upper()
    interval = int(str(_first(rule, "INTERVAL", 1)))
    if frequency not in DAYS or interval < 1:
        raise ValueError("repeats too often to be read")
    first = datetime.combine(start, datetime.min.time(), window.end.tzinfo)
    days = max((window.end - first) / timedelta(days=1), 1.0)
    unrolled = min(window.duration / timedelta(days=1), days) + reach / timedelta(days=1)
    times = 1
    for part in ("BYHOUR", "BYMINUTE", "BYSECOND"):
        if part != "BYHOUR" or frequency != "HOURLY":
            times *= max(1, len(set(map(str, rule.get(part, ())))))
    period = DAYS[frequency] * interval if times == 1 else min(DAYS[frequency] * interval, 1.0)
    steps = STEPS_OF_A_SERIES + days / period * times * WEIGHT.get(frequency, 1)
    steps += unrolled / period * times * STEPS_OF_AN_OCCURRENCE
    if "UNTIL" not in rule and frequency in {"HOURLY", "DAILY", "WEEKLY"} and any(part in rule for part in SPARSE):
        steps += STEPS_OF_A_SEARCH
    return steps


def _first(rule: Rule, name: str, default: object) -> object:
    found = rule.get(name, default)
    if isinstance(found, Sequence) and not isinstance(found, str):
        return found[0] if found else default
    return found
