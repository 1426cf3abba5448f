"""The contract of writers of events, kept in memory, for Google by its own client, and for Microsoft."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import ClassVar

import pytest

from service.domain.errors import AdapterError
from service.domain.interval import Interval
from tests.fakes import MemoryWriter, SetClock
from tests.integrations import servers
from tests.integrations.google_fake import google, refused
from tests.integrations.google_world import World as GoogleWorld
from tests.integrations.microsoft_fake import microsoft
from tests.integrations.microsoft_world import World as MicrosoftWorld
from tests.integrations.writer_contract import CLEO, WriterContract


def interval_of(event):
    start, end = (datetime.fromisoformat(event[side]["dateTime"]) for side in ("start", "end"))
    return Interval(*(each if each.tzinfo else each.replace(tzinfo=UTC) for each in (start, end)))  # Graph's are in UTC


class TestMemory(WriterContract):
    work: ClassVar = {"put": True, "change": True, "remove": True}

    @pytest.fixture(autouse=True)
    def served(self):
        self.memory = MemoryWriter()

    def writer(self):
        return self.memory

    def standing(self):
        events = self.memory.events.items()
        return [(key, each.interval, each.summary) for key, each in events if key not in self.memory.deleted]

    def told(self):
        return self.memory.told

    def lose(self, what):
        self.memory.lost = bool(what)

    def fail(self):
        self.memory.fault = AdapterError("server_error", permanent=False)

    def delete(self):
        self.memory.deleted |= set(self.memory.events)

    def decline(self):
        self.memory.answer = "DECLINED"


class TestGoogle(WriterContract):
    work: ClassVar = {"put": "events.insert", "change": "events.patch", "remove": "events.delete"}

    @pytest.fixture(autouse=True)
    def served(self):
        clock = SetClock()
        with google(clock) as self.fake:
            self.world = GoogleWorld(self.fake, clock, "write")
            yield

    def writer(self):
        return self.world.writer()

    def events(self):
        return [each for each in self.world.primary.events.values() if each["status"] != "cancelled"]

    def standing(self):
        return [(each["id"], interval_of(each), each["summary"]) for each in self.events()]

    def told(self):
        return [(each.kind, address) for each in self.fake.events.invitations for address in each.recipients]

    def lose(self, what):
        self.fake.lost = {what} if what else set()

    def fail(self):
        self.fake.answer = refused(500, "backendError")

    def delete(self):
        self.world.primary.clear()

    def decline(self):
        [event] = self.events()
        self.world.primary.touch({**event, "attendees": [{"email": CLEO.title(), "responseStatus": "declined"}]})


class TestMicrosoft(WriterContract):
    work: ClassVar = {"put": "POST event", "change": "PATCH event", "remove": "DELETE event"}

    @pytest.fixture(autouse=True)
    def served(self, tmp_path):
        with microsoft(tmp_path) as self.fake:
            self.world = MicrosoftWorld(self.fake, "write")
            yield

    def writer(self):
        return self.world.writer()

    def standing(self):
        events = self.world.calendar.written.items.values()
        return [(each["id"], interval_of(each), each["subject"]) for each in events]

    def told(self):
        return self.world.calendar.written.told

    def lose(self, what):
        self.fake.lost = {what} if what else set()

    def fail(self):
        self.fake.answer = servers.body(b"{}", 503)

    def delete(self):
        self.world.calendar.written.items.clear()

    def decline(self):
        [key] = self.world.calendar.written.items
        answered = [{"emailAddress": {"address": CLEO.title()}, "status": {"response": "declined"}}]
        self.world.calendar.written.touch(key, attendees=answered)
