"""What providers tell us: that something changed, never what. A notice makes a connection due; nothing is read here.
And mail that a provider pushes, signed with a secret that we share.

Whoever calls is answered the same, whether we know the watch or not and whether its token is right: nobody learns
which watches there are, and a provider that tells of one that we ended has nothing to repeat. Nothing is counted by
address: all notices of a provider come from a few of its own, and what is forged costs one look at an index.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from flask import Blueprint, Response, request
from markupsafe import escape
from pydantic import BaseModel, Field, ValidationError
from werkzeug.exceptions import NotFound as NotFoundHere

from service import numbers
from service.domain.errors import AdapterError
from service.domain.received import MOST_BYTES
from service.operations import inbound, watching
from service.web.page import limited, now, reading, services, writing

blueprint = Blueprint("hooks", __name__)
MOST_TOKEN = 2048  # Microsoft's have some hundred characters; their length is documented nowhere
PUSH_WINDOW = timedelta(minutes=5)  # how far a signature's moment may be from our clock
MOST_PUSHED = 40 * 1024 * 1024  # octets: providers carry mails of 25 MB, which base64 makes a third longer
CHUNK = 64 * 1024
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


@blueprint.post("/hooks/mail")
def mail() -> Response:
    """One mail, raw as it came in (RFC 5322), with `Greenroom-Timestamp` in Unix seconds and `Greenroom-Signature`:
    `sha256=` and the HMAC of timestamp, a full stop, and body. 202: it is stored, and need not come again; if it does,
    it is the same mail. Nobody without the secret learns anything, and of a long mail the beginning is kept."""
    secret = services().settings.mail_hook_secret
    if secret is None:
        raise NotFoundHere
    raw = _signed(secret.encode())
    if raw is None:
        limited()
        return Response(status=401)
    if not raw.strip():
        return Response(status=400)
    with writing() as session:
        inbound_id = inbound.receive(session, now(), raw)
    with suppress(AdapterError):  # the clock hands out what the broker did not take
        services().jobs.read_inbound([inbound_id])
    return Response(status=202)


def _signed(secret: bytes) -> bytes | None:
    """The beginning of a body that is signed, and was just now. It is read piece by piece: a mail of 25 MB takes no
    more memory than what is kept of it. Raises RequestEntityTooLarge."""
    written = request.headers.get("Greenroom-Timestamp", "")
    seconds = numbers.whole(written, most_digits=10)
    if seconds is None or abs(services().machine_clock() - datetime.fromtimestamp(seconds, UTC)) > PUSH_WINDOW:
        return None
    request.max_content_length = MOST_PUSHED
    signature, kept = hmac.new(secret, f"{written}.".encode(), hashlib.sha256), bytearray()
    while chunk := request.stream.read(CHUNK):
        signature.update(chunk)
        kept += chunk[: MOST_BYTES - len(kept)]
    given = request.headers.get("Greenroom-Signature", "").encode()
    return bytes(kept) if hmac.compare_digest(f"sha256={signature.hexdigest()}".encode(), given) else None


def _hear(notices: Sequence[tuple[str, str]], ending: Sequence[str] = ()) -> None:
    """Looks first: what is forged waits for nobody who writes, and keeps nobody waiting."""
    with reading() as session:
        told = watching.told(session, notices)
    if told:
        with writing() as session:
            watching.end_early(session, [channel for channel in ending if channel in told])
            watching.note(session, now(), told.values())
