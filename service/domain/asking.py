"""What the slot rule is asked and what it answers: values, and what follows from them alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from service.domain.arc import Target
from service.domain.availability import Availability
from service.domain.interval import Interval, Spans, instant

Reader = Literal["mentee", "mentor"]

# The codes of refusals, as the API tells them; `unavailable` is all that is said of the other person.
RULES = ("past", "grid", "calendar_unreadable", "notice", "horizon", "hours", "busy", "held", "cap")
UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class OwnClaim:
    """A person's own meeting or hold with anyone, epoch seconds; `guarded_until` is its end and the stored gap. A hold
    has the meeting that would move there, if any. Those of one proposal are alternatives: one at most comes true."""

    start: int
    guarded_until: int
    end: int
    meeting_id: int | None
    proposal_id: int | None = None


@dataclass(frozen=True, slots=True)
class PersonTimes:
    """A person as the slot rule sees them. `busy`: merged, from all calendars that count. `unreadable`: one of these
    could not be read, so nothing is free. `own`: for caps it must reach over the months that the window touches."""

    person_id: int
    name: str
    zone: ZoneInfo
    availability: Availability
    busy: Spans = ()
    unreadable: bool = False
    own: Sequence[OwnClaim] = ()

    @property
    def first_name(self) -> str:
        return self.name.split()[0] if self.name.split() else self.name


@dataclass(frozen=True, slots=True)
class Ask:
    """Which starts in `window` may be booked for `duration`. `moving` is the meeting whose own time counts as free.

    With a `target`, or when `urgent`, the mentor's pledge holds.
    """

    session: str
    duration: timedelta
    window: Interval
    mentee: PersonTimes
    mentor: PersonTimes
    now: datetime
    moving: int | None = None
    target: Target | None = None
    urgent: bool = False

    @property
    def pledged(self) -> bool:
        return self.mentor.availability.pledge is not None and (self.target is not None or self.urgent)

    def of(self, reader: Reader | None) -> PersonTimes | None:
        return {"mentee": self.mentee, "mentor": self.mentor, None: None}[reader]


def notice_of(ask: Ask, person: PersonTimes) -> timedelta:
    """How long before a start this person wants to know of it."""
    notice, pledge = person.availability.notice, person.availability.pledge
    return min(notice, pledge.notice) if pledge and ask.pledged and person is ask.mentor else notice


def own_of(ask: Ask, person: PersonTimes) -> list[OwnClaim]:
    """This person's meetings and holds that count; those of the meeting that is moved do not."""
    return [claim for claim in person.own if claim.meeting_id is None or claim.meeting_id != ask.moving]


class Reason(NamedTuple):
    """Catalogue key `reason.<code>` and what it is filled with; `n` picks the plural, with a `zone` the start is told
    as `time` on that wall (service.reasons does both)."""

    code: str
    params: dict[str, Any]


class Slot(NamedTuple):
    """A bookable time, from `epoch` to `until` in epoch seconds: of hundreds that are found few are shown. `score` is 0
    to 100; of `reasons` the first is the sentence that a card shows."""

    epoch: int
    until: int
    score: int
    reasons: tuple[Reason, ...]

    @property
    def start(self) -> datetime:
        return instant(self.epoch)

    @property
    def end(self) -> datetime:
        return instant(self.until)


class Refusal(NamedTuple):
    """Catalogue key `refusal.<code>`; `person_id` is whom it is about, None for nobody in particular."""

    code: str
    person_id: int | None


class RefusedRange(NamedTuple):
    """Every quarter hour in [start, end) is refused as a start, for the same reason."""

    start: datetime
    end: datetime
    code: str
    person_id: int | None


@dataclass(frozen=True, slots=True)
class Proposals:
    """Every bookable slot, best first. `why_none`, when there is none: what stands in the way, the main thing first."""

    slots: list[Slot]
    why_none: tuple[Refusal, ...] = ()
