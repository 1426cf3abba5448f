"""Gives back what people let us have of their calendars, once they are in no pair any more."""

from __future__ import annotations

import logging
from contextlib import suppress

from service import logs
from service.operations import calendars, consents, erasing, leaving, watching
from service.store.database import AWAY
from service.store.types import KeyMissing
from service.wiring import Services
from workers.busy import WATCH_TIMEOUT

log = logging.getLogger(__name__)

AT_ONCE = 10  # people in one round


def end_access(services: Services) -> int:
    """One person after the other; returns how many."""
    with services.database.read() as session:
        over = leaving.due(session, services.clock(), AT_ONCE)
    for person_id in over:
        _attempt(services, person_id)
    return len(over)


def _attempt(services: Services, person_id: int) -> None:
    """The boundary of one person: what is wrong with theirs holds up nobody else."""
    with logs.about(person=person_id):
        try:
            leave(services, person_id)
        except AWAY:  # the database is away: nothing of one person's
            raise
        except Exception as fault:  # a mistake in one person's must not keep what the others gave
            logs.mistake(log, "somebody's access cannot be given back", fault, person=person_id)


def leave(services: Services, person_id: int) -> None:
    """Their providers are asked to tell of changes no more, while there are tokens for that; then those go, and the
    grants end. Repeatable."""
    with suppress(KeyMissing):  # nobody can ask for them; a watch ends by itself
        end_watches(services, person_id)
    with services.database.write() as session:
        ended = erasing.end_access(session, person_id)
    for each in ended:
        consents.revoke(services.authorizers, each)


def end_watches(services: Services, person_id: int) -> None:
    """One that its provider does not let go of ends by itself in a few days; what it tells until then is about
    nothing."""
    with services.database.read() as session:
        plans = [watching.all_of(session, each) for each in calendars.connections_of(session, person_id)]
    for plan in plans:
        watcher = services.watchers(plan.provider, plan.url, plan.connection_id) if plan.spent else None
        if watcher is not None:
            watching.stop(plan.spent, watcher, WATCH_TIMEOUT)
