"""A Google account as all of its adapters need it: where Google is, the tokens as we keep them, and requests that
renew them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Self
from urllib.parse import urlencode

from integrations.http import GuardedHttp, Response
from service.domain.errors import AdapterError

MOST_BYTES = 16 * 1024 * 1024
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}


@dataclass(frozen=True, slots=True)
class GoogleClient:
    """Who we are at Google, and its addresses as the operator named them."""

    client_id: str
    client_secret: str
    auth_uri: str
    token_uri: str
    revoke_uri: str
    userinfo_uri: str
    calendar_root: str


@dataclass(frozen=True, slots=True)
class GoogleTokens:
    """What is kept of a grant. `expires_at` is by our own clock: Google says only how many seconds are left."""

    refresh_token: str
    access_token: str
    expires_at: datetime
    scopes: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        kept = json.loads(text)
        return cls(
            kept["refresh_token"],
            kept["access_token"],
            datetime.fromisoformat(kept["expires_at"]),
            tuple(kept["scopes"]),
        )

    def render(self) -> str:
        return json.dumps({**asdict(self), "expires_at": self.expires_at.isoformat()})

    def __repr__(self) -> str:
        return "<GoogleTokens>"  # a traceback or a failed assertion would show them


def tokens_of(answer: dict[str, Any], now: datetime, before: GoogleTokens | None) -> GoogleTokens:
    """What the token endpoint gave (RFC 6749 5.1). It names no refresh token and no scopes where those of `before`
    still hold. Raises AdapterError `reconnect` when there is none at all."""
    refresh_token = answer.get("refresh_token") or (before.refresh_token if before else None)
    scopes = str(answer["scope"]).split() if answer.get("scope") else (before.scopes if before else ())
    if not refresh_token or not answer.get("access_token"):
        raise AdapterError("reconnect", permanent=True)
    lasts = timedelta(seconds=int(answer.get("expires_in") or 3600))
    return GoogleTokens(str(refresh_token), str(answer["access_token"]), now + lasts, tuple(scopes))


def post_form(http: GuardedHttp, url: str, fields: dict[str, str], timeout: timedelta) -> Response:
    """Raises AdapterError when no answer comes; whatever Google answers is returned."""
    body = urlencode(fields).encode()
    return http.fetch("POST", url, timeout=timeout, headers=FORM, body=body, most_bytes=MOST_BYTES, same_host=True)


def json_of(response: Response) -> dict[str, Any]:
    """The answer's object; an empty one when it is something else."""
    try:
        found = json.loads(response.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
