"""People's calendars: how they are reached, what was read, what is written."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.store.tables.base import Base
from service.store.types import EncryptedOfRow, EncryptedText, OfRow


class Connection(Base):
    """One person's authorised calendar source. `state` is one of connected partial stale reconnect off."""

    __tablename__ = "connections"
    __table_args__ = (
        Index(
            "ix_connections_leased",
            "leased_until",
            sqlite_where=text("leased_until IS NOT NULL"),
            postgresql_where=text("leased_until IS NOT NULL"),
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    provider: Mapped[str] = mapped_column(String(16))  # caldav ics google microsoft
    access: Mapped[str] = mapped_column(String(10), default="busy")
    url: Mapped[str] = mapped_column(EncryptedText("connections.url"))
    username: Mapped[str | None] = mapped_column(EncryptedText("connections.username"))
    password: Mapped[str | None] = mapped_column(EncryptedText("connections.password"))
    state: Mapped[str] = mapped_column(String(10), default="connected")
    fault: Mapped[str | None] = mapped_column(String(40))  # catalogue key adapter.<fault>
    failed_at: Mapped[datetime | None]  # since when reading fails; NULL while it works
    told_at: Mapped[datetime | None]  # its owner was last told that it fails, since it was connected
    checked_at: Mapped[datetime | None]  # last attempt
    due_at: Mapped[datetime | None] = mapped_column(index=True)  # read again then; NULL when off
    leased_until: Mapped[datetime | None]  # somebody reads it, until then at most
    host_hash: Mapped[str | None] = mapped_column(String(43))  # same for all on one server; NULL until it is read
    # `server_default` here and below: an older version may still run beside this one, and names no such column.
    reads: Mapped[int] = mapped_column(default=0, server_default="0")  # the number of the last read that began
    settled: Mapped[int] = mapped_column(default=0, server_default="0")  # the number of the read that `state` is from
    noticed: Mapped[int] = mapped_column(default=0, server_default="0")  # `reads` when the provider last told
    created_at: Mapped[datetime]
    calendars: Mapped[list[Calendar]] = relationship(order_by="Calendar.id", cascade="all, delete-orphan")


class Calendar(Base):
    """One calendar and its merged busy record (interval.pack), valid inside [window_from, window_until)."""

    __tablename__ = "calendars"
    __table_args__ = (UniqueConstraint("connection_id", "key_hash"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(EncryptedText("calendars.key"))
    key_hash: Mapped[str] = mapped_column(String(43))
    name: Mapped[str] = mapped_column(EncryptedText("calendars.name"))
    counts: Mapped[bool] = mapped_column(default=True)
    busy: Mapped[bytes | None] = mapped_column(LargeBinary)
    window_from: Mapped[datetime | None]
    window_until: Mapped[datetime | None]
    partial: Mapped[bool] = mapped_column(default=False)
    verified_at: Mapped[datetime | None]
    mark: Mapped[dict[str, Any] | None]  # ports.SyncMark
    read: Mapped[int] = mapped_column(default=0, server_default="0")  # the number of the read that this is from
    video: Mapped[str | None] = mapped_column(String(8))  # meet, teams: what its events may get from it
    watch_at: Mapped[datetime | None]  # its provider is asked for a watch again then; NULL: at the next read
    watch_fault: Mapped[str | None] = mapped_column(String(40))  # why it has none: the code of an AdapterError


class CalendarWatch(Base):
    """A provider's promise to tell of one calendar's changes. While a newer one replaces it there are two."""

    __tablename__ = "watches"
    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"), index=True)
    calendar_id: Mapped[int | None] = mapped_column(ForeignKey("calendars.id", ondelete="SET NULL"), index=True)
    channel: Mapped[str] = mapped_column(String(128), unique=True)  # what its notices call it
    token_hash: Mapped[str] = mapped_column(String(43))  # of the token that each notice brings
    resource: Mapped[str] = mapped_column(EncryptedText("watches.resource"))
    expires_at: Mapped[datetime]


class Grant(Base):
    """What a provider gave for one connection: whose account, which scopes, and its tokens as the provider's own
    library keeps them. Whoever renews them holds `renewed_by` until `renewing_until` at most."""

    __tablename__ = "grants"
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"), primary_key=True)
    account_hash: Mapped[str] = mapped_column(String(43))  # of the provider's id of the account
    account: Mapped[str] = mapped_column(EncryptedText("grants.account"))  # its address, as its owner knows it
    scopes: Mapped[str] = mapped_column(String(1000))  # as granted, which may be less than asked for
    tokens: Mapped[OfRow | None] = mapped_column(EncryptedOfRow("grants.tokens"))
    renewed_by: Mapped[str | None] = mapped_column(String(43))
    renewing_until: Mapped[datetime | None]
    granted_at: Mapped[datetime]


class Consent(Base):
    """Somebody is at a provider's page to say yes: good once, for the browser that began, and not for long."""

    __tablename__ = "consents"
    id: Mapped[int] = mapped_column(primary_key=True)
    state_hash: Mapped[str] = mapped_column(String(43), unique=True)
    browser_hash: Mapped[str] = mapped_column(String(43))  # of the cookie that the page set
    link_id: Mapped[int] = mapped_column(ForeignKey("links.id", ondelete="CASCADE"))  # the /connect link it began at
    provider: Mapped[str] = mapped_column(String(16))
    access: Mapped[str] = mapped_column(String(10))  # busy, write
    kept: Mapped[str] = mapped_column(EncryptedText("consents.kept"))  # what the provider's library needs again
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]


class CalendarWrite(Base):
    """One meeting's event in one person's own calendar: what is wanted there, and where it was written. The row is the
    truth and the job a hint. `wanted` grows with each change that has to be written, `written` is the last that was.

    `state` is one of pending written look missing failed removed; look and missing are written, and to be looked at for
    what a read of the calendar said.

    All later writes go to `connection_id`, `calendar_key` and `event_id`, whatever else is connected meanwhile.
    """

    __tablename__ = "calendar_writes"
    __table_args__ = (
        UniqueConstraint("meeting_id", "person_id"),
        Index(
            "ix_calendar_writes_due",
            "due_at",
            sqlite_where=text("due_at IS NOT NULL"),
            postgresql_where=text("due_at IS NOT NULL"),
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    meeting_id: Mapped[int] = mapped_column(ForeignKey("meetings.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)  # in whose calendar it stands
    connection_id: Mapped[int | None] = mapped_column(ForeignKey("connections.id", ondelete="SET NULL"), index=True)
    invites: Mapped[bool]  # it invites the other as well: the sender of record
    state: Mapped[str] = mapped_column(String(10), default="pending")
    wanted: Mapped[int] = mapped_column(default=1)
    written: Mapped[int] = mapped_column(default=0)
    copies: Mapped[int] = mapped_column(default=0)  # how often somebody deleted it and it was written again
    calendar_key: Mapped[str | None] = mapped_column(EncryptedText("calendar_writes.calendar_key"))
    event_id: Mapped[str | None] = mapped_column(EncryptedText("calendar_writes.event_id"))
    etag: Mapped[str | None] = mapped_column(String(200))
    alias: Mapped[str | None] = mapped_column(String(400), index=True)  # the UID that the provider gave it
    video: Mapped[str | None] = mapped_column(String(8))  # the link it was asked for: wanted, made or failed
    fault: Mapped[str | None] = mapped_column(String(40))  # catalogue key adapter.<fault>
    due_at: Mapped[datetime | None]
    lease_until: Mapped[datetime | None]  # a job has it, until then at most
    attempts: Mapped[int] = mapped_column(default=0)  # at what is wanted now
    created_at: Mapped[datetime]


class Sighting(Base):
    """A meeting as it stands in a calendar that we only read: it came there by the invitation, and its owner may move
    or delete it. `sequence` is the meeting's when it last stood there as here; `starts_at` and `ends_at` are what was
    seen last. `due_at`: something has changed there, to be settled then."""

    __tablename__ = "sightings"
    __table_args__ = (
        Index(
            "ix_sightings_due",
            "due_at",
            sqlite_where=text("due_at IS NOT NULL"),
            postgresql_where=text("due_at IS NOT NULL"),
        ),
    )
    meeting_id: Mapped[int] = mapped_column(ForeignKey("meetings.id"), primary_key=True)
    calendar_id: Mapped[int] = mapped_column(
        ForeignKey("calendars.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    sequence: Mapped[int]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    missed_at: Mapped[datetime | None]  # since when it is not there
    change: Mapped[str | None] = mapped_column(String(8))  # gone, moved
    due_at: Mapped[datetime | None]


class CalendarHost(Base):
    """A server that asked to be left alone for a while, for all whose calendars are there."""

    __tablename__ = "calendar_hosts"
    host_hash: Mapped[str] = mapped_column(String(43), primary_key=True)
    wait_until: Mapped[datetime]
