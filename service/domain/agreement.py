"""The agreement of two people: its clauses as data, what each says alone, where they differ, what is signed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Literal

from service.domain.errors import FieldFault, InvalidInput
from service.domain.typed import typed

LONGEST_TEXT = 1_000
Role = Literal["mentee", "mentor"]
ROLES: tuple[Role, Role] = ("mentee", "mentor")
Values = Mapping[str, str]  # a clause's key, or for what each says of themselves `key.role`, -> what was said


class Kind(StrEnum):
    CHOICE = "choice"
    SEVERAL = "several"  # none or more of the choices, in their order, with commas
    TEXT = "text"
    DAY = "day"  # ISO 8601, or nothing


class Whose(StrEnum):
    """Who answers. BOTH: one answer for the pair, and where two differ they talk. EACH: both stand, side by side."""

    BOTH = "both"
    EACH = "each"
    MENTEE = "mentee"
    MENTOR = "mentor"


@dataclass(frozen=True, slots=True)
class Clause:
    """`key` is its name on the page and in the API; its words are in the catalogue under `clause.<key>`, each choice's
    under `clause.<key>.<choice>`. `worded`: nothing typed means the sentence that the catalogue has for it.

    `asked` is one of the five questions. `acts`: it makes the service do something, read in one place, `terms.Terms`.
    """

    key: str
    group: str
    kind: Kind = Kind.CHOICE
    choices: tuple[str, ...] = ()
    default: str = ""
    whose: Whose = Whose.BOTH
    asked: bool = False
    acts: bool = False
    worded: bool = False

    @property
    def terms(self) -> tuple[str, ...]:
        """The keys under which it stands in what is signed."""
        return tuple(f"{self.key}.{role}" for role in ROLES) if self.whose is Whose.EACH else (self.key,)

    def is_answered_by(self, role: str) -> bool:
        return self.whose in {Whose.BOTH, Whose.EACH} or self.whose == role


def _owner(key: str, default: str = "mentee", *, together: bool = True, asked: bool = False) -> Clause:
    choices = (*ROLES, "both") if together else ROLES
    return Clause(key, "roles", choices=choices, default=default, asked=asked, acts=True)


def _words(key: str, group: str) -> Clause:
    return Clause(key, group, Kind.TEXT, worded=True)


EXTRAS = ("event", "job-shadow", "introduction", "cv", "mock-interview")
CONFLICTS = ("line-manager", "hiring", "investing", "selling")

# The union of what published agreements of mentoring pairs have, and three that none of them had: help around dates
# that matter, calls at short notice, and what is kept of both.
CLAUSES: dict[str, Clause] = {
    clause.key: clause
    for clause in (
        Clause("cadence", "rhythm", choices=("steady", "sprint", "light", "moments"), default="steady", asked=True,
               acts=True),
        Clause("length", "rhythm", choices=("fits", "30", "45", "60"), default="fits", acts=True),
        Clause("format", "rhythm", choices=("video", "phone", "in-person", "mixed"), default="video"),
        Clause("starts_on", "rhythm", Kind.DAY),
        Clause("months", "rhythm", choices=("6", "12", "open"), default="12", acts=True),
        _owner("scheduler", together=False, asked=True),
        _owner("agenda_owner"),
        Clause("agenda_lead", "roles", choices=("48h", "72h", "120h"), default="72h", acts=True),
        _owner("notes", "both"),
        _owner("actions"),
        _owner("follow_up"),
        Clause("notice", "between", choices=("2h", "24h", "48h"), default="2h", asked=True, acts=True),
        Clause("calendar_moves", "between", choices=("ask", "move"), default="ask", acts=True),
        Clause("grace", "between", choices=("5", "10", "15"), default="10", acts=True),
        Clause("channel", "between", choices=("mail", "phone", "chat"), default="mail"),
        Clause("reply_time", "between", choices=("day", "two-days", "week"), default="two-days", acts=True),
        Clause("invite", "trust", choices=("sealed", "outline", "agenda"), default="agenda", asked=True, acts=True),
        Clause("say_mentoring", "trust", choices=("no", "yes"), default="no", acts=True),
        _words("confidentiality", "trust"),
        _words("third_parties", "trust"),
        Clause("off_topics", "trust", Kind.TEXT, whose=Whose.EACH),
        Clause("coordinator_reads", "trust", choices=("no", "yes"), default="no", acts=True),
        Clause("recording", "trust", choices=("no", "asked"), default="no"),
        Clause("retention", "trust", choices=("30", "60", "180"), default="60", acts=True),
        Clause("motive", "trust", Kind.TEXT, whose=Whose.MENTOR),
        Clause("conflicts", "trust", Kind.SEVERAL, CONFLICTS, whose=Whose.MENTOR),
        Clause("handling", "trust", Kind.TEXT),
        _words("no_gain", "trust"),
        Clause("hope", "help", Kind.TEXT, whose=Whose.EACH, asked=True),
        Clause("goals", "help", Kind.TEXT, whose=Whose.MENTEE),
        Clause("style", "help", choices=("ask", "advise", "mix"), default="mix"),
        Clause("feedback", "help", choices=("ask-first", "straight", "gentle"), default="ask-first",
               whose=Whose.MENTEE),
        Clause("day_word", "help", choices=("no", "yes"), default="no", whose=Whose.MENTEE, acts=True),
        Clause("pledge", "help", choices=("none", "1", "2", "3"), default="none", whose=Whose.MENTOR, acts=True),
        Clause("extras", "help", Kind.SEVERAL, EXTRAS, default=",".join(EXTRAS), acts=True),
        _words("repair", "finish"),
        Clause("third_person", "finish", Kind.TEXT),
        _words("ending", "finish"),
    )
}  # fmt: skip
GROUPS = tuple(dict.fromkeys(clause.group for clause in CLAUSES.values()))
ASKED = tuple(clause for clause in CLAUSES.values() if clause.asked)
DUTIES = ("scheduler", "agenda_owner", "notes", "actions", "follow_up")


class State(StrEnum):
    """Of the newest version. DRAFT: not both have answered. ANSWERED: they differ somewhere. DISCUSSED: it may be
    signed. SIGNED: by both."""

    DRAFT = "draft"
    ANSWERED = "answered"
    DISCUSSED = "discussed"
    SIGNED = "signed"


@dataclass(frozen=True, slots=True)
class Difference:
    """A clause to which both gave an answer, and not the same one."""

    clause: Clause
    mentee: str
    mentor: str


@dataclass(frozen=True, slots=True)
class RoleCard:
    """Who does what, for one of the two; the keys of DUTIES."""

    you: tuple[str, ...]
    they: tuple[str, ...]
    together: tuple[str, ...]


def checked(clause: Clause, raw: str) -> str:
    """The answer as it is kept. Raises InvalidInput."""
    if clause.kind is Kind.TEXT:
        return typed(clause.key, raw, LONGEST_TEXT) or ""
    said = raw.strip()
    if clause.kind is Kind.DAY:
        return _day(clause, said)
    if clause.kind is Kind.SEVERAL:
        ticked = {part.strip() for part in said.split(",")} - {""}
        if not ticked <= set(clause.choices):
            raise InvalidInput.of(clause.key, "unknown_choice", known=", ".join(clause.choices))
        return ",".join(choice for choice in clause.choices if choice in ticked)
    if said not in clause.choices:
        raise InvalidInput.of(clause.key, "unknown_choice", known=", ".join(clause.choices))
    return said


def _day(clause: Clause, said: str) -> str:
    try:
        return date.fromisoformat(said).isoformat() if said else ""
    except ValueError:
        raise InvalidInput.of(clause.key, "bad_day", text=said[:20]) from None


def answers_of(role: Role, said: Values) -> dict[str, str]:
    """A full set of answers: what is not said is the default. Raises InvalidInput with every fault, also for a clause
    that is not this person's to answer."""
    faults: list[FieldFault] = []
    answers: dict[str, str] = {}
    for key in said:
        if key not in CLAUSES or not CLAUSES[key].is_answered_by(role):
            faults.append(FieldFault(key, "unknown_clause", {}))
    for clause in CLAUSES.values():
        if not clause.is_answered_by(role):
            continue
        try:
            answers[clause.key] = checked(clause, said[clause.key]) if clause.key in said else clause.default
        except InvalidInput as fault:
            faults += fault.faults
    if faults:
        raise InvalidInput(*faults)
    return answers


