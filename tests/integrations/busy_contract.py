"""What every calendar adapter does, whatever is behind it: inherit it, and say how to fill a calendar."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from zoneinfo import ZoneInfo

import pytest

from service.domain.errors import AdapterError
from service.domain.interval import Interval
from service.ports import BusyCalendar, BusyReading, ReadRequest, SyncMark
from tests.integrations import servers

OURS = "0d9f4b0e-8c4e-4a35-9a51-3d7d8f0a6c11"
WINDOW = Interval(datetime(2027, 2, 1, tzinfo=UTC), datetime(2027, 4, 10, tzinfo=UTC))
REQUEST = ReadRequest(WINDOW, ZoneInfo("Europe/Berlin"), frozenset({"ben@example.org"}), frozenset({OURS}))
WAIT, SHORT = timedelta(seconds=10), timedelta(seconds=0.3)
WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Entry:
    """What somebody typed into their calendar; it comes again in as many weeks as `weeks` says."""

    interval: Interval
    uid: str
    weeks: int = 1

    @property
    def occurrences(self) -> list[Interval]:
        start, end = self.interval.start, self.interval.end
        return [Interval(start + week * WEEK, end + week * WEEK) for week in range(self.weeks)]


@dataclass(frozen=True, slots=True)
class Failure:
    """How a server fails, and what that means for whoever asked."""

    answer: servers.Answer
    permanent: bool
    retry_after: timedelta | None = None
    code: str | None = None  # None: each adapter has its own word for it

    def error(self) -> AdapterError:
        return AdapterError(self.code or "x", permanent=self.permanent, retry_after=self.retry_after, host="x")


DATED = {"Date": "Mon, 01 Feb 2027 09:00:00 GMT", "Retry_After": "Mon, 01 Feb 2027 09:10:00 GMT"}
MINUTES = timedelta(minutes=1)
FAILURES = {
    "401": Failure(servers.body(b"", 401), True, code="unauthorized"),
    "403": Failure(servers.body(b"", 403), True, code="forbidden"),
    "404": Failure(servers.body(b"", 404), True, code="not_found"),
    "410": Failure(servers.body(b"", 410), True, code="not_found"),
    "429": Failure(servers.body(b"", 429), False, code="throttled"),
    "429 in seconds": Failure(servers.body(b"", 429, Retry_After="120"), False, 2 * MINUTES, "throttled"),
    "503 with a date": Failure(servers.body(b"", 503, **DATED), False, 10 * MINUTES, "server_error"),
    "503 for ever": Failure(servers.body(b"", 503, Retry_After="9999999"), False, timedelta(days=1), "server_error"),
    "500": Failure(servers.body(b"oops", 500), False, code="server_error"),
    "unreadable": Failure(servers.body(b"<html>Sign in</html>"), True),
    "slow": Failure(servers.dripping(20), False, code="timeout"),
}
MORNING = Interval.lasting(datetime(2027, 2, 10, 9, tzinfo=UTC), timedelta(hours=1))
LATER = Interval.lasting(datetime(2027, 2, 11, 9, tzinfo=UTC), timedelta(hours=1))
MOVED = Interval.lasting(datetime(2027, 2, 12, 14, tzinfo=UTC), timedelta(minutes=30))
LONG_AGO = Interval.lasting(datetime(2020, 2, 10, 9, tzinfo=UTC), timedelta(hours=1))
BEFORE = Interval.lasting(datetime(2027, 1, 18, 15, tzinfo=UTC), timedelta(hours=1))  # two weeks before the window


def ics_of(entries: list[Entry]) -> bytes:
    """A calendar with these events, each with a title that nobody may keep."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x"]
    for entry in entries:
        lines += [
            "BEGIN:VEVENT", f"UID:{entry.uid}", "DTSTAMP:20270101T000000Z",
            f"DTSTART:{entry.interval.start:%Y%m%dT%H%M%SZ}", f"DTEND:{entry.interval.end:%Y%m%dT%H%M%SZ}",
            *([f"RRULE:FREQ=WEEKLY;COUNT={entry.weeks}"] if entry.weeks > 1 else []),
            "SUMMARY:SECRET-TITLE", "END:VEVENT",
        ]  # fmt: skip
    return ("\r\n".join([*lines, "END:VCALENDAR"]) + "\r\n").encode()


def busy_of(reading: BusyReading | None) -> list[Interval]:
    assert reading is not None, "it was taken for unchanged"
    return [Interval.of(span) for span in reading.spans]


