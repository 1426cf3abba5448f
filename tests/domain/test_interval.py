"""Spans against sets of seconds, and the form in which they are stored."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.interval import Interval, Span, instant, intersect, merge, pack, subtract, unpack

spans = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=8)


def seconds(of: list[Span]) -> set[int]:
    return {second for start, end in of for second in range(start, end)}


def is_merged(of: list[Span]) -> bool:
    return all(start < end for start, end in of) and all(one[1] < other[0] for one, other in itertools.pairwise(of))


@given(spans)
def test_merge_is_the_sorted_union(some: list[Span]) -> None:
    merged = merge(some)
    assert seconds(merged) == seconds(some)
    assert is_merged(merged)
    assert merge(reversed(some)) == merged


@given(spans, spans)
def test_subtract_and_intersect(some: list[Span], others: list[Span]) -> None:
    one, other = merge(some), merge(others)
    assert seconds(subtract(one, other)) == seconds(one) - seconds(other)
    assert seconds(intersect(one, other)) == seconds(one) & seconds(other)
    assert is_merged(subtract(one, other))
    assert is_merged(intersect(one, other))


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)), max_size=8))
def test_packed_spans_come_back(some: list[Span]) -> None:
    found = unpack(pack(some))
    assert list(found) == some
    assert len(found) == len(some)
    assert found[1:3] == some[1:3]
    assert [found[place] for place in range(len(some))] == some


def test_packed_spans_have_the_same_octets_on_every_machine() -> None:
    assert pack([(1, 258)]) == b"\x01\0\0\0\x02\x01\0\0"


def test_an_interval_is_aware_in_utc_and_not_empty() -> None:
    noon = datetime(2027, 3, 4, 12, tzinfo=UTC)
    kolkata = noon.astimezone(timezone(timedelta(hours=5, minutes=30)))
    interval = Interval.lasting(kolkata, timedelta(minutes=30))
    assert interval.start == noon
    assert interval.start.tzinfo is UTC
    assert interval.duration == timedelta(minutes=30)
    assert Interval.of(interval.span) == interval
    for start, end in ((noon, noon), (noon, noon - timedelta(1)), (noon.replace(tzinfo=None), noon)):
        with pytest.raises(ValueError, match="interval"):
            Interval(start, end)


def test_a_busy_second_is_never_lost_in_rounding() -> None:
    noon = instant(1_800_000_000)
    assert Interval(noon + timedelta(milliseconds=999), noon + timedelta(milliseconds=1001)).span == (
        1_800_000_000,
        1_800_000_002,
    )


def test_neighbours_do_not_overlap() -> None:
    noon = instant(1_800_000_000)
    one, other = (
        Interval.lasting(noon, timedelta(minutes=30)),
        Interval.lasting(noon + timedelta(minutes=30), timedelta(1)),
    )
    assert not one.overlaps(other)
    assert one.overlaps(Interval(noon + timedelta(minutes=29), other.end))
