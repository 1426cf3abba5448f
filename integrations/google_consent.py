"""Google's consent: the authorization code flow with PKCE (RFC 6749 4.1, RFC 7636), in one round trip of a person and
two requests of ours.

Google's own library for it runs on oauthlib, which refuses a scope that somebody unticked, and addresses of tests,
unless variables of the whole process say otherwise; and it waits without a deadline.
"""

from __future__ import annotations

import hmac
import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from integrations.google_account import MOST_BYTES, GoogleClient, GoogleTokens, json_of, post_form, tokens_of
from integrations.http import GuardedHttp, Response, host_of, retry_after
from service.domain.errors import AdapterError
from service.ports import ConsentBegun, Granted

TIMEOUT = timedelta(seconds=10)  # a person looks at a blank page meanwhile
AUTH = "https://www.googleapis.com/auth/"
IDENTITY = frozenset({"openid", "email"})
FREE_BUSY, LIST, OWNED = (
    f"{AUTH}calendar.{each}" for each in ("events.freebusy", "calendarlist.readonly", "events.owned")
)
# The least that each step of the ladder needs, and what does as well where somebody has given more (the scopes that
# calendar.v3's discovery document takes for each method).
# To send is a grant of its own: one with mail in it ends when a password is changed, and would take a calendar with it.
SEND = f"{AUTH}gmail.send"
NEEDED = {
    "busy": frozenset({FREE_BUSY, LIST}),
    "write": frozenset({FREE_BUSY, LIST, OWNED}),
    "send": frozenset({SEND}),
}
WIDER = {
    FREE_BUSY: frozenset({f"{AUTH}calendar", f"{AUTH}calendar.readonly"}),
    LIST: frozenset({f"{AUTH}calendar", f"{AUTH}calendar.readonly", f"{AUTH}calendar.calendarlist"}),
    OWNED: frozenset({f"{AUTH}calendar", f"{AUTH}calendar.events"}),
}
# RFC 6749 4.1.2.1 and 5.2, OpenID Connect Core 3.1.2.6, and Google's own
# (developers.google.com/identity/protocols/oauth2/web-server, "Authorization errors"). What is not here is a mistake in
# how the operator set up the client.
CODES = {
    "access_denied": "consent_denied",
    "consent_required": "consent_denied",
    "interaction_required": "consent_denied",
    "login_required": "consent_denied",
    "account_selection_required": "consent_denied",
    "admin_policy_enforced": "admin_consent",
    "redirect_uri_mismatch": "redirect_refused",
    "invalid_grant": "consent_expired",
    "server_error": "provider_unreachable",
    "temporarily_unavailable": "provider_unreachable",
}


class GoogleAuthorizer:
    """ports.Authorizer. `http` is made at the first use: most processes send nobody to Google."""

    def __init__(self, client: GoogleClient, http: Callable[[], GuardedHttp], clock: Callable[[], datetime]) -> None:
        self._client, self._http, self._clock = client, http, clock

    def begin(self, access: str, redirect_uri: str, hint: str | None) -> ConsentBegun:
        state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(64)
        challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self._client.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(sorted(NEEDED[access] | IDENTITY)),
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "access_type": "offline",
            "prompt": "consent",  # without it a second consent brings no refresh token
            **({"login_hint": hint} if hint else {}),
        }
        kept = json.dumps({"state": state, "verifier": verifier})
        return ConsentBegun(f"{self._client.auth_uri}?{urlencode(asked)}", state, kept)

    def finish(self, kept: str, redirect_uri: str, answer: dict[str, str]) -> Granted:
        begun = json.loads(kept)
        if not hmac.compare_digest(answer.get("state", "").encode(), begun["state"].encode()):
            raise self._fault("consent_expired")
        if "error" in answer:
            raise self._fault(CODES.get(answer["error"], "client_refused"))
        if not answer.get("code"):
            raise self._fault("consent_expired")
        given = self._trade(answer["code"], redirect_uri, begun["verifier"])
        tokens = tokens_of(given, self._clock(), None)
        if tokens is None:
            raise self._fault("consent_expired")
        whose = self._whose(tokens)
        return Granted(str(whose["sub"]), str(whose.get("email", "")), frozenset(tokens.scopes), tokens.render())

    def check(self, redirect_uri: str) -> None:
        """With a code that is made up: Google says so only to a client that it knows (RFC 6749 5.2)."""
        try:
            self._trade("none", redirect_uri, secrets.token_urlsafe(64))
        except AdapterError as fault:
            if fault.code != "consent_expired":
                raise

    def missing(self, access: str, granted: frozenset[str]) -> frozenset[str]:
        return frozenset(each for each in NEEDED[access] if not granted & {each, *WIDER.get(each, ())})

    def revoke(self, tokens: str) -> None:
        """The refresh token's end is that of the whole grant. One that is unknown there has ended already."""
        fields = {"token": GoogleTokens.parse(tokens).refresh_token}
        response = self._reach(lambda: post_form(self._http(), self._client.revoke_uri, fields, TIMEOUT))
        if response.status != 200 and json_of(response).get("error") != "invalid_token":
            raise self._refusal(response)

    def _trade(self, code: str, redirect_uri: str, verifier: str) -> dict[str, Any]:
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
            "client_id": self._client.client_id,
            "client_secret": self._client.client_secret,
        }
        response = self._reach(lambda: post_form(self._http(), self._client.token_uri, fields, TIMEOUT))
        if response.status != 200:
            raise self._refusal(response)
        return json_of(response)

    def _whose(self, tokens: GoogleTokens) -> dict[str, Any]:
        """OpenID Connect Core 5.3."""
        response = self._reach(
            lambda: self._http().fetch(
                "GET",
                self._client.userinfo_uri,
                timeout=TIMEOUT,
                headers={"Authorization": f"Bearer {tokens.access_token}"},
                most_bytes=MOST_BYTES,
                same_host=True,
            )
        )
        found = json_of(response)
        if response.status != 200 or "sub" not in found:
            raise self._fault("provider_unreachable", after=retry_after(response.headers))
        return found

    def _reach(self, ask: Callable[[], Response]) -> Response:
        try:
            return ask()
        except AdapterError as fault:
            raise self._fault("provider_unreachable") from fault

    def _refusal(self, response: Response) -> AdapterError:
        if response.status == 429 or response.status >= 500:
            return self._fault("provider_unreachable", after=retry_after(response.headers))
        return self._fault(CODES.get(str(json_of(response).get("error")), "client_refused"))

    def _fault(self, code: str, after: timedelta | None = None) -> AdapterError:
        """Only an outage passes by itself."""
        passes = code == "provider_unreachable"
        return AdapterError(code, permanent=not passes, retry_after=after, host=host_of(self._client.token_uri))
