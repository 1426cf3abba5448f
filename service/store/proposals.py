"""Rows of what one of two people proposed: which are open, and how they end."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Row, bindparam, exists, select
from sqlalchemy.orm import Session

from service.store import claims, outbox
from service.store.tables import Proposal, ProposedTime


def open_ones(session: Session, *matter: ColumnElement[bool]) -> list[Proposal]:
    """Oldest first. A time in it may have passed, and its hold may have lapsed."""
    return list(session.scalars(select(Proposal).where(Proposal.outcome.is_(None), *matter).order_by(Proposal.id)))


_proposals, _times = Proposal.__table__.c, ProposedTime.__table__.c
_FOR_ANOTHER = (  # built once: every look at a pair's times asks this, and most have none
    select(_proposals.id, _proposals.by_id)
    .where(
        _proposals.pair_id == bindparam("pair"),
        _proposals.meeting_id.is_(None),
        _proposals.outcome.is_(None),
        exists().where(_times.proposal_id == _proposals.id, _times.starts_at > bindparam("now")),
    )
    .order_by(_proposals.id)
)


def for_another_meeting(session: Session, now: datetime, pair_id: int) -> Sequence[Row[int, int]]:
    """Id and `by_id` of the pair's proposals for another meeting of which a time is ahead, oldest first."""
    return session.execute(_FOR_ANOTHER, {"pair": pair_id, "now": now}).all()


def about(meeting_id: int) -> ColumnElement[bool]:
    """Proposals to move this meeting."""
    return Proposal.meeting_id == meeting_id


def for_a_new_one(pair_id: int, session_key: str, date_id: int | None) -> tuple[ColumnElement[bool], ...]:
    """Proposals of a pair for another meeting of this kind."""
    return (
        Proposal.pair_id == pair_id,
        Proposal.meeting_id.is_(None),
        Proposal.session == session_key,
        Proposal.date_id.is_(None) if date_id is None else Proposal.date_id == date_id,
    )


def end(session: Session, now: datetime, ended: Collection[Proposal], outcome: str) -> None:
    """Frees what they hold, and takes back the mail about them that has not left. Repeatable: the first outcome
    stays."""
    still_open = [each for each in ended if each.outcome is None]
    for each in still_open:
        each.outcome, each.closed_at = outcome, now
        outbox.withdraw_one(session, mail_key(each))
    claims.let_go(session, [each.id for each in still_open])


def mail_key(proposal: Proposal) -> str:
    """One mail for each proposal."""
    return f"proposal{proposal.id}"


def of_mail(session: Session, dedup: str) -> Proposal | None:
    """What the mail with this key is about."""
    return session.get(Proposal, int(dedup.removeprefix("proposal")))
