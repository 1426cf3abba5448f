"""What the mentee wants: goals, what matters to them, and what the mentor suggested."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from service.store.pair_text import EncryptedOfPair
from service.store.tables.base import Base


class Goal(Base):
    """The mentee's. The mentor sees it once `shared_at` is set. `look_again_on` is its timer: the day of the review,
    NULL once that is on an agenda."""

    __tablename__ = "goals"
    id: Mapped[int] = mapped_column(primary_key=True)
    pair_id: Mapped[int] = mapped_column(ForeignKey("pairs.id"), index=True)
    text: Mapped[str] = mapped_column(EncryptedOfPair("goals.text"))
    worked_when: Mapped[str | None] = mapped_column(EncryptedOfPair("goals.worked_when"))
    target_on: Mapped[date | None]
    review_on: Mapped[date | None]
    look_again_on: Mapped[date | None] = mapped_column(index=True)
    state: Mapped[str] = mapped_column(String(16))  # draft open reached dropped
    shared_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class MeetingGoal(Base):
    """What a meeting is for, as the mentee said: one of the goals, or, without one, just talk."""

    __tablename__ = "meeting_goals"
    meeting_id: Mapped[int] = mapped_column(ForeignKey("meetings.id"), primary_key=True)
    goal_id: Mapped[int | None] = mapped_column(ForeignKey("goals.id"), index=True)


class Suggestion(Base):
    """By the mentor: a goal, or an option from their own experience. The mentee takes it, changes it, or leaves it."""

    __tablename__ = "suggestions"
    id: Mapped[int] = mapped_column(primary_key=True)
    pair_id: Mapped[int] = mapped_column(ForeignKey("pairs.id"), index=True)
    by_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    kind: Mapped[str] = mapped_column(String(8))  # goal option
    text: Mapped[str] = mapped_column(EncryptedOfPair("suggestions.text"))
    state: Mapped[str] = mapped_column(String(16), default="pending")  # pending accepted adapted left
    adapted: Mapped[str | None] = mapped_column(EncryptedOfPair("suggestions.adapted"))  # in the mentee's words
    created_at: Mapped[datetime]


class WhatMatters(Base):
    """What matters to the mentee, in a few lines: the mentor reads them before each meeting."""

    __tablename__ = "what_matters"
    pair_id: Mapped[int] = mapped_column(ForeignKey("pairs.id"), primary_key=True)
    text: Mapped[str] = mapped_column(EncryptedOfPair("what_matters.text"))
    changed_at: Mapped[datetime]


class PutAway(Base):
    """A part of a page that somebody said is not for them."""

    __tablename__ = "put_away"
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    moment: Mapped[str] = mapped_column(String(16), primary_key=True)
