"""What the calls about the agreement take and tell."""

from __future__ import annotations

from service.web.api.answers import Instant
from service.web.api.bodies import Moment
from service.web.api.frame import Model


class ClauseValues(Model):
    """By the clause's key. What each says of themselves stands under the same key for both."""

    clauses: dict[str, str]


class Signature(Model):
    """Of the `text` that was seen."""

    text_sha256: str


class Pause(Model):
    until: Moment | None


class Clause(Model):
    """`whose`: `both` answer one thing together, `each` for themselves, or only the `mentee` or the `mentor`."""

    key: str
    kind: str
    choices: list[str]
    default: str
    whose: str
    asked: bool
    acts: bool


class Clauses(Model):
    clauses: list[Clause]


class Difference(Model):
    clause: str
    mentee: str
    mentor: str


class Agreement(Model):
    """`terms` is null until both have answered; `text` is what would be signed, null while something is to settle."""

    version: int
    state: str
    answered: list[str]
    own: dict[str, str] | None
    differences: list[Difference]
    to_settle: list[str]
    terms: dict[str, str] | None
    text: str | None
    text_sha256: str | None
    signed_by: list[str]
    signed_versions: list[int]


class SignedVersion(Model):
    """`sha256` is of `markdown` in UTF-8."""

    version: int
    signed_at: Instant | None
    sha256: str | None
    markdown: str | None


class Paused(Model):
    until: Instant | None
