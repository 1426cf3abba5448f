"""What is kept: API tokens, erase, new keys."""

from __future__ import annotations

import secrets

import click

from service.cli.frame import WORDS, json_option, opened, show
from service.links import url_of
from service.operations import consents, erasing, feeds, people
from service.store import erased, writes
from service.store.sealed_columns import reseal
from service.store.tables import ApiToken, Person
from service.store.types import fingerprint
from service.wiring import Services
from workers import events, leaving


@click.group()
def token() -> None:
    """Bearer tokens for the API."""


@token.command()
@click.option("--person", "email")
@click.option("--coordinator", is_flag=True)
@json_option
def create(email: str | None, coordinator: bool, as_json: bool) -> None:
    """Prints a new token, once; only its hash is kept."""
    if (email is None) == (not coordinator):
        raise click.UsageError(WORDS("cli.token.whose"))
    fresh = secrets.token_urlsafe(32)
    with opened() as services, services.database.write() as session:
        person_id = people.load_person(session, email).id if email else None
        session.add(ApiToken(token_hash=fingerprint(fresh), person_id=person_id, created_at=services.clock()))
    show(as_json, {"token": fresh}, [fresh])


@token.command("feed")
@click.option("--again", is_flag=True)
@json_option
def programme_feed(again: bool, as_json: bool) -> None:
    """The address of a calendar with the times of all meetings, and nothing else of them; --again ends the old one."""
    with opened() as services, services.database.write() as session:
        url = url_of(services.settings.base_url, feeds.programme_feed_link(session, services.clock(), again=again))
    show(as_json, {"url": url}, [url])


@click.command()
@click.argument("email")
@click.option("--yes", is_flag=True, help=WORDS("cli.help.yes"))
@json_option
def erase(email: str, yes: bool, as_json: bool) -> None:
    """Takes away what this person wrote and connected, and ends their pairs. Mail that went out cannot be recalled."""
    if not yes and not click.confirm(WORDS("cli.erase.sure", email=email), err=True):
        return
    with opened() as services:
        left = erase_person(services, email)
    lines = [WORDS("cli.erase.done", email=email), *([WORDS("cli.erase.left", n=left)] if left else [])]
    show(as_json, {"erased": email, "left_in_calendars": left}, lines)


def erase_person(services: Services, email: str) -> int:
    """First what we put into their calendar goes from there, and so from the calendars of those it invited, and their
    providers are asked to tell of changes no more, while we have the tokens. Then all else goes, the list of who was
    erased is kept, and the grants end. Returns how many events could not be removed. May be repeated after a crash.

    Raises KeyMissing where a key of their words is not here; then nothing has ended."""
    with services.database.write() as session:
        person = people.load_person(session, email)
        with session.begin_nested() as trial:
            erasing.erase_words(session, services.clock(), person)
            trial.rollback()
        person_id, taken = person.id, erasing.part(session, services.clock(), person)
    for write_id in taken:
        events.attempt(services, write_id)
    leaving.end_watches(services, person_id)
    with services.database.write() as session:
        left = writes.left(session, person_id)
        ended = erasing.erase(session, services.clock(), session.get_one(Person, person_id))
        told = erased.lines(session)
    erased.keep(services.settings.data_dir / erased.LIST_FILE, told)
    for each in ended:
        consents.revoke(services.authorizers, each)
    return left


@click.group()
def keys() -> None:
    """The keys that seal what people typed."""


@keys.command()
@json_option
def rotate(as_json: bool) -> None:
    """Seals everything anew with the newest key; safe while it runs, and may be repeated."""
    count, changed = 0, 1
    with opened() as services:
        while changed:
            with services.database.write() as session:
                changed = reseal(session)
            count += changed
    show(as_json, {"sealed": count}, [WORDS("cli.keys.done", n=count)])


COMMANDS = (token, erase, keys)
