"""Which parts are running, as they last said: RQ's own registry forgets workers when the broker restarts."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from service.store.database import Database
from service.store.tables import Heartbeat

FRESH_FOR = timedelta(seconds=45)  # an idle worker says so every 15 seconds
FORGOTTEN_AFTER = timedelta(hours=1)
PARTS = ("clock", "worker")


# `now` is what the machines agree on (`Services.machine_clock`), also in the demo: whether a process lives has nothing
# to do with the time it plays.
def beat(database: Database, name: str, part: str, now: datetime) -> None:
    with database.write() as session:
        session.merge(Heartbeat(name=name[-120:], part=part, at=now))  # a host's name may be longer
        session.execute(delete(Heartbeat).where(Heartbeat.at < now - FORGOTTEN_AFTER))


def alive(session: Session, now: datetime) -> set[str]:
    """The kinds of part that have said so lately."""
    return set(session.scalars(select(Heartbeat.part).where(Heartbeat.at > now - FRESH_FOR)))


def by_part(session: Session, now: datetime) -> dict[str, tuple[int, datetime]]:
    """Of each kind of part that has said so lately: how many processes, and when one of them last did."""
    found = session.execute(
        select(Heartbeat.part, func.count(), func.max(Heartbeat.at))
        .where(Heartbeat.at > now - FRESH_FOR)
        .group_by(Heartbeat.part)
    )
    return {part: (count, at) for part, count, at in found}
