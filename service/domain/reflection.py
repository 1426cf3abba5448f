"""What a mentee may ask themselves after a meeting: three questions at a time, in turn."""

from __future__ import annotations

PROMPTS = (
    "stayed",
    "like_mine",
    "unwelcome",
    "unknown",
    "one_thing",
    "worked",
    "wished",
    "showed_up",
    "whom",
    "friend",
)
AT_ONCE = 3
LONGEST = 2_000


def prompts_for(nth: int) -> tuple[str, ...]:
    """Those after the pair's meeting number `nth`, from 0; all of them come before one comes again."""
    first = nth * AT_ONCE % len(PROMPTS)
    return tuple(PROMPTS[(first + at) % len(PROMPTS)] for at in range(AT_ONCE))
