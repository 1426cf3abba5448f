"""Reads the calendars that are due, many at a time, and keeps what came."""

from __future__ import annotations

import logging
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import timedelta

from service import logs
from service.domain.errors import AdapterError
from service.operations import refreshing, turns, watching
from service.wiring import Services
from workers import context

log = logging.getLogger(__name__)
READ_TIMEOUT = timedelta(seconds=30)
WATCH_TIMEOUT = timedelta(seconds=10)
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
    watch(services, connection_id)


def watch(services: Services, connection_id: int) -> None:
    """Has the connection's calendars watched, and ends what is watched no more; nothing hangs on it. After a read, so
    that no read waits for it: each connection comes by here many times in a watch's life. May be repeated."""
    base = services.settings.hooks_url
    reachable = base is not None
    with services.database.read() as session:
        plan = watching.plan(session, services.clock(), connection_id, reachable=reachable)
    if plan is None or not (plan.wanted or plan.spent):
        return
    watcher = services.watchers(plan.provider, plan.url, connection_id)
    if watcher is None:
        return
    answers = watching.ask(plan, watcher, f"{base}/hooks/{plan.provider}", WATCH_TIMEOUT)
    for answer in answers:
        if isinstance(answer.outcome, AdapterError):
            log.warning("a calendar is not watched, and asked about again later: %s", answer.outcome.code)
    with services.database.write() as session:
        spent = watching.keep(session, services.clock(), plan, answers, reachable=reachable)
    over = watching.stop(spent, watcher, WATCH_TIMEOUT)
    if over:
        with services.database.write() as session:
            watching.drop(session, services.clock(), over)
