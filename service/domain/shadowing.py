"""Shadowing somebody at work: nothing is booked before it is said who knows of it and what is off limits."""

from __future__ import annotations

from service.domain.errors import InvalidInput
from service.domain.typed import typed

SESSION = "job-shadow"
LONGEST_TERMS = 4_000


def terms_for(session: str, text: str | None) -> str | None:
    """Who was told, and what is out of bounds; None for every other session type. Raises InvalidInput where it is
    missing. It names people who are not here, so no calendar entry has it."""
    if session != SESSION:
        return None
    said = typed("shadow", text, LONGEST_TERMS)
    if not said:
        raise InvalidInput.of("shadow", "shadow_terms")
    return said
