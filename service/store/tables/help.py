"""What somebody asked of the coordinator, and nobody else."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from service.store.tables.base import Base
from service.store.types import EncryptedText


class HelpRequest(Base):
    """Its author's and the coordinator's: the other of the pair does not know of it. `answered_at`: since when it is
    off the coordinator's page."""

    __tablename__ = "help_requests"
    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    text: Mapped[str] = mapped_column(EncryptedText("help_requests.text"))
    answered_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
