"""Who looked at a pair without being of it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from service.store.tables.base import Base


class Look(Base):
    """A coordinator or an operator opened something about a pair; its two people see the line."""

    __tablename__ = "looks"
    id: Mapped[int] = mapped_column(primary_key=True)
    pair_id: Mapped[int] = mapped_column(ForeignKey("pairs.id"), index=True)
    role: Mapped[str] = mapped_column(String(12))  # domain.access.Role: coordinator operator
    what: Mapped[str] = mapped_column(String(8))  # one of operations.looks.WHAT
    at: Mapped[datetime]
