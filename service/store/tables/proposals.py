"""Times that one of the two offers the other."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.store.pair_text import EncryptedOfPair
from service.store.tables.base import Base
from service.store.tables.people import Pair


class Proposal(Base):
    """Up to three times for a new meeting, or for one that would move there (`meeting_id`). Its author takes it back,
    the other takes one of the times. One is open for each matter: the newest."""

    __tablename__ = "time_proposals"
    id: Mapped[int] = mapped_column(primary_key=True)
    pair_id: Mapped[int] = mapped_column(ForeignKey("pairs.id"), index=True)
    by_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    meeting_id: Mapped[int | None] = mapped_column(ForeignKey("meetings.id"), index=True)
    session: Mapped[str] = mapped_column(String(16))
    date_id: Mapped[int | None] = mapped_column(ForeignKey("critical_dates.id"))
    comment: Mapped[str | None] = mapped_column(EncryptedOfPair("proposals.comment"))
    created_at: Mapped[datetime]
    outcome: Mapped[str | None] = mapped_column(String(10))  # taken replaced withdrawn declined; NULL while it is open
    closed_at: Mapped[datetime | None]
    taken_id: Mapped[int | None] = mapped_column(ForeignKey("meetings.id"))  # what came of it
    pair: Mapped[Pair] = relationship(lazy="joined", innerjoin=True)
    times: Mapped[list[ProposedTime]] = relationship(
        lazy="selectin", order_by="ProposedTime.starts_at", cascade="all, delete-orphan"
    )


class ProposedTime(Base):
    """`held`: both people's time was taken for it until `lapses_at`; else it was not free for both when it was asked
    for."""

    __tablename__ = "proposed_times"
    id: Mapped[int] = mapped_column(primary_key=True)
    proposal_id: Mapped[int] = mapped_column(ForeignKey("time_proposals.id"), index=True)
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    held: Mapped[bool]
    lapses_at: Mapped[datetime]


class EarlierProposal(Base):
    """Superseded by Proposal, which took its rows over. A version before that, on another machine, may still write
    here."""

    __tablename__ = "proposals"
    meeting_id: Mapped[int] = mapped_column(ForeignKey("meetings.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    sequence: Mapped[int]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    comment: Mapped[str | None] = mapped_column(EncryptedOfPair("proposals.comment"))
    created_at: Mapped[datetime]
