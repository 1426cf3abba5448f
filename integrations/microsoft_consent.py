"""Microsoft's consent: the authorization code flow with PKCE (RFC 6749 4.1, RFC 7636), by its own library."""

from __future__ import annotations

import hmac
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from integrations.http import check, host_of
from integrations.microsoft_account import OF_OPENID, Kept
from integrations.microsoft_entra import GraphRequest, Microsoft, json_of
from service.domain.errors import AdapterError
from service.ports import ConsentBegun, Granted

TIMEOUT = timedelta(seconds=10)  # a person looks at a blank page meanwhile
BASIC, READ, READ_WRITE, WHO = "Calendars.ReadBasic", "Calendars.Read", "Calendars.ReadWrite", "User.Read"
# The least for each step of the ladder (learn.microsoft.com/graph/permissions-reference): there is no narrower way to
# write than READ_WRITE. WHO is for the address of the account.
NEEDED = {
    "busy": frozenset({BASIC, WHO}),
    "write": frozenset({READ_WRITE, WHO}),
    "send": frozenset({"Mail.Send", WHO}),
}
WIDER = {BASIC: frozenset({READ, READ_WRITE})}
# learn.microsoft.com/entra/identity-platform/reference-error-codes: their numbers say more than RFC 6749's words.
BY_NUMBER = {
    "65004": "consent_denied",
    "65001": "admin_consent",
    "90093": "admin_consent",
    "90094": "admin_consent",
    "90095": "admin_consent",
    "900941": "admin_consent",
    "50011": "redirect_refused",
    "54005": "consent_expired",
    "70000": "consent_expired",
    "70008": "consent_expired",
    "90033": "provider_unreachable",
}
BY_WORD = {
    "access_denied": "consent_denied",
    "consent_required": "admin_consent",
    "interaction_required": "consent_denied",
    "login_required": "consent_denied",
    "invalid_grant": "consent_expired",
    "server_error": "provider_unreachable",
    "temporarily_unavailable": "provider_unreachable",
}
SAID = frozenset({*BY_NUMBER.values(), *BY_WORD.values(), "client_refused"})
# Only an organisation has an administrator (learn.microsoft.com/entra/identity-platform/v2-admin-consent).
NOBODYS_TENANTS = frozenset({"common", "consumers"})


