"""Which starts may be booked, why, and why not: one sieve of rules for offering, for checking and for explaining.

A span here holds *starts*: a rule that forbids a slot to touch [a, b) forbids the starts in (a - duration, b).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from service.domain.asking import (
    RULES,
    UNAVAILABLE,
    Ask,
    OwnClaim,
    PersonTimes,
    Proposals,
    Reader,
    Reason,
    Refusal,
    RefusedRange,
    Slot,
    notice_of,
    own_of,
)
from service.domain.availability import open_between
from service.domain.caps import full_periods
from service.domain.interval import Span, Spans, edges, floor_epoch, instant, intersect, merge, subtract
from service.domain.scoring import rank

__all__ = [
    "GRID",
    "RULES",
    "UNAVAILABLE",
    "Ask",
    "OwnClaim",
    "PersonTimes",
    "Proposals",
    "Reader",
    "Reason",
    "Refusal",
    "RefusedRange",
    "Slot",
    "propose",
    "refusal",
    "refusals",
    "starts",
    "three_best",
]

# Every zone's offset is a whole number of quarters for all of tzdata's present and future (a test holds that), so a
# quarter hour in UTC is one on every wall.
GRID = 900

_SECOND = timedelta(seconds=1)
_GONE = frozenset({"busy", "held", "cap", UNAVAILABLE})

# What the sieve has let through after a rule: the rule, whom it is about, the starts that are left.
Sifted = tuple[str, PersonTimes | None, list[Span]]


def propose(ask: Ask, reader: Reader = "mentee") -> Proposals:
    """Every bookable slot that starts in the window, scored; without one, why, as far as this reader may know."""
    found = starts(ask)
    if found:
        return Proposals(rank(ask, found, reader))
    return Proposals([], _why_none(ask, reader))


def starts(ask: Ask) -> list[int]:
    """The bookable starts in their order, epoch seconds."""
    both = (ask.mentee, ask.mentor)
    # Both people's hours before anybody's busy times: what little is left then makes the rest quick.
    *_, (_, _, left) = _sieve(ask, _window(ask), both, [(rule, person) for rule in _PERSONAL for person in both])
    found: list[int] = []
    for first, end in left:
        start = -(-first // GRID) * GRID
        if start < end:  # between two busy times there is often none
            found += range(start, end, GRID)
    return found


def refusal(ask: Ask, start: datetime, *, reader: Reader | None) -> Refusal | None:
    """What forbids this start, None when it may be booked; the same sieve as for offering, on one second.

    Of the other person than the reader it says `unavailable` and no more. Reader None is nobody in particular: all is
    said. The ask's window does not matter.
    """
    epoch = floor_epoch(start)
    off_grid = epoch % GRID != 0 or start.microsecond != 0
    for code, person, left in _explain(ask, (epoch, epoch + 1), reader):
        if not left:
            return _told(ask, code, person, reader)
        if off_grid and code == "past":
            return Refusal("grid", None)
    return None


def refusals(ask: Ask, reader: Reader | None) -> list[RefusedRange]:
    """What `refusal` says of every quarter hour of the window that is not offered, neighbours with one answer merged.

    Nothing of the other person's reasons shows in where the ranges begin and end, but the times themselves.
    """
    window = _window(ask)
    before: list[Span] = [window]
    refused: list[tuple[int, int, Refusal]] = []
    for code, person, left in _explain(ask, window, reader):
        if left is not before:
            told = _told(ask, code, person, reader)
            for first, end in subtract(before, left):
                start, stop = _on_grid(first), _on_grid(end)
                if start < stop:
                    refused.append((start, stop, told))
        before = left
    refused.sort()
    merged: list[tuple[int, int, Refusal]] = []
    for start, stop, told in refused:
        if merged and merged[-1][1] == start and merged[-1][2] == told:
            merged[-1] = (merged[-1][0], stop, told)
        else:
            merged.append((start, stop, told))
    return [RefusedRange(instant(start), instant(stop), *told) for start, stop, told in merged]


def three_best(slots: Iterable[Slot], zone: ZoneInfo) -> list[Slot]:
    """Of slots that are best first: the best of each of three days in this zone; fewer days, the next best ones."""
    ranked = list(slots)
    chosen: list[Slot] = []
    days = set()
    for slot in ranked:
        day = slot.start.astimezone(zone).date()
        if day not in days:
            days.add(day)
            chosen.append(slot)
            if len(chosen) == 3:
                return chosen
    apart = [
        slot
        for slot in ranked
        if slot not in chosen and all(slot.start >= c.end or slot.end <= c.start for c in chosen)
    ]
    return (chosen + apart)[:3]


def _explain(ask: Ask, window: Span, reader: Reader | None) -> Iterator[Sifted]:
    """Person by person, the reader first: these reasons can be told in full."""
    both = (ask.mentor, ask.mentee) if reader == "mentor" else (ask.mentee, ask.mentor)
    return _sieve(ask, window, both, [(rule, person) for person in both for rule in _PERSONAL])


def _sieve(ask: Ask, window: Span, both: tuple[PersonTimes, PersonTimes], steps: Iterable[Step]) -> Iterator[Sifted]:
    """The starts of `window` that are left after each rule. Whatever the order of the steps, the last has the same."""
    left = _after(_ceil(ask.now), [window])
    yield "past", None, left
    for person in both:
        if person.unreadable:
            left = []
            yield "calendar_unreadable", person, left
    for (code, rule), person in steps:
        if not left:
            return
        left = rule(ask, person, left)
        yield code, person, left


def _notice(ask: Ask, person: PersonTimes, left: list[Span]) -> list[Span]:
    return _after(_ceil(ask.now + notice_of(ask, person)), left)


def _horizon(ask: Ask, person: PersonTimes, left: list[Span]) -> list[Span]:
    last = floor_epoch(ask.now + person.availability.horizon)
    return intersect(left, [(0, last + 1)]) if left[-1][1] > last + 1 else left


def _hours(ask: Ask, person: PersonTimes, left: list[Span]) -> list[Span]:
    length = _seconds(ask.duration)
    offered = open_between(person.availability, person.zone, left[0][0], left[-1][1] + length - 1)
    inside = [(start, end - length + 1) for start, end in offered if end - start >= length]
    return intersect(left, inside) if len(left) > 1 else inside


def _busy(ask: Ask, person: PersonTimes, left: list[Span]) -> list[Span]:
    gap = _seconds(person.availability.gap)
    before = _seconds(ask.duration) + gap - 1
    left = _clear_of(left, person.busy, before, gap)
    if person is ask.mentee and ask.target is not None and ask.target.held is not None:
        left = _clear_of(left, [ask.target.held.span], before, gap)
    return left


def _held(ask: Ask, person: PersonTimes, left: list[Span]) -> list[Span]:
    """Exactly what store.claims decides by: starts_at < end + gap and guarded_until > start."""
    before = _seconds(ask.duration) + _seconds(person.availability.gap) - 1
    own = own_of(ask, person)
    return subtract(left, merge((claim.start - before, claim.guarded_until) for claim in own)) if own else left


def _cap(ask: Ask, person: PersonTimes, left: list[Span]) -> list[Span]:
    day, week, month = person.availability.caps
    if day is None and week is None and month is None:
        return left
    pledge = person.availability.pledge
    if month is not None and pledge and ask.pledged and person is ask.mentor:
        month += pledge.per_month
    full = full_periods(own_of(ask, person), person.zone, (day, week, month), left[0][0], left[-1][1])
    return subtract(left, full)


Rule = Callable[[Ask, PersonTimes, list[Span]], list[Span]]
Step = tuple[tuple[str, Rule], PersonTimes]

# What is asked of each of the two, in the order in which it is told.
_PERSONAL: tuple[tuple[str, Rule], ...] = (
    ("notice", _notice),
    ("horizon", _horizon),
    ("hours", _hours),
    ("busy", _busy),
    ("held", _held),
    ("cap", _cap),
)


def _clear_of(left: list[Span], holes: Spans, before: int, after: int) -> list[Span]:
    """`left` without the holes, each widened by seconds on both sides. Looks only at holes near what is left."""
    if not holes:
        return left
    starts, ends = edges(holes)
    clear: list[Span] = []
    near, count = 0, len(starts)
    for start, end in left:
        at = near = bisect_left(starts, start - after, near)
        if at and ends[at - 1] + after > start:
            at -= 1  # the one before reaches in; none before that one can, for holes are disjoint
        cursor, until = start, end + before
        while at < count:
            hole_start = starts[at]
            if hole_start >= until:
                break
            if hole_start - before > cursor:
                clear.append((cursor, hole_start - before))
            cursor = ends[at] + after
            at += 1
        if cursor < end:
            clear.append((cursor, end))
    return clear


def _after(earliest: int, left: list[Span]) -> list[Span]:
    if not left or left[0][0] >= earliest:
        return left
    return [(max(start, earliest), end) for start, end in left if end > earliest]


def _seconds(length: timedelta) -> int:
    return length // _SECOND


def _why_none(ask: Ask, reader: Reader) -> tuple[Refusal, ...]:
    """By how much of the window each takes; nights and weekends are no news where a person's time has gone."""
    extent: dict[Refusal, float] = {}
    for refused in refusals(ask, reader):
        told = Refusal(refused.code, refused.person_id)
        extent[told] = extent.get(told, 0.0) + (refused.end - refused.start).total_seconds()
    gone = any(told.code in _GONE for told in extent)
    telling = [told for told in extent if not (gone and told.code == "hours")]
    return tuple(sorted(telling, key=lambda told: (-extent[told], told.code, told.person_id or 0)))


def _told(ask: Ask, code: str, person: PersonTimes | None, reader: Reader | None) -> Refusal:
    if person is None:
        return Refusal(code, None)
    if reader is not None and person is not ask.of(reader) and code != "calendar_unreadable":
        return Refusal(UNAVAILABLE, person.person_id)
    return Refusal(code, person.person_id)


def _window(ask: Ask) -> Span:
    return _ceil(ask.window.start), _ceil(ask.window.end)


def _ceil(moment: datetime) -> int:
    return math.ceil(moment.timestamp())


def _on_grid(epoch: int) -> int:
    return -(-epoch // GRID) * GRID
