"""What the doctor says: one row a part, and failures as sentences."""

from __future__ import annotations

from dataclasses import dataclass

from service.catalogue import Words
from service.domain.errors import GreenroomError

WORDS = Words.of("en")


@dataclass(frozen=True, slots=True)
class Row:
    """One part. `state`: well, look (works, but somebody should know), broken, off (not used, or not running), unknown
    (nobody could say)."""

    part: str
    state: str
    advice: str = ""


def sentence(fault: GreenroomError) -> str:
    keys = (f"adapter.{fault.code}", f"error.{fault.code}")
    return next((WORDS(key, **fault.params) for key in keys if WORDS.has(key)), fault.code)
