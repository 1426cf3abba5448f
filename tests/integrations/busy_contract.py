"""What every calendar adapter does, whatever is behind it: inherit it, and say how to fill a calendar."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from service.domain.errors import AdapterError
from service.domain.interval import Interval, instant
from service.ports import BusyCalendar, ReadRequest

OURS = "0d9f4b0e-8c4e-4a35-9a51-3d7d8f0a6c11"
WINDOW = Interval(datetime(2027, 2, 1, tzinfo=UTC), datetime(2027, 4, 10, tzinfo=UTC))
REQUEST = ReadRequest(WINDOW, ZoneInfo("Europe/Berlin"), frozenset({"ben@example.org"}), frozenset({OURS}))
WAIT = timedelta(seconds=10)
MORNING = Interval.lasting(datetime(2027, 2, 10, 9, tzinfo=UTC), timedelta(hours=1))
LATER = Interval.lasting(datetime(2027, 2, 11, 9, tzinfo=UTC), timedelta(hours=1))


def ics_of(events: list[tuple[Interval, str]]) -> bytes:
    """A calendar with these events, each with a title that nobody may keep."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x"]
    for interval, uid in events:
        lines += [
            "BEGIN:VEVENT", f"UID:{uid}", "DTSTAMP:20270101T000000Z", f"DTSTART:{interval.start:%Y%m%dT%H%M%SZ}",
            f"DTEND:{interval.end:%Y%m%dT%H%M%SZ}", "SUMMARY:SECRET-TITLE", "END:VEVENT",
        ]  # fmt: skip
    return ("\r\n".join([*lines, "END:VCALENDAR"]) + "\r\n").encode()


class BusyContract(ABC):
    """Inherited by a test class for each adapter."""

    @abstractmethod
    def adapter(self) -> BusyCalendar:
        """The adapter over one account with one calendar."""

    @abstractmethod
    def put(self, events: list[tuple[Interval, str]]) -> None:
        """The calendar holds these events from now on, and no others."""

    @abstractmethod
    def break_it(self) -> None:
        """Reading fails from now on."""

    def read(self, mark=None):
        adapter = self.adapter()
        ref = adapter.discover(WAIT)[0]
        return adapter.fetch(ref, REQUEST, mark, WAIT)

    def test_busy_times_come_without_titles(self):
        self.put([(MORNING, "one")])
        reading = self.read()
        assert [(instant(start), instant(end)) for start, end in reading.spans] == [(MORNING.start, MORNING.end)]
        assert reading.partial is False
        assert "SECRET-TITLE" not in repr(reading)

    def test_our_own_meetings_are_apart(self):
        self.put([(MORNING, "one"), (LATER, OURS)])
        reading = self.read()
        assert len(reading.spans) == 1
        assert [(event.uid, event.interval) for event in reading.own] == [(OURS, LATER)]

    def test_what_has_not_changed_is_not_read_again_and_a_change_is_seen(self):
        self.put([(MORNING, "one")])
        first = self.read()
        assert self.read(first.mark) is None
        self.put([(MORNING, "one"), (LATER, "two")])
        assert len(self.read(first.mark).spans) == 2

    def test_an_empty_calendar_is_free_and_a_broken_one_is_an_error(self):
        self.put([])
        assert list(self.read().spans) == []
        self.break_it()
        with pytest.raises(AdapterError):
            self.read()
