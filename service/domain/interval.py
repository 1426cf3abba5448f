"""Half-open time: one Interval for people, and sorted spans of epoch seconds for arithmetic on many."""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import overload

# A span is (start, end) in epoch seconds, half-open. A `Spans` value is sorted, disjoint and not touching.
Span = tuple[int, int]
Spans = Sequence[Span]


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """[start, end) between two aware instants, kept in UTC. Raises ValueError when naive or not after its start."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("an interval needs aware datetimes")
        object.__setattr__(self, "start", self.start.astimezone(UTC))
        object.__setattr__(self, "end", self.end.astimezone(UTC))
        if self.end <= self.start:
            raise ValueError("an interval ends after it starts")

    @property
    def duration(self) -> timedelta:
        return self.end - self.start

    @property
    def span(self) -> Span:
        """Whole epoch seconds, rounded outward: a busy second is never lost."""
        return floor_epoch(self.start), math.ceil(self.end.timestamp())

    def overlaps(self, other: Interval) -> bool:
        return self.start < other.end and other.start < self.end

    @classmethod
    def of(cls, span: Span) -> Interval:
        return cls(instant(span[0]), instant(span[1]))

    @classmethod
    def lasting(cls, start: datetime, duration: timedelta) -> Interval:
        return cls(start, start + duration)


def instant(epoch: int) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)


def floor_epoch(moment: datetime) -> int:
    return int(moment.timestamp() // 1)


_start = itemgetter(0)  # ints sort in half the time of pairs, and the order of equal starts does not matter


def merge(spans: Iterable[Span]) -> list[Span]:
    """Sorted union; touching spans become one. Empty and reversed ones are dropped."""
    merged: list[Span] = []
    ordered = sorted(spans, key=_start)
    since, until = ordered[0] if ordered else (0, 0)
    for start, end in ordered:
        if start > until:
            if until > since:
                merged.append((since, until))
            since, until = start, end
        elif end > until:
            until = end
    if until > since:
        merged.append((since, until))
    return merged


def subtract(spans: Spans, holes: Spans) -> list[Span]:
    """What of `spans` no hole covers. Both must be merged."""
    left: list[Span] = []
    index, count = 0, len(holes)
    for start, end in spans:
        while index < count and holes[index][1] <= start:
            index += 1
        at, cursor = index, start
        while at < count and holes[at][0] < end:
            if holes[at][0] > cursor:
                left.append((cursor, holes[at][0]))
            cursor = max(cursor, holes[at][1])
            at += 1
        if cursor < end:
            left.append((cursor, end))
    return left


def intersect(one: Spans, other: Spans) -> list[Span]:
    """What both cover. Both must be merged."""
    common: list[Span] = []
    left = right = 0
    while left < len(one) and right < len(other):
        (one_start, one_end), (other_start, other_end) = one[left], other[right]
        start = one_start if one_start > other_start else other_start
        if one_end <= other_end:
            end = one_end
            left += 1
        else:
            end = other_end
            right += 1
        if start < end:
            common.append((start, end))
    return common


def pack(spans: Spans) -> bytes:
    """Spans as little-endian uint32 pairs, the form in which a calendar's busy times are stored."""
    flat = array("I", [edge for span in spans for edge in span])
    if sys.byteorder == "big":
        flat.byteswap()
    return flat.tobytes()


class Record(Sequence[Span]):
    """Spans as they are stored: two arrays, and a span is made only where somebody looks. Thousands of them are found
    their way through as fast as hundreds."""

    __slots__ = ("ends", "starts")

    def __init__(self, flat: array[int]) -> None:
        self.starts, self.ends = flat[0::2], flat[1::2]

    def __len__(self) -> int:
        return len(self.starts)

    @overload
    def __getitem__(self, at: int) -> Span: ...
    @overload
    def __getitem__(self, at: slice) -> list[Span]: ...
    def __getitem__(self, at: int | slice) -> Span | list[Span]:
        if isinstance(at, slice):
            return list(zip(self.starts[at], self.ends[at], strict=True))
        return self.starts[at], self.ends[at]

    def __iter__(self) -> Iterator[Span]:
        return zip(self.starts, self.ends, strict=True)


def unpack(blob: bytes) -> Record:
    flat = array("I")
    flat.frombytes(blob)
    if sys.byteorder == "big":
        flat.byteswap()
    return Record(flat)


def edges(spans: Spans) -> tuple[Sequence[int], Sequence[int]]:
    """Their starts and their ends; `spans` must not be empty."""
    if isinstance(spans, Record):
        return spans.starts, spans.ends
    starts, ends = zip(*spans, strict=True)
    return starts, ends
