"""What Google and Microsoft need to be told. Their addresses are settings so that tests and private clouds can name
their own."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import NamedTuple
from urllib.parse import urlsplit

from service import setting_values
from service.setting_values import setting

GOOGLE, MICROSOFT = "google", "microsoft"


class Insecure(NamedTuple):
    """A setting whose address is http where it must be https, and a right value."""

    name: str
    example: str


@dataclass(frozen=True, kw_only=True)
class ProviderSettings:
    """A provider is offered to people when both halves of its client are set."""

    google_client_id: str | None = setting(
        "GREENROOM_GOOGLE_CLIENT_ID",
        setting_values.text,
        "123-abc.apps.googleusercontent.com",
        "the OAuth client for Google's calendars and mail",
    )
    google_client_secret: str | None = setting(
        "GREENROOM_GOOGLE_CLIENT_SECRET", setting_values.text, "<from Google's page>", "its secret", secret=True
    )
    google_auth_uri: str = setting(
        "GREENROOM_GOOGLE_AUTH_URI",
        setting_values.endpoint,
        "https://accounts.google.com/o/oauth2/v2/auth",
        "where people say yes to Google",
        "https://accounts.google.com/o/oauth2/v2/auth",
    )
    google_token_uri: str = setting(
        "GREENROOM_GOOGLE_TOKEN_URI",
        setting_values.endpoint,
        "https://oauth2.googleapis.com/token",
        "where Google's tokens come from",
        "https://oauth2.googleapis.com/token",
    )
    google_revoke_uri: str = setting(
        "GREENROOM_GOOGLE_REVOKE_URI",
        setting_values.endpoint,
        "https://oauth2.googleapis.com/revoke",
        "where Google's tokens end",
        "https://oauth2.googleapis.com/revoke",
    )
    google_userinfo_uri: str = setting(
        "GREENROOM_GOOGLE_USERINFO_URI",
        setting_values.endpoint,
        "https://openidconnect.googleapis.com/v1/userinfo",
        "where Google says whose account it is",
        "https://openidconnect.googleapis.com/v1/userinfo",
    )
    google_calendar_root: str = setting(
        "GREENROOM_GOOGLE_CALENDAR_API_ROOT",
        setting_values.calendar_root,
        "https://www.googleapis.com/calendar/v3/",
        "Google's calendars",
        "https://www.googleapis.com/calendar/v3/",
    )
    google_gmail_root: str = setting(
        "GREENROOM_GOOGLE_GMAIL_API_ROOT",
        setting_values.endpoint,
        "https://gmail.googleapis.com/",
        "Google's mail",
        "https://gmail.googleapis.com/",
    )
    microsoft_client_id: str | None = setting(
        "GREENROOM_MICROSOFT_CLIENT_ID",
        setting_values.text,
        "11111111-2222-3333-4444-555555555555",
        "the application for Microsoft's calendars and mail",
    )
    microsoft_client_secret: str | None = setting(
        "GREENROOM_MICROSOFT_CLIENT_SECRET",
        setting_values.client_secret,
        "<the value, not the id>",
        "its secret's value",
        secret=True,
    )
    microsoft_authority: str = setting(
        "GREENROOM_MICROSOFT_AUTHORITY",
        setting_values.authority,
        "https://login.microsoftonline.com/common",
        "where people say yes to Microsoft; the path is the tenant",
        "https://login.microsoftonline.com/common",
    )
    microsoft_instance_discovery: bool = setting(
        "GREENROOM_MICROSOFT_INSTANCE_DISCOVERY",
        setting_values.flag,
        "1",
        "whether Microsoft is asked if the authority is one of its own",
        True,
    )
    microsoft_graph_root: str = setting(
        "GREENROOM_MICROSOFT_GRAPH_ROOT",
        setting_values.endpoint,
        "https://graph.microsoft.com/v1.0",
        "Microsoft's calendars and mail",
        "https://graph.microsoft.com/v1.0",
    )
    webhook_base_url: str | None = setting(
        "GREENROOM_WEBHOOK_BASE_URL",
        setting_values.endpoint,
        "https://hooks.example.org",
        "where providers can reach us with news, when that is another address than the base URL",
    )
    allow_insecure_oauth: bool = setting(
        "GREENROOM_ALLOW_INSECURE_OAUTH", setting_values.flag, "0", "lets provider addresses be http: for tests", False
    )

    @property
    def providers(self) -> tuple[str, ...]:
        """Those that people can be sent to."""
        clients = {GOOGLE: self.google_client_id, MICROSOFT: self.microsoft_client_id}
        return tuple(name for name, client_id in clients.items() if client_id)

    @property
    def consent_pages(self) -> tuple[str, ...]:
        """The addresses of the pages that people can be sent to. Microsoft sends on whoever has a personal account."""
        pages = {GOOGLE: (self.google_auth_uri,), MICROSOFT: (self.microsoft_authority, "https://login.live.com/")}
        return tuple(page for provider in self.providers for page in pages[provider])

    def half_client(self) -> str | None:
        """The setting that is missing of a client whose other half is set."""
        for provider in (GOOGLE, MICROSOFT):
            halves = {
                f"GREENROOM_{provider.upper()}_CLIENT_ID": getattr(self, f"{provider}_client_id"),
                f"GREENROOM_{provider.upper()}_CLIENT_SECRET": getattr(self, f"{provider}_client_secret"),
            }
            missing = [name for name, value in halves.items() if not value]
            if len(missing) == 1:
                return missing[0]
        return None

    def insecure_endpoint(self) -> Insecure | None:
        """The first address of a provider that is http, unless that is allowed."""
        if self.allow_insecure_oauth:
            return None
        for each in fields(ProviderSettings):
            value = getattr(self, each.name)
            if isinstance(value, str) and urlsplit(value).scheme == "http":
                return Insecure(each.metadata["name"], each.metadata["example"])
        return None
