"""Hours as people write them, and as instants."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.availability import (
    DEFAULT,
    Availability,
    Pledge,
    cap_of,
    format_hours,
    format_length,
    format_pledge,
    from_json,
    open_spans,
    overrides_of,
    parse_hours,
    parse_length,
    parse_off,
    parse_pledge,
    to_json,
)
from service.domain.errors import InvalidInput
from service.domain.interval import Interval
from service.domain.wall import day_number, day_of, local_day, midnight, offset_at, segments
from tests.domain.oracle import Minutes
from tests.domain.worlds import ZONES, availabilities, changes, person

pytestmark = pytest.mark.time

NINE_TO_FIVE = ((540, 1020),)


def faults(text: str) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInput) as wrong:
        parse_hours(text)
    return [(fault.code, str(fault.params.get("text", fault.params.get("day", "")))) for fault in wrong.value.faults]


@pytest.mark.parametrize(
    ("text", "weekly", "told"),
    [
        ("Mon-Fri 09:00-17:00", dict.fromkeys(range(5), NINE_TO_FIVE), None),
        (
            "Mon-Fri 09:00-12:00 13:00-17:00; Sat 10:00-12:00",
            {**dict.fromkeys(range(5), ((540, 720), (780, 1020))), 5: ((600, 720),)},
            None,
        ),
        ("mon,wed 9:00-17:00", {0: NINE_TO_FIVE, 2: NINE_TO_FIVE}, "Mon 09:00-17:00; Wed 09:00-17:00"),
        ("Sat-Mon 20:00-24:00", dict.fromkeys((0, 5, 6), ((1200, 1440),)), "Mon 20:00-24:00; Sat-Sun 20:00-24:00"),
        ("Tue 13:00-17:00 09:00-13:00", {1: NINE_TO_FIVE}, "Tue 09:00-17:00"),
        ("Tue 09:00-13:00;\nTue 13:00-17:00;", {1: NINE_TO_FIVE}, "Tue 09:00-17:00"),
        (" None ", {}, "none"),
    ],
)
def test_hours_are_read_and_written(
    text: str, weekly: dict[int, tuple[tuple[int, int], ...]], told: str | None
) -> None:
    assert parse_hours(text) == weekly
    assert format_hours(weekly) == (told or text)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", [("hours_empty", "")]),
        (" ; ", [("hours_empty", "")]),
        ("Mon", [("hours_without_times", "Mon")]),
        ("Mon-Foo 09:00-10:00", [("hours_unknown_day", "Mon-Foo")]),
        ("Mon 9-17", [("hours_bad_time", "9-17")]),
        ("Mon 09:00", [("hours_bad_time", "09:00")]),
        ("Mon 09:60-10:00", [("hours_bad_time", "09:60-10:00")]),
        ("Mon 09:00-24:01", [("hours_bad_time", "09:00-24:01")]),
        ("Mon 24:00-24:00", [("hours_bad_time", "24:00-24:00")]),
        ("Mon ٠٩:00-10:00", [("hours_bad_time", "٠٩:00-10:00")]),
        ("Mon 17:00-09:00", [("hours_end_before_start", "17:00-09:00")]),
        ("Mon 09:00-09:00", [("hours_end_before_start", "09:00-09:00")]),
        ("Mon 09:00-12:00 11:00-13:00", [("hours_overlap", "Mon 09:00-12:00 11:00-13:00")]),
        ("Mon-Tue 09:00-12:00; Tue 11:00-13:00", [("hours_overlap", "Tue 09:00-12:00 11:00-13:00")]),
        (
            "Foo 1-2; Mon 17:00-09:00",
            [("hours_unknown_day", "Foo"), ("hours_bad_time", "1-2"), ("hours_end_before_start", "17:00-09:00")],
        ),
    ],
)
def test_every_fault_in_hours_is_named(text: str, wanted: list[tuple[str, str]]) -> None:
    assert faults(text) == wanted


@given(availabilities(date(2027, 3, 28)))
def test_availability_comes_back_from_text_and_json(some: Availability) -> None:
    weekly = {day: ranges for day, ranges in some.weekly.items() if ranges}
    assert parse_hours(format_hours(some.weekly)) == weekly
    assert from_json(to_json(some)) == replace(some, weekly=weekly)


def test_json_is_in_the_words_of_the_command_line() -> None:
    assert to_json(DEFAULT) == {
        "hours": "Mon-Fri 09:00-17:00",
        "overrides": {},
        "off": [],
        "buffer_before": "0m",
        "buffer_after": "0m",
        "notice": "24h",
        "horizon": "60d",
        "cap_day": None,
        "cap_week": None,
        "cap_month": None,
        "pledge": None,
    }
    assert from_json({}) == DEFAULT
    changed = from_json({"overrides": {"2027-01-11": "none"}, "pledge": "2/month at 24h", "cap_week": 2})
    assert changed.overrides == {date(2027, 1, 11): ()}
    assert changed.pledge == Pledge(2, timedelta(hours=24))
    assert changed.weekly == DEFAULT.weekly
    assert from_json({"notice": "2h"}, changed) == replace(changed, notice=timedelta(hours=2))


def test_json_names_every_fault() -> None:
    with pytest.raises(InvalidInput) as wrong:
        from_json(
            {
                "hours": 9,
                "overrides": [],
                "off": ["2027-01-08..2027-01-04", 3],
                "notice": "soon",
                "buffer_before": "13h",
                "horizon": "0",
                "cap_day": -1,
                "cap_week": True,
                "pledge": "two",
                "colour": "red",
            }
        )
    assert [(fault.field, fault.code) for fault in wrong.value.faults] == [
        ("hours", "not_text"),
        ("overrides", "not_a_mapping"),
        ("off", "off_backwards"),
        ("notice", "bad_length"),
        ("buffer_before", "length_range"),
        ("horizon", "length_range"),
        ("cap_day", "bad_cap"),
        ("cap_week", "bad_cap"),
        ("pledge", "bad_pledge"),
        ("colour", "unknown_field"),
    ]


def read_override(text: str) -> object:
    return from_json({"overrides": overrides_of(text.splitlines())})


def test_lengths_days_and_pledges() -> None:
    for text in ("0m", "10m", "90m", "1h", "24h", "2d", "60d"):
        assert format_length(parse_length(text, "notice")) == text
    assert parse_length("1d", "notice") == parse_length("24h", "notice")
    assert parse_length("0", "notice") == timedelta(0)
    both = overrides_of(["2027-01-11 10:00-12:00", "2027-01-12 none", "20270111 13:00-14:00"])
    assert from_json({"overrides": both}).overrides == {
        date(2027, 1, 11): ((600, 720), (780, 840)),
        date(2027, 1, 12): (),
    }
    assert (cap_of("0"), cap_of(" None "), cap_of("-1")) == (0, None, "-1")
    assert parse_off("2027-01-04..2027-01-08") == (date(2027, 1, 4), date(2027, 1, 8))
    assert parse_off("2027-01-04") == (date(2027, 1, 4), date(2027, 1, 4))
    assert format_pledge(parse_pledge("2/month at 36h")) == "2/month at 36h"
    assert parse_pledge("none") is None
    for parse, text in (
        (read_override, "2027-01-11"),
        (read_override, "11 January 10:00-12:00"),
        (read_override, "2027-01-11 10:00-12:00\n2027-01-11 none"),
        (read_override, "2027-01-11 10:00-12:00\n2027-01-11 11:00-13:00"),
        (parse_off, "2027-02-30"),
        (parse_off, "2027-01-08..2027-01-04"),
        (parse_pledge, "0/month at 24h"),
        (parse_pledge, "2/week at 24h"),
        (parse_pledge, "2/month at soon"),
    ):
        with pytest.raises(InvalidInput):
            parse(text)


def test_the_gap_is_the_larger_buffer() -> None:
    assert replace(DEFAULT, buffer_before=timedelta(minutes=5), buffer_after=timedelta(minutes=15)).gap == timedelta(
        minutes=15
    )


def test_off_days_go_before_days_that_differ_and_these_before_the_week() -> None:
    zone = ZoneInfo("Europe/Lisbon")
    some = replace(
        DEFAULT,
        overrides={date(2027, 2, 3): ((600, 660),), date(2027, 2, 4): ((600, 660),)},
        off=((date(2027, 2, 4), date(2027, 2, 5)),),
    )
    window = Interval(datetime(2027, 2, 2, tzinfo=zone), datetime(2027, 2, 9, tzinfo=zone))
    assert [(Interval.of(span).start.isoformat(), span[1] - span[0]) for span in open_spans(some, zone, window)] == [
        ("2027-02-02T09:00:00+00:00", 8 * 3600),
        ("2027-02-03T10:00:00+00:00", 3600),
        ("2027-02-08T09:00:00+00:00", 8 * 3600),
    ]


@given(st.data())
def test_open_spans_cover_the_minutes_that_the_wall_shows(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(ZONES))
    zone = ZoneInfo(name)
    middle = data.draw(st.sampled_from(changes(name) or (1_806_000_000,)))
    some = data.draw(availabilities(datetime.fromtimestamp(middle, zone).date()))
    start = middle - data.draw(st.integers(0, 2000)) * 60
    end = start + data.draw(st.integers(1, 3000)) * 60
    spans = open_spans(some, zone, Interval.of((start, end)))
    minutes = Minutes(person(1, name, some))
    assert {at for since, until in spans for at in range(since, until, 60)} == {
        at for at in range(start, end, 60) if minutes.offers(at)
    }
    assert all(since < until for since, until in spans)
    assert all(one[1] < other[0] for one, other in itertools.pairwise(spans))


@pytest.mark.parametrize("name", ZONES)
def test_segments_have_the_offset_that_the_zone_has(name: str) -> None:
    zone = ZoneInfo(name)
    start, end = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (2026, 2029))
    laid = segments(zone, start, end)
    assert laid[0][0] <= start
    assert laid[-1][1] >= end
    assert all(one[1] == other[0] for one, other in itertools.pairwise(laid))
    for since, until, offset in laid:
        for epoch in (since, (since + until) // 2, until - 1):
            found = datetime.fromtimestamp(epoch, zone).utcoffset()
            assert found == timedelta(seconds=offset)
            assert offset_at(zone, epoch) == offset
    borders = {since for since, _, _ in laid}
    assert borders >= set(changes(name))


def test_a_local_day_begins_where_midnight_is_skipped() -> None:
    """Beirut's clocks go from 00:00 to 01:00; Nuuk's go back over midnight."""
    beirut = ZoneInfo("Asia/Beirut")
    first = midnight(date(2027, 3, 28), beirut)
    assert first.astimezone(UTC) == datetime(2027, 3, 27, 22, tzinfo=UTC)
    for name in ZONES:
        zone = ZoneInfo(name)
        for moment in changes(name):
            day = datetime.fromtimestamp(moment, zone).date()
            for number in range(day_number(day) - 1, day_number(day) + 3):
                begins = int(midnight(day_of(number), zone).timestamp())
                assert (local_day(zone, begins - 1), local_day(zone, begins)) == (number - 1, number)
