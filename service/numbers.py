"""Numbers and moments that somebody typed: read in one place, so that nothing odd gets past a border."""

from __future__ import annotations

from datetime import date, datetime

EARLIEST, LATEST = 1970, 2200  # years; beyond them datetime arithmetic overflows at some offset


def whole(raw: str, most_digits: int = 9) -> int | None:
    """The number that these ASCII digits are, else None: `str.isdigit` is true of digits that `int` does not read."""
    return int(raw) if raw.isascii() and raw.isdecimal() and len(raw) <= most_digits else None


def moment(raw: str) -> datetime:
    """An ISO moment, with its offset if it has one. Raises ValueError, also for years that no meeting is in."""
    found = datetime.fromisoformat(raw)
    _check(found.year)
    return found


def day(raw: str) -> date:
    """An ISO day. Raises ValueError like `moment`."""
    found = date.fromisoformat(raw)
    _check(found.year)
    return found


def _check(year: int) -> None:
    if not EARLIEST <= year <= LATEST:
        raise ValueError("no meeting is in that year")
