"""How long the slot rule takes: two people, 60 days, hundreds of busy times each, nothing kept between calls."""

from __future__ import annotations

import gc
import random
import statistics
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from time import perf_counter
from zoneinfo import ZoneInfo

from bench.programme import busy_times
from service.domain import arc, slots
from service.domain.availability import DEFAULT
from service.domain.interval import Interval, Span, floor_epoch, merge, pack, unpack

SPRING = datetime(2027, 3, 1, tzinfo=UTC)  # New York changes its clocks on 14 March, Berlin on 28 March
AUTUMN = datetime(2027, 10, 11, tzinfo=UTC)
DAYS = 60
ROUNDS = 300

Raw = tuple[list[Span], list[Span]]


def raw_busy(count: int, first: datetime, seed: int) -> Raw:
    """For each of two people `count` busy times of 5 minutes to an hour, on five-minute edges, in no order."""
    dice = random.Random(seed)
    start = floor_epoch(first)

    def one() -> Span:
        begins = start + 300 * dice.randrange(DAYS * 288)
        return begins, begins + 300 * dice.randint(1, 12)

    return [one() for _ in range(count)], [one() for _ in range(count)]


def ask_for(busy: tuple[list[Span], list[Span]], first: datetime) -> slots.Ask:
    """New York and Berlin, nine to five, half an hour, ten minutes between meetings. `busy` must be merged."""
    hours = replace(DEFAULT, buffer_before=timedelta(minutes=10), buffer_after=timedelta(minutes=10))
    mentee = slots.PersonTimes(1, "Ana", ZoneInfo("America/New_York"), hours, busy[0])
    mentor = slots.PersonTimes(2, "Ben", ZoneInfo("Europe/Berlin"), hours, busy[1])
    window = Interval(first, first + timedelta(days=DAYS))
    return slots.Ask("check-in", timedelta(minutes=30), window, mentee, mentor, first)


def measure(count: int = 500, rounds: int = ROUNDS) -> dict[str, float]:
    """Median milliseconds of one answer: from the stored record, from raw busy times, with scores and reasons (free,
    and around a critical date); and how much longer the stored record takes with ten times as many busy times."""
    raw = raw_busy(count, SPRING, seed=1)
    ask = ask_for((merge(raw[0]), merge(raw[1])), SPRING)
    talk = datetime(2027, 4, 15, 15, tzinfo=ZoneInfo("America/New_York"))
    zone = ask.mentee.zone
    practice = next(
        part for part in arc.arc("presentation", talk, None, zone, None, SPRING) if part.session == "practice"
    )
    dated = replace(ask, target=replace(arc.target(practice), prefer_on=date(2027, 4, 9)))
    few, many = (_record(floor_epoch(SPRING), size) for size in (count, 10 * count))
    stored = ask_for((unpack(few[0]), unpack(few[1])), SPRING)
    return {
        "stored": _median(rounds, lambda: slots.starts(stored)),
        "stored_ratio": _median(rounds, lambda: _from_record(many)) / _median(rounds, lambda: _from_record(few)),
        "raw": _median(rounds, lambda: slots.starts(ask_for((merge(raw[0]), merge(raw[1])), SPRING))),
        "scored": _median(rounds, lambda: slots.propose(ask)),
        "scored_date": _median(rounds, lambda: slots.propose(dated)),
        "slots": float(len(slots.starts(ask))),
    }


def _record(start: int, count: int) -> tuple[bytes, bytes]:
    """The two people's rows as they are stored."""
    mentee, mentor = (pack(merge(busy_times(random.Random(seed), start, count))) for seed in (1, 2))
    return mentee, mentor


def _from_record(record: tuple[bytes, bytes]) -> list[int]:
    return slots.starts(ask_for((unpack(record[0]), unpack(record[1])), SPRING))


def _median(rounds: int, call: Callable[[], object]) -> float:
    taken: list[float] = []
    call()
    collecting = gc.isenabled()
    gc.disable()
    try:
        for _ in range(rounds):
            began = perf_counter()
            call()
            taken.append((perf_counter() - began) * 1000)
    finally:
        if collecting:
            gc.enable()
    return statistics.median(taken)
