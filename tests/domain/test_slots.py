"""The slot rule against an oracle that looks at every minute; offering, checking and explaining are one."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings

from bench.slots import AUTUMN, SPRING, ask_for, measure, raw_busy
from service.domain import slots
from service.domain.availability import Availability, open_spans
from service.domain.interval import Interval, floor_epoch, instant, merge
from service.domain.slots import GRID
from tests.domain.oracle import bookable
from tests.domain.worlds import ZONES, ask, asks, changes, person

pytestmark = pytest.mark.time


def grid_of(asked: slots.Ask) -> list[int]:
    first = -(-floor_epoch(asked.window.start) // GRID) * GRID
    return [
        epoch
        for epoch in range(first, floor_epoch(asked.window.end) + GRID, GRID)
        if asked.window.start <= instant(epoch) < asked.window.end
    ]


@settings(max_examples=300, deadline=None)
@given(asks())
def test_offers_equal_the_oracle(asked: slots.Ask) -> None:
    assert slots.starts(asked) == bookable(asked)


@pytest.mark.soak
@settings(max_examples=6000, deadline=None)
@given(asks())
def test_offers_equal_the_oracle_at_length(asked: slots.Ask) -> None:
    assert slots.starts(asked) == bookable(asked)


@pytest.mark.parametrize("first", [SPRING, AUTUMN])
@pytest.mark.parametrize("count", [50, 500, 5000])
def test_sixty_days_of_busy_times_equal_the_oracle(count: int, first: datetime) -> None:
    raw = raw_busy(count, first, seed=count)
    asked = ask_for((merge(raw[0]), merge(raw[1])), first)
    found = slots.starts(asked)
    assert found == bookable(asked)
    assert count == 5000 or len(found) > 100


@settings(max_examples=150, deadline=None)
@given(asks())
def test_s04_list_and_check_are_one_rule(asked: slots.Ask) -> None:
    """What is listed is bookable, what is not listed has a reason, and the ranges say the same of every quarter."""
    listed = {slot.start for slot in slots.propose(asked).slots}
    for reader in ("mentee", "mentor", None):
        told = {}
        for refused in slots.refusals(asked, reader):
            assert refused.start < refused.end
            for epoch in range(floor_epoch(refused.start), floor_epoch(refused.end), GRID):
                assert epoch not in told
                told[epoch] = slots.Refusal(refused.code, refused.person_id)
        for epoch in grid_of(asked):
            verdict = slots.refusal(asked, instant(epoch), reader=reader)
            assert (verdict is None) == (instant(epoch) in listed)
            assert told.get(epoch) == verdict


@settings(max_examples=150, deadline=None)
@given(asks())
def test_proposals_are_every_start_once_best_first(asked: slots.Ask) -> None:
    proposals = slots.propose(asked)
    assert sorted(floor_epoch(slot.start) for slot in proposals.slots) == slots.starts(asked)
    assert [(-slot.score, slot.start) for slot in proposals.slots] == sorted(
        (-slot.score, slot.start) for slot in proposals.slots
    )
    assert all(0 <= slot.score <= 100 and slot.reasons for slot in proposals.slots)
    assert all(slot.end - slot.start == asked.duration for slot in proposals.slots)
    assert bool(proposals.why_none) == (not proposals.slots and bool(grid_of(asked)))


def test_the_made_up_worlds_have_times_in_them() -> None:
    """Else the properties above would hold for want of anything to be wrong about."""
    shares = []

    @settings(max_examples=100, deadline=None, database=None, derandomize=True)
    @given(asks())
    def look(asked: slots.Ask) -> None:
        shares.append(len(slots.starts(asked)) / len(grid_of(asked)))

    look()
    assert (
        sum(0 < share < 1 for share in shares) > 12
    )  # of a hundred; which ones, other constants of the code decide (hypothesis takes them from there)


def test_s05_new_york_on_the_day_the_clocks_go_forward() -> None:
    """calcom/cal.diy#30021: with plain offsets taken at the window's start the closing hour is wrong on that day."""
    afternoons = Availability(weekly=dict.fromkeys(range(7), ((13 * 60, 18 * 60),)))
    zone = ZoneInfo("America/New_York")
    window = Interval(datetime(2026, 3, 7, tzinfo=zone), datetime(2026, 3, 10, tzinfo=zone))
    assert [Interval.of(span) for span in open_spans(afternoons, zone, window)] == [
        Interval(datetime(2026, 3, 7, 18, tzinfo=UTC), datetime(2026, 3, 7, 23, tzinfo=UTC)),
        Interval(datetime(2026, 3, 8, 17, tzinfo=UTC), datetime(2026, 3, 8, 22, tzinfo=UTC)),
        Interval(datetime(2026, 3, 9, 17, tzinfo=UTC), datetime(2026, 3, 9, 22, tzinfo=UTC)),
    ]


