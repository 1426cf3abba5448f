"""A person's own journal: taken away as a file, and brought from another installation."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO
from zoneinfo import ZoneInfo

import click

from service.cli.frame import WORDS, json_option, opened, show
from service.domain.access import Role
from service.operations import bringing, people
from service.operations.journal import journal_of
from service.operations.journal_file import MOST_FILE, pack, unpack
from service.operations.looks import note_look
from service.store import archive

NEW = click.Path(dir_okay=False, allow_dash=True, path_type=Path)


@click.command()
@click.argument("email")
@click.argument("file", type=NEW, required=False)
@click.option("--json", "as_json", is_flag=True, help=WORDS("cli.help.data_json"))
def export(email: str, file: Path | None, as_json: bool) -> None:
    """Everything that this person wrote, and what was shared with them, as a zip (- is stdout)."""
    with opened() as services, services.database.write() as session:
        person, now = people.load_person(session, email), services.clock()
        for pair in people.list_pairs(session, person.id):
            note_look(session, now, pair.id, Role.OPERATOR, "export")
        session.flush()
        journal = journal_of(session, person)
        brought, zone = bringing.count(session, person.id), ZoneInfo(person.zone)
        octets = b"" if as_json else pack(journal, person.locale, zone, now, brought=brought)
    if as_json:
        click.echo(journal.as_json(), nl=False)
    elif str(file) == "-":
        click.echo(octets, nl=False)
    else:
        file = file or Path(f"journal-{now:%Y-%m-%d}.zip")
        with archive.replaced(file) as into:
            into.write(octets)
        click.echo(file)


@click.command("import")
@click.argument("file", type=click.File("rb"))
@click.argument("email", required=False)
@json_option
def bring(file: BinaryIO, email: str | None, as_json: bool) -> None:
    """Brings a person's journal from another installation (- is stdin), as history that they alone read; mails nobody.
    Without EMAIL it is for the address in the file."""
    journal = unpack(file.read(MOST_FILE + 1))
    with opened() as services, services.database.write() as session:
        person = people.load_person(session, email or journal.email)
        count, address = bringing.bring(session, services.clock(), person, journal), person.email
    show(as_json, {"email": address, "pairs": count}, [WORDS("cli.import.done", n=count, email=address)])


COMMANDS = (export, bring)
