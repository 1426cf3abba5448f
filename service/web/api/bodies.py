"""What the API takes: models that refuse with the field's name, and whose schemas are in the description."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BeforeValidator, ConfigDict, Discriminator, Field, Tag, WithJsonSchema
from pydantic_core import PydanticCustomError

from service import numbers
from service.domain.agenda import AgendaDraft
from service.domain.terms import LEVELS
from service.operations.people import MAILS, WHEN_DELETED, WHEN_MOVED
from service.web.api.frame import LARGEST_ID, Model


def _read(
    parse: Callable[[str], date], least: int, code: Literal["bad_time", "bad_wall", "bad_day"]
) -> BeforeValidator:
    """Reads with our own parser: pydantic takes "5" for a moment in 1970, and the year 9999 overflows later."""

    def read(raw: Any) -> date:
        try:
            if isinstance(raw, str) and len(raw) >= least:
                return parse(raw)
        except ValueError:
            pass
        raise PydanticCustomError(code, "")

    return BeforeValidator(read)


MINUTE, DAY = len("2027-02-26T15:00"), len("2027-02-26")  # shorter than that it is something else

Moment = Annotated[AwareDatetime, _read(numbers.moment, MINUTE, "bad_time")]
Wall = Annotated[
    datetime,
    _read(numbers.moment, MINUTE, "bad_wall"),
    WithJsonSchema(
        {"type": "string", "description": "on the wall of `zone`, as 2027-03-04T15:00; an instant is brought there"}
    ),
]
Day = Annotated[date, _read(numbers.day, DAY, "bad_day")]
Id = Annotated[int, Field(ge=1, le=LARGEST_ID)]
Minutes = Annotated[int, Field(ge=1, le=24 * 60)]


class AgendaPoint(Model):
    text: str = Field(max_length=100_000)
    minutes: Minutes | None = None
    help: str | None = None
    hidden: bool = False


def _form(given: Any) -> str:
    return "a_point" if isinstance(given, dict | AgendaPoint) else "a_text"


Point = Annotated[
    Annotated[str, Tag("a_text")] | Annotated[AgendaPoint, Tag("a_point")],
    Discriminator(_form),
]


class MeetingInput(Model):
    start: Moment
    session: str
    minutes: Minutes | None = None
    date: Id | None = None
    shadow: str | None = None
    place: str | None = None
    agenda: list[Point] | None = None
    invite_by: Literal["mail", "calendar"] = "mail"
    video: Literal["meet", "teams"] | None = None


class MeetingChange(Model):
    start: Moment | None = None
    minutes: Minutes | None = None
    place: str | None = None
    agenda: list[Point] | None = None


class Cancellation(Model):
    reason: str | None = None


class ProposalInput(Model):
    """`meeting`: the one that would move; then `session` and `date` are its own."""

    starts: list[Moment]
    session: str | None = None
    minutes: Minutes | None = None
    date: Id | None = None
    meeting: Id | None = None
    comment: str | None = None


class Acceptance(Model):
    start: Moment


class DateInput(Model):
    kind: str
    at: Wall
    zone: str
    until: Wall | None = None
    run_minutes: Minutes | None = None
    label: str | None = None
    shared_label: str | None = None


class DateChange(Model):
    kind: str | None = None
    at: Wall | None = None
    zone: str | None = None
    until: Wall | None = None
    run_minutes: Minutes | None = None
    label: str | None = None
    shared_label: str | None = None
    shared: bool | None = None


class ConnectionInput(Model):
    provider: str
    url: str | None = None
    username: str | None = None
    password: str | None = None
    access: Literal["busy", "write"] | None = None


def _told(*, nullable: bool = False, **schema: Any) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [schema, {"type": "null"}]} if nullable else schema)


def _one_of(choices: tuple[str, ...]) -> WithJsonSchema:
    return _told(nullable=True, type="string", enum=list(choices))


class ConnectionChange(Model):
    """`counts`: the calendars that do; the connection's others do not."""

    on: bool | None = None
    counts: list[Id] | None = None


class MeChange(Model):
    """An address is not among them: it decides whose mail is theirs, and whoever runs the service changes it.

    `invite`: how much one's own entries show at most; null is what each pair agreed."""

    name: str | None = None
    zone: str | None = None
    locale: str | None = None
    mails: Annotated[str | None, _one_of(MAILS)] = None
    when_deleted: Annotated[str | None, _one_of(WHEN_DELETED)] = None
    when_moved: Annotated[str | None, _one_of(WHEN_MOVED)] = None
    keeps_notes: bool | None = None
    invite: Annotated[str | None, _one_of(tuple(LEVELS))] = None


class PairChange(Model):
    place: str | None = None


class PersonInput(Model):
    name: str
    email: str
    zone: str
    locale: str = "en"


class PairInput(Model):
    mentee: PersonInput
    mentor: PersonInput
    place: str | None = None


class CommitmentInput(Model):
    text: str
    owner: Id | None = None
    due_on: Day | None = None
    kind: str = "do"
    must: bool = True


class CommitmentChange(Model):
    state: str
    note: str | None = None
    due_on: Day | None = None
    reason: str | None = None
    took: str | None = None


Hours = Annotated[Any, _told(type="string", examples=["Mon-Fri 09:00-12:00 13:00-17:00; Sat 10:00-12:00"])]
Length = Annotated[Any, _told(type="string", examples=["10m", "24h", "60d"])]
Cap = Annotated[Any, _told(nullable=True, type="integer", minimum=0)]


class AvailabilityInput(Model):
    """Described here and checked by the domain, which names every fault at once, those of unknown fields among them.

    `assumed` may come back as it was given out; it changes nothing."""

    model_config = ConfigDict(extra="allow")

    hours: Hours = None
    overrides: Annotated[
        Any, _told(type="object", additionalProperties={"type": "string"}, examples=[{"2027-01-11": "10:00-12:00"}])
    ] = None
    off: Annotated[Any, _told(type="array", items={"type": "string"}, examples=[["2027-01-04..2027-01-08"]])] = None
    buffer_before: Length = None
    buffer_after: Length = None
    notice: Length = None
    horizon: Length = None
    cap_day: Cap = None
    cap_week: Cap = None
    cap_month: Cap = None
    pledge: Annotated[Any, _told(nullable=True, type="string", examples=["2/month at 24h"])] = None
    assumed: Annotated[Any, _told(type="boolean")] = None


def drafts_of(points: list[str | AgendaPoint]) -> tuple[AgendaDraft, ...]:
    return tuple(
        AgendaDraft(text=point)
        if isinstance(point, str)
        else AgendaDraft(text=point.text, minutes=point.minutes, help=point.help, hidden=point.hidden)
        for point in points
    )
