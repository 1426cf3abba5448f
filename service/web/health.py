"""Whether the service is up, for supervisors and people who run it."""

from __future__ import annotations

from flask import Blueprint, jsonify
from sqlalchemy.exc import DBAPIError
from werkzeug.wrappers import Response as AnyResponse

from service.store import heartbeats, held, outbox
from service.store.migrate import is_current
from service.web.page import now, services

blueprint = Blueprint("health", __name__)


@blueprint.get("/health/live")
def live() -> AnyResponse:
    return jsonify(status="live")


@blueprint.get("/health/ready")
def ready() -> AnyResponse:
    """200 when the database answers at this version's tables and, with the embedded broker, a clock and a worker have
    said so lately; else 503. Each part is told: mail that waits too long, or workers of another machine that are gone,
    do not stop people from booking."""
    parts, needed = _parts(), {"database", "migrations"}
    if services().settings.redis_url is None:
        needed |= {"clock", "worker"}
    ok = all(parts.get(part) == "ready" for part in needed)
    response = jsonify(status="ready" if ok else "not ready", parts=parts)
    response.status_code = 200 if ok else 503
    return response


def _parts() -> dict[str, str]:
    database = services().database
    try:
        current = is_current(database.engine)
        if not current:
            return {"database": "ready", "migrations": "pending"}
        with database.read() as session:
            alive = heartbeats.alive(session, services().machine_clock())
            wrong = {
                "overdue": outbox.oldest_overdue(session, now()) > outbox.OVERDUE,
                "held": held.count(session) > 0,
                "uncertain": "uncertain" in outbox.counts(session),
            }
    except DBAPIError:
        return {"database": "unreachable"}
    return {
        "database": "ready",
        "migrations": "ready",
        "clock": "ready" if "clock" in alive else "missing",
        "worker": "ready" if "worker" in alive else "missing",
        "outbox": next((name for name, is_so in wrong.items() if is_so), "ready"),
    }
