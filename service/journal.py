"""A person's own journal as a file carries it: `data.json`, whose schema is docs/export.schema.json."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

FORMAT: Final = "greenroom-journal"
VERSION: Final = 1  # grows when a file of the old shape is no longer understood, or the other way round
MOST_PAIRS = 100  # that one person may bring; what is handed out has no most, for there are those of here as well


def _told_in_utc(moment: datetime) -> datetime:
    """Raises ValueError for a year that no zone can be put to."""
    if not 1900 <= moment.year <= 2900:
        raise ValueError("year")
    return moment.astimezone(UTC)


Instant = Annotated[AwareDatetime, AfterValidator(_told_in_utc)]
Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.-]{0,39}$")]  # its words are in the catalogue
Short = Annotated[str, StringConstraints(max_length=300)]


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_name=True, validate_by_alias=True)


class JournalGoal(Shape):
    text: str
    worked_when: str | None
    target_on: date | None
    review_on: date | None
    state: Code
    shared: bool


class JournalDate(Shape):
    kind: Code
    at: Instant
    until: Instant | None
    zone: Short
    run_minutes: int | None
    label: str | None
    shared_label: str | None
    shared: bool
    dropped: bool


class JournalNote(Shape):
    """A thought, something to sit with, or a story; what is not `mine` was shared with me."""

    kind: Code
    prompt: Code | None
    mine: bool
    text: str | None
    alike: str | None
    unlike: str | None
    trying: str | None
    shared: bool
    at: Instant


class JournalQuestion(Shape):
    text: str
    state: Code
    back_on: date | None
    answer: str | None
    at: Instant


class JournalSuggestion(Shape):
    kind: Code
    text: str
    state: Code
    adapted: str | None


class JournalPoint(Shape):
    """Of an agenda: one of ours, by its key, or what was typed."""

    key: Code | None
    text: str | None
    minutes: int | None
    help: Code | None


class JournalMeeting(Shape):
    """`debrief` is my own look back, `their_debrief` the other's, once both are in."""

    uid: Short
    session: Code
    start: Instant
    end: Instant
    phase: Code
    happened: bool | None
    place: str | None
    ask: str | None
    shadow: str | None
    reason: str | None
    goal: str | None
    agenda: list[JournalPoint]
    reflection: str | None
    debrief: str | None
    their_debrief: str | None


class JournalPulse(Shape):
    """Half-way: what one of the two would have more of, less of, and keep."""

    mine: bool
    more: str | None
    less: str | None
    keep: str | None
    at: Instant


class JournalCommitment(Shape):
    text: str
    kind: Code
    must: bool
    state: Code
    whose: Literal["mine", "theirs", "nobodys"]
    begins_on: date | None
    due_on: date | None
    reason: Code | None
    note: str | None
    took: str | None
    at: Instant


class JournalAgreement(Shape):
    """`document` is to the letter what was mailed, and `sha256` its hash; `answers` are my own, and
    `their_answers` the other's, once both have answered."""

    version: int
    signed_at: Instant | None
    sha256: Short | None
    document: str | None
    terms: dict[str, Any] | None
    answers: dict[str, Any] | None
    their_answers: dict[str, Any] | None


class JournalOffer(Shape):
    """Times that one of the two offered the other."""

    session: Code
    mine: bool
    starts: list[Instant]
    comment: str | None
    outcome: Code | None
    at: Instant


class JournalLook(Shape):
    """Somebody who is not of the pair opened something about it."""

    role: Code
    what: Code
    at: Instant


class JournalPair(Shape):
    """What I wrote in one pair, and what was shared with me there."""

    other: Short = Field(validation_alias="with", serialization_alias="with")
    role: Literal["mentee", "mentor"] = Field(validation_alias="as", serialization_alias="as")
    began_at: Instant
    ended_at: Instant | None
    place: str | None
    what_matters: str | None
    dates: list[JournalDate]
    goals: list[JournalGoal]
    notes: list[JournalNote]
    questions: list[JournalQuestion]
    suggestions: list[JournalSuggestion]
    parked: list[JournalPoint]
    agreements: list[JournalAgreement]
    proposed: list[JournalOffer]
    meetings: list[JournalMeeting]
    commitments: list[JournalCommitment]
    looked: list[JournalLook]
    pulses: list[JournalPulse] = Field(default_factory=list)


class Journal(Shape):
    """Nothing in it says when it was made: the same journal is the same file."""

    format: Literal["greenroom-journal"]
    version: Literal[1]
    name: Short
    email: Short
    zone: Short
    hours: dict[str, Any] | None
    mails_come_back_since: Instant | None
    unsure: list[str]
    asked_for_help: list[str]  # of the coordinator
    pairs: list[JournalPair]

    def as_json(self) -> str:
        return self.model_dump_json(by_alias=True, indent=1) + "\n"


def schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of what `as_json` writes."""
    made = Journal.model_json_schema(mode="serialization", by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | made
