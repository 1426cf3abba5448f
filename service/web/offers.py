"""Finding times for whoever asks, page or program, and how long that takes."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from mmap import mmap
from threading import Lock
from typing import Literal, cast

from flask import current_app, request
from sqlalchemy.orm import Session

from service.operations import offering
from service.operations.offering import Offer, SlotQuery
from service.store.pair_rows import PairRow, Reads
from service.store.tables import Meeting
from service.web.page import now, services

Asker = Literal["page", "api"]
ASKERS: tuple[Asker, ...] = ("page", "api")
BOUNDS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)  # seconds
BINS = len(BOUNDS) + 2  # one beyond the last bound, and the sum


class SlotTimes:
    """Counts in memory that all processes of one web server share: made before they are forked, it lasts as long as
    their parent. Each writes to a stripe of its own, so that none waits for another, and whoever goes on with the
    stripe of one that was killed goes on with its counts."""

    def __init__(self, stripes: int = 1) -> None:
        self.stripes = stripes
        self._mine = 0
        self._lock = Lock()  # between the threads of one process
        self._bins = memoryview(mmap(-1, stripes * len(ASKERS) * BINS * 8)).cast("d")

    def take(self, stripe: int) -> None:
        """This process writes there from now on."""
        self._mine = stripe

    def add(self, asker: Asker, seconds: float) -> None:
        start = self._start(self._mine, asker)
        with self._lock:
            self._bins[start + bisect_left(BOUNDS, seconds)] += 1
            self._bins[start + BINS - 1] += seconds

    def load(self, asker: Asker) -> tuple[list[float], float]:
        """How many took at most each of BOUNDS and more than the one before, how many took longer, and the sum."""
        starts = [self._start(stripe, asker) for stripe in range(self.stripes)]
        *counts, total = (sum(self._bins[start + place] for start in starts) for place in range(BINS))
        return counts, total

    def _start(self, stripe: int, asker: Asker) -> int:
        return (stripe * len(ASKERS) + ASKERS.index(asker)) * BINS


def slot_times() -> SlotTimes:
    return cast(SlotTimes, current_app.extensions["greenroom-slot-times"])


def offered(session: Reads, query: SlotQuery, pair: PairRow | None = None) -> Offer:
    """Raises what `offering.offer` raises."""
    with _timed():
        return offering.offer(session, now(), services().settings.busy_max_age, query, pair)


def offered_move(session: Session, query: SlotQuery, meeting: Meeting) -> Offer:
    """Raises what `offering.offer_move` raises."""
    with _timed():
        return offering.offer_move(session, now(), services().settings.busy_max_age, query, meeting)


@contextmanager
def _timed() -> Iterator[None]:
    began = time.perf_counter()
    yield
    slot_times().add("api" if request.blueprint == "api" else "page", time.perf_counter() - began)
