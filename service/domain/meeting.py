"""A meeting's life: its phases, which moves they allow, and the moments at which it has to be looked at again."""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """Our meeting's state; never mixed with STATUS or PARTSTAT of its calendar entry."""

    BOOKED = "booked"
    ENDED = "ended"
    CLOSED = "closed"
    CANCELLED = "cancelled"


LIVE = frozenset({Phase.BOOKED})  # these take a person's time

# move -> phases it may start from, phase it leads to (None: stays)
MOVES: dict[str, tuple[frozenset[Phase], Phase | None]] = {
    "reschedule": (LIVE, None),
    "cancel": (LIVE, Phase.CANCELLED),
    "decline": (LIVE, Phase.CANCELLED),
    "end": (LIVE, Phase.ENDED),
    "close": (frozenset({Phase.ENDED}), Phase.CLOSED),
}


def after(move: str, phase: Phase) -> Phase | None:
    """The phase that `move` leads to from `phase`; None when the table forbids it."""
    sources, target = MOVES[move]
    if phase not in sources:
        return None
    return target or phase
