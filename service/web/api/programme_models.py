"""What the calls of a coordinator, and those to one, take and tell."""

from __future__ import annotations

from service.web.api import answers
from service.web.api.frame import Model


class Meets(Model):
    """`met_lately`: in the past six weeks."""

    id: int
    has_next_meeting: bool
    has_met: bool
    met_lately: bool
    has_goals: bool


class SignedAgreement(Model):
    """The one that holds."""

    version: int
    signed_at: answers.Instant
    markdown: str


class Figures(Model):
    with_next_meeting: int
    met_lately: int
    signed: int


class Programme(Model):
    """`figures` is null below five pairs: of fewer they would point at somebody."""

    programme: str
    pairs: int
    figures: Figures | None
    items: list[Meets]
    next: str | None


class Help(Model):
    """`answered_at`: since when the coordinator has seen to it."""

    id: int
    text: str
    at: answers.Instant
    answered_at: answers.Instant | None


class Helps(Model):
    items: list[Help]
    next: str | None


class HelpWanted(Help):
    """One that waits, with who asked."""

    person: answers.Person


class HelpsWanted(Model):
    items: list[HelpWanted]
    next: str | None


class HelpInput(Model):
    text: str


class Corrected(Model):
    """The one address that is right."""

    email: str


class Welcome(Model):
    """One of the pair, by their id."""

    person: int
