"""Google's calendars: what counts, what is ours, what is unknown and never free."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from integrations.google_calendar import AT_ONCE
from service.domain.errors import AdapterError
from service.domain.interval import Interval
from service.ports import CalendarRef
from tests.fakes import SetClock
from tests.integrations import servers
from tests.integrations.busy_contract import LATER, MORNING, OURS, REQUEST, WAIT, WINDOW, busy_of
from tests.integrations.google_fake import dropped, google, refused
from tests.integrations.google_world import BEN, World


@pytest.fixture
def clock():
    return SetClock()


@pytest.fixture(params=["busy", "write"])
def world(request, clock):
    with google(clock) as fake:
        yield World(fake, clock, request.param)


@pytest.fixture
def busy_only(clock):
    with google(clock) as fake:
        yield World(fake, clock)


def put(world, interval, uid="one", **properties):
    return world.primary.put(interval.start, interval.end, uid, **properties)


def read(world, key=BEN, mark=None):
    return world.adapter().fetch(CalendarRef(key, "", True), REQUEST, mark, WAIT)


def fault_of(world, key=BEN, mark=None):
    with pytest.raises(AdapterError) as caught:
        read(world, key, mark)
    return caught.value


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


def test_of_many_calendars_those_count_that_are_somebodys_own_and_looked_at(busy_only):
    add = busy_only.fake.calendar
    for number in range(50):
        add(BEN, f"own-{number:02}")
    add(BEN, "unticked", selected=False)
    add(BEN, "team", access_role="writer")
    add(BEN, "holidays", access_role="reader")
    add(BEN, "colleague", access_role="freeBusyReader")
    add(BEN, "hidden", hidden=True)
    add(BEN, "deleted", deleted=True)
    add("ana@example.org", "ana's")
    found = busy_only.adapter().discover(WAIT)
    assert len(busy_only.fake.calls("calendarList.list")) == 6  # by ten
    assert [ref.key for ref in found if not ref.counts] == ["unticked", "holidays", "colleague"]
    assert {ref.key for ref in found if ref.counts} == {BEN, "team", *(f"own-{number:02}" for number in range(50))}


def test_the_primary_calendar_counts_though_it_is_unticked(busy_only):
    busy_only.primary.selected = False
    assert [ref.counts for ref in busy_only.adapter().discover(WAIT)] == [True]


def test_an_account_without_calendars_says_so(busy_only):
    busy_only.primary.deleted = True
    with pytest.raises(AdapterError) as caught:
        busy_only.adapter().discover(WAIT)
    assert (caught.value.code, caught.value.permanent) == ("no_calendars", True)


def test_of_50_calendars_each_is_read_by_itself(busy_only):
    for number in range(50):
        made = busy_only.fake.calendar(BEN, f"own-{number:02}")
        start = WINDOW.start + timedelta(days=number)
        made.put(start, start + timedelta(hours=1), "one")
    refs = busy_only.adapter().discover(WAIT)[1:]
    starts = [busy_of(busy_only.adapter().fetch(ref, REQUEST, None, WAIT))[0].start for ref in refs]
    assert starts == [WINDOW.start + timedelta(days=number) for number in range(50)]


def test_the_window_is_asked_for_in_parts_that_google_takes_and_what_lies_beyond_is_dropped(world):
    across = Interval(WINDOW.end - timedelta(hours=1), WINDOW.end + timedelta(hours=1))
    between = Interval.lasting(WINDOW.start + timedelta(days=50) - timedelta(hours=1), timedelta(hours=2))
    for each in (across, between, Interval.lasting(WINDOW.end, timedelta(hours=1))):
        put(world, each, str(each.start))
    assert busy_of(read(world)) == [between, Interval(across.start, WINDOW.end)]
    asked = [(call.body["timeMin"], call.body["timeMax"]) for call in world.fake.calls("freebusy.query")]
    edges = [tuple(map(datetime.fromisoformat, each)) for each in asked]
    assert [(edges[0][0], edges[-1][1]), edges[0][1]] == [(WINDOW.start, WINDOW.end), edges[1][0]]


def test_what_does_not_count_for_its_owner_is_free(world):
    guest = {"self": True, "email": BEN}
    put(world, MORNING, "a", transparency="transparent")
    put(world, MORNING, "b", attendees=[{**guest, "responseStatus": "declined"}])
    put(world, MORNING, "c", eventType="workingLocation")
    put(world, LATER, "d", attendees=[{**guest, "responseStatus": "tentative"}])
    assert busy_of(read(world)) == [LATER]


def test_an_all_day_event_in_another_zone_is_a_day_of_the_calendars_zone(world):
    """Auckland's 10 February 2027 begins on the 9th at 11:00 UTC, and its clocks go back on 4 April."""
    world.primary.zone = "Pacific/Auckland"
    put(world, MORNING, "one", start={"date": "2027-02-10"}, end={"date": "2027-02-11"})
    put(world, MORNING, "two", start={"date": "2027-04-04"}, end={"date": "2027-04-05"})
    assert busy_of(read(world)) == [
        Interval(utc(2027, 2, 9, 11), utc(2027, 2, 10, 11)),
        Interval(utc(2027, 4, 3, 11), utc(2027, 4, 4, 12)),
    ]


