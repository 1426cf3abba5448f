"""Every table. Text that people type is EncryptedText; instants are aware UTC."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from service.store.types import EncryptedBytes, EncryptedOfRow, EncryptedText, OfRow, UtcDateTime


class Base(DeclarativeBase):
    """Constraint names are fixed, so that migrations can name them on every database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcDateTime, dict[str, Any]: JSON}  # noqa: RUF012 - SQLAlchemy's own form


class Person(Base):
    """Somebody whom we know by one address. `availability` NULL means the defaults hold, shown as assumed."""

    __tablename__ = "people"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)  # lower case
    name: Mapped[str] = mapped_column(String(200))
    zone: Mapped[str] = mapped_column(String(64))
    locale: Mapped[str] = mapped_column(String(20), default="en")  # en: 24 hours; en_US: 12 hours
    availability: Mapped[dict[str, Any] | None]
    mails: Mapped[str] = mapped_column(String(10), default="all")  # all, fewer (no brief, reminder, ask), none
    welcomed_at: Mapped[datetime | None]
    created_at: Mapped[datetime]

    @property
    def first_name(self) -> str:
        return self.name.split()[0] if self.name.split() else self.name


class Pair(Base):
    __tablename__ = "pairs"
    __table_args__ = (UniqueConstraint("mentee_id", "mentor_id"), CheckConstraint("mentee_id <> mentor_id", "two"))
    id: Mapped[int] = mapped_column(primary_key=True)
    mentee_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    mentor_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    place: Mapped[str | None] = mapped_column(EncryptedText("pairs.place"))
    ended_at: Mapped[datetime | None]
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


class CriticalDate(Base):
    """A date that matters to the mentee. The other person sees kind and time only once `shared_at` is set."""

    __tablename__ = "critical_dates"
    id: Mapped[int] = mapped_column(primary_key=True)
    pair_id: Mapped[int] = mapped_column(ForeignKey("pairs.id"), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]
    zone: Mapped[str] = mapped_column(String(64))
    run_minutes: Mapped[int | None]
    label: Mapped[str | None] = mapped_column(EncryptedText("critical_dates.label"))  # the mentee's own, private
    shared_label: Mapped[str | None] = mapped_column(EncryptedText("critical_dates.shared_label"))
    shared_at: Mapped[datetime | None]
    dropped_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class Meeting(Base):
    """One meeting. `due_at` is its only timer: look again then. `phase` moves only as domain.meeting.MOVES allows."""

    __tablename__ = "meetings"
    __table_args__ = (
        Index(
            "ix_meetings_due",
            "due_at",
            sqlite_where=text("due_at IS NOT NULL"),
            postgresql_where=text("due_at IS NOT NULL"),
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    pair_id: Mapped[int] = mapped_column(ForeignKey("pairs.id"), index=True)
    date_id: Mapped[int | None] = mapped_column(ForeignKey("critical_dates.id"), index=True)
    session: Mapped[str] = mapped_column(String(16))
    starts_at: Mapped[datetime] = mapped_column(index=True)
    ends_at: Mapped[datetime]
    phase: Mapped[str] = mapped_column(String(10))  # held booked ended closed cancelled
    uid: Mapped[str] = mapped_column(String(36), unique=True)
    sequence: Mapped[int] = mapped_column(default=0)
    place: Mapped[str | None] = mapped_column(EncryptedText("meetings.place"))
    ask: Mapped[str | None] = mapped_column(EncryptedText("meetings.ask"))  # what the mentee wants from the hour
    reason: Mapped[str | None] = mapped_column(EncryptedText("meetings.reason"))  # of the last move or cancellation
    changed_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))  # who booked, moved or cancelled last
    changed_at: Mapped[datetime | None]  # when that was; NULL as long as it stands as it was booked
    declined_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    agenda_touched_at: Mapped[datetime | None]
    happened: Mapped[bool | None]
    agreed_at: Mapped[datetime | None]  # the mentee said of the list: this is right
    fixed_at: Mapped[datetime]  # when the present time was agreed: at booking, at the last move
    due_at: Mapped[datetime | None]
    invite_by: Mapped[str] = mapped_column(String(10), default="mail")
    calendar: Mapped[str] = mapped_column(String(10), default="none")  # superseded by CalendarWrite.state
    created_at: Mapped[datetime]
    pair: Mapped[Pair] = relationship(lazy="joined", innerjoin=True)


