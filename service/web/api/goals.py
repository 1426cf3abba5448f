"""The calls about goals, suggestions, what matters to the mentee, and how a text sounds."""

from __future__ import annotations

from sqlalchemy.orm import Session

from service.domain.access import Thing
from service.domain.errors import FieldFault, InvalidInput
from service.domain.goals import MOST, GoalDraft
from service.domain.wording import heard
from service.operations import goals, people, suggestions
from service.operations.meetings import load_meeting
from service.store import tables
from service.web.api import goal_models as models
from service.web.api.frame import Caller, call
from service.web.page import now, reading, words, writing


def _goal(goal: tables.Goal) -> models.Goal:
    return models.Goal(
        id=goal.id, text=goal.text, worked_when=goal.worked_when, state=goal.state, shared=goal.shared_at is not None,
        target_on=goal.target_on.isoformat() if goal.target_on else None,
        review_on=goal.review_on.isoformat() if goal.review_on else None,
    )  # fmt: skip


def _goals(session: Session, pair: tables.Pair, caller: Caller) -> models.Goals:
    told = goals.report(session, pair)
    return models.Goals(
        goals=[_goal(each) for each in goals.goals_of(session, pair, caller.me)],
        report=models.Report(linked=told.linked, just_talk=told.just_talk, unsaid=told.unsaid),
    )


def _suggestion(each: tables.Suggestion, caller: Caller) -> models.Suggestion:
    state = suggestions.told_state(each, caller.me)
    return models.Suggestion(id=each.id, kind=each.kind, text=each.text, state=state, adapted=each.adapted)


@call(
    "GET",
    "/pairs/<int:pair_id>/goals",
    "The mentee's goals; to the mentor those that are shared.",
    answer=models.Goals,
    may=(404,),
    about=Thing.GOAL,
)
def list_goals(caller: Caller, pair_id: int) -> models.Goals:
    with reading() as session:
        pair = people.load_pair(session, pair_id, caller.me)
        return _goals(session, pair, caller)


@call(
    "POST",
    "/pairs/<int:pair_id>/goals",
    "A goal of the mentee's; a mentor may only suggest one.",
    body=models.GoalInput,
    answer=models.Goal,
    status=201,
    may=(403, 404, 422),
    about=Thing.GOAL,
)
def add_goal(caller: Caller, pair_id: int, body: models.GoalInput) -> models.Goal:
    with writing() as session:
        pair = people.load_pair(session, pair_id, caller.me)
        return _goal(goals.add(session, now(), pair, caller.me, GoalDraft(**body.model_dump())))


@call(
    "POST",
    "/pairs/<int:pair_id>/goals/import",
    "Many goals at once, all or none; those known by their words stay as they are.",
    body=models.GoalsInput,
    answer=models.Goals,
    may=(403, 404, 422),
    about=Thing.GOAL,
)
def import_goals(caller: Caller, pair_id: int, body: models.GoalsInput) -> models.Goals:
    if len(body.goals) > MOST:
        raise InvalidInput.of("goals", "too_many_goals", most=MOST)
    with writing() as session:
        pair = people.load_pair(session, pair_id, caller.me)
        drafts = [GoalDraft(**each.model_dump()) for each in body.goals]
        goals.bring_in(session, now(), pair, caller.me, drafts)
        return _goals(session, pair, caller)


@call(
    "PATCH",
    "/goals/<int:goal_id>",
    "Changes, shares or ends a goal; what is left out stays.",
    body=models.GoalChange,
    answer=models.Goal,
    may=(403, 404, 422),
    about=Thing.GOAL,
)
def change_goal(caller: Caller, goal_id: int, body: models.GoalChange) -> models.Goal:
    given = body.model_dump(exclude_unset=True)
    faults = [name for name in ("text", "state", "shared") if name in given and given[name] is None]
    with writing() as session:
        goal = goals.load(session, goal_id, caller.me)
        if faults:
            raise InvalidInput(*(FieldFault(name, "empty", {}) for name in faults))
        return _goal(goals.change(session, now(), goal, given))


