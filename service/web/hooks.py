"""What providers tell us: that something changed, never what. A notice makes a connection due; nothing is read here.

Whoever calls is answered the same, whether we know the watch or not and whether its token is right: nobody learns
which watches there are, and a provider that tells of one that we ended has nothing to repeat. Nothing is counted by
address: all notices of a provider come from a few of its own, and what is forged costs one look at an index.
"""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, Response, request
from markupsafe import escape
from pydantic import BaseModel, Field, ValidationError

from service.operations import watching
from service.web.page import now, reading, writing

blueprint = Blueprint("hooks", __name__)
MOST_TOKEN = 2048  # Microsoft's have some hundred characters; their length is documented nowhere
# learn.microsoft.com/graph/change-notifications-lifecycle-events; `missed`, the third, only asks us to look.
ENDING = frozenset({"reauthorizationRequired", "subscriptionRemoved"})


class Notice(BaseModel):
    """One of Microsoft's batch. Of what changed nothing is read."""

    subscriptionId: str = Field(pattern=r"^[0-9A-Za-z-]{1,64}$")  # noqa: N815 - Microsoft's words
    clientState: str | None = None  # noqa: N815
    lifecycleEvent: str | None = None  # noqa: N815


class Notices(BaseModel):
    value: list[Notice]


@blueprint.post("/hooks/google")
def google() -> Response:
    """Headers only (developers.google.com/workspace/calendar/api/guides/push, "Understanding the notification message
    format"); `sync` says that a channel was opened. 204 is among the answers after which Google repeats nothing."""
    if request.headers.get("X-Goog-Resource-State") != "sync":
        _hear([(request.headers.get("X-Goog-Channel-ID", ""), request.headers.get("X-Goog-Channel-Token", ""))])
    return Response(status=204)


@blueprint.post("/hooks/microsoft")
def microsoft() -> Response:
    """A token is repeated, so that Microsoft knows that we want to hear from it; anybody may have one repeated, as text
    that no browser takes for a page. Else a batch of notices: 202 is what Microsoft asks for before they are worked on
    (learn.microsoft.com/graph/change-notifications-delivery-webhooks)."""
    token = request.args.get("validationToken")
    if token is not None:
        return Response(str(escape(token[:MOST_TOKEN])), content_type="text/plain; charset=utf-8")
    try:
        notices = Notices.model_validate_json(request.get_data()).value
    except ValidationError:
        notices = []
    ending = [each.subscriptionId for each in notices if each.lifecycleEvent in ENDING]
    _hear([(each.subscriptionId, each.clientState or "") for each in notices], ending)
    return Response(status=202)


def _hear(notices: Sequence[tuple[str, str]], ending: Sequence[str] = ()) -> None:
    """Looks first: what is forged waits for nobody who writes, and keeps nobody waiting."""
    with reading() as session:
        told = watching.told(session, notices)
    if told:
        with writing() as session:
            watching.end_early(session, [channel for channel in ending if channel in told])
            watching.note(session, now(), told.values())
