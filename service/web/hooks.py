"""What providers tell us: that something changed, never what. A notice makes a connection due; nothing is read here.

Whoever calls is answered the same, whether we know the watch or not and whether its token is right: nobody learns
which watches there are, and a provider that tells of one that we ended has nothing to repeat. Nothing is counted by
address: all notices of a provider come from a few of its own, and what is forged costs one look at an index.
"""

from __future__ import annotations

from flask import Blueprint, Response, request

from service.operations import watching
from service.web.page import now, reading, writing

blueprint = Blueprint("hooks", __name__)


@blueprint.post("/hooks/google")
def google() -> Response:
    """Headers only (developers.google.com/workspace/calendar/api/guides/push, "Understanding the notification message
    format"); `sync` says that a channel was opened. 204 is among the answers after which Google repeats nothing."""
    if request.headers.get("X-Goog-Resource-State") != "sync":
        _hear([(request.headers.get("X-Goog-Channel-ID", ""), request.headers.get("X-Goog-Channel-Token", ""))])
    return Response(status=204)


def _hear(notices: list[tuple[str, str]]) -> None:
    """Looks first: what is forged waits for nobody who writes, and keeps nobody waiting."""
    with reading() as session:
        connection_ids = watching.told(session, notices)
    if connection_ids:
        with writing() as session:
            watching.note(session, now(), connection_ids)
