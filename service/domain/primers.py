"""Short cards on how to be a mentee, or a mentor. Data: words are in the catalogue under `card.<role>.<key>`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from service.domain.agreement import Role

CARDS: dict[Role, tuple[str, ...]] = {
    "mentee": ("yours", "ask", "dates", "not_knowing", "small_steps", "between_you"),
    "mentor": ("listening", "questions", "after_a_run", "their_pace", "own_story", "between_you", "limits", "ending"),
}


def next_card(dealt: Iterable[str]) -> str:
    """Of the mentor's, the first that came least often so far: all come before one comes again."""
    times = Counter(dealt)
    return min(CARDS["mentor"], key=lambda card: times[card])
