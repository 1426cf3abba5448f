"""Pairs and people: adding, listing, changing, ending; hours; calendars."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from service import links
from service.cli.frame import WHOLE, WORDS, instant, json_option, opened, progress, secret_in, show, table
from service.domain.access import Role
from service.domain.availability import DEFAULT, cap_of, from_json, overrides_of, to_json
from service.operations import bounces, calendars, importing, people, personal_links, refreshing
from service.operations.calendars import NewConnection
from service.operations.looks import note_look
from service.operations.meetings import meetings_of
from service.operations.people import PersonChange, PersonInput, parse_person
from service.operations.times import availability_of
from service.store.tables import Pair, Person
from service.wiring import Services

PROBE_TIMEOUT = timedelta(seconds=20)


def _person(text: str, zone: str, locale: str = "en") -> PersonInput:
    name, email = parse_person(text)
    return PersonInput(email, name, zone, locale)


def _pair_json(pair: Pair) -> dict[str, Any]:
    return {
        "id": pair.id,
        "mentee": {"name": pair.mentee.name, "email": pair.mentee.email, "zone": pair.mentee.zone},
        "mentor": {"name": pair.mentor.name, "email": pair.mentor.email, "zone": pair.mentor.zone},
        "place": pair.place,
        "ended_at": instant(pair.ended_at),
    }


@click.group()
def pair() -> None:
    """Pairs of a mentee and a mentor."""


@pair.command("add")
@click.option("--mentee", required=True, metavar='"NAME <ADDRESS>"')
@click.option("--mentee-zone", required=True)
@click.option("--mentor", required=True, metavar='"NAME <ADDRESS>"')
@click.option("--mentor-zone", required=True)
@click.option("--place")
@json_option
def add(mentee: str, mentee_zone: str, mentor: str, mentor_zone: str, place: str | None, as_json: bool) -> None:
    """Pairs two people and prints their personal links; mails nobody."""
    with opened() as services, services.database.write() as session:
        now = services.clock()
        made = people.add_pair(session, now, _person(mentee, mentee_zone), _person(mentor, mentor_zone), place)
        urls = _urls(services, personal_links.links_of(session, now, made))
        lines = [WORDS("cli.pair.added", pair=made.id), *(f"{role}: {url}" for role, url in urls.items())]
    show(as_json, {"id": made.id, "links": urls}, lines)


def _urls(services: Services, found: dict[str, Any]) -> dict[str, str]:
    return {role: links.url_of(services.settings.base_url, link) for role, link in found.items()}


@pair.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
def import_(file: Path, as_json: bool) -> None:
    """Pairs from a CSV file: every row, or none and the wrong lines named."""
    with opened() as services, progress("cli.pair.importing") as told, services.database.write() as session:
        made = importing.import_pairs(session, services.clock(), file.read_bytes(), told)
    show(as_json, [{"id": each.id} for each in made], [WORDS("cli.pair.imported", n=len(made))])


@pair.command("list")
@json_option
def list_(as_json: bool) -> None:
    """Every pair."""
    with opened() as services, services.database.read() as session:
        found = people.list_pairs(session)
        rows = [
            (str(each.id), each.mentee.email, each.mentor.email, WORDS("cli.ended") if each.ended_at else "")
            for each in found
        ]
        show(as_json, [_pair_json(each) for each in found], table(rows) or [WORDS("cli.pair.none")])


@pair.command("show")
@click.argument("pair_id", type=WHOLE)
@json_option
def show_(pair_id: int, as_json: bool) -> None:
    """One pair and its meetings, without anything that the two wrote."""
    with opened() as services, services.database.write() as session:
        found = people.load_pair(session, pair_id)
        note_look(session, services.clock(), pair_id, Role.OPERATOR, "pair")
        meetings = [
            {"id": each.id, "session": each.session, "start": instant(each.starts_at), "phase": each.phase}
            for each in meetings_of(session, found)
        ]
        value = _pair_json(found) | {"meetings": meetings}
        lines = [f"{found.mentee.name} <{found.mentee.email}>, {found.mentor.name} <{found.mentor.email}>"]
        lines += [f"{each['start']}  {each['session']}  {each['phase']}" for each in meetings]
        show(as_json, value, lines)


@pair.command("edit")
@click.argument("pair_id", type=WHOLE)
@click.option("--place", required=True)
@json_option
def edit_pair(pair_id: int, place: str, as_json: bool) -> None:
    """The pair's usual place; an empty one is asked for at the next booking."""
    with opened() as services, services.database.write() as session:
        found = people.load_pair(session, pair_id)
        people.set_place(found, place)
    show(as_json, _pair_json(found), [WORDS("cli.pair.place", pair=pair_id, place=found.place or "-")])


@pair.command()
@click.argument("pair_id", type=WHOLE)
@json_option
def end(pair_id: int, as_json: bool) -> None:
    """Ends a pair: meetings ahead are cancelled, and both are told of those."""
    with opened() as services, services.database.write() as session:
        people.end_pair(session, services.clock(), people.load_pair(session, pair_id))
    show(as_json, {"id": pair_id, "ended": True}, [WORDS("cli.pair.ended", pair=pair_id)])


