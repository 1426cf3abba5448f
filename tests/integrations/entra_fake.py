"""Entra as its documents have it (learn.microsoft.com/entra/identity-platform: v2-oauth2-auth-code-flow,
v2-protocols-oidc, reference-error-codes): strict, codes and refresh tokens good once."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

TENANT = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490"
GENERIC = ("common", "organizations", "consumers")
CLIENT_ID = "6731de76-14a6-49ae-97bc-6eba6914391e"
SECRET, SECRET_ID = "tests~8Q~made-up-value", "0f5cbd60-1f3a-4e7c-9a40-3f2f6a7c9b11"
KNOWN = frozenset({"Calendars.ReadBasic", "Calendars.Read", "Calendars.ReadWrite", "User.Read", "Mail.Send"})
GRAPH = "https://graph.microsoft.com/"
OPENID = frozenset({"openid", "profile", "offline_access", "email"})
ASKED = frozenset({
    "client_id", "response_type", "redirect_uri", "scope", "response_mode", "state", "nonce", "prompt", "login_hint",
    "domain_hint", "code_challenge", "code_challenge_method", "client_info", "X-AnchorMailbox",
})  # fmt: skip
LASTS = timedelta(minutes=10)


class Refused(Exception):
    """An error of the token endpoint, or a page that leads nowhere. `number` is Microsoft's own."""

    def __init__(self, error: str, number: int, status: int = 400, suberror: str | None = None) -> None:
        super().__init__(error)
        self.error, self.number, self.status, self.suberror = error, number, status, suberror

    @property
    def body(self) -> dict[str, Any]:
        return {
            "error": self.error,
            "error_description": f"AADSTS{self.number}: as the documents have it. Trace ID: {secrets.token_hex(8)}",
            "error_codes": [self.number],
            **({"suberror": self.suberror} if self.suberror else {}),
        }


@dataclass(frozen=True)
class Account:
    address: str
    oid: str = field(default_factory=lambda: secrets.token_hex(16))


@dataclass
class Grant:
    """What one account gave. `refresh_token` is the one that holds; whoever comes with another is refused."""

    account: Account
    scopes: frozenset[str]
    refresh_token: str = ""
    over: Refused | None = None


@dataclass(frozen=True)
class _Code:
    grant: Grant
    redirect_uri: str
    challenge: str
    nonce: str
    expires_at: datetime