class Attendance(Base):
    """One person's answer to one meeting, ordered by (SEQUENCE, DTSTAMP) as RFC 5546 2.1.5 asks."""

    __tablename__ = "attendances"
    meeting_id: Mapped[int] = mapped_column(ForeignKey("meetings.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    partstat: Mapped[str] = mapped_column(String(16), default="NEEDS-ACTION")
    answered_sequence: Mapped[int | None]
    answered_stamp: Mapped[datetime | None]


class Claim(Base):
    """A person's time, taken by a meeting from `starts_at` until `guarded_until` (its end and that person's gap).

    Written by store.claims only, in the one statement that decides a booking.
    """

    __tablename__ = "claims"
    __table_args__ = (
        Index("ix_claims_person", "person_id", "starts_at"),
        UniqueConstraint("meeting_id", "person_id"),
        ExcludeConstraint(
            ("person_id", "="),
            (text("tstzrange(starts_at, guarded_until)"), "&&"),
            name="ex_claims_person",
        ).ddl_if(dialect="postgresql"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    meeting_id: Mapped[int] = mapped_column(ForeignKey("meetings.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    guarded_until: Mapped[datetime]


class AgendaItem(Base):
    """`key` is a skeleton's line (its words are in the catalogue) until somebody edits it; `text` is what was typed."""

    __tablename__ = "agenda_items"
    id: Mapped[int] = mapped_column(primary_key=True)
    meeting_id: Mapped[int] = mapped_column(ForeignKey("meetings.id"), index=True)
    position: Mapped[int]
    key: Mapped[str | None] = mapped_column(String(40))
    text: Mapped[str | None] = mapped_column(EncryptedText("agenda_items.text"))
    minutes: Mapped[int | None]
    help: Mapped[str | None] = mapped_column(String(20))  # ideas listener feedback introduction hold-me
    hidden: Mapped[bool] = mapped_column(default=False)  # not in the calendar
    by_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))


class Commitment(Base):
    """Something agreed. Without owner or date it is loose, and the follow-up asks for them."""

    __tablename__ = "commitments"
    id: Mapped[int] = mapped_column(primary_key=True)
    pair_id: Mapped[int] = mapped_column(ForeignKey("pairs.id"), index=True)
    meeting_id: Mapped[int | None] = mapped_column(ForeignKey("meetings.id"), index=True)
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    text: Mapped[str] = mapped_column(EncryptedText("commitments.text"))
    due_on: Mapped[date | None]
    state: Mapped[str] = mapped_column(String(16), default="open")  # open done moving stuck renegotiated
    note: Mapped[str | None] = mapped_column(EncryptedText("commitments.note"))
    by_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    created_at: Mapped[datetime]


class Reflection(Base):
    """What a person wrote for themselves after a meeting; only its author ever reads it."""

    __tablename__ = "reflections"
    meeting_id: Mapped[int] = mapped_column(ForeignKey("meetings.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    text: Mapped[str] = mapped_column(EncryptedText("reflections.text"))
    created_at: Mapped[datetime]


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
    watch_at: Mapped[datetime | None]  # its provider is asked for a watch again then; NULL: at the next read


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
    fault: Mapped[str | None] = mapped_column(String(40))  # catalogue key adapter.<fault>
    due_at: Mapped[datetime | None]
    lease_until: Mapped[datetime | None]  # a job has it, until then at most
    attempts: Mapped[int] = mapped_column(default=0)  # at what is wanted now
    created_at: Mapped[datetime]


class CalendarHost(Base):
    """A server that asked to be left alone for a while, for all whose calendars are there."""

    __tablename__ = "calendar_hosts"
    host_hash: Mapped[str] = mapped_column(String(43), primary_key=True)
    wait_until: Mapped[datetime]


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


class Proposal(Base):
    """Another time that one of the two would rather have: theirs to take back, the other's to take. One a person."""

    __tablename__ = "proposals"
    meeting_id: Mapped[int] = mapped_column(ForeignKey("meetings.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    sequence: Mapped[int]  # of the meeting when it was made: a move since then has answered it
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    comment: Mapped[str | None] = mapped_column(EncryptedText("proposals.comment"))
    created_at: Mapped[datetime]


class MailboxMark(Base):
    """How far one mailbox has been read, and who reads it. UIDs count within `validity` only (RFC 9051 2.3.1.1)."""

    __tablename__ = "mailbox_marks"
    key_hash: Mapped[str] = mapped_column(String(43), primary_key=True)  # of user, server and folder
    validity: Mapped[int | None] = mapped_column(BigInteger)
    read_uid: Mapped[int] = mapped_column(BigInteger, default=0)  # everything up to it is stored
    filed_uid: Mapped[int] = mapped_column(BigInteger, default=0)  # and everything up to this is put away there
    leased_by: Mapped[str | None] = mapped_column(String(43))
    leased_until: Mapped[datetime | None]
    read_at: Mapped[datetime | None]  # the last time that worked
    fault: Mapped[str | None] = mapped_column(String(40))  # catalogue key adapter.<fault>


class IdempotencyKey(Base):
    __tablename__ = "idempotency_keys"
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    body_hash: Mapped[str] = mapped_column(String(43))
    meeting_id: Mapped[int] = mapped_column(ForeignKey("meetings.id"))
    created_at: Mapped[datetime]


class Heartbeat(Base):
    """A running part of the service, as it last said."""

    __tablename__ = "heartbeats"
    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    part: Mapped[str] = mapped_column(String(16))
    at: Mapped[datetime]


class SendTime(Base):
    """How many mails the server took within `upto_ms` (and not within the next lower bound), ever, and their sum."""

    __tablename__ = "send_times"
    upto_ms: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    mails: Mapped[int] = mapped_column(BigInteger)
    total_ms: Mapped[int] = mapped_column(BigInteger)
