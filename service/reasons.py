"""Why a time is good, why it is refused and why there is none, in a reader's words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from pydantic_core import to_json

from service.catalogue import Words
from service.domain.interval import instant
from service.domain.slots import Reason, Refusal
from service.domain.wall import DAY

# These read the same whoever they are about; the others have words for oneself and words for somebody else.
_OF_ANYONE = frozenset({"past", "grid", "unavailable", "calendar_unreadable"})


class Reasons:
    """Many slots' reasons as JSON, each sentence made once: slots share their reasons, and what differs from one to the
    next is only the hour on the other person's wall, which one of them may name."""

    def __init__(self, words: Words) -> None:
        self.words = words
        self._lines: dict[int, str] = {}
        self._around: dict[int, tuple[str, Reason | None, str]] = {}
        self._hours: dict[tuple[int, int], str] = {}

    def of(self, why: tuple[Reason, ...], epoch: int) -> str:
        """An array of codes and texts, for a slot that starts then. Slots must outlive this: their reasons are known by
        their identity. One that names an hour says the same at the same time of the day in UTC (scoring gives another
        to the days around a change of the clocks)."""
        before, hour, after = self._around.get(id(why)) or self._split(why)
        if hour is None:
            return before
        return f"{before}{self._hours.get((id(hour), epoch % DAY)) or self._hour(hour, epoch)}{after}"

    def _split(self, why: tuple[Reason, ...]) -> tuple[str, Reason | None, str]:
        """What is told before the one that names an hour, that one, and what is told after it."""
        at = next((place for place, each in enumerate(why) if "zone" in each.params), len(why))
        lines = self._lines
        before, after = (
            [lines.get(id(each)) or self._of_any_hour(each) for each in some] for some in (why[:at], why[at + 1 :])
        )
        if at == len(why):
            found: tuple[str, Reason | None, str] = f"[{','.join(before)}]", None, ""
        else:
            found = "[" + ",".join([*before, ""]), why[at], ",".join(["", *after]) + "]"
        self._around[id(why)] = found
        return found

    def _of_any_hour(self, reason: Reason) -> str:
        line = self._lines[id(reason)] = _line_of(self.words, reason)
        return line

    def _hour(self, reason: Reason, epoch: int) -> str:
        line = self._hours[id(reason), epoch % DAY] = _line_of(self.words, reason, epoch)
        return line


def _line_of(words: Words, reason: Reason, epoch: int | None = None) -> str:
    return _line(words, reason.code, tuple(reason.params.items()), epoch)


@lru_cache(maxsize=8192)
def _line(words: Words, code: str, filled: tuple[tuple[str, Any], ...], epoch: int | None) -> str:
    """Kept from one answer to the next: filling in the twenty sentences of a hundred slots took a fiftieth of an answer
    (measured in November 2026)."""
    text = reason_text(words, Reason(code, dict(filled)), None if epoch is None else instant(epoch))
    return to_json({"code": code, "text": text}).decode()


def reason_text(words: Words, reason: Reason, start: datetime | None) -> str:
    """`start` is the slot's: a reason may name its hour on the other person's wall, and needs none otherwise."""
    params = dict(reason.params)
    zone = params.pop("zone", None)
    if zone is not None and start is not None:
        params["time"] = words.time(start, ZoneInfo(zone))
    return words(f"reason.{reason.code}", **params)


def refusal_text(words: Words, refusal: Refusal, names: Mapping[int, str], reader_id: int | None) -> str:
    """One sentence. `names`: first names by person id; `reader_id` None is somebody who is neither of the two."""
    person = names.get(refusal.person_id, "") if refusal.person_id is not None else ""
    other = refusal.person_id is not None and refusal.person_id != reader_id
    key = "refusal.other" if other and refusal.code not in _OF_ANYONE else "refusal"
    return words(f"{key}.{refusal.code}", person=person)


def why_none_text(words: Words, refusal: Refusal, names: Mapping[int, str]) -> str:
    """One sentence for one of `Proposals.why_none`."""
    person = names.get(refusal.person_id, "") if refusal.person_id is not None else ""
    return words(f"why_none.{refusal.code}", person=person)
