"""Who coordinates the programme: their link, and the end of it."""

from __future__ import annotations

import click

from service.cli.frame import WORDS, json_option, opened, show
from service.links import revoke_links, url_of
from service.operations import coordinators, people
from service.operations.people import PersonInput, parse_person


@click.group()
def programme() -> None:
    """The coordinator's page."""


@programme.command()
@click.argument("who", required=False, metavar='["NAME <ADDRESS>"]')
@click.option("--zone", default="UTC", show_default=True)
@click.option("--rotate", is_flag=True, help=WORDS("cli.help.rotate"))
@json_option
def link(who: str | None, zone: str, rotate: bool, as_json: bool) -> None:
    """Prints somebody's link to the coordinator's page; without a name that of GREENROOM_CONTACT."""
    with opened() as services, services.database.write() as session:
        name, email = parse_person(who or services.settings.contact or "")
        if "@" not in email:
            raise click.UsageError(WORDS("cli.programme.whose"))
        now = services.clock()
        found = coordinators.appoint(session, now, PersonInput(email, name or email, zone))
        if rotate:
            revoke_links(session, now, found.id, "programme")
        url = url_of(services.settings.base_url, coordinators.programme_link(session, now, found))
    show(as_json, {"url": url}, [url])


@programme.command()
@click.argument("email")
@json_option
def end(email: str, as_json: bool) -> None:
    """Closes the coordinator's page to somebody; pairs that they are in stay."""
    with opened() as services, services.database.write() as session:
        found = people.load_person(session, email)
        coordinators.dismiss(session, services.clock(), found)
    show(as_json, {"email": found.email, "coordinates": False}, [WORDS("cli.programme.ended", email=found.email)])


COMMANDS = (programme,)
