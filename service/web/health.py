"""Whether the service is up, for supervisors and people who run it."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, jsonify
from sqlalchemy.exc import DBAPIError
from werkzeug.wrappers import Response as AnyResponse

from service.store import heartbeats, outbox
from service.store.migrate import is_current
from service.web.page import now, services

blueprint = Blueprint("health", __name__)
OVERDUE = timedelta(minutes=2)


@blueprint.get("/health/live")
def live() -> AnyResponse:
    return jsonify(status="live")


@blueprint.get("/health/ready")
def ready() -> AnyResponse:
    """200 when the database answers at this version's tables and a clock and a worker have said so lately; else 503,
    with what is missing. Mail that waits too long is told, and does not stop people from booking."""
    parts: dict[str, str] = {}
    try:
        parts["migrations"] = "ready" if is_current(services().database.engine) else "pending"
        with services().database.read() as session:
            alive = heartbeats.alive(session, now())
            overdue = outbox.oldest_overdue(session, now())
        parts["database"] = "ready"
        parts["clock"] = "ready" if "clock" in alive else "missing"
        parts["worker"] = "ready" if "worker" in alive else "missing"
        parts["outbox"] = "overdue" if overdue > OVERDUE else "ready"
    except DBAPIError:
        parts["database"] = "unreachable"
    ok = all(state == "ready" for part, state in parts.items() if part != "outbox")
    response = jsonify(status="ready" if ok else "not ready", parts=parts)
    response.status_code = 200 if ok else 503
    return response