@call("DELETE", "/goals/<int:goal_id>", "Takes a goal away.", status=204, may=(403, 404), about=Thing.GOAL)
def remove_goal(caller: Caller, goal_id: int) -> None:
    with writing() as session:
        goals.remove(session, goals.load(session, goal_id, caller.me))


@call(
    "PUT",
    "/meetings/<int:meeting_id>/goal",
    "What a meeting is for.",
    body=models.MeetingFor,
    status=204,
    may=(403, 404, 422),
    about=Thing.GOAL,
)
def put_meeting_goal(caller: Caller, meeting_id: int, body: models.MeetingFor) -> None:
    with writing() as session:
        goals.set_meeting_for(session, load_meeting(session, meeting_id, caller.me), caller.me, body.goal)


@call(
    "GET",
    "/pairs/<int:pair_id>/suggestions",
    "What the mentor suggested; that something was left is told to nobody.",
    answer=models.Suggestions,
    may=(404,),
    about=Thing.SUGGESTION,
)
def list_suggestions(caller: Caller, pair_id: int) -> models.Suggestions:
    with reading() as session:
        pair = people.load_pair(session, pair_id, caller.me)
        found = suggestions.suggestions_of(session, pair, caller.me)
        return models.Suggestions(suggestions=[_suggestion(each, caller) for each in found])


@call(
    "POST",
    "/pairs/<int:pair_id>/suggestions",
    "A goal, or an option from the mentor's own experience: pending until the mentee says something.",
    body=models.SuggestionInput,
    answer=models.Suggestion,
    status=201,
    may=(403, 404, 422),
    about=Thing.SUGGESTION,
)
def suggest(caller: Caller, pair_id: int, body: models.SuggestionInput) -> models.Suggestion:
    with writing() as session:
        pair = people.load_pair(session, pair_id, caller.me)
        return _suggestion(suggestions.suggest(session, now(), pair, caller.me, body.kind, body.text), caller)


@call(
    "PATCH",
    "/suggestions/<int:suggestion_id>",
    "The mentee takes it, takes it in other words, or leaves it.",
    body=models.SuggestionAnswer,
    answer=models.Suggestion,
    may=(403, 404, 422),
    about=Thing.SUGGESTION,
)
def answer_suggestion(caller: Caller, suggestion_id: int, body: models.SuggestionAnswer) -> models.Suggestion:
    with writing() as session:
        found = suggestions.load(session, suggestion_id, caller.me)
        suggestions.answer(session, now(), found, caller.me, body.answer, body.text)
        return _suggestion(found, caller)


@call(
    "GET",
    "/pairs/<int:pair_id>/matters",
    "What matters to the mentee, in their own lines.",
    answer=models.Matters,
    may=(404,),
    about=Thing.MATTERS,
)
def matters(caller: Caller, pair_id: int) -> models.Matters:
    with reading() as session:
        pair = people.load_pair(session, pair_id, caller.me)
        return models.Matters(text=suggestions.matters_of(session, pair, caller.me))


@call(
    "PUT",
    "/pairs/<int:pair_id>/matters",
    "The mentee's lines; null takes them away.",
    body=models.Matters,
    answer=models.Matters,
    may=(403, 404, 422),
    about=Thing.MATTERS,
)
def put_matters(caller: Caller, pair_id: int, body: models.Matters) -> models.Matters:
    with writing() as session:
        pair = people.load_pair(session, pair_id, caller.me)
        suggestions.set_matters(session, now(), pair, caller.me, body.text)
        return models.Matters(text=suggestions.matters_of(session, pair, caller.me))


@call(
    "POST",
    "/wording",
    "How a text may sound, and what to say instead. Nothing of it is kept.",
    body=models.WordingInput,
    answer=models.Wording,
    may=(422,),
    about=Thing.SUGGESTION,
)
def wording(_caller: Caller, body: models.WordingInput) -> models.Wording:
    found = [models.Heard(words=said, rule=key, instead=words()(f"wording.{key}")) for said, key in heard(body.text)]
    return models.Wording(heard=found)
