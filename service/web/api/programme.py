"""The calls of a coordinator: who is paired, whether they meet, who asked for help; and a person's own requests."""

from __future__ import annotations

from service.domain.access import Role, Thing
from service.domain.errors import NotAllowed
from service.operations import coordinating, help_requests, people
from service.operations.looks import note_list, note_look
from service.operations.programme import agreement_of, figures, pair_states
from service.store.tables import HelpRequest
from service.web.api import answers, shapes
from service.web.api import programme_models as models
from service.web.api.frame import Caller, call, person_of
from service.web.page import now, reading, services, writing


@call(
    "GET",
    "/programme",
    "Counts, and whether pairs meet; nothing that they say.",
    answer=models.Programme,
    about=Thing.PROGRAMME,
)
def programme(_caller: Caller) -> models.Programme:
    """Each pair's line is written before its state is told."""
    with reading() as session:
        states, counted = pair_states(session, now()), figures(session, now())
    with writing() as session:
        note_list(session, now(), Role.COORDINATOR, {each.pair_id for each in states})
    items = [
        models.Meets(
            id=each.pair_id,
            has_next_meeting=each.has_next_meeting,
            has_met=each.has_met,
            met_lately=each.met_lately,
            has_goals=each.has_goals,
        )
        for each in states
    ]
    told = (
        models.Figures(with_next_meeting=counted.with_next, met_lately=counted.met_lately, signed=counted.signed)
        if counted is not None
        else None
    )
    name = services().settings.programme
    return models.Programme(programme=name, pairs=len(items), figures=told, items=items, next=None)


@call(
    "GET",
    "/programme/pairs/<int:pair_id>/agreement",
    "What a pair signed, where both agreed in it that the coordinator may read it.",
    answer=models.SignedAgreement,
    may=(404,),
    about=Thing.AGREEMENT,
)
def signed_agreement(caller: Caller, pair_id: int) -> models.SignedAgreement:
    """The pair's line is written before it is told."""
    if caller.person_id is not None:
        raise NotAllowed("coordinator_only")
    with reading() as session:
        signed, text = agreement_of(session, people.load_pair(session, pair_id))
    with writing() as session:
        note_look(session, now(), pair_id, Role.COORDINATOR, "agreement")
    return models.SignedAgreement(version=signed.version, signed_at=shapes.instant(signed.signed_at), markdown=text)


@call(
    "GET",
    "/programme/requests",
    "Requests for help that wait, the oldest first, each with who asked.",
    answer=models.HelpsWanted,
    about=Thing.HELP,
)
def requests(caller: Caller) -> models.HelpsWanted:
    if caller.person_id is not None:
        raise NotAllowed("coordinator_only")
    with reading() as session:
        found = help_requests.open_ones(session, Role.COORDINATOR)
        items = [
            models.HelpWanted(**dict(_help(asked)), person=shapes.person_answer(person)) for asked, person in found
        ]
    return models.HelpsWanted(items=items, next=None)


@call(
    "POST",
    "/programme/requests/<int:request_id>/answered",
    "The coordinator has seen to it; its author sees that.",
    status=204,
    may=(404,),
    about=Thing.PROGRAMME,
)
def answered(_caller: Caller, request_id: int) -> None:
    with writing() as session:
        help_requests.answered(session, now(), request_id)


@call(
    "POST",
    "/pairs/<int:pair_id>/end",
    "Ends a pair; its meetings ahead are cancelled.",
    answer=answers.Pair,
    may=(404,),
    about=Thing.PAIR,
)
def end(_caller: Caller, pair_id: int) -> answers.Pair:
    with writing() as session:
        pair = people.load_pair(session, pair_id)
        coordinating.end(session, now(), pair)
        return shapes.pair_answer(pair)


@call(
    "POST",
    "/pairs/<int:pair_id>/welcome",
    "Sends one of the two the welcome, once a day at most.",
    body=models.Welcome,
    status=204,
    may=(404, 422),
    about=Thing.PAIR,
)
def welcome(_caller: Caller, pair_id: int, body: models.Welcome) -> None:
    with writing() as session:
        coordinating.greet(session, now(), people.load_pair(session, pair_id), body.person)


@call(
    "PATCH",
    "/pairs/<int:pair_id>/people/<int:person_id>",
    "Corrects an address, before anything was written. Their links and tokens so far end.",
    body=models.Corrected,
    answer=answers.Person,
    may=(404, 422),
    about=Thing.PAIR,
)
def correct(_caller: Caller, pair_id: int, person_id: int, body: models.Corrected) -> answers.Person:
    with writing() as session:
        pair = people.load_pair(session, pair_id)
        coordinating.correct_address(session, now(), pair, person_id, body.email)
        return shapes.person_answer(pair.me(person_id))


@call(
    "GET",
    "/me/requests",
    "What this person asked of the coordinator, the newest first.",
    answer=models.Helps,
    about=Thing.HELP,
)
def own(caller: Caller) -> models.Helps:
    with reading() as session:
        return models.Helps(items=[_help(each) for each in help_requests.own_of(session, caller.me)], next=None)


@call(
    "POST",
    "/me/requests",
    "Asks the coordinator, who alone reads it.",
    body=models.HelpInput,
    answer=models.Help,
    status=201,
    may=(422,),
    about=Thing.HELP,
)
def ask(caller: Caller, body: models.HelpInput) -> models.Help:
    with writing() as session:
        return _help(help_requests.ask(session, now(), person_of(session, caller), body.text))


@call("DELETE", "/me/requests/<int:request_id>", "Takes a request back.", status=204, about=Thing.HELP)
def take_back(caller: Caller, request_id: int) -> None:
    with writing() as session:
        help_requests.take_back(session, caller.me, request_id)


def _help(asked: HelpRequest) -> models.Help:
    return models.Help(
        id=asked.id, text=asked.text, at=shapes.instant(asked.created_at), answered_at=shapes.z(asked.answered_at)
    )
