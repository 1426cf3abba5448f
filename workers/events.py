"""Writes events into people's own calendars, one row after another; what came of each is kept before the next."""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence

from service import logs
from service.operations import changes, events
from service.wiring import Services
from workers import context

log = logging.getLogger(__name__)


def write_events(write_ids: Sequence[int]) -> None:
    """RQ's job. May be repeated: what has been written is not written again."""
    services = context.services()
    for write_id in write_ids:
        attempt(services, write_id)


def attempt(services: Services, write_id: int) -> None:
    """The boundary of one event: what is wrong with it holds up no other. Its lease stays, so that it is not tried
    again at once."""
    with logs.about(row=write_id):
        try:
            write(services, write_id)
        except Exception as fault:  # a mistake in one event must not keep the others from being written
            logs.mistake(log, "an event cannot be written", fault, row=write_id)


def write(services: Services, write_id: int) -> None:
    """No transaction is open while the provider is asked."""
    with services.database.write() as session:
        plan = events.begin(session, services.clock(), services.settings, write_id)
    if plan is None:
        return
    jitter = random.random()  # noqa: S311 - spreads retries, guards nothing
    result: events.WriteResult | changes.LookResult
    if plan.look:
        result = seen = changes.look(plan, services.writers)
        with services.database.write() as session:
            state = changes.settle(session, services.clock(), services.settings.busy_max_age, seen, jitter)
    else:
        result = written = events.write(plan, services.writers)
        with services.database.write() as session:
            state = events.settle(session, services.clock(), written, jitter)
    if result.error is not None:
        log.warning("an event could not be written or looked at: %s, now %s", result.error.code, state)
