"""A Microsoft account as all of its adapters need it: the tokens as msal keeps them, renewed by one at a time, and
requests to Graph."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlsplit

from msal import SerializableTokenCache

from integrations.http import PORTS, Response, check, host_of
from integrations.microsoft_entra import GraphRequest, Microsoft, json_of, left
from service.domain.errors import AdapterError
from service.ports import TokenBox

EARLY_SECONDS = 300  # as msal does: a request under way may outlive a younger one, and clocks differ
RENEW_SECONDS = 20.0  # shorter than the lease of whoever renews
# msal adds these by itself, and refuses whoever names them.
OF_OPENID = frozenset({"openid", "profile", "offline_access", "email"})
# RFC 6749 5.2 and learn.microsoft.com/entra/identity-platform/reference-error-codes: the person has to say yes again.
OVER = frozenset({"invalid_grant", "interaction_required", "consent_required", "login_required"})
NO_MAILBOX = frozenset({"MailboxNotEnabledForRESTAPI", "MailboxNotSupportedForRESTAPI"})


class Kept:
    """One connection's tokens: msal's cache, which is also how they are stored."""

    def __init__(self, text: str = "") -> None:
        self.cache = SerializableTokenCache()
        if text:
            self.cache.deserialize(text)

    def access_token(self, refused: str | None) -> str | None:
        """One that will hold for a while, by the clock that msal noted its end by."""
        of_kind = self.cache.CredentialType.ACCESS_TOKEN
        for entry in list(self.cache.search(of_kind)):
            if entry["secret"] != refused and int(entry["expires_on"]) - time.time() > EARLY_SECONDS:
                return str(entry["secret"])
        return None

    @property
    def scopes(self) -> frozenset[str]:
        """What was given, and therefore what may be asked for again: of anything else Entra says that nobody agreed."""
        tokens = self.cache.search(self.cache.CredentialType.REFRESH_TOKEN)
        return frozenset(scope for entry in list(tokens) for scope in entry["target"].split()) - OF_OPENID

    def render(self) -> str:
        """Without what Entra says of the person, such as their name: whose they are stands beside them."""
        for entry in list(self.cache.search(self.cache.CredentialType.ID_TOKEN)):
            self.cache.remove_idt(entry)
        return str(self.cache.serialize())


class MicrosoftAccount:
    """Requests in the name of one account. Any number of threads and processes may hold the same one."""

    def __init__(self, microsoft: Microsoft, tokens: TokenBox, mailbox: str) -> None:
        self._microsoft, self._tokens = microsoft, tokens
        self._gate = microsoft.gate(mailbox)
        self.root, self.host = microsoft.client.graph_root.rstrip("/"), microsoft.host

    def ready(self, deadline: float) -> str:
        """A token for the next request, renewed if it must be. Raises AdapterError."""
        return Kept(self._tokens.load()).access_token(None) or self._renew(None, deadline)

    def get(self, url: str, deadline: float) -> dict[str, Any]:
        """The object at an address of Graph's; `deadline` is by `time.monotonic`. Raises AdapterError."""
        return json_of(self.send(GraphRequest("GET", url), deadline))

    def send(self, asked: GraphRequest, deadline: float) -> Response:
        """The answer of a request that succeeded. Raises AdapterError, also for an address elsewhere, which would get
        the token.

        A token may be refused before its time, when clocks differ or a password was changed: it is renewed once.
        """
        if _origin(asked.url) != _origin(self.root):
            raise AdapterError("link_elsewhere", permanent=True, host=self.host, other=host_of(asked.url))
        token = self.ready(deadline)
        response = self._once(asked, token, deadline)
        if response.status == 401:
            response = self._once(asked, self._renew(token, deadline), deadline)
        return _checked(response)

    def _once(self, asked: GraphRequest, token: str, deadline: float) -> Response:
        if not self._gate.acquire(timeout=left(deadline, asked.url).total_seconds()):
            raise AdapterError("timeout", permanent=False, host=self.host)
        try:
            return self._microsoft.ask_graph(asked, token, deadline)
        finally:
            self._gate.release()

    def _renew(self, refused: str | None, deadline: float) -> str:
        """Another access token than the refused one: what somebody got meanwhile, or what Entra gives us now."""
        deadline = min(deadline, time.monotonic() + RENEW_SECONDS)
        with self._tokens.renewing(left(deadline, self.root), self.host) as text:
            kept = Kept(text)
            found = kept.access_token(refused)
            if found is not None:
                return found
            answer = self._ask_for_new(kept, deadline)
            if answer is None or answer.get("error") in OVER:
                # Where a lease ended before its holder did, somebody else has renewed: a spent token is not a dead one.
                found = Kept(self._tokens.load()).access_token(refused)
                if found is None:
                    raise AdapterError("reconnect", permanent=True, host=self.host)
                return found
            if "access_token" not in answer:
                raise _refusal(answer, self.host)
            self._tokens.save(kept.render())
            return str(answer["access_token"])

    def _ask_for_new(self, kept: Kept, deadline: float) -> dict[str, Any] | None:
        """None when there is nothing to ask with."""
        application = self._microsoft.application(kept.cache, deadline)

        def ask() -> dict[str, Any] | None:
            account = next(iter(application.get_accounts()), None)
            found: dict[str, Any] | None = application.acquire_token_silent_with_error(
                sorted(kept.scopes),
                account,
                force_refresh=True,
            )
            return found

        return self._microsoft.understood(ask)


def _refusal(answer: dict[str, Any], host: str) -> AdapterError:
    """What is wrong with us rather than with the person's grant passes without them: they are not told to connect
    again."""
    outage = answer.get("error") in {"temporarily_unavailable", "server_error"}
    return AdapterError("server_error" if outage else "client_refused", permanent=False, host=host)


def _origin(url: str) -> tuple[str, str, int]:
    host = host_of(url)
    parts = urlsplit(url)
    return parts.scheme, host, parts.port or PORTS[parts.scheme]


def _checked(response: Response) -> Response:
    """The response if it succeeded, else an AdapterError with what it means for the account's owner."""
    host = host_of(response.url)
    if response.status == 401:
        raise AdapterError("reconnect", permanent=True, host=host)
    if response.status in {403, 404} and _code(response) in NO_MAILBOX:
        raise AdapterError("no_mailbox", permanent=True, host=host)
    return check(response)


def _code(response: Response) -> str | None:
    try:
        error = json_of(response).get("error")
    except AdapterError:
        return None
    return str(error.get("code")) if isinstance(error, dict) else None