@pair.command()
@click.argument("pair_id", type=WHOLE, required=False)
@click.option("--all", "everyone", is_flag=True)
@click.option("--yes", is_flag=True, help=WORDS("cli.help.yes"))
@json_option
def welcome(pair_id: int | None, everyone: bool, yes: bool, as_json: bool) -> None:
    """Previews one hello to each, then sends it; nobody gets it twice."""
    if (pair_id is None) == (not everyone):
        raise click.UsageError(WORDS("cli.welcome.which"))
    with opened() as services:
        with services.database.read() as session:
            found = people.list_pairs(session) if pair_id is None else [people.load_pair(session, pair_id)]
            chosen = [each for each in found if each.ended_at is None]
            waiting = {p.email for each in chosen for p in (each.mentee, each.mentor) if p.welcomed_at is None}
        if not as_json:
            click.echo(WORDS("cli.welcome.preview", people=", ".join(sorted(waiting)) or "-"))
        if waiting and not yes and not as_json and not click.confirm(WORDS("cli.welcome.send"), err=True):
            return
        with services.database.write() as session:
            greeted = [
                person.email
                for each in chosen
                for person in people.queue_welcome(session, services.clock(), people.load_pair(session, each.id))
            ]
    show(as_json, {"welcomed": greeted}, [WORDS("cli.welcome.sent", n=len(greeted))])


@click.group()
def person() -> None:
    """One person: name, address, zone, hours."""


@person.command()
@click.argument("email")
@click.option("--email", "new_email")
@click.option("--name")
@click.option("--zone")
@click.option("--locale")
@click.option("--mails", type=click.Choice(people.MAILS))
@click.option("--when-deleted", type=click.Choice(people.WHEN_DELETED))
@click.option("--when-moved", type=click.Choice(people.WHEN_MOVED))
@json_option
def edit(
    email: str,
    new_email: str | None,
    name: str | None,
    zone: str | None,
    locale: str | None,
    mails: str | None,
    when_deleted: str | None,
    when_moved: str | None,
    as_json: bool,
) -> None:
    """Changes what is given, and prints what holds."""
    with opened() as services, services.database.write() as session:
        change = PersonChange(
            email=new_email,
            name=name,
            zone=zone,
            locale=locale,
            mails=mails,
            when_deleted=when_deleted,
            when_moved=when_moved,
        )
        found = people.edit_person(session, services.clock(), people.load_person(session, email), change)
        value = {
            "email": found.email,
            "name": found.name,
            "zone": found.zone,
            "locale": found.locale,
            **{choice: getattr(found, choice) for choice in people.CHOICES},
        }
    show(as_json, value, [f"{key}: {said}" for key, said in value.items()])


@person.command("try-again")
@click.argument("email")
@json_option
def try_again(email: str, as_json: bool) -> None:
    """An address that sent mails back is written to again, with what it missed."""
    with opened() as services, services.database.write() as session:
        count = bounces.try_again(session, services.clock(), people.load_person(session, email))
    show(as_json, {"email": email, "mails": count}, [WORDS("cli.person.try_again", n=count)])


@person.command()
@click.argument("email")
@click.option("--hours")
@click.option("--override", "overrides", multiple=True, metavar='"2027-01-11 10:00-12:00"')
@click.option("--off", multiple=True, metavar="2027-01-04..2027-01-08")
@click.option("--buffer-before")
@click.option("--buffer-after")
@click.option("--notice")
@click.option("--horizon")
@click.option("--cap-day", metavar="NUMBER|none")
@click.option("--cap-week", metavar="NUMBER|none")
@click.option("--cap-month", metavar="NUMBER|none")
@click.option("--pledge")
@json_option
def hours(email: str, overrides: tuple[str, ...], off: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """Weekly hours and limits; without a flag it prints what holds."""
    changes: dict[str, Any] = {
        key: cap_of(value) if key.startswith("cap_") else value for key, value in given.items() if value is not None
    }
    if overrides:
        changes["overrides"] = overrides_of(overrides)
    if off:
        changes["off"] = list(off)
    with opened() as services, services.database.write() as session:
        found = people.load_person(session, email)
        if changes:
            base = availability_of(found)
            merged = _merged(changes, to_json(base))
            people.set_availability(found, from_json(merged, base=DEFAULT))
        value = to_json(availability_of(found)) | {"assumed": found.availability is None}
    show(as_json, value, [f"{key}: {said}" for key, said in value.items()])


def _merged(changes: dict[str, Any], held: dict[str, Any]) -> dict[str, Any]:
    """What holds, with the changes in it; new days that differ and new days off are added to the old ones."""
    merged = {key: value for key, value in held.items() if value is not None} | changes
    if "overrides" in changes:
        merged["overrides"] = {**held["overrides"], **changes["overrides"]}
    if "off" in changes:
        merged["off"] = sorted({*held["off"], *changes["off"]})
    return merged


@click.group()
def calendar() -> None:
    """A person's calendars."""


@calendar.command("add")
@click.argument("email")
@click.option("--provider", required=True, type=click.Choice(calendars.PROVIDERS))
@click.option("--url", required=True)
@click.option("--username")
@click.option("--password-file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
def add_calendar(
    email: str, provider: str, url: str, username: str | None, password_file: Path | None, as_json: bool
) -> None:
    """Connects a calendar after a real read of it."""
    password = secret_in(password_file, "password_file") if password_file else None
    wanted = NewConnection(provider, url, username, password)
    with opened() as services:
        with services.database.read() as session:
            asked = refreshing.request_for(session, services.clock(), people.load_person(session, email))
        found = calendars.probe(services.calendars, wanted, asked, PROBE_TIMEOUT)
        with services.database.write() as session:
            owner: Person = people.load_person(session, email)
            made = calendars.add_connection(session, services.clock(), owner, wanted, found, services.settings.poll)
            value = {
                "id": made.id, "provider": made.provider, "state": made.state,
                "calendars": [{"name": each.name, "counts": each.counts} for each in made.calendars],
            }  # fmt: skip
            upcoming = [instant(each.start) for each in calendars.next_busy(made, services.clock())]
            lines = [WORDS("cli.calendar.added", n=len(made.calendars)), *(f"  {start}" for start in upcoming)]
    show(as_json, value, lines)


COMMANDS = (pair, person, calendar)
