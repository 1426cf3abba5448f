"""Who may read, write or count what: one table of everything that is kept, and every check is made from it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from service.domain.errors import NotAllowed, NotFound


class Role(StrEnum):
    """Who asks, as seen from one thing that is kept. The first five are the table's columns, in their order."""

    AUTHOR = "author"  # whoever typed or owns it; of MENTEES things the mentee, of what is both people's either
    OTHER = "other"  # the other one of the pair
    COORDINATOR = "coordinator"
    CALENDAR = "calendar"  # a colleague or an assistant who looks into a calendar that has an entry of ours
    OPERATOR = "operator"  # through our commands and pages; whoever has disk and keys can open what is sealed
    STRANGER = "stranger"  # in another pair, or in none: nothing, ever


COLUMNS = (Role.AUTHOR, Role.OTHER, Role.COORDINATOR, Role.CALENDAR, Role.OPERATOR)


class Action(StrEnum):
    READ = "read"
    WRITE = "write"
    COUNT = "count"  # that it is there, how many, since when: nothing that it says


class When(StrEnum):
    """What must be so for a cell that is not good by itself."""

    SHARED = "shared"  # its author shared it, or booked for it
    BOTH = "both"  # both have said theirs
    LEVEL = "level"  # how much an entry shows allows it, and no tick keeps it out
    TICKED = "ticked"  # both agreed to it in their agreement
    OFFERED = "offered"  # as the times that are offered, never as what fills the others


class Thing(StrEnum):
    """What is kept, by whom it concerns."""

    PERSON = "person"
    PAIR = "pair"
    ENDING = "ending"  # that a pair ends, which either of the two may say
    USUAL_PLACE = "usual_place"
    MEETING = "meeting"
    SESSION = "session"
    PLACE = "place"
    ASK = "ask"
    REASON = "reason"
    AGENDA = "agenda"
    PROPOSAL = "proposal"
    COMMITMENT = "commitment"
    PRIVATE = "private"
    DATE = "date"
    PRIVATE_LABEL = "private_label"
    GOAL = "goal"
    SUGGESTION = "suggestion"
    NOTE = "note"
    QUESTION = "question"
    KEPT_ANSWER = "kept_answer"  # what the mentee answers to one, for themselves
    DEBRIEF = "debrief"
    MATTERS = "matters"
    PULSE = "pulse"  # what each would have more of, less of, and keep
    PRIMER = "primer"  # which cards somebody has read, or was shown
    AGREEMENT = "agreement"
    ANSWERS = "answers"
    LOOKED = "looked"  # who looked at a pair without being of it
    BUSY = "busy"
    CONNECTION = "connection"
    SECRET = "secret"  # noqa: S105 - the name of a row
    LINK = "link"
    MAIL = "mail"
    ANSWER_MAIL = "answer_mail"
    STRANGERS_MAIL = "strangers_mail"
    SENDER = "sender"
    PROGRAMME = "programme"  # of all pairs together: how many, whether each meets, which requests are seen to
    HELP = "help"  # what somebody asked of the coordinator
    RUNNING = "running"


