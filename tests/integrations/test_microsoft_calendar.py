"""Microsoft's calendars: what counts, what is ours, what is unknown and never free."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from integrations.microsoft_calendar import uid_of
from service.domain.errors import AdapterError
from service.domain.interval import Interval
from service.ports import CalendarRef
from tests.integrations import servers
from tests.integrations.busy_contract import LATER, MORNING, OURS, REQUEST, WAIT, WINDOW, busy_of
from tests.integrations.microsoft_fake import dropped, microsoft
from tests.integrations.microsoft_world import BEN, World

# What Exchange makes of the UID `ABC@example.org` ([MS-OXCICAL] 2.1.3.1.1.20.26).
FOREIGN = (
    "040000008200E00074C5B7101A82E008" + "00" * 20 + "1C000000" + b"vCal-Uid\x01\0\0\0ABC@example.org\0".hex().upper()
)
NATIVE = (
    "040000008200E00074C5B7101A82E008" + "00" * 4 + "C0FFEE" * 4 + "00" * 4 + "10000000" + "5EED" * 8
)  # its own kind


@pytest.fixture
def world(tmp_path):
    with microsoft(tmp_path) as fake:
        yield World(fake)


def test_of_fifty_calendars_those_count_that_are_somebodys_own(world):
    for number in range(50):
        world.mailbox.add(f"own-{number:02}")
    world.mailbox.add("Birthdays", can_edit=False)
    world.mailbox.add("Ana", owner="ana@example.org", can_edit=False)
    world.mailbox.add("Team", owner="team@example.org")
    found = world.adapter().discover(WAIT)
    assert len(world.fake.calls("calendars")) == 6  # by ten
    assert [ref.name for ref in found if not ref.counts] == ["Birthdays", "Ana", "Team"]
    assert [ref.name for ref in found if ref.counts] == ["Calendar", *(f"own-{number:02}" for number in range(50))]


def test_of_50_calendars_each_is_read_by_itself(world):
    for number in range(50):
        start = WINDOW.start + timedelta(days=number)
        world.mailbox.add(f"own-{number:02}").put(start, start + timedelta(hours=1))
    refs = world.adapter().discover(WAIT)[1:]
    starts = [busy_of(world.adapter().fetch(ref, REQUEST, None, WAIT))[0].start for ref in refs]
    assert starts == [WINDOW.start + timedelta(days=number) for number in range(50)]


@pytest.mark.parametrize("wrong", [b'{"value": []}', b'{"value": [{"name": "Calendar"}]}', b'{"value": ["x"]}', b"{}"])
def test_an_account_whose_calendars_make_no_sense_says_so(world, wrong):
    world.fake.faults["calendars"] = [servers.body(wrong)]
    with pytest.raises(AdapterError) as caught:
        world.adapter().discover(WAIT)
    wanted = "no_calendars" if wrong == b'{"value": []}' else "unexpected_answer"
    assert (caught.value.code, caught.value.permanent) == (wanted, True)


def test_only_what_is_needed_is_asked_for_and_never_the_series(world):
    world.put(MORNING, weeks=3)
    assert len(busy_of(world.read())) == 3
    [call] = world.fake.calls("calendarView")
    assert call.query["$select"] == "start,end,showAs,isCancelled,isAllDay,responseStatus,iCalUId,type,changeKey"
    assert "events" not in {call.name for call in world.fake.journal}


def test_what_does_not_count_for_its_owner_is_free(world):
    world.put(MORNING, "a", show_as="free")
    world.put(MORNING, "b", show_as="workingElsewhere")
    world.put(MORNING, "c", cancelled=True)
    world.put(MORNING, "d", response="declined")
    assert busy_of(world.read()) == []


@pytest.mark.parametrize("show_as", ["tentative", "busy", "oof", "unknown"])
def test_what_may_count_is_busy(world, show_as):
    world.put(LATER, show_as=show_as, response="notResponded")
    assert busy_of(world.read()) == [LATER]


def test_many_events_come_by_pages(world):
    world.fake.graph.page_most = 10
    for number in range(25):
        start = WINDOW.start + timedelta(days=number)
        world.put(Interval.lasting(start, timedelta(hours=1)), OURS if number == 24 else f"{number}")
    reading = world.read()
    assert len(world.fake.calls("calendarView")) == 3
    assert (len(reading.spans), len(reading.own)) == (24, 1)


def test_a_next_link_to_another_host_is_not_followed(world):
    """It would be given the token."""
    world.fake.graph.page_most, world.fake.graph.next_host = 1, "graph.example.net"
    for number in range(2):
        world.put(Interval.lasting(WINDOW.start, timedelta(hours=1)), f"{number}")
    fault = world.fault_of()
    assert (fault.code, fault.permanent, fault.params["other"]) == ("link_elsewhere", True, "graph.example.net")


@pytest.mark.parametrize("elsewhere", ["http://{host}", "https://127.0.0.1:1", "https://{host}@graph.example.net"])
def test_nor_one_to_another_port_or_without_tls(world, elsewhere):
    link = elsewhere.format(host=world.fake.host) + "/v1.0/me/calendars"
    world.fake.faults["calendarView"] = [servers.body(json.dumps({"value": [], "@odata.nextLink": link}).encode())]
    assert world.fault_of().code == "link_elsewhere"


def test_pages_that_go_in_a_circle_end(world):
    link = f"https://{world.fake.host}/v1.0/me/calendarView?$skip=1"
    page = servers.body(json.dumps({"value": [], "@odata.nextLink": link}).encode())
    world.fake.faults["calendarView"] = [page, page]
    assert world.fault_of().code == "unexpected_answer"
    assert len(world.fake.calls("calendarView")) == 2


def test_a_zone_that_nobody_knows_makes_the_calendar_unreadable_and_not_free(world):
    world.put(MORNING, shown_in=("Customized Time Zone", ZoneInfo("UTC")))
    fault = world.fault_of()
    assert (fault.code, fault.permanent) == ("unreadable_event", False)


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"start": {"dateTime": "SECRET-TITLE", "timeZone": "UTC"}},
        {"start": {"dateTime": "2027-02-10T09:00:00", "timeZone": "UTC"}, "end": {"dateTime": "2027-02-10T08:00:00Z"}},
        {"start": "2027-02-10", "end": "2027-02-11"},
        [],
    ],
)  # fmt: skip
def test_an_event_that_makes_no_sense_is_not_free(world, event):
    world.fake.faults["calendarView"] = [servers.body(json.dumps({"value": [event]}).encode())]
    fault = world.fault_of()
    assert fault.code == "unreadable_event"
    assert "SECRET" not in repr((fault, fault.params, fault.__cause__))


@pytest.mark.parametrize(
    "answer", [b"[]", b"null", b"\xff", b"{}", b'{"value": {}}', b'{"value": [], "@odata.nextLink": 7}']
)
def test_an_answer_that_makes_no_sense_is_not_free(world, answer):
    world.fake.faults["calendarView"] = [servers.body(answer)]
    fault = world.fault_of()
    assert (fault.code, fault.permanent) == ("unexpected_answer", True)


def test_an_event_of_no_length_blocks_nothing(world):
    world.calendar.put(MORNING.start, MORNING.start)
    assert busy_of(world.read()) == []


def test_a_calendar_removed_is_unreadable_and_not_free(world):
    mark = world.read().mark
    world.mailbox.calendars.clear()
    for known in (None, mark):
        fault = world.fault_of(calendar=world.calendar, mark=known)
        assert (fault.code, fault.permanent) == ("not_found", True)


def test_our_own_meetings_say_how_they_were_answered(world):
    world.put(MORNING, OURS, response="tentativelyAccepted")
    world.put(LATER, OURS, response="declined", cancelled=True)
    reading = world.read()
    assert busy_of(reading) == []
    assert [(each.interval, each.cancelled, each.partstat) for each in reading.own] == [
        (MORNING, False, "TENTATIVE"),
        (LATER, True, "DECLINED"),
    ]


def test_what_becomes_ours_after_it_was_read_counts_no_more(world):
    world.put(MORNING, NATIVE)
    first = world.read()
    again = world.read(mark=first.mark, request=replace(REQUEST, our_uids=REQUEST.our_uids | {NATIVE}))
    assert (busy_of(first), busy_of(again)) == ([MORNING], [])


@pytest.mark.parametrize(
    ("shown", "meant"),
    [
        (FOREIGN, "ABC@example.org"),
        (FOREIGN.lower(), "ABC@example.org"),
        (NATIVE, NATIVE),
        (OURS, OURS),
        ("040000008200E00074C5B7101A82E008zz", "040000008200E00074C5B7101A82E008zz"),
        ("", ""),
    ],
)
def test_the_uid_that_we_sent_is_found_in_the_id_that_exchange_made_of_it(shown, meant):
    assert uid_of(shown) == meant


@pytest.mark.parametrize(
    ("answer", "code", "permanent", "after"),
    [
        (servers.body(b"", 429, Retry_After="37"), "throttled", False, 37),
        (servers.body(b"", 503, Retry_After="5"), "server_error", False, 5),
        (servers.body(b'{"error": {"code": "ErrorAccessDenied"}}', 403), "forbidden", True, None),
        (servers.body(b'{"error": {"code": "MailboxNotEnabledForRESTAPI"}}', 404), "no_mailbox", True, None),
        (servers.body(b'{"error": "x"}', 404), "not_found", True, None),
        (dropped, "connect_failed", False, None),
    ],
)
def test_how_it_failed_is_told_exactly(world, answer, code, permanent, after):
    world.fake.faults["calendarView"] = [answer]
    fault = world.fault_of()
    wait = timedelta(seconds=after) if after is not None else None
    assert (fault.code, fault.permanent, fault.retry_after) == (code, permanent, wait)


def test_a_grant_without_calendars_is_refused(world):
    world.box.tokens = _only_who(world)
    assert world.fault_of().code == "forbidden"


def test_the_fifth_at_a_time_is_told_to_wait_by_graph_too(world):
    """Where another machine holds the other four."""
    world.mailbox.asking = 4
    fault = world.fault_of()
    assert (fault.code, fault.retry_after) == ("throttled", timedelta(seconds=3))


def test_a_slow_server_is_given_up_in_time(world):
    world.fake.seconds = 0.5
    with pytest.raises(AdapterError) as caught:
        world.adapter().fetch(CalendarRef(world.calendar.id, "", True), REQUEST, None, timedelta(seconds=0.2))
    assert (caught.value.code, caught.value.permanent) == ("timeout", False)


def _only_who(world):
    """Tokens that are good for nothing but to know whose they are."""
    world.grant.scopes -= {"Calendars.ReadBasic"}
    kept = json.loads(world.box.tokens)
    for kind in ("RefreshToken", "AccessToken"):
        for entry in kept[kind].values():
            entry["target"] = entry["target"].replace("Calendars.ReadBasic", "").strip()
            entry["expires_on"] = "0"
    return json.dumps(kept)


def test_whose_calendar_it_is_does_not_matter(world):
    """A mailbox sees its own only."""
    other = world.fake.graph.mailbox("ana@example.org").add("Calendar", default=True)
    assert world.fault_of(calendar=other).code == "not_found"
    assert world.mailbox.address == BEN
