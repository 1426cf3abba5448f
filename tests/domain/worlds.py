"""Made-up people, hours and busy times around the moments at which zones change their clocks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from service.domain.availability import DEFAULT, Availability
from service.domain.interval import Interval, merge
from service.domain.slots import Ask, OwnClaim, PersonTimes

ZONES = (
    "Europe/Lisbon",
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "America/Havana",
    "America/Santiago",
    "America/Nuuk",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Pacific/Auckland",
    "Antarctica/Troll",
    "Africa/Casablanca",
    "Africa/Cairo",
    "Asia/Kathmandu",
    "Asia/Gaza",
    "Asia/Beirut",
)
HOUR = 3600


@cache
def changes(name: str, since: int = 2026, until: int = 2029) -> tuple[int, ...]:
    """The instants at which the zone's offset changes, found by looking at every quarter hour near where it did."""
    zone = ZoneInfo(name)
    found = []
    epoch, last = int(datetime(since, 1, 1, tzinfo=UTC).timestamp()), int(datetime(until, 1, 1, tzinfo=UTC).timestamp())
    before = datetime.fromtimestamp(epoch, zone).utcoffset()
    while epoch < last:
        if datetime.fromtimestamp(epoch + 6 * HOUR, zone).utcoffset() != before:
            quarter = epoch
            while datetime.fromtimestamp(quarter, zone).utcoffset() == before:
                quarter += 900
            found.append(quarter)
            before = datetime.fromtimestamp(quarter, zone).utcoffset()
        epoch += 6 * HOUR
    return tuple(found)


def person(number: int = 1, zone: str = "Europe/Lisbon", hours: Availability = DEFAULT, **more: object) -> PersonTimes:
    name = {1: "Ana", 2: "Ben"}.get(number, "Dan")
    return replace(PersonTimes(number, name, ZoneInfo(zone), hours), **more)  # type: ignore[arg-type]


def ask(window: Interval, now: datetime, mentee: PersonTimes | None = None, **more: object) -> Ask:
    mentor = more.pop("mentor", None) or person(2, "America/New_York")
    asked = Ask("check-in", timedelta(minutes=30), window, mentee or person(), mentor, now)  # type: ignore[arg-type]
    return replace(asked, **more)  # type: ignore[arg-type]


WHOLE_DAY = ((0, 1440),)


@st.composite
def ranges(draw: st.DrawFn) -> tuple[tuple[int, int], ...]:
    """A day's hours: often whole days, so that slots run over midnight, else edges on five minutes."""
    kind = draw(st.sampled_from(("whole", "whole", "most", "any")))
    if kind == "whole":
        return WHOLE_DAY
    if kind == "most":
        start, pause = draw(st.integers(0, 90)), draw(st.integers(100, 250))
        return (start * 5, pause * 5), (draw(st.integers(pause + 1, 280)) * 5, 1440)
    edges = sorted(draw(st.lists(st.integers(0, 288), max_size=4, unique=True)))
    edges = edges[: len(edges) // 2 * 2]
    return tuple((start * 5, end * 5) for start, end in zip(edges[::2], edges[1::2], strict=True))


def _rarely(usual: object, *unusual: object, odds: int = 4) -> st.SearchStrategy[Any]:
    """`usual` most of the time: a world in which everything forbids everything tests nothing."""
    return st.sampled_from((usual,) * odds + unusual)


@st.composite
def availabilities(draw: st.DrawFn, around: date) -> Availability:
    days = st.integers(-2, 2).map(lambda step: around + timedelta(days=step))
    week = st.lists(ranges(), min_size=7, max_size=7).map(lambda week: dict(enumerate(week)))
    minutes = _rarely(0, 5, 10, 15, 40, odds=6).map(lambda count: timedelta(minutes=count))
    caps = {draw(_rarely("", "cap_day", "cap_week", "cap_month", odds=6)): draw(st.integers(0, 4))}
    caps.pop("", None)
    special = draw(_rarely(True, False, odds=1))
    return Availability(
        weekly=draw(st.just(dict.fromkeys(range(7), WHOLE_DAY)) | week),
        overrides=draw(st.dictionaries(days, ranges(), min_size=1, max_size=2)) if special else {},
        off=draw(st.lists(days.map(lambda day: (day, day)), max_size=1).map(tuple)) if special else (),
        buffer_before=draw(minutes),
        buffer_after=draw(minutes),
        notice=timedelta(hours=draw(_rarely(0, 1, 24, odds=8))),
        horizon=timedelta(days=draw(_rarely(60, 1, 2))),
        **caps,
    )


@st.composite
def people(draw: st.DrawFn, number: int, zone: str, middle: int) -> PersonTimes:
    around = datetime.fromtimestamp(middle, ZoneInfo(zone)).date()
    starts = st.integers(-40 * 12, 40 * 12).map(lambda step: middle + step * 300)
    busy = draw(st.lists(st.tuples(starts, st.integers(1, 40)), max_size=5))
    own = draw(st.lists(st.tuples(starts, st.integers(1, 12), st.sampled_from((0, 0, 2, 4))), max_size=3))
    return PersonTimes(
        number,
        f"P{number}",
        ZoneInfo(zone),
        draw(availabilities(around)),
        merge((start, start + length * 300) for start, length in busy),
        draw(_rarely(False, True, odds=40)),
        tuple(
            OwnClaim(start, start + (length + guard) * 300, start + length * 300, meeting)
            for meeting, (start, length, guard) in enumerate(own)
        ),
    )


@st.composite
def asks(draw: st.DrawFn) -> Ask:
    """An ask whose window has a clock change of one of the two zones in it, or next to it."""
    one, other = draw(st.sampled_from(ZONES)), draw(st.sampled_from(ZONES))
    middles = changes(one) or changes(other) or (int(datetime(2027, 3, 28, 1, tzinfo=UTC).timestamp()),)
    middle = draw(st.sampled_from(middles))
    start = datetime.fromtimestamp(middle, UTC) - timedelta(minutes=draw(st.integers(0, 2000)))
    window = Interval(start, start + timedelta(minutes=draw(st.integers(60, 2800))))
    return Ask(
        session="check-in",
        duration=timedelta(minutes=draw(st.sampled_from((5, 30, 45, 60, 95)))),
        window=window,
        mentee=draw(people(1, one, middle)),
        mentor=draw(people(2, other, middle)),
        now=start - timedelta(minutes=draw(_rarely(0, -300, 7, 1440, odds=4))),
        moving=draw(st.none() | st.integers(0, 3)),
    )
