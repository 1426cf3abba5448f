"""What keeps many processes in step."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from service.store.tables.base import Base


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
