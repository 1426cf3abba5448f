"""Why a time is good, why it is refused and why there is none, in a reader's words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from service.catalogue import Words
from service.domain.slots import Reason, Refusal

# These read the same whoever they are about; the others have words for oneself and words for somebody else.
_OF_ANYONE = frozenset({"past", "grid", "unavailable", "calendar_unreadable"})


@dataclass(frozen=True, slots=True)
class Reasons:
    """What `reason_text` says, each sentence made once: all the slots of a day share a reason, and what differs from
    slot to slot is only the hour on the other person's wall."""

    words: Words
    _said: dict[tuple[int, str | None], str] = field(default_factory=dict)

    def text(self, reason: Reason, start: datetime) -> str:
        """The reason must outlive this: it is known by its identity."""
        zone = reason.params.get("zone")
        hour = None if zone is None else self.words.time(start, ZoneInfo(zone))
        found = self._said.get((id(reason), hour))
        if found is None:
            found = self._said[id(reason), hour] = reason_text(self.words, reason, start)
        return found


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
