"""Reads the calendars that are due, many at a time, and keeps what came."""

from __future__ import annotations

import logging
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import timedelta

from service import logs
from service.operations import refreshing, turns
from service.wiring import Services
from workers import context

log = logging.getLogger(__name__)
READ_TIMEOUT = timedelta(seconds=30)
AT_ONCE = 16  # nearly all of a read is waiting
KEEP_ON = timedelta(seconds=15)  # then a worker that is to stop may
LOOK_SECONDS = 0.25


def read_calendars() -> None:
    """RQ's job. It takes nothing: the rows say whose turn it is. Any number may run."""
    read_due(context.services())


def read_due(services: Services, keep_on: timedelta = KEEP_ON) -> None:
    """Reads until nothing is due, or `keep_on` has passed and what was begun has ended. A slow server keeps its own
    seats waiting and nobody else's: the others are taken anew all the while."""
    until = time.monotonic() + keep_on.total_seconds()
    running: set[Future[None]] = set()
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="calendar") as pool:
        while True:
            if time.monotonic() < until:
                with services.database.write() as session:
                    free, per_host = AT_ONCE - len(running), services.settings.reads_per_host
                    ids = turns.claim(session, services.clock(), free, per_host)
                running |= {pool.submit(_attempt, services, each) for each in ids}
            if not running:
                return
            _, running = wait(running, LOOK_SECONDS)


def _attempt(services: Services, connection_id: int) -> None:
    """The boundary of one connection: what is wrong with it holds up no other. Its lease stays, so that it is not
    tried again at once."""
    with logs.about(connection=connection_id):
        try:
            refresh(services, connection_id)
        except Exception as fault:  # a mistake in one calendar must not keep the others from being read
            logs.mistake(log, "a calendar cannot be refreshed", fault, connection=connection_id)


def refresh(services: Services, connection_id: int) -> None:
    """May be repeated; nothing happens for a connection that is gone or switched off."""
    with services.database.write() as session:
        plan = refreshing.begin_read(session, services.clock(), connection_id)
    if plan is None:
        return
    result = refreshing.read(plan, services.calendars, READ_TIMEOUT)
    with services.database.write() as session:
        refreshing.store_refresh(session, services.clock(), result, services.settings.poll)
