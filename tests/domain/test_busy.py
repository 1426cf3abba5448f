"""Calendar files become busy spans: every case ever seen has a file, and its spans were worked out by hand."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from service.domain.busy import MOST_EVENTS, read_busy, read_busy_all
from service.domain.errors import AdapterError
from service.domain.interval import Interval, instant
from service.ports import ReadRequest

FILES = Path(__file__).parent.parent / "ics"
EXPECTED = tomllib.loads((FILES / "expected.toml").read_text(encoding="utf-8"))
WINDOW = Interval(datetime(2027, 2, 1, tzinfo=UTC), datetime(2027, 4, 10, tzinfo=UTC))
OURS = "0d9f4b0e-8c4e-4a35-9a51-3d7d8f0a6c11"
REQUEST = ReadRequest(WINDOW, ZoneInfo("Europe/Berlin"), frozenset({"ana@example.org"}), frozenset({OURS}))


ONCE = "DTSTART:20270210T090000Z\r\nDTEND:20270210T100000Z"
EVERY_SECOND = ";".join(f"{part}={','.join(map(str, range(most)))}" for part, most in
                        (("BYHOUR", 24), ("BYMINUTE", 60), ("BYSECOND", 60)))  # fmt: skip


def told(spans):
    return [f"{instant(start):%m-%dT%H:%M}/{instant(end):%m-%dT%H:%M}" for start, end in spans]


def event(lines, uid="e1"):
    return (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\n"
        f"UID:{uid}\r\nDTSTAMP:20270101T000000Z\r\n{lines}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    ).encode()


def test_every_file_has_its_spans_and_every_span_its_file():
    assert {path.stem for path in FILES.glob("*.ics")} == set(EXPECTED)
    assert len(EXPECTED) >= 40


@pytest.mark.time
@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_s10_golden_calendars(name):
    spans, own, partial = read_busy((FILES / f"{name}.ics").read_bytes(), REQUEST)
    assert told(spans) == EXPECTED[name]["busy"]
    assert partial is EXPECTED[name].get("partial", False)
    assert own == ()


def test_our_own_meetings_are_kept_apart_and_never_count():
    ics = event(
        "DTSTART:20270210T090000Z\r\nDTEND:20270210T100000Z\r\nATTENDEE;PARTSTAT=ACCEPTED:mailto:ana@example.org", OURS
    )
    spans, own, _ = read_busy(ics, REQUEST)
    assert spans == []
    assert (own[0].uid, own[0].partstat, own[0].cancelled) == (OURS, "ACCEPTED", False)
    assert own[0].interval == Interval(datetime(2027, 2, 10, 9, tzinfo=UTC), datetime(2027, 2, 10, 10, tzinfo=UTC))


@pytest.mark.parametrize("body", [b"", b"<html>Sign in</html>", b"BEGIN:VCARD\r\nEND:VCARD\r\n", b"\x00\xff" * 50])
def test_what_is_no_calendar_says_so(body):
    with pytest.raises(AdapterError) as caught:
        read_busy(body, REQUEST)
    assert caught.value.code == "not_a_calendar"


@pytest.mark.parametrize(
    "lines",
    [
        "SUMMARY:no start at all",
        "DTSTART:whenever\r\nDTEND:later",
        "DTSTART;TZID=Nowhere/Land:20270210T090000\r\nDTEND;TZID=Nowhere/Land:20270210T100000\r\nRRULE:FREQ=DAILY",
        f"{ONCE}\r\nRRULE:FREQ=SECONDLY",
        f"{ONCE}\r\nRRULE:FREQ=DAILY;INTERVAL=0",
        f"{ONCE}\r\nRRULE:FREQ=DAILY\r\nEXDATE:whenever",
        f"{ONCE}\r\nRDATE;TZID=Nowhere/Land:20270212T090000",
        f"{ONCE}\r\nRRULE:FREQ=DAILY\r\nEXDATE;TZID=Nowhere/Land:20270212T090000",
        f"{ONCE}\r\nRRULE:FREQ=DAILY\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:e1\r\nRECURRENCE-ID:20270211T090000Z\r\n"
        "DTSTART;TZID=Nowhere/Land:20270211T100000\r\nDTEND;TZID=Nowhere/Land:20270211T110000",
    ],
)
def test_an_event_whose_time_cannot_be_known_makes_the_calendar_unreadable(lines):
    with pytest.raises(AdapterError) as caught:
        read_busy(event(lines), REQUEST)
    assert caught.value.code == "unreadable_event"


@pytest.mark.parametrize("keep", [30, 60, 100])
def test_a_file_that_was_cut_off_is_not_free(keep):
    with pytest.raises(AdapterError) as caught:
        read_busy(event(ONCE)[:-keep], REQUEST)
    assert caught.value.code == "cut_short"


@pytest.mark.parametrize(
    "lines",
    [
        f"{ONCE}\r\nRRULE:FREQ=DAILY;{EVERY_SECOND}",
        f"{ONCE}\r\nRRULE:FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;{EVERY_SECOND}",
        "DTSTART:00010210T090000Z\r\nDTEND:00010210T093000Z\r\nRRULE:FREQ=HOURLY",
        "DTSTART:00270210T090000Z\r\nDTEND:20270210T100000Z\r\nRRULE:FREQ=DAILY",
        "DTSTART:20270210T090000Z\r\nDTEND:10270210T100000Z\r\nRRULE:FREQ=DAILY",
        "DTSTART:00270210T090000Z\r\nDTEND:00270210T100000Z\r\nRRULE:FREQ=DAILY\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:e1\r\n"
        "RECURRENCE-ID:20270211T090000Z\r\nDTSTART:00270211T090000Z\r\nDTEND:00270211T100000Z",
        ONCE + "\r\nRRULE:FREQ=HOURLY" * 100,
        ONCE + "\r\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=5" * 20,
    ],
)
def test_what_would_take_minutes_is_refused_before_it_is_tried(lines):
    """Judged by the rule alone: the engine would spend minutes on each of these, the last up to the year 9999."""
    with pytest.raises(AdapterError) as caught:
        read_busy(event(lines), REQUEST)
    assert caught.value.code == "too_often"


def test_a_file_with_more_zones_than_there_are_is_refused():
    zones = b"".join(b"BEGIN:VTIMEZONE\r\nTZID:Z%d\r\nEND:VTIMEZONE\r\n" % number for number in range(500))
    with pytest.raises(AdapterError) as caught:
        read_busy(event(ONCE).replace(b"BEGIN:VEVENT", zones + b"BEGIN:VEVENT"), REQUEST)
    assert caught.value.code == "unreadable_event"


def zone(rule, name="Our Office"):
    return (
        f"BEGIN:VTIMEZONE\r\nTZID:{name}\r\nBEGIN:STANDARD\r\nDTSTART:16010101T030000\r\nTZOFFSETFROM:+0200\r\n"
        f"TZOFFSETTO:+0100\r\n{rule}\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
    ).encode()


def in_our_office(*zones):
    times = "DTSTART;TZID=Our Office:20270210T090000\r\nDTEND;TZID=Our Office:20270210T100000"
    return event(times).replace(b"BEGIN:VEVENT", b"".join(zones) + b"BEGIN:VEVENT")


@pytest.mark.parametrize(
    "rule",
    [
        "RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU",
        "RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=SU;BYMONTH=10;BYMONTHDAY=25,26,27,28,29,30,31;UNTIL=20401028T010000Z",
        "RRULE:FREQ=YEARLY;BYMINUTE=0;BYHOUR=2;BYDAY=-1SU;BYMONTH=10",
        "RDATE:20261025T030000",
        "COMMENT:it never changes",
    ],
)
def test_a_files_own_zone_is_read_where_clocks_could_follow_it(rule):
    assert read_busy(in_our_office(zone(rule)), REQUEST)[::2] == (
        [Interval(datetime(2027, 2, 10, 8, tzinfo=UTC), datetime(2027, 2, 10, 9, tzinfo=UTC)).span],
        False,
    )


@pytest.mark.parametrize(
    "rule",
    [
        "RRULE:FREQ=SECONDLY",
        "RRULE;X=1:FREQ=MINUTELY",
        'RRULE;X="a:FREQ=YEARLY":FREQ=SECONDLY',
        "RR\r\n\r\n ULE:FREQ=SECONDLY",
        "RRULE:FREQ=YEARLY;INTERVAL=0",
        "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "RRULE:FREQ=YEARLY;BYMONTH=2;BYDAY=6SU",
        "RRULE:FREQ=YEARLY;BYMONTH=2;BYDAY=1SU;BYMONTHDAY=20",
        "RRULE:FREQ=YEARLY\r\nRRULE:FREQ=SECONDLY",
        "RRULE:",
    ],
)
def test_a_zone_that_no_clock_follows_is_not_known_and_is_not_tried(rule):
    """icalendar would unroll the first for ever. The event then blocks its time wherever on earth it is."""
    spans, _, partial = read_busy(in_our_office(zone(rule)), REQUEST)
    assert (told(spans), partial) == (["02-09T19:00/02-10T22:00"], True)


@pytest.mark.parametrize("word", ["VTIMEZONE", "STANDARD", "VEVENT"])
def test_a_component_under_another_spelling_is_not_read_past_the_limits(word):
    body = in_our_office(zone("RRULE:FREQ=SECONDLY"))
    for edge in (b"BEGIN", b"END"):
        body = body.replace(edge + b":" + word.encode(), edge + b";X=1:" + word.encode())
    with pytest.raises(AdapterError) as caught:
        read_busy(body, REQUEST)
    assert caught.value.code == "unreadable_event"


def test_zones_that_never_end_are_refused_at_once():
    with pytest.raises(AdapterError) as caught:
        read_busy(event(ONCE).replace(b"BEGIN:VEVENT", b"BEGIN:VTIMEZONE\r\n" * 30_000 + b"BEGIN:VEVENT"), REQUEST)
    assert caught.value.code == "cut_short"


def test_one_zone_in_many_entries_is_paid_for_once_and_many_zones_are_too_much():
    long = "RRULE:FREQ=YEARLY;BYMONTH=10;BYMONTHDAY=25,26,27;BYDAY=SU"
    same = [in_our_office(zone(long))] * 2_000
    assert len(read_busy_all(same, REQUEST)[0]) == 1
    different = (in_our_office(zone(f"{long}\r\nCOMMENT:{number}")) for number in range(2_000))
    with pytest.raises(AdapterError) as caught:
        read_busy_all(different, REQUEST)
    assert caught.value.code == "too_often"


@pytest.mark.parametrize(
    ("lines", "busy"),
    [
        ("DTSTART;VALUE=DATE:00010101\r\nDTEND;VALUE=DATE:00010102", []),
        ("DTSTART;TZID=Asia/Tokyo:00010101T000000\r\nDTEND;TZID=Asia/Tokyo:00010101T010000", []),
        ("DTSTART;VALUE=DATE:99991231", []),
        ("DTSTART;TZID=America/New_York:99991231T233000\r\nDURATION:P1D", []),
        ("DTSTART:20270408T120000Z\r\nDTEND;TZID=America/New_York:99991231T233000", ["04-08T12:00/04-10T00:00"]),
        ("DTSTART:20270408T120000Z\r\nDURATION:P999999W", ["04-08T12:00/04-10T00:00"]),
    ],
)
def test_the_calendars_own_ends_stand_for_never(lines, busy):
    """Outlook and others write the first and last day there is for a time that was never given."""
    spans, _, partial = read_busy(event(lines), REQUEST)
    assert (told(spans), partial) == (busy, False)


def test_the_name_of_a_zone_may_be_too_long_for_a_file():
    with pytest.raises(AdapterError) as caught:
        read_busy(event(f"DTSTART;TZID={'a' * 200_000}:20270210T090000"), REQUEST)
    assert caught.value.code == "unreadable_event"


def test_a_full_calendar_is_not_too_much():
    many = b"".join(
        event(f"DTSTART;TZID=Europe/Berlin:20170210T{i % 24:02}0000\r\nDURATION:PT1H\r\nRRULE:FREQ=WEEKLY", f"e{i}")
        for i in range(300)
    )
    spans, _, partial = read_busy(many, REQUEST)
    assert (len(spans), partial) == (10, False)


def test_a_flood_of_events_is_refused_at_once():
    one = event("DTSTART:20270210T090000Z\r\nDTEND:20270210T100000Z").partition(b"BEGIN:VEVENT")[2]
    flood = b"BEGIN:VCALENDAR\r\n" + (b"BEGIN:VEVENT" + one.partition(b"END:VCALENDAR")[0]) * (MOST_EVENTS + 1)
    with pytest.raises(AdapterError) as caught:
        read_busy(flood + b"END:VCALENDAR\r\n", REQUEST)
    assert caught.value.code == "too_many_events"


def test_one_files_zone_says_nothing_about_anothers():
    """icalendar keeps zones by name for the whole process; two offices of one name must not meet."""
    berlin = (FILES / "custom_zone_in_a_series.ics").read_bytes()
    later = berlin.replace(b"+0200", b"+0600").replace(b"+0100", b"+0500")
    assert told(read_busy(berlin, REQUEST)[0]) == EXPECTED["custom_zone_in_a_series"]["busy"]
    assert told(read_busy(later, REQUEST)[0]) == ["03-22T04:00/03-22T05:00", "03-29T03:00/03-29T04:00"]
    assert told(read_busy(berlin, REQUEST)[0]) == EXPECTED["custom_zone_in_a_series"]["busy"]
