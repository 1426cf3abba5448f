"""A person's calendar in memory: connected, read, and what is known of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from service.operations import calendars, refreshing
from service.operations.calendars import NewConnection
from service.store.tables import Connection
from tests import cast

NOW = datetime(2027, 2, 1, 9, 0, tzinfo=UTC)
POLL, WAIT = timedelta(minutes=5), timedelta(seconds=4)


def connect(services, pair_id, url="bens", now=NOW):
    wanted = NewConnection("ics", url)
    with services.database.read() as session:
        asked = refreshing.request_for(session, now, session.get(cast.Pair, pair_id).mentor)
    found = calendars.probe(services.calendars, wanted, asked, WAIT)
    with services.database.write() as session:
        mentor = session.get(cast.Pair, pair_id).mentor
        return calendars.add_connection(session, now, mentor, wanted, found, POLL).id


def refresh(services, connection_id, now):
    with services.database.write() as session:
        plan = refreshing.begin_read(session, now, connection_id)
    result = refreshing.read(plan, services.calendars, WAIT)
    with services.database.write() as session:
        refreshing.store_refresh(session, now, result, POLL)


def begin(services, connection_id, now=NOW):
    """A read that takes its time: what it finds is what stands there now."""
    with services.database.write() as session:
        plan = refreshing.begin_read(session, now, connection_id)
    return refreshing.read(plan, services.calendars, WAIT)


def end(services, result, now=NOW):
    with services.database.write() as session:
        refreshing.store_refresh(session, now, result, POLL)


def state(services, connection_id):
    with services.database.read() as session:
        return session.get(Connection, connection_id).state