# R reads, W writes, c counts, - nothing; after a colon, when. One column for each of COLUMNS.
_TABLE = {
    #                      author  other      coordinator  calendar  operator
    Thing.PERSON:         "RW      R          RW           R:level   RW",
    Thing.PAIR:           "R       R          RW           -         RW",
    Thing.ENDING:         "W       W          W            -         W",
    Thing.USUAL_PLACE:    "RW      RW         R            R:level   RW",
    Thing.MEETING:        "RW      RW         c            R         R",
    Thing.SESSION:        "RW      RW         -            R:level   R",
    Thing.PLACE:          "RW      RW         -            R:level   -",
    Thing.ASK:            "RW      R          -            -         -",
    Thing.REASON:         "RW      RW         -            -         -",
    Thing.AGENDA:         "RW      RW         -            R:level   -",
    Thing.PROPOSAL:       "RW      R          -            -         -",
    Thing.COMMITMENT:     "RW      RW         -            -         -",
    Thing.PRIVATE:        "RW      -          -            -         -",
    Thing.DATE:           "RW      R:shared   -            -         -",
    Thing.PRIVATE_LABEL:  "RW      -          -            -         -",
    Thing.GOAL:           "RW      R:shared   c            -         -",
    Thing.SUGGESTION:     "RW      RW         -            -         -",
    Thing.NOTE:           "RW      R:shared   -            -         -",
    Thing.QUESTION:       "RW      RW         -            -         -",
    Thing.KEPT_ANSWER:    "RW      -          -            -         -",
    Thing.DEBRIEF:        "RW      R:both     -            -         -",
    Thing.MATTERS:        "RW      R          -            -         -",
    Thing.PULSE:          "RW      R:both     -            -         -",
    Thing.PRIMER:         "RW      -          -            -         -",
    Thing.AGREEMENT:      "RW      RW         cR:ticked    -         -",
    Thing.ANSWERS:        "RW      R:both     -            -         -",
    Thing.LOOKED:         "R       R          -            -         -",
    Thing.BUSY:           "-       R:offered  -            -         -",
    Thing.CONNECTION:     "RW      -          c            -         c",
    Thing.SECRET:         "W       -          -            -         -",
    Thing.LINK:           "RW      -          W            -         W",
    Thing.MAIL:           "R       -          -            -         c",
    Thing.ANSWER_MAIL:    "RW      -          -            -         c",
    Thing.STRANGERS_MAIL: "R       -          -            -         c",
    Thing.SENDER:         "-       -          -            -         RW",
    Thing.PROGRAMME:      "-       -          RW           -         R",
    Thing.HELP:           "RW      -          R            -         -",
    Thing.RUNNING:        "-       -          -            -         R",
}  # fmt: skip
MENTEES = frozenset(
    {Thing.DATE, Thing.PRIVATE_LABEL, Thing.ASK, Thing.STRANGERS_MAIL, Thing.GOAL, Thing.MATTERS, Thing.KEPT_ANSWER}
)
_LETTERS = {"R": Action.READ, "W": Action.WRITE, "c": Action.COUNT}


@dataclass(frozen=True, slots=True)
class Cell:
    """What one role may do with one thing; `when` names what must be so for reading and writing."""

    actions: frozenset[Action] = frozenset()
    when: When | None = None

    def allows(self, action: Action, given: Collection[When] = ()) -> bool:
        if action is Action.COUNT and action not in self.actions:  # whoever may read it knows that it is there
            action = Action.READ
        free = self.when is None or action is Action.COUNT
        return action in self.actions and (free or self.when in given)


def _cell(text: str) -> Cell:
    letters, _, when = text.partition(":")
    return Cell(frozenset(_LETTERS[each] for each in letters if each != "-"), When(when) if when else None)


CELLS: dict[tuple[Role, Thing], Cell] = {
    (role, thing): _cell(text) for thing, row in _TABLE.items() for role, text in zip(COLUMNS, row.split(), strict=True)
}


def may(role: Role, thing: Thing, action: Action, *given: When) -> bool:
    """Whether it is allowed; `given` is what is so of this one."""
    return CELLS.get((role, thing), Cell()).allows(action, given)


def check(role: Role, thing: Thing, action: Action, *given: When) -> None:
    """Raises NotAllowed for whoever may know that it is there, NotFound for everybody else."""
    if may(role, thing, action, *given):
        return
    raise NotAllowed if may(role, thing, Action.READ, *given) else NotFound


def role_of(asking_id: int, author_id: int | None, pair: Collection[int]) -> Role:
    """Which of the two somebody is, for what `author_id` wrote in this pair; without an author it is both people's."""
    if asking_id not in pair:
        return Role.STRANGER
    return Role.AUTHOR if author_id in {None, asking_id} else Role.OTHER


@dataclass(frozen=True, slots=True)
class Kept:
    """What a table's rows are, whose they are (its column of a person or of a connection; None: both people's, or
    nobody's), and which of its columns are something else."""

    thing: Thing
    whose: str | None = None
    but: tuple[tuple[str, Thing], ...] = ()

    def of(self, column: str) -> Thing:
        return dict(self.but).get(column, self.thing)


