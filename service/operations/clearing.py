"""Takes away by the clock what is kept no longer: one small step each, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Executable, LargeBinary, Select, case, delete, exists, func, or_, select, type_coerce, update
from sqlalchemy.orm import Session

from service.domain.retention import PERIODS, Period
from service.store.tables import (
    Calendar,
    Claim,
    Inbound,
    MailboxMail,
    Meeting,
    OutboxRow,
    Person,
    Proposal,
    ProposedTime,
)
from service.store.types import SEALED_NOTHING

AT_ONCE = 500  # rows in one transaction
OVER = ("sent", "cancelled", "dead")  # mails
DEALT_WITH = ("applied", "stale", "ignored", "failed")  # answers


def busy(session: Session, now: datetime, limit: int = AT_ONCE) -> int:
    """Copies of busy times that were not read again; the next read asks for all of them."""
    old = select(Calendar.id).where(Calendar.busy.is_not(None), Calendar.verified_at <= now - PERIODS[Period.BUSY])
    nothing = {"busy": None, "mark": None, "window_from": None, "window_until": None, "verified_at": None}
    return _batch(session, old, limit, lambda ids: [update(Calendar).where(Calendar.id.in_(ids)).values(nothing)])


def offers(session: Session, now: datetime, limit: int = AT_ONCE) -> int:
    """Offers that were not taken, since they ended or their last time has passed."""
    since = now - PERIODS[Period.OFFERS]
    ahead = exists().where(ProposedTime.proposal_id == Proposal.id, ProposedTime.starts_at > since)
    over = or_(Proposal.closed_at <= since, Proposal.outcome.is_(None) & ~ahead)
    old = select(Proposal.id).where(or_(Proposal.outcome.is_(None), Proposal.outcome != "taken"), over)

    def gone(ids: Sequence[int]) -> list[Executable]:
        times = select(ProposedTime.id).where(ProposedTime.proposal_id.in_(ids))
        return [
            delete(Claim).where(Claim.time_id.in_(times)),
            delete(ProposedTime).where(ProposedTime.proposal_id.in_(ids)),
            delete(Proposal).where(Proposal.id.in_(ids)),
        ]

    return _batch(session, old, limit, gone)


def bodies(session: Session, now: datetime, limit: int = AT_ONCE) -> int:
    """The words of mails: the row stays as a line of what was sent."""
    since = func.coalesce(OutboxRow.sent_at, OutboxRow.due_at)
    old = select(OutboxRow.id).where(
        OutboxRow.octets.is_not(None), OutboxRow.state.in_(OVER), since <= now - PERIODS[Period.BODIES]
    )
    return _batch(session, old, limit, lambda ids: [update(OutboxRow).where(OutboxRow.id.in_(ids)).values(octets=None)])


def answers(session: Session, now: datetime, limit: int = AT_ONCE) -> int:
    """The words of answers that were dealt with, or that waited for their author as long."""
    since = func.coalesce(Inbound.decided_at, Inbound.received_at)
    worded = (func.length(type_coerce(Inbound.raw, LargeBinary)) > SEALED_NOTHING) | Inbound.sender.is_not(None)
    old = select(Inbound.id).where(Inbound.state != "pending", since <= now - PERIODS[Period.BODIES], worded)
    state = case((Inbound.state == "waiting", "ignored"), else_=Inbound.state)
    nothing = {"raw": b"", "sender": None, "state": state}
    return _batch(session, old, limit, lambda ids: [update(Inbound).where(Inbound.id.in_(ids)).values(nothing)])


def log(session: Session, now: datetime, limit: int = AT_ONCE) -> int:
    """Lines of what was sent. Of a meeting they stay until it is over as long: they say what was sent already."""
    since = now - PERIODS[Period.DELIVERY]
    recent = exists().where(Meeting.id == OutboxRow.meeting_id, Meeting.ends_at > since)
    old = select(OutboxRow.id).where(OutboxRow.state.in_(OVER), OutboxRow.due_at <= since, ~recent)
    return _batch(session, old, limit, lambda ids: [delete(OutboxRow).where(OutboxRow.id.in_(ids))])


def answer_log(session: Session, now: datetime, limit: int = AT_ONCE) -> int:
    """Lines of what came in, once the mail is put away in its mailbox."""
    there = exists().where(MailboxMail.inbound_id == Inbound.id)
    since = now - PERIODS[Period.DELIVERY]
    old = select(Inbound.id).where(Inbound.state.in_(DEALT_WITH), Inbound.received_at <= since, ~there)
    return _batch(session, old, limit, lambda ids: [delete(Inbound).where(Inbound.id.in_(ids))])


def nobodys_mail(session: Session, now: datetime, limit: int = AT_ONCE) -> int:
    """Of whoever was erased while a mail was on its way, and nobody knows whether it arrived: nobody will ask."""
    gone = select(Person.id).where(Person.erased_at <= now)
    unsure = select(OutboxRow.id).where(OutboxRow.state == "uncertain", OutboxRow.person_id.in_(gone))
    ended = {"state": "cancelled", "token": None, "lease_until": None}
    return _batch(session, unsure, limit, lambda ids: [update(OutboxRow).where(OutboxRow.id.in_(ids)).values(ended)])


STEPS: Sequence[Callable[[Session, datetime], int]] = (
    busy,
    offers,
    bodies,
    answers,
    log,
    answer_log,
    nobodys_mail,
)


def _batch(session: Session, old: Select[int], limit: int, how: Callable[[Sequence[int]], Sequence[Executable]]) -> int:
    """Does it to as many rows as one transaction may hold for long; returns how many. Repeatable, and safe beside
    another clock."""
    ids = session.scalars(old.limit(limit).with_for_update(skip_locked=True)).all()
    for statement in how(ids) if ids else ():
        session.execute(statement, execution_options={"synchronize_session": False})
    return len(ids)