def differences(mentee: Values, mentor: Values) -> tuple[Difference, ...]:
    """Where the two have to talk, in the order of the clauses."""
    return tuple(
        Difference(clause, mentee[clause.key], mentor[clause.key])
        for clause in CLAUSES.values()
        if clause.whose is Whose.BOTH and mentee[clause.key] != mentor[clause.key]
    )


def merged(mentee: Values, mentor: Values) -> dict[str, str]:
    """The terms as far as both said the same; what differs is missing from them."""
    differing = {difference.clause.key for difference in differences(mentee, mentor)}
    by_role: dict[str, Values] = {"mentee": mentee, "mentor": mentor}
    terms: dict[str, str] = {}
    for clause in CLAUSES.values():
        if clause.whose is Whose.EACH:
            terms |= {f"{clause.key}.{role}": by_role[role][clause.key] for role in ROLES}
        elif clause.whose is not Whose.BOTH:
            terms[clause.key] = by_role[clause.whose][clause.key]
        elif clause.key not in differing:
            terms[clause.key] = mentee[clause.key]
    return terms


def to_settle(terms: Values) -> tuple[Clause, ...]:
    """What stands between these terms and a signature: clauses not yet settled, and a conflict that nobody has said
    how to handle."""
    open_ones = [clause for clause in CLAUSES.values() if any(key not in terms for key in clause.terms)]
    handling = CLAUSES["handling"]
    if terms.get("conflicts") and not terms.get("handling") and handling not in open_ones:
        open_ones.append(handling)
    return tuple(open_ones)


