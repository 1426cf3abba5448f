"""The database's clock, for services on several machines: theirs may differ by minutes, leases and dates must not."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, func, select
from sqlalchemy.exc import SQLAlchemyError

log = logging.getLogger(__name__)
ASK_EVERY, TRY_EVERY = 30.0, 1.0  # seconds


class DatabaseClock:
    """What time it is at PostgreSQL's. Any number of threads may ask.

    It is asked again every half minute and half of the round trip is added; in between the monotonic clock counts on,
    which no correction of this machine's time moves. While the database is away its last answer goes on counting;
    before the first one `local` has to do.
    """

    def __init__(self, engine: Engine, local: Callable[[], datetime]) -> None:
        self._engine, self._local = engine, local
        self._asking = threading.Lock()
        self._ask_at = float("-inf")
        self._zero: datetime | None = None  # the database's time when the monotonic clock was at 0

    def __call__(self) -> datetime:
        if time.monotonic() >= self._ask_at and self._asking.acquire(blocking=self._zero is None):
            try:
                if time.monotonic() >= self._ask_at:  # another thread may have asked while this one waited
                    self._ask()
            finally:
                self._asking.release()
        return self._local() if self._zero is None else self._zero + timedelta(seconds=time.monotonic())

    def _ask(self) -> None:
        try:
            with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                before = time.monotonic()
                theirs: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
                after = time.monotonic()
        except SQLAlchemyError as fault:
            log.warning("the database's clock cannot be read: %s", type(fault).__name__)
            self._ask_at = time.monotonic() + TRY_EVERY
            return
        self._zero = theirs.astimezone(UTC) - timedelta(seconds=(before + after) / 2)
        self._ask_at = after + ASK_EVERY
