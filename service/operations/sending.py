"""The account that mail is sent from, where there is no SMTP server: connected by whoever runs the service."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from service.domain.errors import AdapterError
from service.operations.consents import Ended, over
from service.ports import Granted
from service.store.grants import is_whose
from service.store.tables import SendingGrant
from service.store.types import OfRow

SEND = "send"  # the access that is asked for


@dataclass(frozen=True, slots=True)
class Sender:
    """How it stands. `state`: missing, other (not the account that all mail comes from, since a setting was changed) or
    connected."""

    provider: str
    state: str
    address: str  # that all mail comes from
    account: str | None = None
    granted_at: datetime | None = None


def look(session: Session, provider: str, mail_address: str) -> Sender:
    grant = sender(session)
    if grant is None or grant.provider != provider:
        return Sender(provider, "missing", mail_address)
    state = "connected" if is_whose(grant.account, mail_address) else "other"
    return Sender(provider, state, mail_address, grant.account, grant.granted_at)


def sender(session: Session) -> SendingGrant | None:
    """What it gave, if it has."""
    return session.get(SendingGrant, SendingGrant.THE_ONE)


def keep(session: Session, now: datetime, provider: str, granted: Granted, mail_address: str) -> Ended | None:
    """Mail leaves by this account from now on. Returns what another account gave before, which is over. Raises
    AdapterError `sender_differs` for an account that is not the one all mail comes from."""
    if not is_whose(granted.account, mail_address):
        raise AdapterError("sender_differs", permanent=True, account=granted.account, address=mail_address)
    before = sender(session)
    again = before is not None and before.provider == provider and is_whose(before.account, granted.account)
    ended = None if again else forget(session)
    grant = sender(session) or SendingGrant(id=SendingGrant.THE_ONE)
    grant.provider, grant.account = provider, granted.account
    grant.scopes, grant.granted_at = " ".join(sorted(granted.scopes)), now
    grant.tokens = OfRow(SendingGrant.THE_ONE, granted.tokens)
    grant.renewed_by = grant.renewing_until = None
    session.add(grant)
    session.flush()
    return ended


def forget(session: Session) -> Ended | None:
    """Takes the tokens away: with them the provider can be told, once this is committed. Mail waits from then on."""
    grant = sender(session)
    if grant is None:
        return None
    session.delete(grant)
    session.flush()
    return over(session, grant.provider, grant.account, grant.tokens.secret) if grant.tokens is not None else None