class BusyContract(ABC):
    """Inherited by a test class for each adapter."""

    words: ClassVar[dict[str, str]] = {}  # an adapter's own code for one of FAILURES
    compares = False  # whether all has to be sent to see that it is the same

    @abstractmethod
    def adapter(self) -> BusyCalendar:
        """The adapter over one account with one calendar."""

    @abstractmethod
    def put(self, entries: list[Entry]) -> None:
        """The calendar holds these from now on, and no others."""

    @abstractmethod
    def fail(self, failure: Failure | None) -> None:
        """Whatever is asked from now on fails like this; None: it works again."""

    @abstractmethod
    def sent(self) -> int:
        """How often the calendar's contents have been sent until now."""

    def read(self, mark: SyncMark | None = None, timeout: timedelta = WAIT) -> BusyReading | None:
        adapter = self.adapter()
        return adapter.fetch(adapter.discover(WAIT)[0], REQUEST, mark, timeout)

    def test_its_calendar_is_found_and_is_the_same_the_next_time(self):
        self.put([Entry(MORNING, "one")])
        [ref] = self.adapter().discover(WAIT)
        assert ref.counts
        assert self.adapter().discover(WAIT) == (ref,)

    def test_busy_times_come_without_titles(self):
        self.put([Entry(MORNING, "one"), Entry(LONG_AGO, "two")])
        reading = self.read()
        assert busy_of(reading) == [MORNING]
        assert reading.partial is False
        assert "SECRET-TITLE" not in repr(reading)

    def test_our_own_meetings_are_apart(self):
        self.put([Entry(MORNING, "one"), Entry(LATER, OURS)])
        reading = self.read()
        assert busy_of(reading) == [MORNING]
        assert [(event.uid, event.interval) for event in reading.own] == [(OURS, LATER)]

    def test_what_comes_again_is_busy_each_time_inside_the_window(self):
        series = Entry(BEFORE, "weekly", weeks=5)
        self.put([series])
        assert busy_of(self.read()) == [each for each in series.occurrences if each.start >= WINDOW.start]
        assert len(busy_of(self.read())) == 3

    @pytest.mark.parametrize(
        "then",
        [
            [Entry(MORNING, "one"), Entry(LATER, "two"), Entry(MOVED, "three")],
            [Entry(MORNING, "one"), Entry(MOVED, "two")],
            [Entry(LATER, "two")],
            [Entry(MORNING, "one", weeks=2), Entry(LATER, "two")],
            [],
        ],
        ids=["added", "moved", "deleted", "repeated", "emptied"],
    )
    def test_what_has_not_changed_is_not_sent_again_and_a_change_is_seen(self, then):
        self.put([Entry(MORNING, "one"), Entry(LATER, "two")])
        first = self.read()
        before = self.sent()
        assert self.read(first.mark) is None
        assert self.compares or self.sent() == before
        self.put(then)
        assert busy_of(self.read(first.mark)) == sorted(
            (each for entry in then for each in entry.occurrences), key=lambda each: each.start
        )

    def test_an_empty_calendar_is_free(self):
        self.put([])
        reading = self.read()
        assert busy_of(reading) == []
        assert self.read(reading.mark) is None

    @pytest.mark.parametrize("how", FAILURES)
    def test_a_calendar_that_cannot_be_read_says_for_how_long_and_is_read_again_later(self, how):
        failure = FAILURES[how]
        self.put([Entry(MORNING, "one")])
        adapter = self.adapter()
        [ref] = adapter.discover(WAIT)
        mark = adapter.fetch(ref, REQUEST, None, WAIT).mark
        self.fail(failure)
        for known in (None, mark):
            began = time.monotonic()
            with pytest.raises(AdapterError) as caught:
                adapter.fetch(ref, REQUEST, known, SHORT if how == "slow" else WAIT)
            assert (caught.value.permanent, caught.value.retry_after) == (failure.permanent, failure.retry_after)
            assert self.words.get(how, failure.code) in {None, caught.value.code}
            assert time.monotonic() - began < 5
        self.fail(None)
        assert adapter.fetch(ref, REQUEST, mark, WAIT) is None

    def test_several_are_read_together_each_with_what_came_of_it(self):
        self.put([Entry(MORNING, "one")])
        adapter = self.adapter()
        [ref] = adapter.discover(WAIT)
        first = adapter.fetch(ref, REQUEST, None, WAIT)
        whole, unchanged = adapter.fetch_all([(ref, None), (ref, first.mark)], REQUEST, WAIT)
        assert (busy_of(whole), unchanged) == ([MORNING], None)
        self.fail(FAILURES["500"])
        faults = adapter.fetch_all([(ref, None), (ref, first.mark)], REQUEST, WAIT)
        assert [isinstance(fault, AdapterError) and not fault.permanent for fault in faults] == [True, True]

    def test_while_somebody_waits_it_says_the_same_and_hides_no_change(self):
        self.put([Entry(MORNING, "one")])
        adapter = self.adapter()
        [ref] = adapter.discover(WAIT)
        mark, live = adapter.fetch(ref, REQUEST, None, WAIT).mark, replace(REQUEST, live=True)
        for known in (None, mark):
            [found] = adapter.fetch_all([(ref, known)], live, WAIT)
            assert found is None or busy_of(found) == [MORNING]
        self.put([Entry(MORNING, "one"), Entry(LATER, "two")])
        [found] = adapter.fetch_all([(ref, mark)], live, WAIT)
        assert busy_of(found) == [MORNING, LATER]
        [again] = adapter.fetch_all([(ref, found.mark)], REQUEST, WAIT)
        assert again is None or busy_of(again) == [MORNING, LATER]
        self.fail(FAILURES["500"])
        [fault] = adapter.fetch_all([(ref, mark)], live, WAIT)
        assert isinstance(fault, AdapterError)
        assert not fault.permanent
