"""How far our mailbox has been read: one reader at a time, and nothing put away there before it is stored here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from service.domain.errors import GreenroomError
from service.operations import inbound
from service.ports import ReceivedMail
from service.store.database import alone
from service.store.tables import Inbound, MailboxMail, MailboxMark
from service.store.types import fingerprint

LEASE = timedelta(minutes=5)  # longer than a batch may take; each batch renews it
FIRST_LOOK = timedelta(days=14)  # of a mailbox that is new to us: older answers are to what is over


class LeaseLost(GreenroomError):
    """Another reader has taken the mailbox over. What was stored stays stored; there is nothing more to do."""

    code = "lease_lost"


@dataclass(frozen=True, slots=True)
class Place:
    """Where reading goes on; without `validity` it was never read."""

    validity: int | None
    read_uid: int


def take(session: Session, now: datetime, key: str, holder: str) -> Place | None:
    """The place in the mailbox, which is this reader's for a while; None when another has it."""
    alone(session, inbound.RECEIVING_LOCK)  # two that see a new mailbox at once
    mark = session.get(MailboxMark, fingerprint(key))
    if mark is None:
        session.add(MailboxMark(key_hash=fingerprint(key), leased_by=holder, leased_until=now + LEASE))
        session.flush()
        return Place(None, 0)
    free = or_(MailboxMark.leased_by.is_(None), MailboxMark.leased_until <= now, MailboxMark.leased_by == holder)
    wanted = update(MailboxMark).where(MailboxMark.key_hash == fingerprint(key), free)
    taken = session.execute(
        wanted.values(leased_by=holder, leased_until=now + LEASE).returning(MailboxMark.validity, MailboxMark.read_uid)
    ).one_or_none()
    return Place(*taken) if taken is not None else None


def last_read_at(session: Session, key: str) -> datetime | None:
    """When the mailbox was last looked at without a fault."""
    mark = session.get(MailboxMark, fingerprint(key))
    return mark.read_at if mark is not None else None


def begin(session: Session, now: datetime, key: str, holder: str, validity: int, uid: int) -> None:
    """The mailbox is new, or counts anew: everything up to `uid` is left alone, and what we knew by its old number is
    found again, or is not there any more. Raises LeaseLost."""
    _advance(session, now, key, holder, validity=validity, read_uid=uid)
    session.execute(delete(MailboxMail).where(MailboxMail.key_hash == fingerprint(key)))


def keep(session: Session, now: datetime, key: str, holder: str, mails: Sequence[ReceivedMail]) -> list[int]:
    """The ids of the stored messages, one each; with them it is written that they were read. Raises LeaseLost."""
    _advance(session, now, key, holder, read_uid=mails[-1].uid)
    ids = [inbound.receive(session, now, mail.octets) for mail in mails]
    for mail, inbound_id in zip(mails, ids, strict=True):
        session.add(MailboxMail(key_hash=fingerprint(key), uid=mail.uid, inbound_id=inbound_id))
    return ids


def decided(session: Session, key: str, *, unclear: bool, most: int) -> list[int]:
    """The UIDs of mails that are decided and not put away yet: those that were not understood, or the others."""
    not_understood = Inbound.state.in_(("waiting", "failed")) | (
        (Inbound.state == "ignored") & Inbound.verdict.in_(inbound.UNCLEAR)
    )
    wanted = (
        select(MailboxMail.uid)
        .join(Inbound, Inbound.id == MailboxMail.inbound_id)
        .where(MailboxMail.key_hash == fingerprint(key), Inbound.state != "pending")
        .where(not_understood if unclear else ~not_understood)
    )
    return list(session.scalars(wanted.order_by(MailboxMail.uid).limit(most)))


def put_away(session: Session, now: datetime, key: str, holder: str, uids: Sequence[int]) -> None:
    """They lie where the mailbox's owner wants to find them. Raises LeaseLost."""
    _advance(session, now, key, holder)
    session.execute(delete(MailboxMail).where(MailboxMail.key_hash == fingerprint(key), MailboxMail.uid.in_(uids)))


def release(session: Session, now: datetime, key: str, holder: str, fault: str | None) -> None:
    """Reading is over for now, with the code of what went wrong, if anything did. Another's lease stays."""
    done = {} if fault is not None else {"read_at": now}
    mine = update(MailboxMark).where(MailboxMark.key_hash == fingerprint(key), MailboxMark.leased_by == holder)
    session.execute(mine.values(leased_by=None, leased_until=None, fault=fault, **done))


def _advance(session: Session, now: datetime, key: str, holder: str, **columns: int) -> None:
    mine = update(MailboxMark).where(MailboxMark.key_hash == fingerprint(key), MailboxMark.leased_by == holder)
    moved = session.execute(mine.values(leased_until=now + LEASE, **columns).returning(MailboxMark.key_hash)).all()
    if not moved:
        raise LeaseLost