@pytest.mark.parametrize(
    ("zone", "day", "wanted"),
    [
        ("America/New_York", date(2027, 3, 14), 4 * 5 - 1),
        ("America/New_York", date(2027, 11, 7), 4 * 7 - 1),
        ("Australia/Lord_Howe", date(2027, 10, 3), 4 * 5 + 1),
        ("Europe/Lisbon", date(2027, 4, 1), 4 * 6 - 1),
    ],
)
def test_s05_hours_across_a_clock_change(zone: str, day: date, wanted: int) -> None:
    """00:00-06:00 lasts five hours in spring, seven in autumn, and five and a half on Lord Howe."""
    nights = Availability(weekly=dict.fromkeys(range(7), ((0, 360),)), notice=timedelta(0))
    start = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
    asked = ask(
        Interval(start, start + timedelta(hours=12)),
        start - timedelta(days=1),
        person(1, zone, nights),
        mentor=person(2, zone, nights),
    )
    found = slots.starts(asked)
    assert len(found) == len(set(found)) == wanted
    assert found == bookable(asked)


def test_s05_every_zone_and_hour() -> None:
    """All of tzdata that changes its clocks in the next two years, hours of five hours from each hour of the day."""
    checked = set()
    for name in sorted(available_timezones()):
        zone = ZoneInfo(name)
        moments = changes(name, 2027, 2029)
        for moment in moments:
            offsets = (datetime.fromtimestamp(at, zone).utcoffset() for at in (moment - 1, moment))
            case = (moment, *offsets)
            if case in checked:  # an alias, or a zone with the same rule
                continue
            checked.add(case)
            _check_every_hour(zone, moment)
    assert len(checked) > 60


def _check_every_hour(zone: ZoneInfo, moment: int) -> None:
    first, last = (moment // GRID - 4 * 30) * GRID, (moment // GRID + 4 * 30) * GRID
    minutes = [_minute_of_day(epoch, zone) for epoch in range(first, last, GRID)]
    window = Interval(instant(first), instant(last))
    for hour in range(24):
        opens, closes = hour * 60, min(hour + 5, 24) * 60
        hours = Availability(weekly=dict.fromkeys(range(7), ((opens, closes),)))
        found = {epoch for start, end in open_spans(hours, zone, window) for epoch in range(start, end, GRID)}
        wanted = {first + GRID * at for at, minute in enumerate(minutes) if opens <= minute < closes}
        assert found == wanted, (zone.key, instant(moment), hour)


def _minute_of_day(epoch: int, zone: ZoneInfo) -> int:
    local = datetime.fromtimestamp(epoch, zone)
    return local.hour * 60 + local.minute


def test_a_quarter_hour_is_one_on_every_wall() -> None:
    """Slots start on quarter hours of UTC: right as long as every zone is off by whole quarters."""
    for name in sorted(available_timezones()):
        zone = ZoneInfo(name)
        for year in range(2026, 2038):
            for month in range(1, 13):
                offset = datetime(year, month, 1, tzinfo=zone).utcoffset()
                assert offset is not None
                assert offset % timedelta(seconds=GRID) == timedelta(0), name


def test_a_repeated_hour_is_offered_once_per_instant() -> None:
    zone = ZoneInfo("America/New_York")
    nights = Availability(weekly={6: ((60, 120),)}, notice=timedelta(0))
    window = Interval(datetime(2027, 11, 7, tzinfo=zone), datetime(2027, 11, 8, tzinfo=zone))
    asked = ask(
        window,
        window.start - timedelta(days=1),
        person(1, zone.key, nights),
        mentor=person(2, zone.key, nights),
    )
    walls = [instant(epoch).astimezone(zone).strftime("%H:%M%z") for epoch in slots.starts(asked)]
    assert walls == [
        *("01:00-0400", "01:15-0400", "01:30-0400", "01:45-0400"),
        *("01:00-0500", "01:15-0500", "01:30-0500"),
    ]


def test_s06_display_zone_changes_labels_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's zone and the zone of whoever looks change nothing about which instants there are."""
    window = Interval(datetime(2027, 3, 10, tzinfo=UTC), datetime(2027, 3, 31, tzinfo=UTC))
    asked = ask(
        window,
        window.start,
        person(1, "Asia/Singapore", Availability(notice=timedelta(0))),
        mentor=person(2, "Pacific/Auckland", Availability(notice=timedelta(0))),
    )
    try:
        answers = []
        for machine in ("UTC", "Pacific/Auckland", "America/St_Johns"):
            monkeypatch.setenv("TZ", machine)
            time.tzset()
            answers.append(slots.propose(asked))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert answers[0] == answers[1] == answers[2]
    instants = {slot.start for slot in answers[0].slots}
    for name in ZONES:
        best = slots.three_best(answers[0].slots, ZoneInfo(name))
        assert len(best) == 3
        assert {slot.start for slot in best} <= instants
    assert {slot.start for slot in slots.propose(asked, "mentor").slots} == instants
    for slot in answers[0].slots:
        for zone in (ZoneInfo("Asia/Singapore"), ZoneInfo("Pacific/Auckland")):
            assert slot.start.astimezone(zone).weekday() < 5
            assert 9 <= slot.start.astimezone(zone).hour < 17


def test_the_bench_measures_what_it_says() -> None:
    figures = measure(rounds=3)
    assert figures["slots"] > 100
    assert all(figures[name] > 0 for name in ("stored", "raw", "scored", "scored_date"))
