"""What people type: cleaned, and no longer than it may be."""

from __future__ import annotations

import unicodedata

from service.domain.errors import InvalidInput

LONGEST_PLACE = 300


def clean(text: str) -> str:
    """Typed text without control characters (calendar and mail programs choke on them), lines and script kept."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(char for char in lines if char in "\n\t" or unicodedata.category(char) != "Cc").strip()


def typed(field: str, text: str | None, most: int) -> str | None:
    """Trimmed text without control characters, None for nothing. Raises InvalidInput when it is too long."""
    said = clean(text) if text else ""
    if len(said) > most:
        raise InvalidInput.of(field, "too_long", most=most)
    return said or None
