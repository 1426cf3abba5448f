"""The calls about people, their pairs and calendars. What a person may not see is, for them, not there: 404."""

from __future__ import annotations

from datetime import timedelta

from service import links
from service.domain.access import Role, Thing
from service.domain.availability import DEFAULT, from_json
from service.domain.errors import FieldFault, InvalidInput, NotFound, RuleBroken
from service.operations import calendars, consents, coordinating, details, people, refreshing
from service.operations.calendars import NewConnection
from service.operations.looks import looks_of, note_list, note_look
from service.operations.people import PersonChange
from service.store.writes import BY_CONSENT
from service.web.api import answers, bodies, shapes
from service.web.api.frame import Caller, call, person_of
from service.web.api.slots import QUERY, slots_json
from service.web.consent import end_at_provider, end_watches
from service.web.page import looking, now, reading, services, writing

PROBE_TIMEOUT = timedelta(seconds=15)


class NotConfigured(RuleBroken):
    """The operator has not set this provider up."""

    def __init__(self, known: str) -> None:
        super().__init__("provider_not_configured", known=known)


@call("GET", "/me", "The person whose token this is.", answer=answers.Me, about=Thing.PERSON)
def me(caller: Caller) -> answers.Me:
    with reading() as session:
        return shapes.me_answer(person_of(session, caller))


@call(
    "PATCH",
    "/me",
    "Name, zone, language, how much mail, what a change in one's own calendar does, and whether own notes are kept.",
    body=bodies.MeChange,
    answer=answers.Me,
    may=(422,),
    about=Thing.PERSON,
)
def change_me(caller: Caller, body: bodies.MeChange) -> answers.Me:
    with writing() as session:
        person = person_of(session, caller)
        change = PersonChange(**body.model_dump(exclude={"invite"}))
        people.edit_person(session, now(), person, change)
        if "invite" in body.model_fields_set:
            details.show_at_most(session, now(), person, body.invite)
        return shapes.me_answer(person)


@call(
    "GET",
    "/me/availability",
    "Hours, overrides, buffers, notice, caps, pledge.",
    answer=answers.Availability,
    about=Thing.PERSON,
)
def availability(caller: Caller) -> answers.Availability:
    with reading() as session:
        return shapes.availability_answer(person_of(session, caller))


@call(
    "PUT",
    "/me/availability",
    "Sets all of it; what is left out takes its default.",
    body=bodies.AvailabilityInput,
    answer=answers.Availability,
    may=(422,),
    about=Thing.PERSON,
)
def put_availability(caller: Caller, body: bodies.AvailabilityInput) -> answers.Availability:
    with writing() as session:
        person = person_of(session, caller)
        people.set_availability(person, from_json(body.model_dump(exclude_unset=True, exclude={"assumed"}), DEFAULT))
        return shapes.availability_answer(person)


@call(
    "GET",
    "/me/connections",
    "Connected calendars, without their secrets.",
    answer=answers.Connections,
    about=Thing.CONNECTION,
)
def connections(caller: Caller) -> answers.Connections:
    with reading() as session:
        return shapes.connections_answer(session, caller.me)


@call(
    "POST",
    "/me/connections",
    "Connects a calendar after a real read.",
    body=bodies.ConnectionInput,
    answer=answers.Connection,
    status=201,
    accepted=answers.Invitation,
    may=(422,),
    about=Thing.CONNECTION,
)
def connect(caller: Caller, body: bodies.ConnectionInput) -> answers.Connection | answers.Invitation:
    if body.provider in BY_CONSENT:
        return _invite(caller, body)
    wanted = NewConnection(body.provider, body.url or "", body.username, body.password)
    with reading() as session:
        asked = refreshing.request_for(session, now(), person_of(session, caller))
    found = calendars.probe(services().calendars, wanted, asked, PROBE_TIMEOUT)
    with writing() as session:
        person = person_of(session, caller)
        made = calendars.add_connection(session, now(), person, wanted, found, services().settings.poll)
        return shapes.connection_answer(made)


def _invite(caller: Caller, body: bodies.ConnectionInput) -> answers.Invitation:
    """The page of ours where the person can say yes; nothing is read before they have."""
    providers = services().settings.providers
    if body.provider not in providers:
        raise NotConfigured(known=", ".join((*calendars.PROVIDERS, *providers)))
    with writing() as session:
        person = person_of(session, caller)
        waiting, link = consents.invite(session, now(), person, body.provider, body.access or consents.BUSY)
        return answers.Invitation(id=waiting.id, connect_url=links.url_of(services().settings.base_url, link))


@call(
    "PATCH",
    "/me/connections/<int:connection_id>",
    "Switches it on or off, and says which of its calendars count.",
    body=bodies.ConnectionChange,
    answer=answers.Connection,
    may=(404, 422),
    about=Thing.CONNECTION,
)
def change_connection(caller: Caller, connection_id: int, body: bodies.ConnectionChange) -> answers.Connection:
    with writing() as session:
        connection = calendars.load_connection(session, connection_id, caller.me)
        for calendar in connection.calendars if body.counts is not None else ():
            if calendar.counts != (calendar.id in (body.counts or ())):
                calendars.set_counts(connection, calendar.id, not calendar.counts, now())
        if body.on:
            calendars.switch_on(connection, now())
        elif body.on is False:
            calendars.switch_off(connection)
        answer = shapes.connection_answer(connection)
    if body.on is False:
        end_watches(connection_id, caller.me)
    return answer


