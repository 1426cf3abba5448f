"""What two people agreed: each version, what each of them said alone, and who signed which words."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.store.pair_text import EncryptedOfPair
from service.store.tables.base import Base


class Agreement(Base):
    """One version. `terms` (JSON, of domain.agreement) is NULL until both have answered; signed ones never change.

    `text_sha256` is of the words that a signature is about; `signed_sha256` of `document`, which is those words with
    both signatures below them, kept to the letter.
    """

    __tablename__ = "agreements"
    __table_args__ = (UniqueConstraint("pair_id", "version"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    pair_id: Mapped[int] = mapped_column(ForeignKey("pairs.id"))
    version: Mapped[int]
    terms: Mapped[str | None] = mapped_column(EncryptedOfPair("agreements.terms"))
    text: Mapped[str | None] = mapped_column(EncryptedOfPair("agreements.text"))
    text_sha256: Mapped[str | None] = mapped_column(String(64))
    document: Mapped[str | None] = mapped_column(EncryptedOfPair("agreements.document"))
    signed_sha256: Mapped[str | None] = mapped_column(String(64))
    changed_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))  # who set a clause last
    created_at: Mapped[datetime]
    signed_at: Mapped[datetime | None]


class AgreementAnswers(Base):
    """What one person said alone (JSON, of domain.agreement); the other reads it once both have."""

    __tablename__ = "agreement_answers"
    agreement_id: Mapped[int] = mapped_column(ForeignKey("agreements.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    answers: Mapped[str] = mapped_column(EncryptedOfPair("agreement_answers.answers"))
    answered_at: Mapped[datetime]


class AgreementSignature(Base):
    """`text_sha256` is of the words that stood on the page when it was given."""

    __tablename__ = "agreement_signatures"
    agreement_id: Mapped[int] = mapped_column(ForeignKey("agreements.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    text_sha256: Mapped[str] = mapped_column(String(64))
    signed_at: Mapped[datetime]