class MicrosoftAuthorizer:
    """ports.Authorizer."""

    def __init__(self, microsoft: Microsoft) -> None:
        self._microsoft = microsoft

    def begin(self, access: str, redirect_uri: str, hint: str | None) -> ConsentBegun:
        """Asks Entra where its page is, once a day."""
        with self._patient() as deadline:
            application = self._microsoft.application(Kept().cache, deadline)
            flow = application.initiate_auth_code_flow(
                sorted(NEEDED[access]),
                redirect_uri=redirect_uri,
                login_hint=hint,
                prompt="select_account",  # a browser may know several, and silently takes the one of work
                response_mode="form_post",
            )
        return ConsentBegun(_answered_in_the_address(flow.pop("auth_uri")), flow["state"], json.dumps(flow))

    def finish(self, kept: str, redirect_uri: str, answer: dict[str, str]) -> Granted:
        flow = {**json.loads(kept), "redirect_uri": redirect_uri}
        if not hmac.compare_digest(answer.get("state", "").encode(), flow["state"].encode()):
            raise self._fault("consent_expired")
        if "error" in answer:
            raise self._refusal(answer, flow)
        if not answer.get("code"):
            raise self._fault("consent_expired")
        tokens = Kept()
        with self._patient() as deadline:
            application = self._microsoft.application(tokens.cache, deadline)
            brought = {"state": answer["state"], "code": answer["code"]}
            given: dict[str, Any] = self._microsoft.understood(
                lambda: application.acquire_token_by_auth_code_flow(flow, brought)
            )
            if "access_token" not in given:
                raise self._refusal(given, flow)
            account = next(iter(application.get_accounts()), None)
            if account is None or not tokens.scopes:  # without an id token, or without a refresh token
                raise self._fault("client_refused")
            address = self._address(given["access_token"], deadline)
        return Granted(account["home_account_id"], address, _short(tokens.scopes), tokens.render())

    def check(self, redirect_uri: str) -> None:
        """Only whether the tenant is there: Entra says what else is wrong with us when somebody has said yes."""
        self.begin("busy", redirect_uri, None)

    def missing(self, access: str, granted: frozenset[str]) -> frozenset[str]:
        return frozenset(each for each in NEEDED[access] if not granted & {each, *WIDER.get(each, ())})

    def revoke(self, tokens: str) -> None:
        """Does nothing: Microsoft lets an application end all sessions of a person or none. Ours ends when we forget
        the tokens; the person can take the consent away themselves, where docs/microsoft.md says."""

    def _address(self, token: str, deadline: float) -> str:
        """That of the mailbox, which a sign-in name may differ from."""
        url = f"{self._microsoft.client.graph_root.rstrip('/')}/me?{urlencode({'$select': 'mail,userPrincipalName'})}"
        found = json_of(check(self._microsoft.ask_graph(GraphRequest("GET", url), token, deadline)))
        return str(found.get("mail") or found.get("userPrincipalName") or "")

    @contextmanager
    def _patient(self) -> Iterator[float]:
        """The moment by which all has to be done; an outage in between is said in words for whoever waits."""
        try:
            yield time.monotonic() + TIMEOUT.total_seconds()
        except AdapterError as fault:
            if fault.permanent and fault.code in SAID:
                raise
            code = "client_refused" if fault.code == "client_refused" else "provider_unreachable"
            raise self._fault(code, fault.retry_after) from fault

    def _refusal(self, answer: dict[str, Any], flow: dict[str, Any]) -> AdapterError:
        number = re.search(r"AADSTS(\d+)", str(answer.get("error_description", "")))
        code = BY_NUMBER.get(number[1] if number else "", BY_WORD.get(str(answer["error"]), "client_refused"))
        if code in {"admin_consent", "consent_denied"}:  # who turns round at that wall comes back as one who said no
            return AdapterError(code, permanent=True, host=self._host, admin_url=self._admin_url(flow))
        return self._fault(code)

    def _admin_url(self, flow: dict[str, Any]) -> str:
        """Where an administrator says yes for all of the organisation."""
        base, _, tenant = self._microsoft.client.authority.rpartition("/")
        graph = urlsplit(self._microsoft.client.graph_root)
        asked = {
            "client_id": self._microsoft.client.client_id,
            "redirect_uri": flow["redirect_uri"],
            "scope": " ".join(f"https://{graph.netloc}/{each}" for each in sorted(set(flow["scope"]) - OF_OPENID)),
        }
        return f"{base}/{'organizations' if tenant in NOBODYS_TENANTS else tenant}/v2.0/adminconsent?{urlencode(asked)}"

    @property
    def _host(self) -> str:
        return host_of(self._microsoft.client.authority)

    def _fault(self, code: str, after: timedelta | None = None) -> AdapterError:
        """Only an outage passes by itself."""
        return AdapterError(code, permanent=code != "provider_unreachable", retry_after=after, host=self._host)


def _answered_in_the_address(url: str) -> str:
    """In a form, as msal would have it, the answer is a POST from another site, and browsers leave out the cookie that
    it is bound to. msal warns on the standard error output when it is asked for this, so it is changed afterwards."""
    parts = urlsplit(url)
    query = {**dict(parse_qsl(parts.query)), "response_mode": "query"}
    return parts._replace(query=urlencode(query)).geturl()


def _short(scopes: frozenset[str]) -> frozenset[str]:
    """Entra names those of Graph with its address before them, or without it."""
    return frozenset(each.rpartition("/")[2] for each in scopes)
