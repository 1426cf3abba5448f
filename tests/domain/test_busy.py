"""Calendar files become busy spans: every case ever seen has a file, and its spans were worked out by hand."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.busy import MOST_EVENTS, read_busy
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


@given(st.data())
def test_mutated_files_never_escape_as_anything_but_a_sentence(data):
    name = data.draw(st.sampled_from(sorted(EXPECTED)))
    octets = bytearray((FILES / f"{name}.ics").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    try:
        spans, _, _ = read_busy(bytes(octets), REQUEST)
    except AdapterError:
        return
    low, high = WINDOW.span
    assert all(low <= start < end <= high for start, end in spans)


def test_one_files_zone_says_nothing_about_anothers():
    """icalendar keeps zones by name for the whole process; two offices of one name must not meet."""
    berlin = (FILES / "custom_zone_in_a_series.ics").read_bytes()
    later = berlin.replace(b"+0200", b"+0600").replace(b"+0100", b"+0500")
    assert told(read_busy(berlin, REQUEST)[0]) == EXPECTED["custom_zone_in_a_series"]["busy"]
    assert told(read_busy(later, REQUEST)[0]) == ["03-22T04:00/03-22T05:00", "03-29T03:00/03-29T04:00"]
    assert told(read_busy(berlin, REQUEST)[0]) == EXPECTED["custom_zone_in_a_series"]["busy"]
