"""Microsoft's whole days and zone names: whose day it is, wherever its owner lives."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from service.domain.interval import Interval
from tests.integrations.busy_contract import MORNING, REQUEST, WINDOW, busy_of
from tests.integrations.microsoft_fake import microsoft
from tests.integrations.microsoft_world import World


@pytest.fixture
def world(tmp_path):
    with microsoft(tmp_path) as fake:
        yield World(fake)


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


def whole_day(world, year, month, day, days=1, **about):
    """As Graph keeps it: midnights, of which it does not say where."""
    start = utc(year, month, day)
    world.put(Interval.lasting(start, timedelta(days=days)), f"day-{start}", all_day=True, **about)


@pytest.mark.parametrize(
    ("zone", "start"),
    [
        ("Pacific/Auckland", utc(2027, 2, 9, 11)),
        ("Pacific/Honolulu", utc(2027, 2, 10, 10)),
        ("Europe/Berlin", utc(2027, 2, 9, 23)),
    ],
)
def test_an_all_day_event_in_another_zone_is_its_owners_day(world, zone, start):
    world.mailbox.zone = ZoneInfo(zone)
    whole_day(world, 2027, 2, 10)
    reading = world.read(request=replace(REQUEST, zone=ZoneInfo(zone)))
    assert busy_of(reading) == [Interval.lasting(start, timedelta(days=1))]


@pytest.mark.parametrize(
    ("zone", "day", "wanted"),
    [
        # Auckland's 10 April begins at noon of the 9th, and the window ends before that of UTC
        ("Pacific/Auckland", (2027, 4, 10), (utc(2027, 4, 9, 12), WINDOW.end)),
        ("Pacific/Honolulu", (2027, 1, 31), (WINDOW.start, utc(2027, 2, 1, 10))),
        # clocks go back on 4 April: that day has 25 hours
        ("Pacific/Auckland", (2027, 4, 4), (utc(2027, 4, 3, 11), utc(2027, 4, 4, 12))),
    ],
)
def test_a_whole_day_at_the_windows_edge_is_found_wherever_its_owner_is(world, zone, day, wanted):
    """Whether Graph looks for it by its own midnights or by UTC's."""
    for kept_in in (zone, "UTC"):
        world.calendar.events.clear()
        world.mailbox.zone = ZoneInfo(kept_in)
        whole_day(world, *day)
        assert busy_of(world.read(request=replace(REQUEST, zone=ZoneInfo(zone)))) == [Interval(*wanted)]


def test_whole_days_together_are_one_span(world):
    whole_day(world, 2027, 2, 10, days=3)
    assert busy_of(world.read()) == [Interval(utc(2027, 2, 9, 23), utc(2027, 2, 12, 23))]


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("Pacific Standard Time", "America/Los_Angeles"),
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("Asia/Kolkata", "Asia/Kolkata"),
        ("tzone://Microsoft/Utc", "UTC"),
    ],
)
def test_windows_zone_names_are_read_where_utc_was_asked_for_in_vain(world, name, zone):
    world.put(MORNING, shown_in=(name, ZoneInfo(zone)))
    assert busy_of(world.read()) == [MORNING]


def test_a_whole_day_in_a_zone_that_is_named_is_that_zones(world):
    whole_day(world, 2027, 2, 10, shown_in=("New Zealand Standard Time", ZoneInfo("Pacific/Auckland")))
    assert busy_of(world.read()) == [Interval(utc(2027, 2, 9, 11), utc(2027, 2, 10, 11))]
