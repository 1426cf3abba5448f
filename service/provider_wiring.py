"""What Google's and Microsoft's adapters are made from; wiring calls it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from integrations.gmail_mail import GmailMailer
from integrations.google_account import GoogleAccount, GoogleClient
from integrations.google_consent import GoogleAuthorizer
from integrations.http import PORTS, GuardedHttp
from service.ports import Authorizer, BusyCalendar, CalendarWriter, Mailer, TokenBox
from service.provider_settings import GOOGLE, MICROSOFT
from service.settings import Settings
from service.store.grants import SenderTokens
from service.watcher import Watcher, WatcherFactory

if TYPE_CHECKING:
    from integrations.microsoft_entra import Microsoft


def _google_client(settings: Settings) -> GoogleClient:
    return GoogleClient(
        client_id=settings.google_client_id or "",
        client_secret=settings.google_client_secret or "",
        auth_uri=settings.google_auth_uri,
        token_uri=settings.google_token_uri,
        revoke_uri=settings.google_revoke_uri,
        userinfo_uri=settings.google_userinfo_uri,
        calendar_root=settings.google_calendar_root,
    )


def _http_to(settings: Settings, *addresses: str) -> GuardedHttp:
    """To addresses that the operator named, so they may be private; a redirect from there may not lead to others."""
    parts = [urlsplit(each) for each in addresses]
    named = {f"{each.hostname}:{each.port or PORTS[each.scheme]}" for each in parts}
    return GuardedHttp(settings.outbound_allow | named, settings.extra_ca_bundle)


@cache
def _google_http(settings: Settings) -> GuardedHttp:
    client = _google_client(settings)
    api = (client.calendar_root, settings.google_gmail_root)
    return _http_to(settings, client.token_uri, client.revoke_uri, client.userinfo_uri, *api)


def google_calendar(settings: Settings, tokens: TokenBox | None, clock: Callable[[], datetime]) -> BusyCalendar:
    from integrations.google_calendar import GoogleCalendar  # noqa: PLC0415 - 240 ms, 31 MB where nobody has Google

    assert tokens is not None, "a connection to Google is found by its id"
    return GoogleCalendar(GoogleAccount(_google_client(settings), _google_http(settings), tokens, clock))


def _google_writer(
    settings: Settings, tokens: TokenBox, clock: Callable[[], datetime], _mailbox: str
) -> CalendarWriter:
    from integrations.google_writer import GoogleWriter  # noqa: PLC0415 - as above

    return GoogleWriter(GoogleAccount(_google_client(settings), _google_http(settings), tokens, clock))


def _google_watcher(settings: Settings, tokens: TokenBox, clock: Callable[[], datetime], _mailbox: str) -> Watcher:
    from integrations.google_watcher import GoogleWatcher  # noqa: PLC0415 - as above

    return GoogleWatcher(GoogleAccount(_google_client(settings), _google_http(settings), tokens, clock))


@cache
def _microsoft(settings: Settings) -> Microsoft:
    from integrations.microsoft_entra import Microsoft, MicrosoftClient  # noqa: PLC0415 - 180 ms, 25 MB, as above

    client = MicrosoftClient(
        client_id=settings.microsoft_client_id or "",
        client_secret=settings.microsoft_client_secret or "",
        authority=settings.microsoft_authority,
        instance_discovery=settings.microsoft_instance_discovery,
        graph_root=settings.microsoft_graph_root,
    )
    return Microsoft(client, _http_to(settings, client.authority, client.graph_root))


def microsoft_calendar(settings: Settings, tokens: TokenBox | None, mailbox: str) -> BusyCalendar:
    from integrations.microsoft_account import MicrosoftAccount  # noqa: PLC0415 - as above
    from integrations.microsoft_calendar import MicrosoftCalendar  # noqa: PLC0415 - as above

    assert tokens is not None, "a connection to Microsoft is found by its id"
    return MicrosoftCalendar(MicrosoftAccount(_microsoft(settings), tokens, mailbox))


def _microsoft_writer(
    settings: Settings, tokens: TokenBox, _clock: Callable[[], datetime], mailbox: str
) -> CalendarWriter:
    from integrations.microsoft_account import MicrosoftAccount  # noqa: PLC0415 - as above
    from integrations.microsoft_writer import MicrosoftWriter  # noqa: PLC0415 - as above

    return MicrosoftWriter(MicrosoftAccount(_microsoft(settings), tokens, mailbox))


def _microsoft_authorizer(settings: Settings) -> Authorizer:
    from integrations.microsoft_consent import MicrosoftAuthorizer  # noqa: PLC0415 - as above

    return MicrosoftAuthorizer(_microsoft(settings))


def _gmail(settings: Settings, tokens: SenderTokens, clock: Callable[[], datetime]) -> Mailer:
    account = GoogleAccount(_google_client(settings), _google_http(settings), tokens, clock)
    return GmailMailer(account, settings.google_gmail_root, tokens.leave_alone)


def _graph(settings: Settings, tokens: SenderTokens, _clock: Callable[[], datetime]) -> Mailer:
    from integrations.graph_mail import GraphMailer  # noqa: PLC0415 - as above
    from integrations.microsoft_account import MicrosoftAccount  # noqa: PLC0415 - as above

    account = MicrosoftAccount(_microsoft(settings), tokens, settings.mail_address)
    return GraphMailer(account, tokens.leave_alone)


# Whose account mail can be sent from.
MAILERS: dict[str, Callable[[Settings, SenderTokens, Callable[[], datetime]], Mailer]] = {
    GOOGLE: _gmail,
    MICROSOFT: _graph,
}


def warm(settings: Settings, used: Collection[str] = (GOOGLE, MICROSOFT)) -> None:
    """Loads what those of the configured providers need that are `used`: for a process whose forks would each do it
    again, or where somebody would wait for it."""
    if GOOGLE in settings.providers and GOOGLE in used:
        from integrations.google_api import calendar_api  # noqa: PLC0415 - as above

        calendar_api(settings.google_calendar_root)
        _google_http(settings)
    if MICROSOFT in settings.providers and MICROSOFT in used:
        _microsoft(settings)


AUTHORIZERS: dict[str, Callable[[Settings, Callable[[], datetime]], Authorizer]] = {
    GOOGLE: lambda settings, clock: GoogleAuthorizer(_google_client(settings), lambda: _google_http(settings), clock),
    MICROSOFT: lambda settings, _: _microsoft_authorizer(settings),
}


# Whose calendars we can write to.
WRITERS: dict[str, Callable[[Settings, TokenBox, Callable[[], datetime], str], CalendarWriter]] = {
    GOOGLE: _google_writer,
    MICROSOFT: _microsoft_writer,
}


def _microsoft_watcher(settings: Settings, tokens: TokenBox, clock: Callable[[], datetime], mailbox: str) -> Watcher:
    from integrations.microsoft_account import MicrosoftAccount  # noqa: PLC0415 - as above
    from integrations.microsoft_watcher import MicrosoftWatcher  # noqa: PLC0415 - as above

    return MicrosoftWatcher(MicrosoftAccount(_microsoft(settings), tokens, mailbox), clock)


# Who tells of changes.
WATCHERS: dict[str, Callable[[Settings, TokenBox, Callable[[], datetime], str], Watcher]] = {
    GOOGLE: _google_watcher,
    MICROSOFT: _microsoft_watcher,
}


def watchers(settings: Settings, tokens_of: Callable[[int], TokenBox], clock: Callable[[], datetime]) -> WatcherFactory:
    def make(provider: str, url: str, connection_id: int) -> Watcher | None:
        maker = WATCHERS.get(provider)
        return maker(settings, tokens_of(connection_id), clock, url) if maker is not None else None

    return make


class Authorizers(Mapping[str, Authorizer]):
    """Those of the configured providers, each made when somebody is first sent there: their libraries are large."""

    def __init__(self, settings: Settings, clock: Callable[[], datetime]) -> None:
        self._settings, self._clock = settings, clock
        self._made: dict[str, Authorizer] = {}

    def __getitem__(self, provider: str) -> Authorizer:
        if provider not in self._settings.providers:
            raise KeyError(provider)
        if provider not in self._made:
            self._made[provider] = AUTHORIZERS[provider](self._settings, self._clock)
        return self._made[provider]

    def __iter__(self) -> Iterator[str]:
        return iter(self._settings.providers)

    def __len__(self) -> int:
        return len(self._settings.providers)
