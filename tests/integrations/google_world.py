"""One Google account that is connected to us, for tests: the fake, its tokens in memory, and our adapter over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

from integrations.google_account import GoogleAccount, GoogleClient, GoogleTokens
from integrations.google_calendar import GoogleCalendar
from integrations.google_consent import NEEDED, GoogleAuthorizer
from integrations.google_writer import GoogleWriter
from integrations.http import GuardedHttp
from service import wiring
from service.domain.errors import AdapterError
from service.wiring import Services
from tests.fakes import SetClock
from tests.integrations.google_fake import GoogleFake
from tests.integrations.google_oauth_fake import CLIENT_ID, CLIENT_SECRET, GoogleGrant

BEN = "ben@example.org"
REDIRECT = "https://meet.example.org/oauth/google/callback"


class MemoryTokens:
    """ports.TokenBox of one connection."""

    def __init__(self, tokens: str | None) -> None:
        self.tokens = tokens
        self.saved: list[str] = []

    def load(self) -> str:
        if self.tokens is None:
            raise AdapterError("reconnect", permanent=True)
        return self.tokens

    @contextmanager
    def renewing(self, timeout: timedelta, host: str) -> Iterator[str]:
        yield self.load()

    def save(self, tokens: str) -> None:
        self.tokens = tokens
        self.saved.append(tokens)


def client_of(fake: GoogleFake, secret: str = CLIENT_SECRET, host: str | None = None) -> GoogleClient:
    base = f"http://{host or fake.host}"
    return GoogleClient(
        client_id=CLIENT_ID,
        client_secret=secret,
        auth_uri=f"{base}/o/oauth2/v2/auth",
        token_uri=f"{base}/token",
        revoke_uri=f"{base}/revoke",
        userinfo_uri=f"{base}/v1/userinfo",
        calendar_root=f"{base}/calendar/v3/",
    )


def tokens_for(fake: GoogleFake, grant: GoogleGrant, now: datetime) -> GoogleTokens:
    until = now + timedelta(seconds=3599)
    return GoogleTokens(grant.refresh_token or "", fake.oauth.access_token(grant), until, tuple(grant.scopes))


@contextmanager
def reaching(services: Services, fake: GoogleFake) -> Iterator[Services]:
    """The services with everything that reaches Google as wiring makes it."""
    built = wiring.build(replace(services.settings, **fake.settings))
    yield replace(
        services,
        settings=built.settings,
        calendars=built.calendars,
        authorizers=built.authorizers,
        watchers=built.watchers,
    )
    built.database.close()


class World:
    """Ben, who gave us `access`, and his primary calendar."""

    def __init__(self, fake: GoogleFake, clock: SetClock, access: str = "busy") -> None:
        self.fake, self.clock = fake, clock
        self.http = GuardedHttp(frozenset({fake.host}), None)
        self.grant = fake.oauth.grant(BEN, *NEEDED[access])
        self.primary = fake.calendar(BEN)
        self.box = MemoryTokens(tokens_for(fake, self.grant, clock()).render())

    def account(self, clock: Callable[[], datetime] | None = None) -> GoogleAccount:
        return GoogleAccount(client_of(self.fake), self.http, self.box, clock or self.clock)

    def adapter(self) -> GoogleCalendar:
        return GoogleCalendar(self.account())

    def writer(self) -> GoogleWriter:
        return GoogleWriter(self.account())

    def authorizer(self, secret: str = CLIENT_SECRET, host: str | None = None) -> GoogleAuthorizer:
        return GoogleAuthorizer(client_of(self.fake, secret, host), lambda: self.http, self.clock)
