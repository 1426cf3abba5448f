"""The loop that finds what is due: meetings, mails, calendars. Any number may run; every step is a conditional
update."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import FrameType

from sqlalchemy.exc import DBAPIError

from service import logs
from service.domain.errors import AdapterError
from service.operations import clearing, erasing, inbound, sightings, timers, turns
from service.operations.sweeps import AT_ONCE
from service.store import claims, erased, heartbeats, outbox, writes
from service.wiring import Services
from workers import leaving
from workers.deliver import BATCH

log = logging.getLogger(__name__)
MOST_QUEUED = 4  # batches in the queue: the backlog stays in the database, where it is safe
MESSAGES = 20  # handed out in one round
EVENTS = 10  # in one job
SOON = timedelta(seconds=0.1)  # while mail flows: workers may be through with what is queued, and more may wait
CLEAR_EVERY = timedelta(hours=1)
BEAT_EVERY = timedelta(seconds=5)


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


def flow(services: Services) -> int:
    """Hands due mails to the queue; 0 when none were and it is empty."""
    return dispatch(services) or services.jobs.depth()


def sweep(services: Services) -> int:
    """Writes what is due about meetings, pairs, ended ones too, dates and goals, and clears holds that have lapsed;
    returns how many were looked at."""
    with services.database.write() as session:
        claims.let_lapse(session, services.clock())
    return sum(_sweep(services, run_due) for run_due in timers.SWEEPS)


def settle_sightings(services: Services) -> int:
    """Settles what people changed in calendars that we only read; returns how many. One after the other: each asks for
    the turn of its pair first."""
    with services.database.read() as session:
        changed = sightings.due(session, services.clock(), EVENTS)
    for meeting_id, calendar_id in changed:
        with services.database.write() as session:
            sightings.settle_alone(session, services.clock(), services.settings.busy_max_age, meeting_id, calendar_id)
    return len(changed)


def _sweep(services: Services, run_due: timers.RunDue) -> int:
    looked_at = 0
    while True:
        with services.database.write() as session:
            count = run_due(session, services.clock())
        looked_at += count
        if count < AT_ONCE:
            return looked_at


def refresh_due(services: Services) -> int:
    """Wakes a reader when calendars are due, and hands out messages that nobody has decided yet; returns how many jobs
    it asked for."""
    with services.database.read() as session:
        due = turns.ready(session, services.clock(), 1, services.settings.reads_per_host)
        waiting = inbound.waiting(session, MESSAGES)
    if due:
        services.jobs.read_calendars()
    if not waiting or services.jobs.depth() >= MOST_QUEUED:
        return len(due)
    services.jobs.read_inbound(waiting)
    return len(due) + len(waiting)


def write_due(services: Services) -> int:
    """Hands events that are to be written to the queue, when nobody waits there: a provider that hangs must not keep
    calendars from being read. Returns how many."""
    if services.jobs.calendar_depth():
        return 0
    with services.database.write() as session:
        ids = writes.claim(session, services.clock(), EVENTS)
    if not ids:
        return 0
    try:
        services.jobs.write_events(ids)
    except AdapterError:
        with services.database.write() as session:
            writes.give_back(session, ids)
        raise
    return len(ids)


def heed_list(services: Services) -> None:
    """Writes down beside the database who was erased, and erases whom a copy of an older database has brought back."""
    file = services.settings.data_dir / erased.LIST_FILE
    with services.database.read() as session:
        erased.keep(file, erased.lines(session))
        back = erased.back_again(session, erased.read(file))
    if back:
        with services.database.write() as session:
            erasing.erase_again(session, services.clock(), erased.read(file))


def clear(services: Services) -> None:
    """Takes away what is kept no longer, a batch in a transaction."""
    for step in clearing.STEPS:
        count = clearing.AT_ONCE
        while count >= clearing.AT_ONCE:
            with services.database.write() as session:
                count = step(session, services.clock())


@dataclass
class Round:
    """A step that is done again and again, `soon` after it found something; `next_at` is on the monotonic clock, which
    no correction of the time moves."""

    step: Callable[[Services], int | None]
    every: timedelta
    soon: timedelta | None = None
    next_at: float = 0.0


def run(services: Services) -> None:
    """Until SIGTERM or SIGINT."""
    settings = services.settings
    rounds = [
        Round(sweep, settings.sweep),
        Round(flow, settings.dispatch, soon=min(SOON, settings.dispatch)),
        Round(refresh_due, settings.sweep),
        Round(settle_sightings, settings.sweep),
        Round(write_due, settings.sweep, soon=SOON),
        Round(leaving.end_access, settings.sweep),
        Round(heed_list, settings.sweep),
        Round(clear, CLEAR_EVERY),
    ]
    go_round(services, "clock", rounds)


def go_round(services: Services, part: str, rounds: Sequence[Round], called: threading.Event | None = None) -> None:
    """Does what each round says, everything at once when another thread has `called`, and tells that this part lives.
    Until SIGTERM or SIGINT."""
    logs.start(services.settings.log_format, part)
    stop, called = threading.Event(), called or threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()
        called.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    name = f"{part}-{socket.gethostname()}-{os.getpid()}"
    beat = Round(lambda services: heartbeats.beat(services.database, name, part, services.machine_clock()), BEAT_EVERY)
    rounds = [beat, *rounds]
    while not stop.is_set():
        if at_once := called.is_set():
            called.clear()  # before anything is done, and only what was seen: a call that comes meanwhile is another
        for each in rounds:
            if at_once or time.monotonic() >= each.next_at:
                pause = each.soon if attempt(each.step, services) and each.soon else each.every
                each.next_at = time.monotonic() + pause.total_seconds()
        if not stop.is_set():  # for the signal may have come before `called` was cleared
            called.wait(max(0.0, min(each.next_at for each in rounds) - time.monotonic()))


def attempt(step: Callable[[Services], int | None], services: Services) -> int | None:
    """How much the step found, None when it failed: that is logged, and it comes again. The rows are still there, and
    the other steps must not wait for it."""
    try:
        return step(services)
    except AdapterError as fault:
        log.warning("a round failed: %s", fault.code)
    except DBAPIError as fault:
        log.warning("a round failed: the database said %s", logs.kind(fault))
    except Exception as fault:  # the boundary of one round: a mistake in the sweep must not keep mails from leaving
        logs.mistake(log, "a round", fault)
    return None
