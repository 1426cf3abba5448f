"""A Google account as all of its adapters need it: where Google is, the tokens as we keep them, and requests that
renew them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Self
from urllib.parse import urlencode

from integrations.http import GuardedHttp, Response, check, host_of, retry_after
from service.domain.errors import AdapterError
from service.ports import TokenBox

EARLY = timedelta(minutes=1)  # a token that ends while a request is on its way is refused there
RENEW_SECONDS = 10.0  # well within the lease under which somebody renews alone
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
    """What is kept of a grant. Both ends are by our own clock: Google says only how many seconds are left.

    `refresh_until` is None where a grant has no end: those of an app that is registered as in testing have one.
    """

    refresh_token: str
    access_token: str
    expires_at: datetime
    scopes: tuple[str, ...]
    refresh_until: datetime | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        kept = json.loads(text)
        return cls(
            kept["refresh_token"],
            kept["access_token"],
            datetime.fromisoformat(kept["expires_at"]),
            tuple(kept["scopes"]),
            datetime.fromisoformat(kept["refresh_until"]) if kept.get("refresh_until") else None,
        )

    def render(self) -> str:
        return json.dumps(asdict(self), default=datetime.isoformat)

    def __repr__(self) -> str:
        return "<GoogleTokens>"  # a traceback or a failed assertion would show them


def tokens_of(answer: dict[str, Any], now: datetime, before: GoogleTokens | None) -> GoogleTokens | None:
    """What the token endpoint gave (RFC 6749 5.1); None when that is nothing. It names no refresh token and no scopes
    where those of `before` still hold."""
    refresh_token = answer.get("refresh_token") or (before.refresh_token if before else None)
    scopes = str(answer["scope"]).split() if answer.get("scope") else (before.scopes if before else ())
    if not refresh_token or not answer.get("access_token"):
        return None
    lasts = _seconds(answer.get("expires_in")) or timedelta(hours=1)
    until = _seconds(answer.get("refresh_token_expires_in"))
    refresh_until = now + until if until else (before.refresh_until if before else None)
    return GoogleTokens(str(refresh_token), str(answer["access_token"]), now + lasts, tuple(scopes), refresh_until)


def _seconds(told: object) -> timedelta | None:
    return timedelta(seconds=int(str(told))) if str(told).isdecimal() else None


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


class GoogleAccount:
    """Requests in the name of one account. Any number of threads and processes may hold the same one."""

    def __init__(
        self, client: GoogleClient, http: GuardedHttp, tokens: TokenBox, clock: Callable[[], datetime]
    ) -> None:
        self.client = client
        self._http, self._tokens, self._clock = http, tokens, clock

    def send(
        self,
        method: str,
        url: str,
        headers: dict[str, str],
        body: bytes | None,
        deadline: float,
        *,
        once: bool = False,
    ) -> Response:
        """The answer of a request that succeeded; `deadline` is by `time.monotonic`; `once` as of GuardedHttp. Raises
        AdapterError.

        A token may be refused before its time, when clocks differ or a password was changed: it is renewed once.
        """
        token = self.ready(deadline)
        response = self._once(method, url, headers, body, token, deadline, once)
        if response.status == 401:
            response = self._once(method, url, headers, body, self._renew(token, deadline), deadline, once)
        return checked(response)

    def _once(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None, token: str, deadline: float,
        once: bool,
    ) -> Response:  # fmt: skip
        return self._http.fetch(
            method,
            url,
            timeout=self._left(deadline),
            headers={**headers, "Authorization": f"Bearer {token}"},
            body=body,
            most_bytes=MOST_BYTES,
            same_host=True,
            once=once,
        )

    def ready(self, deadline: float) -> str:
        """A token for the next request, renewed if it must be. Raises AdapterError."""
        tokens = self._tokens_now()
        return tokens.access_token if self._holds(tokens) else self._renew(tokens.access_token, deadline)

    def _renew(self, spent: str, deadline: float) -> str:
        """Another access token than `spent`: what somebody got meanwhile, or what Google gives us now."""
        with self._tokens.renewing(self._left(deadline), host_of(self.client.token_uri)) as kept:
            tokens = GoogleTokens.parse(kept)
            if tokens.access_token != spent and self._holds(tokens):
                return tokens.access_token
            response = self._ask_for_new(tokens.refresh_token, deadline)
            if json_of(response).get("error") == "invalid_grant":
                # Where a lease ended before its holder did, somebody else has renewed: a spent token is not a dead one.
                now = self._tokens_now()
                if now.refresh_token == tokens.refresh_token:
                    raise AdapterError(self._why_dead(now), permanent=True, host=host_of(self.client.token_uri))
                return now.access_token
            renewed = tokens_of(json_of(_granted(response)), self._clock(), tokens)
            if renewed is None:
                raise AdapterError("unexpected_answer", permanent=False, host=host_of(self.client.token_uri))
            self._tokens.save(renewed.render())
            return renewed.access_token

    def _why_dead(self, tokens: GoogleTokens) -> str:
        ran_out = tokens.refresh_until is not None and self._clock() >= tokens.refresh_until - EARLY
        return "grant_ran_out" if ran_out else "reconnect"

    def _ask_for_new(self, refresh_token: str, deadline: float) -> Response:
        fields = {
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
            "client_id": self.client.client_id,
            "client_secret": self.client.client_secret,
        }
        patience = min(self._left(deadline), timedelta(seconds=RENEW_SECONDS))
        return post_form(self._http, self.client.token_uri, fields, patience)

    def _holds(self, tokens: GoogleTokens) -> bool:
        return self._clock() < tokens.expires_at - EARLY

    def _tokens_now(self) -> GoogleTokens:
        return GoogleTokens.parse(self._tokens.load())

    def _left(self, deadline: float) -> timedelta:
        left = deadline - time.monotonic()
        if left <= 0:
            raise AdapterError("timeout", permanent=False, host=host_of(self.client.calendar_root))
        return timedelta(seconds=left)


def _granted(response: Response) -> Response:
    """RFC 6749 5.2: what is wrong with us rather than with the person's grant is the operator's. It passes without the
    person, who is not told to connect again."""
    if response.status in {400, 401, 403}:
        raise AdapterError("client_refused", permanent=False, host=host_of(response.url))
    return check(response)


# developers.google.com/workspace/calendar/api/guides/errors: a 403 means four different things.
TOO_FAST = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "dailyLimitExceeded"})
NOT_GRANTED = frozenset({"insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"})
NOT_SET_UP = frozenset({"accessNotConfigured", "SERVICE_DISABLED"})


def checked(response: Response) -> Response:
    """The response if it succeeded, else an AdapterError with what it means for the account's owner."""
    host = host_of(response.url)
    if response.status == 401:
        raise AdapterError("reconnect", permanent=True, host=host)
    if response.status == 400 and "failedPrecondition" in _reasons(response):
        raise AdapterError("no_mailbox", permanent=True, host=host)
    if response.status == 403:
        reasons = _reasons(response)
        if reasons & TOO_FAST:
            raise AdapterError(
                "throttled", permanent=False, retry_after=retry_after(response.headers), host=host, status=403
            )
        if reasons & NOT_GRANTED:
            raise AdapterError("consent_partial", permanent=True, host=host)
        if reasons & NOT_SET_UP:
            raise AdapterError("client_refused", permanent=False, host=host)
    return check(response)


def _reasons(response: Response) -> frozenset[str]:
    error = json_of(response).get("error")
    if not isinstance(error, dict):
        return frozenset()
    told = [*(error.get("errors") or []), *(error.get("details") or [])]
    return frozenset(str(each.get("reason")) for each in told if isinstance(each, dict))
