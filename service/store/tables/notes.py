"""What somebody writes for themselves, a question that waits for its reader, and a debrief that is sealed."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from service.store.pair_text import EncryptedOfPair
from service.store.tables.base import Base


class Note(Base):
    """Its author's alone until `shared_at` is set, and again once that is taken back. `read_at`: when the other opened
    it. Of a story, `text` is what was told, and the rest what the author makes of it."""

    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    pair_id: Mapped[int] = mapped_column(ForeignKey("pairs.id"), index=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    meeting_id: Mapped[int | None] = mapped_column(ForeignKey("meetings.id"), index=True)
    kind: Mapped[str] = mapped_column(String(8))  # thought sitting story
    prompt: Mapped[str | None] = mapped_column(String(16))  # its words are in the catalogue
    text: Mapped[str | None] = mapped_column(EncryptedOfPair("notes.text"))
    alike: Mapped[str | None] = mapped_column(EncryptedOfPair("notes.alike"))
    unlike: Mapped[str | None] = mapped_column(EncryptedOfPair("notes.unlike"))
    trying: Mapped[str | None] = mapped_column(EncryptedOfPair("notes.trying"))
    shared_at: Mapped[datetime | None]
    read_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class Question(Base):
    """One that the mentor left. The mentee says when it comes back, and answers for themselves, or not at all."""

    __tablename__ = "questions"
    id: Mapped[int] = mapped_column(primary_key=True)
    pair_id: Mapped[int] = mapped_column(ForeignKey("pairs.id"), index=True)
    by_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    text: Mapped[str] = mapped_column(EncryptedOfPair("questions.text"))
    back_on: Mapped[date | None]
    state: Mapped[str] = mapped_column(String(10), default="open")  # open kept dismissed
    answer: Mapped[str | None] = mapped_column(EncryptedOfPair("questions.answer"))
    shared_at: Mapped[datetime | None]  # the mentor may know that it was answered and kept: never what was said
    created_at: Mapped[datetime]


class Debrief(Base):
    """One person's, of one meeting; without a text it was skipped. Sealed until both are in, or the mentee skips."""

    __tablename__ = "debriefs"
    meeting_id: Mapped[int] = mapped_column(ForeignKey("meetings.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    text: Mapped[str | None] = mapped_column(EncryptedOfPair("debriefs.text"))
    created_at: Mapped[datetime]