@dataclass
class EntraFake:
    """`wall` is an organisation that lets nobody consent; `lifetime` is that of an access token; `prefix` stands before
    the scopes in answers, as Graph's address does in some clouds."""

    clock: Callable[[], datetime]
    base: str = ""
    redirect_uris: set[str] = field(default_factory=set)
    secret: str = SECRET
    wall: int | None = None
    prefix: str = ""
    lifetime: timedelta = timedelta(seconds=3599)
    refreshed: int = 0
    grants: list[Grant] = field(default_factory=list)
    _accounts: dict[str, Account] = field(default_factory=dict)
    _codes: dict[str, _Code] = field(default_factory=dict)
    _tokens: dict[str, tuple[Grant, frozenset[str], datetime]] = field(default_factory=dict)

    def account(self, address: str) -> Account:
        return self._accounts.setdefault(address, Account(address))

    def expire_access_tokens(self) -> None:
        self._tokens.clear()

    def configuration(self, tenant: str) -> dict[str, Any]:
        if tenant not in {*GENERIC, TENANT}:
            raise Refused("invalid_tenant", 90002)
        return {
            "issuer": f"{self.base}/{tenant}/v2.0",
            "authorization_endpoint": f"{self.base}/{tenant}/oauth2/v2.0/authorize",
            "token_endpoint": f"{self.base}/{tenant}/oauth2/v2.0/token",
            "jwks_uri": f"{self.base}/{tenant}/discovery/v2.0/keys",
            "response_types_supported": ["code"],
            "scopes_supported": sorted(OPENID),
        }

    def page(self, query: dict[str, str]) -> str:
        """What the person sees. Raises Refused where Entra shows an error and sends nobody anywhere."""
        if query.get("client_id") != CLIENT_ID:
            raise Refused("unauthorized_client", 700016)
        if query.get("redirect_uri") not in self.redirect_uris:
            raise Refused("invalid_request", 50011)
        if query.get("response_type") != "code" or query.get("response_mode", "query") != "query":
            raise Refused("unsupported_response_type", 700054)
        if query.get("code_challenge_method") != "S256" or len(query.get("code_challenge", "")) != 43:
            raise Refused("invalid_request", 9002325)
        if not query.get("state") or not query.get("nonce") or set(query) - ASKED:
            raise Refused("invalid_request", 90014)
        _named(query["scope"])
        hidden = "".join(
            f'<input type="hidden" name="asked.{html.escape(name)}" value="{html.escape(value)}">'
            for name, value in query.items()
        )
        wanted = "".join(f"<li>{html.escape(each)}" for each in query["scope"].split())
        address = html.escape(query.get("login_hint", ""))
        return (
            "<!doctype html><title>Permissions requested</title><h1>Permissions requested</h1>"
            f'<ul>{wanted}</ul><form method="post">{hidden}<label>Account <input name="account" value="{address}">'
            '</label><button name="decision" value="accept">Accept</button>'
            '<button name="decision" value="cancel">Cancel</button></form>'
        )

    def decide(self, form: dict[str, str]) -> str:
        """Where the browser goes from the page."""
        asked = {name.removeprefix("asked."): value for name, value in form.items() if name.startswith("asked.")}
        self.page(asked)
        if form["decision"] != "accept":
            return self._back(asked, error="access_denied", error_subcode="cancel", error_description="AADSTS65004: no")
        if self.wall is not None:
            return self._back(
                asked, error="access_denied", error_description=f"AADSTS{self.wall}: ask an administrator"
            )
        grant = Grant(self.account(form["account"]), _named(asked["scope"]))
        self.grants.append(grant)
        code = secrets.token_urlsafe(32)
        self._codes[code] = _Code(
            grant, asked["redirect_uri"], asked["code_challenge"], asked["nonce"], self.clock() + LASTS
        )
        return self._back(asked, code=code, client_info=_client_info(grant.account), session_state=secrets.token_hex(8))

    def _back(self, asked: dict[str, str], **answer: str) -> str:
        return f"{asked['redirect_uri']}?{urlencode({**answer, 'state': asked['state']})}"

    def token(self, form: dict[str, str]) -> dict[str, Any]:
        """Raises Refused."""
        if form.get("client_id") != CLIENT_ID:
            raise Refused("unauthorized_client", 700016)
        if form.get("client_secret") != self.secret:
            raise Refused("invalid_client", 7000215, 401)
        match form.get("grant_type"):
            case "authorization_code":
                code = self._codes.pop(form.get("code", ""), None)
                if code is None or code.expires_at <= self.clock():
                    raise Refused("invalid_grant", 70008 if code else 54005)
                challenge = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
                if base64.urlsafe_b64encode(challenge).rstrip(b"=").decode() != code.challenge:
                    raise Refused("invalid_grant", 501481)
                if form.get("redirect_uri") != code.redirect_uri:
                    raise Refused("invalid_client", 500112)
                return self._given(code.grant, form, code.nonce)
            case "refresh_token":
                grant = next((each for each in self.grants if each.refresh_token == form.get("refresh_token")), None)
                if grant is None:
                    raise Refused("invalid_grant", 70000, suberror="bad_token")
                if grant.over is not None:
                    raise grant.over
                self.refreshed += 1
                return self._given(grant, form, None)
        raise Refused("unsupported_grant_type", 70003)

    def _given(self, grant: Grant, form: dict[str, str], nonce: str | None) -> dict[str, Any]:
        wanted = _named(form.get("scope", ""))
        if not wanted <= grant.scopes:
            raise Refused("invalid_grant", 65001, suberror="consent_required")
        access = secrets.token_urlsafe(32)
        self._tokens[access] = (grant, wanted, self.clock() + self.lifetime)
        seconds = int(self.lifetime.total_seconds())
        told = {each if each in OPENID else self.prefix + each for each in wanted - {"offline_access"}}
        answer: dict[str, Any] = {
            "token_type": "Bearer", "scope": " ".join(sorted(told)), "expires_in": seconds,
            "ext_expires_in": seconds, "access_token": access, "id_token": self._id_token(grant.account, nonce),
        }  # fmt: skip
        if "offline_access" in wanted:
            answer["refresh_token"] = grant.refresh_token = secrets.token_urlsafe(32)
        if form.get("client_info") == "1":
            answer["client_info"] = _client_info(grant.account)
        return answer

    def _id_token(self, account: Account, nonce: str | None) -> str:
        now = int(self.clock().timestamp())
        claims = {
            "aud": CLIENT_ID, "iss": f"{self.base}/{TENANT}/v2.0", "iat": now, "nbf": now, "exp": now + 3600,
            "sub": f"only-for-us-{account.oid}", "oid": account.oid, "tid": TENANT, "ver": "2.0",
            "preferred_username": account.address, "name": "SECRET-NAME", **({"nonce": nonce} if nonce else {}),
        }  # fmt: skip
        return ".".join([_encoded({"alg": "RS256", "typ": "JWT"}), _encoded(claims), secrets.token_urlsafe(16)])

    def who(self, authorization: str) -> tuple[Grant, frozenset[str]] | None:
        grant, scopes, expires_at = self._tokens.get(authorization.removeprefix("Bearer "), (None, None, None))
        if grant is None or scopes is None or expires_at is None or expires_at <= self.clock():
            return None
        return grant, scopes

    def end(self, address: str, refused: Refused) -> None:
        """Somebody changed their password, or took the consent away."""
        self.expire_access_tokens()
        for grant in self.grants:
            if grant.account.address == address:
                grant.over = refused


def _named(scope: str) -> frozenset[str]:
    asked = frozenset(each.removeprefix(GRAPH) for each in scope.split())
    if not asked or asked - KNOWN - OPENID:
        raise Refused("invalid_scope", 70011)
    return asked


def _client_info(account: Account) -> str:
    return _encoded({"uid": account.oid, "utid": TENANT})


def _encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
