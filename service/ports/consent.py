"""What asks somebody for consent, and keeps what they gave."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol


class TokenBox(Protocol):
    """One connection's tokens, as the provider's own library keeps them in text. Never logged, queued or shown."""

    def load(self) -> str:
        """As they stand now. Raises AdapterError `reconnect`, permanent, when there are none."""
        ...

    def renewing(self, timeout: timedelta, host: str) -> AbstractContextManager[str]:
        """Alone among all processes, with the tokens read again inside: somebody may have renewed them meanwhile.
        Raises AdapterError `timeout` when others hold it too long: who does not answer them is `host`."""
        ...

    def save(self, tokens: str) -> None:
        """Keeps renewed ones; inside `renewing` only."""
        ...


@dataclass(frozen=True, slots=True)
class ConsentBegun:
    """Where to send the person, and what `finish` needs again; `kept` holds secrets."""

    url: str
    state: str
    kept: str


@dataclass(frozen=True, slots=True)
class Granted:
    """What the person gave. `account_id` never changes at the provider; `account` is its address. `scopes` may be fewer
    than were asked for."""

    account_id: str
    account: str
    scopes: frozenset[str]
    tokens: str


class Authorizer(Protocol):
    """One provider's way of asking for consent: OAuth 2.0 code flow with PKCE (RFC 6749 4.1, RFC 7636)."""

    def begin(self, access: str, redirect_uri: str, hint: str | None) -> ConsentBegun:
        """`access` is busy, write or send; the least scopes for it are asked for. No network, or AdapterError."""
        ...

    def finish(self, kept: str, redirect_uri: str, answer: dict[str, str]) -> Granted:
        """Trades the code in. Raises AdapterError with a code that says what the person or the operator can do:
        consent_denied, admin_consent, client_refused, redirect_refused, consent_expired, provider_unreachable."""
        ...

    def check(self, redirect_uri: str) -> None:
        """Whether the provider knows us, as far as it tells without a person. Raises AdapterError as `finish` does."""
        ...

    def missing(self, access: str, granted: frozenset[str]) -> frozenset[str]:
        """The scopes that `access` needs and that were not given."""
        ...

    def revoke(self, tokens: str) -> None:
        """Ends the grant at the provider, where it has a way to. Raises AdapterError; the caller forgets the tokens
        all the same."""
        ...
