"""Why a time is good, why it is refused and why there is none, in a reader's words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from service.catalogue import Words
from service.domain.slots import Reason, Refusal, Slot

# These read the same whoever they are about; the others have words for oneself and words for somebody else.
_OF_ANYONE = frozenset({"past", "grid", "unavailable", "calendar_unreadable"})


Line = dict[str, str]


class Reasons:
    """Code and text of many slots' reasons, each sentence made once: slots share their reasons, and what differs from
    one to the next is only the hour on the other person's wall."""

    def __init__(self, words: Words) -> None:
        self.words = words
        self._lines: dict[int, Line] = {}
        self._hours: dict[tuple[int, int, int], Line] = {}

    def of(self, slot: Slot) -> list[Line]:
        """The slot must outlive this: its reasons are known by their identity. One that names an hour says the same at
        the same time of the day in UTC (scoring gives another to the days around a change of the clocks)."""
        lines, hours, start, told = self._lines, self._hours, slot.start, []
        for reason in slot.reasons:
            line = lines.get(id(reason)) or hours.get((id(reason), start.hour, start.minute))
            told.append(line or self._line(reason, start))
        return told

    def _line(self, reason: Reason, start: datetime) -> Line:
        line = {"code": reason.code, "text": reason_text(self.words, reason, start)}
        if "zone" in reason.params:
            self._hours[id(reason), start.hour, start.minute] = line
        else:
            self._lines[id(reason)] = line
        return line


def reason_text(words: Words, reason: Reason, start: datetime) -> str:
    """`start` is the slot's: a reason may name its hour on the other person's wall."""
    params = dict(reason.params)
    zone = params.pop("zone", None)
    if zone is not None:
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
