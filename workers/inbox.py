"""Decides one message that came in."""

from __future__ import annotations

from service import logs
from service.operations import inbound
from workers import context


def read_inbound(inbound_id: int) -> None:
    """RQ's job. May be repeated: a decided message stays decided."""
    services = context.services()
    logs.note(inbound=inbound_id)
    with services.database.write() as session:
        inbound.decide(session, services.clock(), inbound_id)
