"""Connections in turn: which are due and may be read now, who takes them, which servers asked to be left alone."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Select, and_, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from service.domain import turns
from service.domain.turns import LONGEST_HOLD, Waiting
from service.store.database import alone
from service.store.tables import CalendarHost, Connection
from service.store.types import fingerprint

LEASE = timedelta(minutes=10)  # longer than a read takes and two machines' clocks differ
CLAIMS_LOCK = 7_264_932  # PostgreSQL's advisory lock of those who take turns


def ready(session: Session, now: datetime, free: int, per_host: int) -> list[int]:
    """The connections to read now, in order; at most `free`, and at each host no more than `per_host` at once with
    those that are being read already. Loads as many narrow rows as are due."""
    reading = dict(session.execute(being_read(now)).all())
    holds = select(CalendarHost.host_hash, CalendarHost.wait_until).where(CalendarHost.wait_until > now)
    held = dict(session.execute(holds).all())
    waiting = [
        Waiting(connection_id, person_id, host or f"of {connection_id}", due_at or now)
        for connection_id, person_id, host, due_at in session.execute(due(now))
    ]
    return turns.next_reads(now, waiting, reading, held, per_host, free)


def claim(session: Session, now: datetime, free: int, per_host: int) -> list[int]:
    """Takes what is ready, for one reader: nobody else gets it before it has been stored, or the lease is over."""
    alone(session, CLAIMS_LOCK)
    wanted = ready(session, now, free, per_host)
    if not wanted:
        return []
    # What a live read has in its hands is passed by: waiting for it could be waiting for each other.
    still = session.execute(due(now).where(Connection.id.in_(wanted)).with_for_update(skip_locked=True)).all()
    ids = {row.id for row in still}
    session.execute(update(Connection).where(Connection.id.in_(ids)).values(leased_until=now + LEASE))
    return [each for each in wanted if each in ids]


def due(now: datetime) -> Select[int, int, str | None, datetime | None]:
    """What is due and nobody reads. A lease that lasts longer than any may was given by a clock that has been set back
    since."""
    unread = or_(
        Connection.leased_until.is_(None), Connection.leased_until <= now, Connection.leased_until > now + LEASE
    )
    return select(Connection.id, Connection.person_id, Connection.host_hash, Connection.due_at).where(
        Connection.due_at <= now, unread
    )


def being_read(now: datetime) -> Select[str, int]:
    """How many at each server."""
    host = func.coalesce(Connection.host_hash, "")
    leased = and_(Connection.leased_until > now, Connection.leased_until <= now + LEASE)
    return select(host, func.count()).where(leased).group_by(host)


def hold(session: Session, now: datetime, host_hash: str, retry_after: timedelta) -> None:
    """Nobody asks this server again before then, for anybody's calendar, except for a person who waits: a live read is
    one request, and what is refused books nothing. At most a day. Repeatable."""
    insert = postgresql_insert if session.get_bind().dialect.name == "postgresql" else sqlite_insert
    wanted = insert(CalendarHost).values(host_hash=host_hash, wait_until=turns.hold_until(now, retry_after))
    stands = CalendarHost.wait_until
    session.execute(
        wanted.on_conflict_do_update(
            index_elements=["host_hash"],
            set_={"wait_until": wanted.excluded.wait_until},
            where=(stands < wanted.excluded.wait_until) | (stands > now + LONGEST_HOLD),
        )
    )


def host_hash(provider: str, url: str) -> str:
    """What connections on one server share, and tells nobody which that is by itself. A provider whose connections need
    no address is one server."""
    return fingerprint(turns.host_of(url) or provider)
