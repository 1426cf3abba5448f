"""Reads one connection's calendars and keeps what came."""

from __future__ import annotations

from datetime import timedelta

from service import logs
from service.operations import refreshing
from service.wiring import Services
from workers import context

READ_TIMEOUT = timedelta(seconds=30)


def refresh_connection(connection_id: int) -> None:
    """RQ's job. May be repeated; nothing happens for a connection that is gone or switched off."""
    logs.note(connection=connection_id)
    refresh(context.services(), connection_id)


def refresh(services: Services, connection_id: int) -> None:
    with services.database.read() as session:
        plan = refreshing.plan_refresh(session, services.clock(), connection_id)
    if plan is None:
        return
    result = refreshing.read(plan, services.calendars, READ_TIMEOUT)
    with services.database.write() as session:
        refreshing.store_refresh(session, services.clock(), result, services.settings.poll)
