"""Which starts may be booked, why, and why not: one sieve of rules for offering, for checking and for explaining.

A span here holds *starts*: a rule that forbids a slot to touch [a, b) forbids the starts in (a - duration, b).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator
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
)
from service.domain.availability import open_between
from service.domain.caps import full_periods
from service.domain.interval import Span, Spans, floor_epoch, instant, intersect, merge, subtract
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
    *_, (_, _, left) = _sieve(ask, _window(ask), (ask.mentee, ask.mentor))
    found: list[int] = []
    for first, end in left:
        found.extend(range(_on_grid(first), end, GRID))
    return found


def refusal(ask: Ask, start: datetime, *, reader: Reader | None) -> Refusal | None:
    """What forbids this start, None when it may be booked; the same sieve as for offering, on one second.

    Of the other person than the reader it says `unavailable` and no more. Reader None is nobody in particular: all is
    said. The ask's window does not matter.
    """
    epoch = floor_epoch(start)
    off_grid = epoch % GRID != 0 or start.microsecond != 0
    for code, person, left in _sieve(ask, (epoch, epoch + 1), _order(ask, reader)):
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
    for code, person, left in _sieve(ask, window, _order(ask, reader)):
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


def _sieve(ask: Ask, window: Span, order: tuple[PersonTimes, PersonTimes]) -> Iterator[Sifted]:
    """The starts of `window` that are left after each rule, in the order of RULES, person by person."""
    left = _after(_ceil(ask.now), [window])
    yield "past", None, left
    for person in order:
        if person.unreadable:
            left = []
            yield "calendar_unreadable", person, left
    for person in order:
        for code, kept in _own_rules(ask, person, left):
            yield code, person, kept
            if not kept:
                return
            left = kept


def _own_rules(ask: Ask, person: PersonTimes, left: list[Span]) -> Iterator[tuple[str, list[Span]]]:
    availability = person.availability
    length, gap = int(ask.duration.total_seconds()), int(availability.gap.total_seconds())
    left = _after(_ceil(ask.now + _notice(ask, person)), left)
    yield "notice", left
    last = floor_epoch(ask.now + availability.horizon)
    left = intersect(left, [(0, last + 1)]) if left and left[-1][1] > last + 1 else left
    yield "horizon", left
    if left:
        offered = open_between(availability, person.zone, left[0][0], left[-1][1] + length)
        left = intersect(left, [(start, end - length + 1) for start, end in offered if end - start >= length])
    yield "hours", left
    left = _clear_of(left, person.busy, length + gap - 1, gap)
    if ask.target is not None and ask.target.held is not None and person is ask.mentee:
        left = _clear_of(left, [ask.target.held.span], length + gap - 1, gap)
    yield "busy", left
    own = [claim for claim in person.own if claim.meeting_id != ask.moving]
    if own:
        left = subtract(left, merge((claim.start - gap - length + 1, claim.guarded_until) for claim in own))
    yield "held", left
    if left and any(cap is not None for cap in availability.caps):
        full = full_periods(own, person.zone, _caps(ask, person), left[0][0], left[-1][1])
        left = subtract(left, full)
    yield "cap", left


def _clear_of(left: list[Span], holes: Spans, before: int, after: int) -> list[Span]:
    """`left` without the holes, each widened by seconds on both sides. Looks only at holes near what is left."""
    if not holes:
        return left
    clear: list[Span] = []
    count = len(holes)
    for start, end in left:
        at = bisect_left(holes, (start - after,))
        if at:
            at -= 1  # only the one before can still reach in: holes are disjoint
        cursor, until = start, end + before
        while at < count:
            hole_start, hole_end = holes[at]
            if hole_start >= until:
                break
            if hole_start - before > cursor:
                clear.append((cursor, hole_start - before))
            cursor = max(cursor, hole_end + after)
            at += 1
        if cursor < end:
            clear.append((cursor, end))
    return clear


def _after(earliest: int, left: list[Span]) -> list[Span]:
    if not left or left[0][0] >= earliest:
        return left
    return [(max(start, earliest), end) for start, end in left if end > earliest]


def _notice(ask: Ask, person: PersonTimes) -> timedelta:
    notice, pledge = person.availability.notice, person.availability.pledge
    return min(notice, pledge.notice) if pledge and ask.pledged and person is ask.mentor else notice


def _caps(ask: Ask, person: PersonTimes) -> tuple[int | None, int | None, int | None]:
    day, week, month = person.availability.caps
    pledge = person.availability.pledge
    if month is not None and pledge and ask.pledged and person is ask.mentor:
        month += pledge.per_month
    return day, week, month


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


def _order(ask: Ask, reader: Reader | None) -> tuple[PersonTimes, PersonTimes]:
    """The reader's own reasons come first: these can be told in full."""
    return (ask.mentor, ask.mentee) if reader == "mentor" else (ask.mentee, ask.mentor)


def _window(ask: Ask) -> Span:
    return _ceil(ask.window.start), _ceil(ask.window.end)


def _ceil(moment: datetime) -> int:
    return math.ceil(moment.timestamp())


def _on_grid(epoch: int) -> int:
    return -(-epoch // GRID) * GRID
