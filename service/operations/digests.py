"""What we ask one person of one pair by ourselves is one mail where several would leave within three hours.

The first that leaves takes the others along and names them. Whether it did is read from its octets once it was sent: a
mail that was dropped, or never arrives, has told nothing, and what it would have told goes by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.messages.letter import Letter, Opens, Says
from service.operations.cadence import NUDGES
from service.store import outbox
from service.store.tables import OutboxRow

WITHIN = timedelta(hours=3)


def waiting(session: Session, now: datetime, rows: Sequence[OutboxRow]) -> dict[int, list[OutboxRow]]:
    """By the id of each row that is such a mail: what else it may tell, the earliest first. What a server may have seen
    already goes by itself."""
    mails = [row for row in rows if row.kind in NUDGES]
    if not mails:
        return {}
    soon = (
        select(OutboxRow)
        .where(
            OutboxRow.person_id.in_({row.person_id for row in mails}),
            OutboxRow.kind.in_(NUDGES),
            OutboxRow.due_at <= now + WITHIN,
            OutboxRow.attempts == 0,
            outbox.WAITING,
        )
        .order_by(OutboxRow.due_at, OutboxRow.id)
    )
    others = session.scalars(soon).all()
    return {row.id: [each for each in others if each.id != row.id and _subject(each) == _subject(row)] for row in mails}


def is_told(session: Session, row: OutboxRow) -> bool:
    """Whether a mail that its reader has told it along."""
    if row.kind not in NUDGES:
        return False
    person_id, pair_id = _subject(row)
    sent = select(OutboxRow.octets).where(
        OutboxRow.person_id == person_id, OutboxRow.pair_id == pair_id, OutboxRow.kind.in_(NUDGES),
        OutboxRow.state == "sent", OutboxRow.octets.is_not(None),
    )  # fmt: skip
    return any(f"<{row.message_id}@".encode() in octets for octets in session.scalars(sent) if octets is not None)


def together(letter: Letter, other: Letter) -> Letter:
    """The letter with what the other says after its own words, once; the other's one thing to do is a small link."""
    said = tuple(Says(each.text) if isinstance(each, Opens) else each for each in other.blocks)
    links = ((other.button,) if other.button is not None else ()) + other.asides
    return replace(
        letter,
        blocks=letter.blocks + tuple(each for each in said if each not in letter.blocks),
        asides=letter.asides + tuple(each for each in links if each not in letter.asides),
    )


def _subject(row: OutboxRow) -> tuple[int, int | None]:
    return row.person_id, row.pair_id
