"""Google's side of consent and tokens, as its documents have it (developers.google.com/identity/protocols/oauth2,
RFC 6749, 7009, 7636, OpenID Connect Core): strict, single use, exact."""

from __future__ import annotations

import html
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from tests.integrations.google_document import AUTH, document

CLIENT_ID, CLIENT_SECRET = "123-greenroom.apps.googleusercontent.com", "google-client-secret"
EMAIL_SCOPE = f"{AUTH}userinfo.email"  # Google gives `email` back under this name
IDENTITY = {"openid": "openid", "email": EMAIL_SCOPE, "profile": f"{AUTH}userinfo.profile"}
MAIL = {f"{AUTH}gmail.send"}
LIFETIME = timedelta(seconds=3599)
CODE_LIFETIME = timedelta(minutes=10)
ASKED = {
    "client_id", "redirect_uri", "response_type", "scope", "access_type", "state", "include_granted_scopes",
    "login_hint", "prompt", "code_challenge", "code_challenge_method", "enable_granular_consent",
}  # fmt: skip


class OAuthRefused(Exception):
    """RFC 6749 5.2, or a page of Google's that sends the person nowhere."""

    def __init__(self, error: str, status: int = 400) -> None:
        super().__init__(error)
        self.error, self.status = error, status


@dataclass(eq=False)
class Account:
    sub: str
    email: str


@dataclass(eq=False)
class GoogleGrant:
    """What an account gave; of its refresh tokens the last one holds, the others are spent."""

    account: Account
    scopes: frozenset[str]
    refresh_token: str | None
    until: datetime | None = None  # of an app in testing
    revoked: bool = False


