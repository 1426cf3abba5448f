"""Dates that matter, meetings, and what is agreed at them."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, false, text, true
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.store.pair_text import EncryptedOfPair
from service.store.tables.base import Base
from service.store.tables.people import Pair


class CriticalDate(Base):
    """A date that matters to the mentee. The other person sees kind and time only once `shared_at` is set.
    `word_at`: look then whether the mentor may hear that it is tomorrow."""

    __tablename__ = "critical_dates"
    __table_args__ = (
        Index(
            "ix_critical_dates_word",
            "word_at",
            sqlite_where=text("word_at IS NOT NULL"),
            postgresql_where=text("word_at IS NOT NULL"),
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    pair_id: Mapped[int] = mapped_column(ForeignKey("pairs.id"), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]
    zone: Mapped[str] = mapped_column(String(64))
    run_minutes: Mapped[int | None]
    label: Mapped[str | None] = mapped_column(EncryptedOfPair("critical_dates.label"))  # the mentee's own, private
    shared_label: Mapped[str | None] = mapped_column(EncryptedOfPair("critical_dates.shared_label"))
    shared_at: Mapped[datetime | None]
    dropped_at: Mapped[datetime | None]
    word_at: Mapped[datetime | None]
    uid: Mapped[str | None] = mapped_column(String(36))  # of its days in people's calendars
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
    phase: Mapped[str] = mapped_column(String(10))  # booked ended closed cancelled
    uid: Mapped[str] = mapped_column(String(36), unique=True)
    sequence: Mapped[int] = mapped_column(default=0)
    place: Mapped[str | None] = mapped_column(EncryptedOfPair("meetings.place"))
    ask: Mapped[str | None] = mapped_column(EncryptedOfPair("meetings.ask"))  # what the mentee wants from the hour
    shadow: Mapped[str | None] = mapped_column(EncryptedOfPair("meetings.shadow"))  # who was told, what is off limits
    reason: Mapped[str | None] = mapped_column(EncryptedOfPair("meetings.reason"))  # of the last move or cancellation
    changed_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))  # who booked, moved or cancelled last
    changed_at: Mapped[datetime | None]  # when that was; NULL as long as it stands as it was booked
    declined_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    agenda_touched_at: Mapped[datetime | None]
    happened: Mapped[bool | None]
    card: Mapped[str | None] = mapped_column(String(16))  # of domain.primers, in the mentor's brief
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
    """A person's time, taken by a meeting or held by a proposed time, from `starts_at` until `guarded_until` (its end
    and that person's gap). From `lapses_at` on it counts no more.

    Written by store.claims only, in the one statement that decides a booking.
    """

    __tablename__ = "claims"
    __table_args__ = (
        Index("ix_claims_person", "person_id", "starts_at"),
        UniqueConstraint("meeting_id", "person_id"),
        UniqueConstraint("time_id", "person_id"),
        Index(
            "ix_claims_lapses",
            "lapses_at",
            sqlite_where=text("lapses_at IS NOT NULL"),
            postgresql_where=text("lapses_at IS NOT NULL"),
        ),
        ExcludeConstraint(
            ("person_id", "="),
            (text("tstzrange(starts_at, guarded_until)"), "&&"),
            name="ex_claims_person",
        ).ddl_if(dialect="postgresql"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    meeting_id: Mapped[int | None] = mapped_column(ForeignKey("meetings.id"))
    time_id: Mapped[int | None] = mapped_column(ForeignKey("proposed_times.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    guarded_until: Mapped[datetime]
    lapses_at: Mapped[datetime | None]


class AgendaItem(Base):
    """`key` is a skeleton's line (its words are in the catalogue) until somebody edits it; `text` is what was typed."""

    __tablename__ = "agenda_items"
    id: Mapped[int] = mapped_column(primary_key=True)
    meeting_id: Mapped[int] = mapped_column(ForeignKey("meetings.id"), index=True)
    position: Mapped[int]
    key: Mapped[str | None] = mapped_column(String(40))
    text: Mapped[str | None] = mapped_column(EncryptedOfPair("agenda_items.text"))
    minutes: Mapped[int | None]
    help: Mapped[str | None] = mapped_column(String(20))  # ideas listener feedback introduction hold-me
    hidden: Mapped[bool] = mapped_column(default=False)  # not in the calendar
    by_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))


class ParkedPoint(Base):
    """A point that was put off while no next meeting was booked: it is on the agenda of the one that will be."""

    __tablename__ = "parked_points"
    id: Mapped[int] = mapped_column(primary_key=True)
    pair_id: Mapped[int] = mapped_column(ForeignKey("pairs.id"), index=True)
    key: Mapped[str | None] = mapped_column(String(40))
    text: Mapped[str | None] = mapped_column(EncryptedOfPair("parked_points.text"))
    minutes: Mapped[int | None]
    help: Mapped[str | None] = mapped_column(String(20))
    hidden: Mapped[bool] = mapped_column(default=False)
    by_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    created_at: Mapped[datetime]


class Commitment(Base):
    """Something agreed. Without owner or date it is loose, and the follow-up asks for them. Unless `pinned`, its date
    follows the next meeting."""

    __tablename__ = "commitments"
    id: Mapped[int] = mapped_column(primary_key=True)
    pair_id: Mapped[int] = mapped_column(ForeignKey("pairs.id"), index=True)
    meeting_id: Mapped[int | None] = mapped_column(ForeignKey("meetings.id"), index=True)
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    text: Mapped[str] = mapped_column(EncryptedOfPair("commitments.text"))
    # `server_default` here and below: an older version names no such column.
    kind: Mapped[str] = mapped_column(String(8), default="do", server_default="do")  # do read learn meet
    must: Mapped[bool] = mapped_column(default=True, server_default=true())  # else it would be nice
    begins_on: Mapped[date | None]  # of a class
    due_on: Mapped[date | None]
    nudge_on: Mapped[date | None] = mapped_column(index=True)  # its timer, of a day that somebody chose
    pinned: Mapped[bool] = mapped_column(default=False, server_default=false())
    state: Mapped[str] = mapped_column(String(16), default="open")  # open done moving stuck renegotiated
    answered_at: Mapped[datetime | None]  # when the state was said last
    reason: Mapped[str | None] = mapped_column(String(10))  # why it was renegotiated: domain.commitments.REASONS
    note: Mapped[str | None] = mapped_column(EncryptedOfPair("commitments.note"))
    took: Mapped[str | None] = mapped_column(EncryptedOfPair("commitments.took"))  # one line from what was read
    uid: Mapped[str | None] = mapped_column(String(36))  # of the hold in its owner's calendar
    by_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    created_at: Mapped[datetime]


class Reflection(Base):
    """What a person wrote for themselves after a meeting; only its author ever reads it."""

    __tablename__ = "reflections"
    meeting_id: Mapped[int] = mapped_column(ForeignKey("meetings.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    text: Mapped[str] = mapped_column(EncryptedOfPair("reflections.text"))
    created_at: Mapped[datetime]


class Preparation(Base):
    """Something prepared for a meeting, by whoever's task it was: `key` is domain.preparation's."""

    __tablename__ = "preparations"
    meeting_id: Mapped[int] = mapped_column(ForeignKey("meetings.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(24), primary_key=True)
    done_at: Mapped[datetime]