def test_what_else_is_at_the_time_of_our_meeting_still_counts(world):
    half = Interval.lasting(MORNING.start + timedelta(minutes=30), timedelta(hours=1))
    put(world, MORNING, OURS)
    put(world, half, "dentist")
    put(world, LATER, OURS + "-of-somebody-else")
    reading = read(world)
    assert busy_of(reading) == [half, LATER]
    assert [(event.uid, event.interval) for event in reading.own] == [(OURS, MORNING)]


def test_what_becomes_ours_after_it_was_read_counts_no_more(world):
    """Google gives an event that we write a UID of its own, which we learn from its answer."""
    put(world, MORNING, "given-by@google.com")
    first = read(world)
    request = replace(REQUEST, our_uids=REQUEST.our_uids | {"given-by@google.com"})
    again = world.adapter().fetch(CalendarRef(BEN, "", True), request, first.mark, WAIT)
    assert (busy_of(first), busy_of(again)) == ([MORNING], [])


def test_a_whole_day_at_the_time_of_our_meeting_still_counts(world):
    put(world, MORNING, OURS)
    put(world, MORNING, "trip", start={"date": "2027-02-10"}, end={"date": "2027-02-11"})
    assert busy_of(read(world)) == [Interval(utc(2027, 2, 9, 23), utc(2027, 2, 10, 23))]


def test_where_google_names_no_uids_nothing_is_taken_for_ours(busy_only):
    busy_only.fake.events.uids = False
    put(busy_only, MORNING, OURS)
    reading = read(busy_only)
    assert (busy_of(reading), reading.own) == ([MORNING], ())


def test_our_meetings_answer_is_seen_by_who_may_see_it(clock):
    for access, partstat in (("busy", None), ("write", "TENTATIVE")):
        with google(clock) as fake:
            world = World(fake, clock, access)
            put(world, MORNING, OURS, attendees=[{"self": True, "responseStatus": "tentative"}])
            assert [event.partstat for event in read(world).own] == [partstat]


def test_only_what_is_needed_is_asked_for(world):
    put(world, MORNING)
    read(world, mark=read(world).mark)
    for call in world.fake.calls("events.list"):
        assert not [word for word in ("summary", "description", "location", "email") if word in call.query["fields"]]


@pytest.mark.parametrize("answer", [None, refused(400, "invalid"), refused(410, "updatedMinTooLongAgo")])
def test_a_sync_token_expired_costs_a_whole_reading(world, answer):
    put(world, MORNING)
    mark = read(world).mark
    if answer is None:
        world.primary.expire_sync()
    else:
        world.fake.faults["events.list"] = [answer]
    again = read(world, mark=mark)
    assert busy_of(again) == [MORNING]
    assert read(world, mark=again.mark) is None


def test_many_events_come_by_pages(world):
    for number in range(25):
        start = WINDOW.start + timedelta(days=number)
        put(world, Interval.lasting(start, timedelta(hours=1)), OURS if number == 24 else f"{number}")
    reading = read(world)
    assert len(world.fake.calls("events.list")) == 3
    assert (len(reading.spans), len(reading.own)) == (24, 1)


def test_a_calendar_removed_is_unreadable_and_not_free(world):
    mark = read(world).mark
    world.primary.deleted = True
    for known in (None, mark):
        fault = fault_of(world, mark=known)
        assert (fault.code, fault.permanent) == ("not_found", True)


@pytest.mark.parametrize("known", [False, True])
def test_an_error_inside_a_success_is_not_free(world, known):
    """freeBusy answers 200 with `errors` and an empty list."""
    mark = read(world).mark if known else None
    put(world, MORNING)
    world.primary.broken = True
    fault = fault_of(world, mark=mark)
    assert (fault.code, fault.permanent) == ("server_error", False)


