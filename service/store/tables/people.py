"""People, pairs, and the links and tokens by which they are known."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.store.pair_text import EncryptedOfPair
from service.store.tables.base import Base
from service.store.types import EncryptedText


class Person(Base):
    """Somebody whom we know by one address. `availability` NULL means the defaults hold, shown as assumed."""

    __tablename__ = "people"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)  # lower case
    name: Mapped[str] = mapped_column(String(200))
    zone: Mapped[str] = mapped_column(String(64))
    locale: Mapped[str] = mapped_column(String(20), default="en")  # en: 24 hours; en_US: 12 hours
    availability: Mapped[dict[str, Any] | None]
    # What they wrote for themselves stays when the rest of an ended pair goes.
    keeps_notes: Mapped[bool] = mapped_column(default=False, server_default=false())
    mails: Mapped[str] = mapped_column(String(10), default="all")  # all, fewer (no brief, reminder, ask), none
    invite: Mapped[str | None] = mapped_column(
        String(8)
    )  # of their own copies, where stricter than agreed: terms.LEVELS
    # What a change in their own calendar does; `server_default`: an older version names no such column.
    when_deleted: Mapped[str] = mapped_column(String(10), default="free", server_default="free")  # free, keep
    when_moved: Mapped[str] = mapped_column(String(10), default="propose", server_default="propose")  # propose, keep
    coordinates: Mapped[bool] = mapped_column(default=False, server_default=false())  # has the programme's page
    welcomed_at: Mapped[datetime | None]
    primed_at: Mapped[datetime | None]  # a mentee's cards were read
    refused_at: Mapped[datetime | None]  # since when their address sends our mails back
    erased_at: Mapped[datetime | None]  # what they wrote is gone; restoring an older backup takes it away again
    created_at: Mapped[datetime]

    @property
    def first_name(self) -> str:
        return self.name.split()[0] if self.name.split() else self.name


class Pair(Base):
    """`due_at` is its timer as long as it has not ended, for what is about no meeting: look again then. While
    `paused_until` is ahead nobody is asked to find a time. `terms`: of the clauses that make us do something what was
    signed last; NULL is the defaults. Kept here because whoever has the pair needs them; codes, nothing that anybody
    typed."""

    __tablename__ = "pairs"
    __table_args__ = (
        UniqueConstraint("mentee_id", "mentor_id"),
        CheckConstraint("mentee_id <> mentor_id", "two"),
        Index(
            "ix_pairs_due",
            "due_at",
            sqlite_where=text("due_at IS NOT NULL"),
            postgresql_where=text("due_at IS NOT NULL"),
        ),
        Index(
            "ix_pairs_clear",
            "clear_at",
            sqlite_where=text("clear_at IS NOT NULL"),
            postgresql_where=text("clear_at IS NOT NULL"),
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    mentee_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    mentor_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    place: Mapped[str | None] = mapped_column(EncryptedOfPair("pairs.place"))
    paused_until: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    terms: Mapped[dict[str, Any] | None]
    ended_at: Mapped[datetime | None]
    clear_at: Mapped[datetime | None]  # of an ended one: look again then
    stage: Mapped[str | None] = mapped_column(String(8))  # domain.retention.Stage
    created_at: Mapped[datetime]
    mentee: Mapped[Person] = relationship(foreign_keys=[mentee_id], lazy="joined", innerjoin=True)
    mentor: Mapped[Person] = relationship(foreign_keys=[mentor_id], lazy="joined", innerjoin=True)

    def other(self, person_id: int) -> Person:
        return self.mentor if person_id == self.mentee_id else self.mentee

    def me(self, person_id: int) -> Person:
        return self.mentee if person_id == self.mentee_id else self.mentor

    def role(self, person_id: int) -> str:
        return "mentee" if person_id == self.mentee_id else "mentor"


class Link(Base):
    """A random token for one person and one purpose: its hash to look it up, and, sealed, the token itself so that
    a second mail can carry the same link. Rotating revokes the row and makes a new one."""

    __tablename__ = "links"
    __table_args__ = (Index("ix_links_subject", "person_id", "purpose", "pair_id", "meeting_id", "date_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(43), unique=True)
    token: Mapped[str] = mapped_column(EncryptedText("links.token"))
    purpose: Mapped[str] = mapped_column(String(16))  # a key of links.PATHS
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))  # NULL: the operator's
    pair_id: Mapped[int | None] = mapped_column(ForeignKey("pairs.id"))
    meeting_id: Mapped[int | None] = mapped_column(ForeignKey("meetings.id"))
    date_id: Mapped[int | None] = mapped_column(ForeignKey("critical_dates.id"))
    connection_id: Mapped[int | None] = mapped_column(ForeignKey("connections.id"))
    session: Mapped[str | None] = mapped_column(String(16))
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class ApiToken(Base):
    __tablename__ = "api_tokens"
    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(43), unique=True)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))  # NULL: the coordinator's
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
