"""What the calls about goals and suggestions take and tell."""

from __future__ import annotations

from typing import Literal

from service.web.api import answers, bodies
from service.web.api.frame import Model

State = Literal["draft", "open", "reached", "dropped"]


class GoalInput(Model):
    """A draft needs its text only; an open goal says how its owner will know, and until when."""

    text: str
    worked_when: str | None = None
    target_on: bodies.Day | None = None
    review_on: bodies.Day | None = None
    state: State = "draft"
    shared: bool = False


class GoalChange(Model):
    text: str | None = None
    worked_when: str | None = None
    target_on: bodies.Day | None = None
    review_on: bodies.Day | None = None
    state: State | None = None
    shared: bool | None = None


class Goal(Model):
    id: int
    text: str
    worked_when: str | None
    target_on: answers.Day | None
    review_on: answers.Day | None
    state: str
    shared: bool


class Goals(Model):
    """`report`: of the meetings that took place, how many were for a goal, just talk, or for nothing that was said."""

    goals: list[Goal]
    report: Report


class Report(Model):
    linked: int
    just_talk: int
    unsaid: int


class GoalsInput(Model):
    goals: list[GoalInput]


class MeetingFor(Model):
    """A goal, or null: just talk."""

    goal: bodies.Id | None


class SuggestionInput(Model):
    kind: Literal["goal", "option"] = "option"
    text: str


class SuggestionAnswer(Model):
    """`text`: the mentee's own words, to adapt it."""

    answer: Literal["accept", "adapt", "leave"]
    text: str | None = None


class Suggestion(Model):
    id: int
    kind: str
    text: str
    state: str
    adapted: str | None


class Suggestions(Model):
    suggestions: list[Suggestion]


class Matters(Model):
    text: str | None


class WordingInput(Model):
    text: str


class Heard(Model):
    words: str
    rule: str
    instead: str


class Wording(Model):
    heard: list[Heard]


Goals.model_rebuild()
