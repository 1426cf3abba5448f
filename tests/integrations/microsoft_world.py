"""One Microsoft account that is connected to us, for tests: the fake, its tokens in memory, and our adapter over it."""

from __future__ import annotations

from integrations.http import GuardedHttp
from integrations.microsoft_account import MicrosoftAccount
from integrations.microsoft_calendar import MicrosoftCalendar
from integrations.microsoft_consent import MicrosoftAuthorizer
from integrations.microsoft_entra import Microsoft, MicrosoftClient
from service.ports import Granted, TokenBox
from tests.integrations.entra_fake import CLIENT_ID, SECRET
from tests.integrations.google_world import MemoryTokens
from tests.integrations.microsoft_fake import MicrosoftFake

BEN = "ben@example.org"
REDIRECT = "https://meet.example.org/oauth/microsoft/callback"


def microsoft_of(fake: MicrosoftFake, tenant: str = "common", secret: str = SECRET) -> Microsoft:
    client = MicrosoftClient(
        client_id=CLIENT_ID,
        client_secret=secret,
        authority=f"https://{fake.host}/{tenant}",
        instance_discovery=False,
        graph_root=f"https://{fake.host}/v1.0",
    )
    return Microsoft(client, GuardedHttp(frozenset({fake.host}), fake.bundle))


class World:
    """Ben, who gave us `access`, and his calendars: the default one."""

    def __init__(self, fake: MicrosoftFake, access: str = "busy") -> None:
        self.fake, self.microsoft = fake, microsoft_of(fake)
        self.mailbox = fake.graph.mailbox(BEN)
        self.calendar = self.mailbox.add("Calendar", default=True)
        self.box = MemoryTokens(self.consented(access).tokens)
        [self.grant] = fake.entra.grants

    def consented(self, access: str) -> Granted:
        """The whole way, with msal."""
        self.fake.entra.redirect_uris.add(REDIRECT)
        authorizer = MicrosoftAuthorizer(self.microsoft)
        begun = authorizer.begin(access, REDIRECT, BEN)
        return authorizer.finish(begun.kept, REDIRECT, self.fake.consent(begun.url, BEN))

    def adapter(self, tokens: TokenBox | None = None, microsoft: Microsoft | None = None) -> MicrosoftCalendar:
        account = MicrosoftAccount(microsoft or self.microsoft, tokens or self.box, f"microsoft://{BEN}")
        return MicrosoftCalendar(account)
