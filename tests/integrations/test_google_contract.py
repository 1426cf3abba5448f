"""The contract of calendars, kept for Google by its own client over HTTP: by who sees only busy times, and by who
writes."""

from __future__ import annotations

from typing import ClassVar

import pytest

from tests.fakes import SetClock
from tests.integrations.busy_contract import BusyContract
from tests.integrations.google_fake import google
from tests.integrations.google_world import World


class GoogleContract(BusyContract):
    access: str
    words: ClassVar[dict[str, str]] = {"401": "reconnect"}

    @pytest.fixture(autouse=True)
    def served(self):
        clock = SetClock()
        with google(clock) as self.fake:
            self.world = World(self.fake, clock, self.access)
            yield

    def adapter(self):
        return self.world.adapter()

    def put(self, entries):
        self.world.primary.clear()
        for entry in entries:
            again = {"recurrence": [f"RRULE:FREQ=WEEKLY;COUNT={entry.weeks}"]} if entry.weeks > 1 else {}
            self.world.primary.put(entry.interval.start, entry.interval.end, entry.uid, **again)

    def fail(self, failure):
        self.fake.answer = failure.answer if failure else None

    def sent(self):
        return len(self.fake.calls("freebusy.query"))


class TestGoogleBusy(GoogleContract):
    access = "busy"


class TestGoogleWrite(GoogleContract):
    access = "write"
