"""What a restore brings back: holding back what it would send."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from service.operations import inbound, sightings
from service.operations.timers import SWEEPS
from service.store import held, writes
from service.store.types import KeyMissing

MOST_WAITING = 10_000


def hold_what_was_due(session: Session, now: datetime, max_age: timedelta, authserv_id: str | None = None) -> int:
    """After a restore: what was due, and what comes of answers and timers by now, may have gone out since the backup,
    so a person decides. Returns how many rows are held. A row that cannot be looked at hinders no restore: it is left
    alone until somebody changes it, for put off by an hour its mails would leave unheld."""
    for inbound_id in inbound.waiting(session, MOST_WAITING):
        with suppress(KeyMissing):  # nobody can read it, here or later
            inbound.decide(session, now, max_age, inbound_id, authserv_id)
    sightings.forget(session)
    while sum([run_due(session, now, put_off=False) for run_due in SWEEPS]):  # one may set the timer of another
        session.flush()
    writes.hold(session)
    return held.hold(session, now)
