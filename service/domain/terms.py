"""What a signed agreement makes the service do: each clause that acts is read here, and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import IntEnum

from service.domain.agreement import CLAUSES, EXTRAS, Role, RoleCard, Values, defaults, role_card
from service.domain.availability import Pledge

GAPS = {"steady": timedelta(weeks=4), "sprint": timedelta(weeks=2), "light": timedelta(weeks=7)}
PLEDGE_NOTICE = timedelta(hours=24)


class Level(IntEnum):
    """How much an invitation shows to whoever looks into a calendar; the greater the stricter."""

    AGENDA = 0
    OUTLINE = 1
    SEALED = 2


LEVELS = {level.name.lower(): level for level in Level}


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds between two people: what they signed last, else the defaults."""

    values: Values = field(default_factory=defaults)

    @property
    def gap(self) -> timedelta | None:
        """How long after a meeting the next one is looked for; None when they meet around dates only."""
        return GAPS.get(self.values["cadence"])

    @property
    def length(self) -> timedelta | None:
        """Of an ordinary meeting; None leaves it to the session type."""
        said = self.values["length"]
        return None if said == "fits" else timedelta(minutes=int(said))

    @property
    def months(self) -> int | None:
        said = self.values["months"]
        return None if said == "open" else int(said)

    @property
    def half_way(self) -> timedelta:
        """How long after signing the two look back; without an end, as if it were a year."""
        return timedelta(days=round((self.months or 12) * 365 / 24))

    @property
    def scheduler(self) -> Role:
        """Whom we ask to find a time; the other is never asked."""
        return "mentor" if self.values["scheduler"] == "mentor" else "mentee"

    def card(self, role: Role) -> RoleCard:
        """Who does what, as one of the two reads it."""
        return role_card(self.values, role)

    def may_order(self, role: str) -> bool:
        """Whether they order the agenda and park points of it; who may not adds points of their own."""
        return self.values["agenda_owner"] in {role, "both"}

    @property
    def agenda_lead(self) -> timedelta:
        """How long before a meeting the mentee is asked what they want from it."""
        return _hours(self.values["agenda_lead"])

    @property
    def notice(self) -> timedelta:
        """Until how long before its start a meeting may be moved."""
        return _hours(self.values["notice"])

    @property
    def calendar_moves(self) -> bool:
        """Whether a meeting follows when one of the two moves it in their own calendar; else that is a proposal."""
        return self.values["calendar_moves"] == "move"

    @property
    def grace(self) -> timedelta:
        """How long the two wait for each other."""
        return timedelta(minutes=int(self.values["grace"]))

    @property
    def reply_time(self) -> str:
        """Catalogue key under `clause.reply_time`."""
        return self.values["reply_time"]

    @property
    def pledge(self) -> Pledge | None:
        said = self.values["pledge"]
        return None if said == "none" else Pledge(int(said), PLEDGE_NOTICE)

    @property
    def day_word(self) -> bool:
        """Whether the mentor may hear, the day before, that a date of the mentee's is tomorrow."""
        return self.values["day_word"] == "yes"

    @property
    def says_mentoring(self) -> bool:
        """Whether an entry in a calendar may say the word."""
        return self.values["say_mentoring"] == "yes"

    @property
    def coordinator_reads(self) -> bool:
        return self.values["coordinator_reads"] == "yes"

    @property
    def keep(self) -> timedelta:
        """How long after the end of the pair what both wrote is kept."""
        return timedelta(days=int(self.values["retention"]))

    @property
    def extras(self) -> tuple[str, ...]:
        return tuple(extra for extra in EXTRAS if extra in self.values["extras"].split(","))

    def level_for(self, own: str | None) -> Level:
        """Of one person's copy: what both agreed, or stricter where this person wants that."""
        agreed = LEVELS[self.values["invite"]]
        return agreed if own is None else max(agreed, LEVELS[own])


def _hours(said: str) -> timedelta:
    return timedelta(hours=int(said.removesuffix("h")))


DEFAULT = Terms()


def terms_of(kept: Values | None) -> Terms:
    """From what `acting` kept; None, and clauses that came later, hold by their default."""
    return DEFAULT if kept is None else Terms({**DEFAULT.values, **kept})


def acting(terms: Values) -> dict[str, str]:
    """Of signed terms what makes the service do something: codes only, nothing that anybody typed."""
    return {clause.key: terms[clause.key] for clause in CLAUSES.values() if clause.acts}
