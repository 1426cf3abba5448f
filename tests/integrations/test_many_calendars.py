"""Fifty calendars of one person that count, read while somebody waits for their booking."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta

import pytest

from service.domain.errors import AdapterError
from service.ports import CalendarRef
from tests.fakes import SetClock
from tests.integrations import servers
from tests.integrations.busy_contract import LATER, MORNING, REQUEST, busy_of
from tests.integrations.google_fake import google
from tests.integrations.google_world import BEN, World
from tests.integrations.microsoft_fake import microsoft
from tests.integrations.microsoft_world import World as MicrosoftWorld

LIVE = timedelta(seconds=4)
MANY = 50


def ref(key):
    return CalendarRef(key, "", True)


@pytest.fixture
def world():
    clock = SetClock()
    with google(clock) as fake:
        made = World(fake, clock)
        for number in range(MANY + 1):
            fake.calendar(BEN, f"team{number}@group.calendar.google.com")
        for calendar in fake.calendars.calendars:
            calendar.put(MORNING.start, MORNING.end, "one")
        yield made


@pytest.fixture
def mailbox(tmp_path):
    with microsoft(tmp_path) as fake:
        made = MicrosoftWorld(fake)
        for number in range(MANY - 1):
            made.mailbox.add(f"Team {number}")
        for calendar in made.mailbox.calendars:
            calendar.put(MORNING.start, MORNING.end)
        yield made


def test_s09_fifty_google_calendars_are_read_live(world):
    world.fake.delay = 0.05
    keys = [each.id for each in world.fake.calendars.calendars[:MANY]]
    began = time.monotonic()
    readings = world.adapter().fetch_all([(ref(key), None) for key in keys], REQUEST, LIVE)
    assert time.monotonic() - began < LIVE.total_seconds()
    assert [busy_of(each) for each in readings] == [[MORNING]] * MANY
    assert len(world.fake.calls("freebusy.query")) == 2, "all of them in each part of the window"
    world.fake.calendars.calendars[7].put(LATER.start, LATER.end, "two")
    known = [(ref(key), each.mark) for key, each in zip(keys, readings, strict=True)]
    again = world.adapter().fetch_all(known, REQUEST, LIVE)
    assert [each is None for each in again] == [number != 7 for number in range(MANY)]
    assert busy_of(again[7]) == [MORNING, LATER]
    assert [call.body["items"] for call in world.fake.calls("freebusy.query")[2:]] == [[{"id": keys[7]}]] * 2


def test_s09_a_google_that_takes_two_seconds_is_read_live_in_little_more(world):
    """Listings and both parts of the window at once. A change beside them is found by the next reading: no mark of
    this one says that it was seen."""
    keys = [each.id for each in world.fake.calendars.calendars[:3]]
    known = [
        (ref(keys[0]), world.adapter().fetch(ref(keys[0]), REQUEST, None, LIVE).mark),
        *((ref(key), None) for key in keys[1:]),
    ]
    world.fake.delay = 2
    began = time.monotonic()
    readings = world.adapter().fetch_all(known, replace(REQUEST, live=True), LIVE)
    assert time.monotonic() - began < 2.5
    assert [busy_of(each) for each in readings] == [[MORNING]] * 3
    assert [each.mark.sync_token is None for each in readings] == [False, True, True]
    assert readings[0].mark == known[0][1]


def test_what_is_wrong_with_one_google_calendar_is_its_own(world):
    calendars = world.fake.calendars.calendars
    calendars[3].broken, calendars[5].deleted = True, True
    found = world.adapter().fetch_all([(ref(each.id), None) for each in calendars], REQUEST, LIVE)
    assert len(found) == MANY + 2, "more than one question may name"
    faults = {number: each.code for number, each in enumerate(found) if isinstance(each, AdapterError)}
    assert faults == {3: "server_error", 5: "not_found"}
    assert busy_of(found[MANY + 1]) == [MORNING]


def test_who_asks_for_a_pause_is_not_asked_for_the_rest(world):
    world.fake.answer = servers.body(b"{}", 429, Retry_After="7")
    found = world.adapter().fetch_all([(ref(str(number)), None) for number in range(MANY)], REQUEST, LIVE)
    assert {each.retry_after for each in found} == {timedelta(seconds=7)}
    assert len(world.fake.journal) < MANY / 2


def test_s09_fifty_microsoft_calendars_are_read_live_four_at_a_time(mailbox):
    mailbox.fake.seconds = 0.05
    wanted = [(ref(each.id), None) for each in mailbox.mailbox.calendars]
    readings = mailbox.adapter().fetch_all(wanted, REQUEST, LIVE)
    assert [busy_of(each) for each in readings] == [[MORNING]] * MANY
    assert mailbox.mailbox.most_at_once == 4
