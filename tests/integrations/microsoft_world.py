"""One Microsoft account that is connected to us, for tests: the fake, its tokens in memory, and our adapter over it."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.http import GuardedHttp
from integrations.microsoft_account import MicrosoftAccount
from integrations.microsoft_calendar import MicrosoftCalendar
from integrations.microsoft_consent import MicrosoftAuthorizer
from integrations.microsoft_entra import Microsoft, MicrosoftClient
from integrations.microsoft_writer import MicrosoftWriter
from service.domain.errors import AdapterError
from service.domain.interval import Interval
from service.ports import BusyReading, CalendarRef, Granted, ReadRequest, SyncMark, TokenBox
from tests.integrations.busy_contract import REQUEST, WAIT
from tests.integrations.entra_fake import CLIENT_ID, SECRET
from tests.integrations.google_world import MemoryTokens
from tests.integrations.graph_fake import FakeCalendar
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

    def put(self, interval: Interval, uid: str = "one", **about: Any) -> None:
        self.calendar.put(interval.start, interval.end, uid, **about)

    def read(
        self, calendar: FakeCalendar | None = None, mark: SyncMark | None = None, request: ReadRequest = REQUEST
    ) -> BusyReading | None:
        key = (calendar or self.calendar).id
        return self.adapter().fetch(CalendarRef(key, "", True), request, mark, WAIT)

    def fault_of(self, **how: Any) -> AdapterError:
        with pytest.raises(AdapterError) as caught:
            self.read(**how)
        return caught.value

    def writer(self) -> MicrosoftWriter:
        return MicrosoftWriter(MicrosoftAccount(self.microsoft, self.box, f"microsoft://{BEN}"))

    def adapter(self, tokens: TokenBox | None = None, microsoft: Microsoft | None = None) -> MicrosoftCalendar:
        account = MicrosoftAccount(microsoft or self.microsoft, tokens or self.box, f"microsoft://{BEN}")
        return MicrosoftCalendar(account)
