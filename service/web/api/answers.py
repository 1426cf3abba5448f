"""What the API answers with: made here, and described from here. Only slots are plain dicts, being many."""

from __future__ import annotations

from typing import Annotated

from pydantic import AliasChoices, Field

from service.web.api.frame import Model

Instant = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", json_schema_extra={"format": "date-time"})]
Day = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$", json_schema_extra={"format": "date"})]


class Fault(Model):
    field: str
    code: str
    detail: str


class Person(Model):
    id: int
    name: str
    email: str
    zone: str


class Me(Person):
    locale: str
    mails: str
    when_deleted: str
    when_moved: str
    keeps_notes: bool
    invite: str | None


class Availability(Model):
    hours: str
    overrides: dict[str, str]
    off: list[str]
    buffer_before: str
    buffer_after: str
    notice: str
    horizon: str
    cap_day: int | None
    cap_week: int | None
    cap_month: int | None
    pledge: str | None
    assumed: bool


class Calendar(Model):
    id: int
    name: str
    counts: bool
    verified_at: Instant | None


class Connection(Model):
    """Never an address with a secret in it, a user name or a password."""

    id: int
    provider: str
    access: str
    video: str | None
    state: str
    verified_at: Instant | None
    calendars: list[Calendar]


class Invitation(Model):
    """Where the person says yes, and the connection that waits for it."""

    id: int
    connect_url: str


class Connections(Model):
    connections: list[Connection]


class Pair(Model):
    id: int
    mentee: Person
    mentor: Person
    place: str | None
    ended_at: Instant | None


class NewPair(Pair):
    """`links` is each one's personal page, by role; none to pages that are in use, for they are their owner's alone."""

    links: dict[str, str]


class Pairs(Model):
    items: list[Pair]
    next: str | None


class Look(Model):
    """`what` was opened (pair, list, times, link, export) or done (paired, address, welcome, end)."""

    role: str
    what: str
    at: Instant


class Looks(Model):
    items: list[Look]
    next: str | None


class ArcLine(Model):
    """`from` and `to` are null when the part has no days left."""

    role: str
    session: str | None
    from_: Instant | None = Field(validation_alias=AliasChoices("from", "from_"), serialization_alias="from")
    to: Instant | None
    prefer_on: Day | None
    minutes: int
    note: str | None
    meeting: int | None


class CriticalDate(Model):
    """`label` is left out for the mentor. `at` is the same instant as `starts_at`."""

    id: int
    kind: str
    at: Instant
    starts_at: Instant
    until: Instant | None
    zone: str
    run_minutes: int | None
    label: str | None = None
    shared_label: str | None
    shared: bool
    arc: list[ArcLine]


class Dates(Model):
    items: list[CriticalDate]
    next: str | None


class Attendee(Model):
    email: str
    partstat: str


class AgendaLine(Model):
    text: str
    minutes: int | None
    help: str | None
    hidden: bool


class Meeting(Model):
    """`links.page` is the reader's own page for it, where one was made. `calendar`: none, pending, written, failed.
    `video`, of a link that was asked for: wanted, made (it is the place) or failed."""

    id: int
    pair: int
    session: str
    date: int | None
    start: Instant
    end: Instant
    phase: str
    uid: str
    sequence: int
    attendees: list[Attendee]
    agenda: list[AgendaLine]
    place: str | None
    links: dict[str, str]
    calendar: str
    video: str | None


class ProposedTime(Model):
    """`until`: how long it is held for both; null where it is not, or no longer."""

    start: Instant
    end: Instant
    until: Instant | None


class Proposal(Model):
    """`meeting` is the one that would move, `booked` what came of it. `state`: open, taken, replaced, withdrawn,
    declined, over."""

    id: int
    pair: int
    by: int
    session: str
    date: int | None
    meeting: int | None
    comment: str | None
    times: list[ProposedTime]
    state: str
    booked: int | None


class Proposals(Model):
    items: list[Proposal]
    next: str | None


class Commitment(Model):
    id: int
    text: str
    owner: int | None
    kind: str
    must: bool
    due_on: Day | None
    pinned: bool
    state: str
    reason: str | None
    note: str | None
    took: str | None


class Commitments(Model):
    items: list[Commitment]
    next: str | None


class Reason(Model):
    code: str
    text: str


class Slot(Model):
    """`local` is there when `zone` was asked for."""

    start: Instant
    end: Instant
    score: int = Field(ge=0, le=100)
    reasons: list[Reason]
    local: str | None = None


class Source(Model):
    person: str
    provider: str
    state: str
    verified_at: Instant | None


class Refused(Model):
    """A range of starts that cannot be booked. Of the other person the code is `unavailable` and never more."""

    start: Instant
    end: Instant
    code: str
    person: str | None = None
    text: str


class Slots(Model):
    """`nearest` is there when the days around the date have none; `refusals` when asked for."""

    slots: list[Slot]
    sources: list[Source]
    next: str | None
    nearest: list[Slot] | None = None
    refusals: list[Refused] | None = None


class Problem(Model):
    """RFC 9457. `errors` with invalid_input, `slots` (fresh ones) with slot_taken."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[Fault] | None = None
    slots: list[Slot] | None = None