def state_of(terms: Values | None, signatures: int) -> State:
    """`terms` is None until both have answered."""
    if terms is None:
        return State.DRAFT
    if to_settle(terms):
        return State.ANSWERED
    return State.SIGNED if signatures == len(ROLES) else State.DISCUSSED


def defaults() -> dict[str, str]:
    """The terms that hold between two who have signed nothing."""
    return {key: clause.default for clause in CLAUSES.values() for key in clause.terms}


def clause_of(term: str) -> Clause:
    """The clause that a key of the terms belongs to."""
    return CLAUSES[term.partition(".")[0]]


def changed(before: Values, after: Values) -> Iterator[tuple[str, str, str]]:
    """Each key of the terms that differs, as it was and as it is to be."""
    for clause in CLAUSES.values():
        for key in clause.terms:
            was, becomes = before.get(key, clause.default), after.get(key, clause.default)
            if was != becomes:
                yield key, was, becomes


def without_words(terms: Values) -> dict[str, str]:
    """The terms without anything that somebody typed."""
    return {key: "" if clause_of(key).kind is Kind.TEXT else said for key, said in terms.items()}


def role_card(terms: Values, role: Role) -> RoleCard:
    """Every duty has an owner: what nobody is named for is done together."""
    owners = {duty: terms.get(duty, CLAUSES[duty].default) for duty in DUTIES}
    return RoleCard(
        you=tuple(duty for duty, owner in owners.items() if owner == role),
        they=tuple(duty for duty, owner in owners.items() if owner in ROLES and owner != role),
        together=tuple(duty for duty, owner in owners.items() if owner not in ROLES),
    )