@call(
    "DELETE",
    "/me/connections/<int:connection_id>",
    "Takes a connection and its secrets away.",
    status=204,
    may=(404,),
    about=Thing.CONNECTION,
)
def disconnect(caller: Caller, connection_id: int) -> None:
    end_watches(connection_id, caller.me)
    with writing() as session:
        connection = calendars.load_connection(session, connection_id, caller.me)
        ended = consents.forget(session, connection)
        calendars.remove_connection(session, connection)
    end_at_provider(ended)


@call(
    "GET",
    "/pairs",
    "The pairs that this person is in; all of them for the coordinator.",
    answer=answers.Pairs,
    about=Thing.PAIR,
)
def pairs(caller: Caller) -> answers.Pairs:
    with reading() as session:
        found = people.list_pairs(session, caller.person_id)
    if caller.person_id is None:
        with writing() as session:
            note_list(session, now(), Role.COORDINATOR, {each.id for each in found})
    with reading() as session:
        return answers.Pairs(items=[shapes.pair_answer(pair) for pair in found], next=None)


@call(
    "POST",
    "/pairs",
    "Pairs two people; mails nobody, but two who were a pair before.",
    body=bodies.PairInput,
    answer=answers.NewPair,
    status=201,
    may=(422,),
    about=Thing.PAIR,
)
def add_pair(_caller: Caller, body: bodies.PairInput) -> answers.NewPair:
    with writing() as session:
        one, other = (
            people.PersonInput(who.email, who.name, who.zone, who.locale) for who in (body.mentee, body.mentor)
        )
        try:
            pair = coordinating.pair_anew(session, now(), one, other, body.place)
        except InvalidInput as wrong:
            raise _as_sent(wrong) from None
        urls = {
            pair.role(each.id): links.url_of(services().settings.base_url, link)
            for each, link in coordinating.links_to_hand_on(session, now(), pair)
        }
        return answers.NewPair(**dict(shapes.pair_answer(pair)), links=urls)


def _as_sent(wrong: InvalidInput) -> InvalidInput:
    """A row of a file says `mentee_email`; who sent JSON wrote `mentee.email`."""
    return InvalidInput(
        *(
            FieldFault(each.field.replace("mentee_", "mentee.").replace("mentor_", "mentor."), each.code, each.params)
            for each in wrong.faults
        )
    )


@call("GET", "/pairs/<int:pair_id>", "One pair.", answer=answers.Pair, may=(404,), about=Thing.PAIR)
def pair(caller: Caller, pair_id: int) -> answers.Pair:
    if caller.person_id is None:  # RFC 9110 9.2.1: what is asked for is only to look, and that it was looked at is kept
        with writing() as session:
            note_look(session, now(), people.load_pair(session, pair_id).id, Role.COORDINATOR, "pair")
    with reading() as session:
        return shapes.pair_answer(people.load_pair(session, pair_id, caller.person_id))


@call(
    "GET",
    "/pairs/<int:pair_id>/looks",
    "When a coordinator or an operator opened something about this pair, the newest first.",
    answer=answers.Looks,
    may=(404,),
    about=Thing.LOOKED,
)
def looks(caller: Caller, pair_id: int) -> answers.Looks:
    with reading() as session:
        found = looks_of(session, people.load_pair(session, pair_id, caller.me), caller.me)
        return answers.Looks(
            items=[answers.Look(role=each.role, what=each.what, at=shapes.z(each.at) or "") for each in found],
            next=None,
        )


@call(
    "PATCH",
    "/pairs/<int:pair_id>",
    "The pair's usual place.",
    body=bodies.PairChange,
    answer=answers.Pair,
    may=(404, 422),
    about=Thing.USUAL_PLACE,
)
def change_pair(caller: Caller, pair_id: int, body: bodies.PairChange) -> answers.Pair:
    with writing() as session:
        found = people.load_pair(session, pair_id, caller.me)
        if "place" in body.model_fields_set:
            people.set_place(found, body.place)
        return shapes.pair_answer(found)


@call(
    "GET",
    "/pairs/<int:pair_id>/slots",
    "Every bookable time, best first, with its reasons.",
    query=QUERY,
    answer=answers.Slots,
    may=(404, 422),
    about=Thing.BUSY,
    with_pair=True,
)
def slots(caller: Caller, pair_id: int) -> str:  # noqa: ARG001 - the caller comes with that pair
    me, found = caller.me, caller.pair
    if found is None or me not in {found.mentee_id, found.mentor_id}:
        raise NotFound("no_such_pair")
    with looking() as look:
        return slots_json(look, found, found.me(me))
