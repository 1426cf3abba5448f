"""What each of the two would have more of, less of, and keep, half-way."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from service.store.pair_text import EncryptedOfPair
from service.store.tables.base import Base


class Pulse(Base):
    """One person's, in one pair; without a line it was passed. Sealed until both are in, or the mentee passes."""

    __tablename__ = "pulses"
    pair_id: Mapped[int] = mapped_column(ForeignKey("pairs.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    more: Mapped[str | None] = mapped_column(EncryptedOfPair("pulses.more"))
    less: Mapped[str | None] = mapped_column(EncryptedOfPair("pulses.less"))
    keep: Mapped[str | None] = mapped_column(EncryptedOfPair("pulses.keep"))
    created_at: Mapped[datetime]
