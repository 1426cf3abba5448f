"""Consent at a provider: begun at the person's own page, good once and for the browser that began; what was given
becomes a connection."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import CursorResult, delete, select, update
from sqlalchemy.orm import Session

from service import links, logs
from service.domain.errors import AdapterError, ConsentFault, NotFound
from service.operations.calendars import connections_of
from service.operations.turns import host_hash
from service.ports import Authorizer, ConsentBegun, Granted
from service.store import writes
from service.store.grants import is_whose
from service.store.tables import Connection, Consent, Grant, Link, Person, SendingGrant
from service.store.types import KeyMissing, OfRow, fingerprint

log = logging.getLogger(__name__)

LIVES = timedelta(minutes=20)  # reading what a provider's page says, and finding a second factor
BUSY, WRITE = "busy", "write"
ACCESSES = (BUSY, WRITE)


NOBODYS = "nobody"  # the account of a connection that still waits for its person's yes


@dataclass(frozen=True, slots=True)
class Taken:
    """A consent that came back rightly, with what its end needs."""

    provider: str
    access: str
    kept: str
    token: str  # of the page where it began
    person_id: int | None  # nobody's is the operator's
    connection_id: int | None


def invite(session: Session, now: datetime, person: Person, provider: str, access: str) -> tuple[Connection, Link]:
    """A connection that waits for its person's yes, switched off until then, and the link to the page where they can
    give it. Repeatable: one that waits already is taken again."""
    url = url_of(provider, NOBODYS)
    waiting = next((each for each in connections_of(session, person.id) if each.url == url), None)
    if waiting is None:
        waiting = Connection(person_id=person.id, provider=provider, url=url, state="off", created_at=now, calendars=[])
        session.add(waiting)
        session.flush()
    waiting.access = access
    return waiting, links.link_for(session, now, "connect", person.id, connection_id=waiting.id)


def wanted(session: Session, link: Link) -> str:
    """The step of the ladder that this link was made for."""
    connection = session.get(Connection, link.connection_id) if link.connection_id is not None else None
    return connection.access if connection is not None else BUSY


def url_of(provider: str, account_id: str) -> str:
    """What stands for an address where there is none: one for each account, so that an account that asks for a pause
    gets one, and not everybody at that provider."""
    return f"{provider}://{account_id}"


def begin(
    session: Session, now: datetime, link: Link, provider: str, access: str, begun: ConsentBegun, browser: str
) -> None:
    """Remembers who went to the provider, until they are back."""
    session.execute(delete(Consent).where(Consent.expires_at < now - LIVES))
    session.add(
        Consent(
            state_hash=fingerprint(begun.state), browser_hash=fingerprint(browser), link_id=link.id, provider=provider,
            access=access, kept=begun.kept, created_at=now, expires_at=now + LIVES,
        )
    )  # fmt: skip


def take(session: Session, now: datetime, provider: str, state: str, browser: str) -> Taken:
    """The consent of this state, used up: it is good once, whatever comes of it. Raises ConsentFault."""
    consent = session.scalar(
        select(Consent).where(Consent.state_hash == fingerprint(state), Consent.provider == provider)
    )
    if consent is None:
        raise ConsentFault("consent_unknown")
    if consent.browser_hash != fingerprint(browser):
        raise ConsentFault("consent_elsewhere")
    first = session.execute(
        update(Consent).where(Consent.id == consent.id, Consent.used_at.is_(None)).values(used_at=now)
    )
    assert isinstance(first, CursorResult)
    if first.rowcount != 1:
        raise ConsentFault("consent_used")
    if now >= consent.expires_at:
        raise ConsentFault("consent_old")
    link = session.get_one(Link, consent.link_id)
    if link.revoked_at is not None:
        raise ConsentFault("consent_unknown")
    return Taken(provider, consent.access, consent.kept, link.token, link.person_id, link.connection_id)


def keep(session: Session, now: datetime, taken: Taken, access: str, granted: Granted) -> Connection:
    """The person's connection to this account with its fresh tokens: the one that stands for it already, so that
    which calendars count is kept, else the one that waited. It is off until it has been read."""
    url = url_of(taken.provider, granted.account_id)
    assert taken.person_id is not None, "a calendar is somebody's"
    of_person = connections_of(session, taken.person_id)
    connection = next((each for each in of_person if each.url == url), None)
    waiting = next((each for each in of_person if each.url == url_of(taken.provider, NOBODYS)), None)
    if connection is None:
        connection = waiting or Connection(
            person_id=taken.person_id, provider=taken.provider, url=url, state="off", created_at=now, calendars=[]
        )
        session.add(connection)
    elif waiting is not None:
        session.execute(update(Link).where(Link.connection_id == waiting.id).values(connection_id=connection.id))
        session.delete(waiting)
    connection.url, connection.access, connection.host_hash = url, access, host_hash(taken.provider, url)
    session.flush()
    grant = session.get(Grant, connection.id) or Grant(connection_id=connection.id)
    grant.account_hash, grant.account = fingerprint(granted.account_id), granted.account
    grant.scopes, grant.granted_at = " ".join(sorted(granted.scopes)), now
    grant.tokens = OfRow(connection.id, granted.tokens)
    grant.renewed_by = grant.renewing_until = None
    session.add(grant)
    session.flush()
    if access == WRITE:
        writes.wake(session, now, connection.id)
    return connection


def account_of(session: Session, connection: Connection) -> str | None:
    """The address of the account, as its owner knows it."""
    return session.scalar(select(Grant.account).where(Grant.connection_id == connection.id))


def waits(connection: Connection) -> bool:
    """Whether its person has not said yes yet."""
    return connection.url == url_of(connection.provider, NOBODYS)


@dataclass(frozen=True, slots=True)
class Ended:
    """Tokens that are no longer ours and that the provider should forget as well."""

    provider: str
    tokens: str


def forget(session: Session, connection: Connection) -> Ended | None:
    """Takes the tokens away: with them the provider can be told, once this is committed. None where it must not be,
    or where no key opens them: they go with the connection."""
    try:
        grant = session.get(Grant, connection.id)
    except KeyMissing:
        return None
    if grant is None or grant.tokens is None:
        return None
    session.delete(grant)
    session.flush()
    return over(session, connection.provider, grant.account, grant.tokens.secret)


def over(session: Session, provider: str, account: str, tokens: str) -> Ended | None:
    """What can be ended there of tokens that we do not keep: nothing while another grant of the account stands here.
    Google ends all that an account gave us, whichever token it is told
    (developers.google.com/identity/protocols/oauth2/web-server#tokenrevoke)."""
    calendars = select(Grant.account).join(Connection).where(Connection.provider == provider)
    senders = select(SendingGrant.account).where(SendingGrant.provider == provider)
    standing = [*session.scalars(calendars), *session.scalars(senders)]
    return None if any(is_whose(each, account) for each in standing) else Ended(provider, tokens)


def revoke(authorizers: Mapping[str, Authorizer], ended: Ended) -> None:
    """Tells the provider that a grant is over. It is over for us whatever the provider says, so a failure is logged."""
    authorizer = authorizers.get(ended.provider)
    if authorizer is None:
        log.warning("a grant could not be revoked at %s: it is not configured", ended.provider)
        return
    try:
        authorizer.revoke(ended.tokens)
    except AdapterError as fault:
        log.warning("a grant could not be revoked at %s: %s", ended.provider, logs.kind(fault))


def step_down(session: Session, connection: Connection) -> Ended | None:
    """From writing to busy times only: providers cannot take a part of a grant back, so all of it goes, and the person
    says yes to less. Until then it needs them."""
    if connection.provider not in writes.BY_CONSENT or connection.access != WRITE:
        raise NotFound
    connection.access, connection.state, connection.fault = BUSY, "reconnect", "reconnect"
    connection.due_at = None
    return forget(session, connection)
