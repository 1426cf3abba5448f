"""Mail that goes out and comes in."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from service.store.tables.base import Base
from service.store.types import EncryptedBytes, EncryptedOfRow, EncryptedText, OfRow


class OutboxRow(Base):
    """One mail to one person. The row is the truth and the queue a hint; the states are in docs/operator.md.

    Holds kind and ids only. `octets` are rendered at the first attempt and kept for retries.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        Index(
            "ix_outbox_due",
            "due_at",
            sqlite_where=text("state = 'pending' AND held_at IS NULL"),
            postgresql_where=text("state = 'pending' AND held_at IS NULL"),
        ),
        Index(
            "ix_outbox_lease",
            "lease_until",
            sqlite_where=text("state IN ('queued','sending')"),
            postgresql_where=text("state IN ('queued','sending')"),
        ),
        Index("ix_outbox_meeting", "meeting_id", "kind"),
        Index("ix_outbox_state", "state", "due_at"),  # counts and the oldest overdue, without a look at the rows
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    dedup_key: Mapped[str] = mapped_column(String(120), unique=True)
    kind: Mapped[str] = mapped_column(String(24))
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    pair_id: Mapped[int | None] = mapped_column(ForeignKey("pairs.id"))
    meeting_id: Mapped[int | None] = mapped_column(ForeignKey("meetings.id"))
    date_id: Mapped[int | None] = mapped_column(ForeignKey("critical_dates.id"))
    connection_id: Mapped[int | None] = mapped_column(ForeignKey("connections.id", ondelete="SET NULL"))
    sequence: Mapped[int | None]  # of the meeting, when the row was written
    due_at: Mapped[datetime]
    held_at: Mapped[datetime | None]  # a restore held it back; while it is pending it waits for a person (store.held)
    state: Mapped[str] = mapped_column(String(10), default="pending")
    token: Mapped[str | None] = mapped_column(String(36))
    lease_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    message_id: Mapped[str] = mapped_column(String(120), index=True)
    octets: Mapped[bytes | None] = mapped_column(EncryptedBytes("outbox.octets"), deferred=True)  # large, rarely read
    last_error: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]


class Inbound(Base):
    """One message received, stored before anything is done with it."""

    __tablename__ = "inbound"
    id: Mapped[int] = mapped_column(primary_key=True)
    message_key: Mapped[str] = mapped_column(String(120), unique=True)
    raw: Mapped[bytes] = mapped_column(EncryptedBytes("inbound.raw"))
    state: Mapped[str] = mapped_column(String(12), default="pending")  # pending applied stale waiting ignored failed
    verdict: Mapped[str | None] = mapped_column(String(40))
    meeting_id: Mapped[int | None] = mapped_column(ForeignKey("meetings.id"), index=True)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"), index=True)  # whose answer it is
    sender: Mapped[str | None] = mapped_column(EncryptedText("inbound.sender"))  # of an answer that nobody obeys
    received_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]


class MailboxMark(Base):
    """How far one mailbox has been read, and who reads it. UIDs count within `validity` only (RFC 9051 2.3.1.1)."""

    __tablename__ = "mailbox_marks"
    key_hash: Mapped[str] = mapped_column(String(43), primary_key=True)  # of user, server and folder
    validity: Mapped[int | None] = mapped_column(BigInteger)
    read_uid: Mapped[int] = mapped_column(BigInteger, default=0)  # everything up to it is stored
    filed_uid: Mapped[int] = mapped_column(BigInteger, default=0)  # of versions before 0018
    leased_by: Mapped[str | None] = mapped_column(String(43))
    leased_until: Mapped[datetime | None]
    read_at: Mapped[datetime | None]  # the last time that worked
    fault: Mapped[str | None] = mapped_column(String(40))  # catalogue key adapter.<fault>


class MailboxMail(Base):
    """A mail that lies in our mailbox as it came. The row goes when the mail is decided and put away there."""

    __tablename__ = "mailbox_mails"
    key_hash: Mapped[str] = mapped_column(String(43), primary_key=True)  # as in mailbox_marks
    uid: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    inbound_id: Mapped[int] = mapped_column(ForeignKey("inbound.id"))


class SendTime(Base):
    """How many mails the server took within `upto_ms` (and not within the next lower bound), ever, and their sum."""

    __tablename__ = "send_times"
    upto_ms: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    mails: Mapped[int] = mapped_column(BigInteger)
    total_ms: Mapped[int] = mapped_column(BigInteger)


class SendingGrant(Base):
    """What the one account that mail is sent from gave, where there is no SMTP server: as a Grant, and never one of a
    calendar. `id` is THE_ONE."""

    __tablename__ = "sending_grants"
    THE_ONE = 1
    id: Mapped[int] = mapped_column(primary_key=True)
    provider: Mapped[str] = mapped_column(String(16))  # google microsoft
    account: Mapped[str] = mapped_column(EncryptedText("sending_grants.account"))  # its address
    scopes: Mapped[str] = mapped_column(String(1000))  # as granted
    tokens: Mapped[OfRow | None] = mapped_column(EncryptedOfRow("sending_grants.tokens"))
    renewed_by: Mapped[str | None] = mapped_column(String(43))
    renewing_until: Mapped[datetime | None]
    wait_until: Mapped[datetime | None]  # its provider asked to be left alone until then
    granted_at: Mapped[datetime]
