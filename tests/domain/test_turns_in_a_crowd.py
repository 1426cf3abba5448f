"""Four thousand calendars over forty servers, by a clock that is set: one server refuses, one is slow, one is huge, one
person has sixty. Everybody else is read as often as promised."""

from __future__ import annotations

import heapq
import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median

import pytest

from service.domain.turns import Waiting, first_look, hold_until, next_reads, spread
from service.settings import Settings
from workers.busy import AT_ONCE, KEEP_ON, LOOK_SECONDS

START = datetime(2027, 2, 1, 9, 0, tzinfo=UTC)
POLL, SWEEP = Settings.poll, Settings.sweep
TICK, FOR = timedelta(seconds=LOOK_SECONDS), timedelta(minutes=25)
REFUSING, SLOW, HUGE = "refusing", "slow", "huge"
RETRY_AFTER = timedelta(seconds=600)
READERS = 2


@dataclass
class Reader:
    """One worker: takes turns for a while, ends what it began, is free again."""

    until: datetime | None = None
    running: int = 0


@dataclass
class World:
    chance: random.Random
    now: datetime = START
    connections: dict[int, tuple[int, str]] = field(default_factory=dict)  # id -> person, host
    due: list[tuple[datetime, int]] = field(default_factory=list)
    waiting: dict[int, Waiting] = field(default_factory=dict)
    reading: Counter[str] = field(default_factory=Counter)
    held: dict[str, datetime] = field(default_factory=dict)
    ends: list[tuple[datetime, int, Reader]] = field(default_factory=list)
    began: dict[int, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    refused: list[datetime] = field(default_factory=list)
    most_at_once: int = 0

    def connect(self, connection_id: int, person_id: int, host: str) -> None:
        self.connections[connection_id] = (person_id, host)
        heapq.heappush(self.due, (self.now + first_look(connection_id, POLL), connection_id))

    def ready(self, free: int) -> list[int]:
        while self.due and self.due[0][0] <= self.now:
            due_at, connection_id = heapq.heappop(self.due)
            self.waiting[connection_id] = Waiting(connection_id, *self.connections[connection_id], due_at)
        per_host = Settings.reads_per_host
        return next_reads(self.now, list(self.waiting.values()), self.reading, self.held, per_host, free)

    def begin(self, reader: Reader) -> None:
        for connection_id in self.ready(AT_ONCE - reader.running):
            host = self.waiting.pop(connection_id).host
            seconds = 25 if host == SLOW else 0.1 if host == REFUSING else self.chance.uniform(0.1, 1.0)
            heapq.heappush(self.ends, (self.now + timedelta(seconds=seconds), connection_id, reader))
            self.began[connection_id].append(self.now)
            self.reading[host] += 1
            reader.running += 1
            self.most_at_once = max(self.most_at_once, *self.reading.values())

    def end(self) -> None:
        while self.ends and self.ends[0][0] <= self.now:
            at, connection_id, reader = heapq.heappop(self.ends)
            reader.running -= 1
            _, host = self.connections[connection_id]
            self.reading[host] -= 1
            wait = spread(connection_id, POLL)
            if host == REFUSING:
                self.refused.append(at)
                self.held[host] = hold_until(at, RETRY_AFTER)
                wait = max(wait, RETRY_AFTER)
            heapq.heappush(self.due, (at + wait, connection_id))

    def run(self) -> None:
        readers = [Reader() for _ in range(READERS)]
        next_sweep = self.now
        while self.now < START + FOR:
            self.end()
            for reader in readers:
                if reader.until is not None and self.now < reader.until:
                    self.begin(reader)
                if not reader.running:
                    reader.until = None
            if self.now >= next_sweep:
                next_sweep += SWEEP
                idle = next((reader for reader in readers if reader.until is None), None)
                if idle is not None and self.ready(1):
                    idle.until = self.now + KEEP_ON
                    self.begin(idle)
            self.now += TICK


@pytest.fixture(scope="module")
def world() -> World:
    made = World(random.Random(7))
    hosts = [REFUSING, SLOW, *(f"h{number}" for number in range(37))]
    for connection_id in range(1, 4001):
        host = HUGE if connection_id % 10 < 3 else hosts[connection_id % len(hosts)]
        made.connect(connection_id, 1 if connection_id % 67 == 0 else connection_id % 3000 + 2, host)
    made.run()
    return made


def gaps(world: World, connection_id: int) -> list[timedelta]:
    """Between connecting, each read, and the end."""
    moments = [START, *world.began[connection_id], START + FOR]
    return [later - earlier for earlier, later in pairwise(moments)]


def well(world: World) -> list[int]:
    return [each for each, (_, host) in world.connections.items() if host not in {REFUSING, SLOW}]


def test_it_is_the_world_that_it_says_it_is(world: World) -> None:
    hosts = Counter(host for _, host in world.connections.values())
    assert (len(world.connections), len(hosts), hosts[HUGE]) == (4000, 40, 1200)
    assert min(hosts[REFUSING], hosts[SLOW]) > 50
    assert Counter(person for person, _ in world.connections.values())[1] > 50


def test_everybody_else_is_read_as_often_as_promised(world: World) -> None:
    assert max(max(gaps(world, each)) for each in well(world)) <= 1.5 * POLL


def test_no_person_waits_more_than_twice_the_others(world: World) -> None:
    longest: dict[int, timedelta] = defaultdict(timedelta)
    for each in well(world):
        person_id, _ = world.connections[each]
        longest[person_id] = max(longest[person_id], *gaps(world, each))
    assert max(longest.values()) <= 2 * median(longest.values())


def test_nobody_asks_the_server_that_refused_before_its_time(world: World) -> None:
    began = [at for each, (_, host) in world.connections.items() if host == REFUSING for at in world.began[each]]
    assert len(began) == len(world.refused) > 2
    assert not [at for at in began if any(refused <= at < refused + RETRY_AFTER for refused in world.refused)]


def test_the_slow_server_is_read_all_the_while_and_none_is_crowded(world: World) -> None:
    slow = [each for each, (_, host) in world.connections.items() if host == SLOW]
    assert sum(len(world.began[each]) for each in slow) > len(slow)
    assert world.most_at_once == Settings.reads_per_host


def test_what_was_connected_together_is_not_read_together(world: World) -> None:
    by_minute = Counter((at - START) // timedelta(minutes=1) for each in well(world) for at in world.began[each])
    even = len(well(world)) / (POLL / timedelta(minutes=1))
    assert max(by_minute.values()) <= 1.5 * even
