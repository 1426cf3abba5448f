"""What somebody brought from another installation: theirs alone."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from service.store.tables.base import Base
from service.store.types import EncryptedText


class BroughtJournal(Base):
    """One pair of somebody's journal from elsewhere (JSON, service.journal.JournalPair). Nobody who is named in it is
    known by it, and no timer looks at it."""

    __tablename__ = "brought_journals"
    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    data: Mapped[str] = mapped_column(EncryptedText("brought_journals.data"))
    brought_at: Mapped[datetime]