def test_a_calendar_taken_away_between_two_requests_is_not_free(world):
    empty = b'{"calendars": {"ben@example.org": {"errors": [{"reason": "notFound"}], "busy": []}}}'
    world.fake.faults["freebusy.query"] = [servers.body(empty)]
    assert (fault_of(world).code, fault_of(world, "elsewhere").permanent) == ("not_found", True)


def test_s09_a_google_that_takes_its_time_is_given_up_in_time_over_all_of_its_requests(world):
    """Three requests of 0.3 seconds each, and half a second for all."""
    put(world, MORNING)
    world.fake.delay = 0.3
    began = time.monotonic()
    with pytest.raises(AdapterError) as caught:
        world.adapter().fetch(CalendarRef(BEN, "", True), REQUEST, None, timedelta(seconds=0.5))
    assert (caught.value.code, caught.value.permanent) == ("timeout", False)
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "answer",
    [b"[]", b"null", b"\xff", b"{}", b'{"calendars": {}}', b'{"calendars": {"ben@example.org": {}}}',
     b'{"calendars": {"ben@example.org": {"busy": [{"start": "2027-02-10T09:00:00"}]}}}'],
)  # fmt: skip
def test_an_answer_that_makes_no_sense_is_not_free(world, answer):
    world.fake.faults["freebusy.query"] = [servers.body(answer)]
    fault = fault_of(world)
    assert (fault.code, fault.permanent) == ("unexpected_answer", True)


@pytest.mark.parametrize(
    ("answer", "code", "permanent", "after"),
    [
        (refused(403, "rateLimitExceeded", Retry_After="37"), "throttled", False, 37),
        (refused(403, "userRateLimitExceeded"), "throttled", False, None),
        (refused(429, "rateLimitExceeded", Retry_After="3"), "throttled", False, 3),
        (refused(503, "backendError", Retry_After="5"), "server_error", False, 5),
        (refused(403, "insufficientPermissions"), "consent_partial", True, None),
        (refused(403, "accessNotConfigured"), "client_refused", False, None),
        (refused(403, "forbidden"), "forbidden", True, None),
        (refused(404, "notFound"), "not_found", True, None),
        (dropped, "connect_failed", False, None),
    ],
)
def test_an_error_says_for_how_long_exactly_and_nothing_is_repeated(world, answer, code, permanent, after):
    world.fake.faults["freebusy.query"] = [answer]
    fault = fault_of(world)
    assert (fault.code, fault.permanent) == (code, permanent)
    assert fault.retry_after == (None if after is None else timedelta(seconds=after))
    assert len(world.fake.calls("freebusy.query")) == 1


def test_a_limit_that_google_names_without_a_wait_leaves_the_other_calendars_alone(busy_only):
    refs = [CalendarRef(busy_only.fake.calendar(BEN, f"own-{number:02}").id, "", counts=True) for number in range(49)]
    busy_only.fake.faults["events.list"] = [refused(403, "userRateLimitExceeded")] * len(refs)
    found = busy_only.adapter().fetch_all([(each, None) for each in refs], REQUEST, WAIT)
    assert {each.code for each in found if isinstance(each, AdapterError)} == {"throttled"}
    assert len(busy_only.fake.calls("events.list")) <= 2 * AT_ONCE, "those that were on their way"


def test_scopes_that_were_not_given_need_their_owner(busy_only):
    busy_only.grant.scopes = frozenset({"openid"})
    fault = fault_of(busy_only)
    assert (fault.code, fault.permanent) == ("consent_partial", True)


@pytest.mark.parametrize("reason", ["forbidden", "insufficientPermissions"])
def test_where_only_busy_times_may_be_read_they_are_each_time(world, reason):
    put(world, MORNING)
    mark = read(world).mark
    assert mark.sync_token, "until its owner shared less of it"
    for _ in range(3):
        world.fake.faults["events.list"] = [refused(403, reason)] * 2
        reading = read(world, mark=mark)
        assert (busy_of(reading), reading.mark.sync_token) == ([MORNING], None)
        mark = reading.mark


def test_no_title_comes_with_an_error(world, caplog):
    caplog.set_level("DEBUG")
    put(world, MORNING)
    for status in (200, 400, 500):
        world.fake.faults["events.list"] = [servers.body(b'{"items": [{"summary": "SECRET-TITLE"}]}', status)]
        fault = fault_of(world)
        told = f"{fault!r} {fault.params} {fault.__cause__!r}"
        assert "SECRET" not in told
    assert "SECRET" not in caplog.text
