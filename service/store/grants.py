"""The tokens of a connection, or of the sending account, at rest; and one process at a time that renews them."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlalchemy import CursorResult, or_, select, update

from service.domain.errors import AdapterError
from service.store.database import Database
from service.store.tables import Grant, SendingGrant
from service.store.types import OfRow

LEASE = timedelta(seconds=30)  # longer than a provider may take to answer
LOOK_SECONDS = 0.05


class StoredTokens:
    """ports.TokenBox over a connection's grant. No transaction is open while somebody renews: the lock is a lease."""

    def __init__(self, database: Database, connection_id: int, clock: Callable[[], datetime]) -> None:
        self._database, self._clock = database, clock
        self._table: type[Grant | SendingGrant] = Grant
        self._row_id, self._this = connection_id, Grant.connection_id == connection_id
        self._mine: str | None = None

    def load(self) -> str:
        with self._database.read() as session:
            kept = session.scalar(select(self._table.tokens).where(self._this))
        if kept is None or kept.row_id != self._row_id:
            raise AdapterError("reconnect", permanent=True)
        return kept.secret

    @contextmanager
    def renewing(self, timeout: timedelta, host: str) -> Iterator[str]:
        self._take(timeout, host)
        try:
            yield self.load()
        finally:
            self._give_back()

    def save(self, tokens: str) -> None:
        """Raises AdapterError `reconnect` when the lease was lost, or the person took the connection away."""
        assert self._mine is not None
        sealed = OfRow(self._row_id, tokens)
        if not self._changed(self._table.renewed_by == self._mine, tokens=sealed):
            raise AdapterError("reconnect", permanent=False)

    def _take(self, timeout: timedelta, host: str) -> None:
        mine = secrets.token_urlsafe(16)
        deadline = time.monotonic() + timeout.total_seconds()
        while True:
            now = self._clock()
            free = or_(self._table.renewing_until.is_(None), self._table.renewing_until <= now)
            if self._changed(free, renewed_by=mine, renewing_until=now + LEASE):
                self._mine = mine
                return
            self.load()  # raises when the connection is gone
            if time.monotonic() >= deadline:
                raise AdapterError("timeout", permanent=False, host=host)
            time.sleep(LOOK_SECONDS)

    def _give_back(self) -> None:
        self._changed(self._table.renewed_by == self._mine, renewed_by=None, renewing_until=None)
        self._mine = None

    def _changed(self, condition: object, **values: object) -> bool:
        with self._database.write() as session:
            result = session.execute(
                update(self._table).where(self._this, condition).values(**values)  # type: ignore[arg-type]
            )
            assert isinstance(result, CursorResult)
            return int(result.rowcount) == 1


def is_whose(account: str, mail_address: str) -> bool:
    """Whether mail from this address is the account's own: another would be put in its place by Gmail, and refused by
    Exchange."""
    return account.casefold() == mail_address.casefold()


class SenderTokens(StoredTokens):
    """The same over the sending account's grant: those that another provider gave are none, nor are those of another
    account than mail comes from, and while the provider is to be left alone nobody gets them."""

    def __init__(self, database: Database, provider: str, mail_address: str, clock: Callable[[], datetime]) -> None:
        super().__init__(database, SendingGrant.THE_ONE, clock)
        self._provider, self._mail_address = provider, mail_address
        self._table, self._this = SendingGrant, SendingGrant.provider == provider

    def load(self) -> str:
        """Raises AdapterError `sender_throttled` with what is left to wait, too."""
        with self._database.read() as session:
            found = session.execute(select(SendingGrant.account, SendingGrant.wait_until).where(self._this)).first()
        if found is None or not is_whose(found.account, self._mail_address):
            raise AdapterError("reconnect", permanent=True)
        left = found.wait_until - self._clock() if found.wait_until is not None else timedelta(0)
        if left > timedelta(0):
            raise AdapterError("sender_throttled", permanent=False, retry_after=left, host=self._provider)
        return super().load()

    def leave_alone(self, wait: timedelta) -> None:
        """Nobody of ours asks for so long, whichever process they are in. A longer wait that stands is kept."""
        until = self._clock() + wait
        shorter = or_(SendingGrant.wait_until.is_(None), SendingGrant.wait_until < until)
        self._changed(shorter, wait_until=until)