TABLES: dict[str, Kept] = {
    "agenda_items": Kept(Thing.AGENDA, "by_id"),
    "agreement_answers": Kept(Thing.ANSWERS, "person_id"),
    "agreement_signatures": Kept(Thing.AGREEMENT),
    "agreements": Kept(Thing.AGREEMENT),
    "api_tokens": Kept(Thing.LINK, "person_id"),
    "attendances": Kept(Thing.MEETING),
    "brought_journals": Kept(Thing.PRIVATE, "person_id"),
    "calendar_hosts": Kept(Thing.RUNNING),
    "calendar_writes": Kept(
        Thing.CONNECTION, "person_id", (("calendar_key", Thing.SECRET), ("event_id", Thing.SECRET))
    ),
    "calendars": Kept(Thing.CONNECTION, "connection_id", (("busy", Thing.BUSY), ("key", Thing.SECRET))),
    "claims": Kept(Thing.BUSY, "person_id"),
    "commitments": Kept(Thing.COMMITMENT),
    "connections": Kept(Thing.CONNECTION, "person_id", (("password", Thing.SECRET), ("url", Thing.SECRET))),
    "consents": Kept(Thing.SECRET),
    "critical_dates": Kept(Thing.DATE, None, (("label", Thing.PRIVATE_LABEL),)),
    "debriefs": Kept(Thing.DEBRIEF, "person_id"),
    "goals": Kept(Thing.GOAL),
    "grants": Kept(Thing.CONNECTION, "connection_id", (("tokens", Thing.SECRET),)),
    "heartbeats": Kept(Thing.RUNNING),
    "help_requests": Kept(Thing.HELP, "person_id", (("answered_at", Thing.PROGRAMME),)),
    "idempotency_keys": Kept(Thing.RUNNING),
    "inbound": Kept(Thing.ANSWER_MAIL, "person_id", (("sender", Thing.STRANGERS_MAIL),)),
    "links": Kept(Thing.LINK, "person_id"),
    "looks": Kept(Thing.LOOKED),
    "mailbox_mails": Kept(Thing.RUNNING),
    "mailbox_marks": Kept(Thing.RUNNING),
    "meeting_goals": Kept(Thing.GOAL),
    "meetings": Kept(
        Thing.MEETING,
        None,
        (
            ("session", Thing.SESSION),
            ("place", Thing.PLACE),
            ("ask", Thing.ASK),
            ("shadow", Thing.ASK),
            ("reason", Thing.REASON),
            ("card", Thing.PRIMER),
        ),
    ),
    "notes": Kept(Thing.NOTE, "person_id"),
    "outbox": Kept(Thing.MAIL, "person_id"),
    "pair_keys": Kept(Thing.SECRET),
    "pairs": Kept(Thing.PAIR, None, (("place", Thing.USUAL_PLACE), ("terms", Thing.AGREEMENT))),
    "parked_points": Kept(Thing.AGENDA, "by_id"),
    "people": Kept(Thing.PERSON, "id", (("primed_at", Thing.PRIMER),)),
    "preparations": Kept(Thing.AGENDA),
    "proposals": Kept(Thing.PROPOSAL, "person_id"),
    "proposed_times": Kept(Thing.PROPOSAL),
    "pulses": Kept(Thing.PULSE, "person_id"),
    "put_away": Kept(Thing.PRIVATE, "person_id"),
    "questions": Kept(Thing.QUESTION, "by_id", (("answer", Thing.KEPT_ANSWER),)),
    "reflections": Kept(Thing.PRIVATE, "person_id"),
    "send_times": Kept(Thing.RUNNING),
    "sending_grants": Kept(Thing.SENDER, None, (("tokens", Thing.SECRET),)),
    "sightings": Kept(Thing.CONNECTION),
    "suggestions": Kept(Thing.SUGGESTION, "by_id"),
    "time_proposals": Kept(Thing.PROPOSAL, "by_id"),
    "watches": Kept(Thing.SECRET),
    "what_matters": Kept(Thing.MATTERS),
}


def thing_of(table: str, column: str) -> Thing:
    """Raises KeyError for a table that nobody has thought about."""
    return TABLES[table].of(column)
