"""The loop that finds what is due: meetings, mails, calendars. Any number may run; every step is a conditional
update."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from types import FrameType

from sqlalchemy.exc import DBAPIError

from service.domain.errors import AdapterError
from service.operations import calendars, followup, inbound
from service.store import heartbeats, outbox
from service.wiring import Services
from workers.deliver import BATCH

log = logging.getLogger(__name__)
MOST_QUEUED = 4  # batches in the queue: the backlog stays in the database, where it is safe
REFRESHES = 20  # connections handed out in one round


def dispatch(services: Services) -> int:
    """Hands due mails to the queue; returns how many. A queue that does not answer gets nothing, and nothing is
    lost."""
    with services.database.write() as session:
        outbox.reap(session, services.clock())
    handed = 0
    while services.jobs.depth() < MOST_QUEUED:
        with services.database.write() as session:
            token, ids = outbox.claim_batch(session, services.clock(), BATCH)
        if not ids:
            break
        try:
            services.jobs.send_batch(token, ids)
        except AdapterError:
            with services.database.write() as session:
                outbox.give_back(session, token)
            raise
        handed += len(ids)
    return handed


def sweep(services: Services) -> int:
    """Writes what is due about meetings; returns how many were looked at."""
    looked_at = 0
    while True:
        with services.database.write() as session:
            count = followup.run_due(session, services.clock())
        looked_at += count
        if count < followup.SWEEP_LIMIT:
            return looked_at


def refresh_due(services: Services) -> int:
    """Hands calendars that are due to the queue, and messages that nobody has decided yet."""
    now = services.clock()
    with services.database.write() as session:
        due = calendars.due_connections(session, now, REFRESHES)
        calendars.hold_off(session, now, due, services.settings.poll)
        waiting = inbound.waiting(session, REFRESHES)
    for connection_id in due:
        services.jobs.refresh_connection(connection_id)
    for inbound_id in waiting:
        services.jobs.read_inbound(inbound_id)
    return len(due)


def run(services: Services) -> None:
    """Until SIGTERM or SIGINT. A round that fails is logged and tried again: the rows are still there."""
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    name = f"clock:{socket.gethostname()}:{os.getpid()}"
    rounds: list[tuple[Callable[[], object], timedelta]] = [
        (lambda: heartbeats.beat(services.database, name, "clock", services.clock()), timedelta(seconds=5)),
        (lambda: sweep(services), services.settings.sweep),
        (lambda: dispatch(services), services.settings.dispatch),
        (lambda: refresh_due(services), services.settings.sweep),
    ]
    due = [0.0] * len(rounds)
    while not stop.is_set():
        for at, (step, every) in enumerate(rounds):
            if time.monotonic() < due[at]:
                continue
            try:
                step()
            except (DBAPIError, AdapterError) as fault:
                log.warning(
                    "a round of the clock failed: %s", fault.code if isinstance(fault, AdapterError) else "database"
                )
            due[at] = time.monotonic() + every.total_seconds()
        stop.wait(max(0.0, min(due) - time.monotonic()))
