"""The contract of calendars, kept for Microsoft by msal and our reader of Graph over https."""

from __future__ import annotations

from typing import ClassVar

import pytest

from tests.integrations.busy_contract import BusyContract
from tests.integrations.microsoft_fake import microsoft
from tests.integrations.microsoft_world import World


class TestMicrosoft(BusyContract):
    words: ClassVar[dict[str, str]] = {"401": "reconnect"}
    compares = True

    @pytest.fixture(autouse=True)
    def connected(self, tmp_path):
        with microsoft(tmp_path) as self.fake:
            self.world = World(self.fake)
            yield

    def adapter(self):
        return self.world.adapter()

    def put(self, entries):
        self.world.calendar.events.clear()
        for entry in entries:
            self.world.calendar.put(entry.interval.start, entry.interval.end, entry.uid, weeks=entry.weeks)

    def fail(self, failure):
        self.fake.answer = failure.answer if failure else None

    def sent(self):
        return len(self.fake.calls("calendarView"))