@dataclass
class OAuthFake:
    """`rotating` gives a new refresh token each time and takes the old one no more, as Google may."""

    clock: Callable[[], datetime]
    redirect_uris: set[str] = field(default_factory=set)
    rotating: bool = False
    testing: bool = False  # the app has not been published: what it is given ends after a week
    policy: str | None = None  # what the account's administrator answers instead of the account
    accounts: dict[str, Account] = field(default_factory=dict)
    grants: list[GoogleGrant] = field(default_factory=list)
    refreshes: int = 0
    _codes: dict[str, tuple[dict[str, str], GoogleGrant, datetime]] = field(default_factory=dict)
    _access: dict[str, tuple[GoogleGrant, datetime]] = field(default_factory=dict)

    def page(self, query: dict[str, str]) -> str:
        """The consent screen, with a box to untick for each scope that is not about who somebody is."""
        scopes = self._asked_scopes(query)
        boxes = "".join(
            f'<label><input type="checkbox" name="scope" value="{html.escape(each)}" checked> {html.escape(each)}'
            "</label><br>"
            for each in scopes
            if each not in IDENTITY
        )
        emails = "".join(f"<option>{html.escape(each)}</option>" for each in self.accounts)
        hidden = "".join(
            f'<input type="hidden" name="asked.{html.escape(name)}" value="{html.escape(value)}">'
            for name, value in query.items()
        )
        return (
            '<!doctype html><html lang="en"><meta name="viewport" content="width=device-width">'
            "<title>Sign in with Google (a fake)</title><h1>Greenroom wants access</h1>"
            f'<form method="post" action="/o/oauth2/v2/auth">{hidden}'
            f'<label>Account <select name="account">{emails}</select></label><br>{boxes}'
            '<button name="decision" value="allow">Allow</button> <button name="decision" value="deny">Deny</button>'
            "</form></html>"
        )

    def decide(self, form: list[tuple[str, str]]) -> str:
        """What the person pressed: the address that they are sent back to."""
        fields = dict(form)
        query = {name.removeprefix("asked."): value for name, value in form if name.startswith("asked.")}
        asked = self._asked_scopes(query)
        if self.policy is not None:
            return _back(query, error=self.policy)
        if fields.get("decision") != "allow":
            return _back(query, error="access_denied")
        ticked = {value for name, value in form if name == "scope"}
        given = [IDENTITY.get(each, each) for each in asked if each in IDENTITY or each in ticked]
        grant = self.grant(fields["account"], *given, offline=query.get("access_type") == "offline")
        code = f"4/{secrets.token_urlsafe(24)}"
        self._codes[code] = (query, grant, self.clock() + CODE_LIFETIME)
        return _back(query, code=code, scope=" ".join(given))

    def token(self, form: dict[str, str]) -> dict[str, Any]:
        if form.get("client_id") != CLIENT_ID or form.get("client_secret") != CLIENT_SECRET:
            raise OAuthRefused("invalid_client", 401)
        match form.get("grant_type"):
            case "authorization_code":
                return self._trade(form)
            case "refresh_token":
                return self._refresh(form)
        raise OAuthRefused("unsupported_grant_type")

    def revoke(self, form: dict[str, str]) -> None:
        grant = self._by_token(form.get("token", ""))
        if grant is None or grant.revoked:
            raise OAuthRefused("invalid_token")
        for each in self.grants:  # all that the account gave, not this alone
            each.revoked = each.revoked or each.account == grant.account

    def account(self, email: str) -> Account:
        """Somebody who can be chosen on the page."""
        return self.accounts.setdefault(email, Account(str(10**20 + len(self.accounts)), email))

    def grant(self, email: str, *scopes: str, offline: bool = True) -> GoogleGrant:
        """As if the account had consented already."""
        refresh_token = f"1//{secrets.token_urlsafe(24)}" if offline else None
        until = self.clock() + timedelta(days=7) if self.testing else None
        made = GoogleGrant(self.account(email), frozenset(scopes), refresh_token, until)
        self.grants.append(made)
        return made

    def access_token(self, grant: GoogleGrant) -> str:
        token = f"ya29.{secrets.token_urlsafe(24)}"
        self._access[token] = (grant, self.clock() + LIFETIME)
        return token

    def who(self, authorization: str | None) -> GoogleGrant | None:
        """Whose access token it is; None when it is nobody's, or was."""
        scheme, _, token = (authorization or "").partition(" ")
        grant, until = self._access.get(token, (None, self.clock()))
        return grant if scheme == "Bearer" and grant and not grant.revoked and self.clock() < until else None

    def userinfo(self, grant: GoogleGrant) -> dict[str, Any]:
        found: dict[str, Any] = {"sub": grant.account.sub, "name": "SECRET-NAME", "picture": "https://x.test/p"}
        if EMAIL_SCOPE in grant.scopes:
            found |= {"email": grant.account.email, "email_verified": True}
        return found

    def forget_access(self) -> None:
        """As when a password was changed: access tokens that have not expired are refused."""
        self._access.clear()

    def _trade(self, form: dict[str, str]) -> dict[str, Any]:
        query, grant, until = self._codes.pop(form.get("code", ""), (None, None, None))
        if query is None or grant is None or until is None or self.clock() >= until:
            raise OAuthRefused("invalid_grant")
        if form.get("redirect_uri") != query["redirect_uri"]:
            raise OAuthRefused("redirect_uri_mismatch")
        challenge = urlsafe_b64encode(sha256(form.get("code_verifier", "").encode()).digest()).rstrip(b"=").decode()
        if challenge != query["code_challenge"]:
            raise OAuthRefused("invalid_grant")
        first = {"refresh_token": grant.refresh_token} if grant.refresh_token and query.get("prompt") else {}
        return {**self._answer(grant), **first}

    def _refresh(self, form: dict[str, str]) -> dict[str, Any]:
        grant = self._by_token(form.get("refresh_token", ""))
        if grant is None or grant.revoked:
            raise OAuthRefused("invalid_grant")
        self.refreshes += 1
        if not self.rotating:
            return self._answer(grant)
        grant.refresh_token = f"1//{secrets.token_urlsafe(24)}"
        return {**self._answer(grant), "refresh_token": grant.refresh_token}

    def _answer(self, grant: GoogleGrant) -> dict[str, Any]:
        lasts = int(LIFETIME.total_seconds())
        scope = " ".join(sorted(grant.scopes))
        answer = {
            "access_token": self.access_token(grant), "expires_in": lasts, "scope": scope, "token_type": "Bearer",
        }  # fmt: skip
        if grant.until is not None:
            answer["refresh_token_expires_in"] = int((grant.until - self.clock()).total_seconds())
        return answer

    def _by_token(self, token: str) -> GoogleGrant | None:
        found = next((each for each in self.grants if token and each.refresh_token == token), None)
        return None if found and found.until and found.until <= self.clock() else found

    def _asked_scopes(self, query: dict[str, str]) -> list[str]:
        """Raises OAuthRefused for what Google shows a page of its own about."""
        scopes = query.get("scope", "").split()
        known = {*IDENTITY, *document()["auth"]["oauth2"]["scopes"], *MAIL}
        if query.get("client_id") != CLIENT_ID:
            raise OAuthRefused("invalid_client", 401)
        if query.get("redirect_uri") not in self.redirect_uris:
            raise OAuthRefused("redirect_uri_mismatch")
        if set(query) - ASKED or query.get("response_type") != "code" or not query.get("state"):
            raise OAuthRefused("invalid_request")
        if query.get("code_challenge_method") != "S256" or len(query.get("code_challenge", "")) != 43:
            raise OAuthRefused("invalid_request")
        if not scopes or set(scopes) - known:
            raise OAuthRefused("invalid_scope")
        return scopes


def _back(query: dict[str, str], **answer: str) -> str:
    return f"{query['redirect_uri']}?{urlencode({'state': query['state'], **answer})}"
