"""A full or read-only disk, a busy database, a key that is gone: one sentence, the right status, nothing half done."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import event, select

from service import doctor, wiring
from service.operations import personal_links
from service.settings import load
from service.store import claims
from service.store.database import Database, connect
from service.store.tables import Claim, Meeting, OutboxRow, Pair
from service.store.types import Keyring
from service.web import create_app
from tests import cast
from tests.fakes import NobodyThere, NoRecords
from tests.read_only import read_only
from tests.web.walk import first_card, form_of, text_of

NOW = datetime(2027, 2, 1, 9, 0, tzinfo=UTC)
SHORT_OF_PATIENCE = {"sqlite": "PRAGMA busy_timeout = 50", "postgresql": "SET lock_timeout = '50ms'"}


@pytest.fixture
def ana(services):
    with services.database.write() as session:
        pair = cast.pair(session, NOW, place="Room 5")
        talk = cast.talk(session, NOW, pair)
        return personal_links.scheduling_link(session, NOW, pair, "practice", talk.id).token


def limit(services, *statements):
    """Every connection from now on works under these limits."""

    def tune(connection, _record):
        for statement in statements:
            connection.execute(statement)
        connection.commit()

    services.database.engine.dispose()
    event.listen(services.database.engine, "connect", tune)


def nothing_booked(services):
    with services.database.read() as session:
        return not any(session.scalars(select(table)).all() for table in (Meeting, Claim, OutboxRow))


@pytest.mark.sqlite
def test_a_full_disk_books_nothing_and_says_so(services, ana):
    client = create_app(services).test_client()
    form = form_of(client.get(first_card(client.get(f"/s/{ana}"))), "book")
    with services.database.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    limit(services, f"PRAGMA max_page_count={pages}")
    answer = client.post(f"/s/{ana}/time", data=form | {"ask": "x" * 3900})
    assert answer.status_code == 503
    assert "does not answer at the moment" in text_of(answer)
    assert nothing_booked(services)
    limit(services, "PRAGMA max_page_count=1000000")
    assert client.post(f"/s/{ana}/time", data=form).status_code == 303


@pytest.mark.databases
def test_a_database_that_is_busy_too_long_books_nothing_and_says_so(services, ana):
    client = create_app(services).test_client()
    form = form_of(client.get(first_card(client.get(f"/s/{ana}"))), "book")
    limit(services, SHORT_OF_PATIENCE[services.database.engine.dialect.name])
    with services.database.write() as other:
        claims.take_turns_of(other, other.scalars(select(Pair.id)).one())
        assert client.get(f"/s/{ana}").status_code == 200, "reading goes on"
        answer = client.post(f"/s/{ana}/time", data=form)
        assert answer.status_code == 503
        assert "does not answer at the moment" in text_of(answer)
    assert nothing_booked(services)
    assert client.post(f"/s/{ana}/time", data=form).status_code == 303


@pytest.fixture
def everybodys(run, monkeypatch):
    """The command line's data folder, where whoever the test becomes can enter: pytest's own are closed to others."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        monkeypatch.setenv("GREENROOM_DATA_DIR", name)
        yield Path(name)


def test_a_read_only_data_folder_changes_nothing_and_every_part_says_so(everybodys, run):
    run("pair", "list")  # makes the database
    services = wiring.build(load())
    with services.database.write() as session:
        token = personal_links.scheduling_link(
            session, services.clock(), cast.pair(session, NOW), "check-in", None
        ).token
    client = create_app(services).test_client()
    form = form_of(client.get(first_card(client.get(f"/s/{token}"))), "book")
    services.database.close()
    with read_only(everybodys):
        answer = client.post(f"/s/{token}/time", data=form)
        assert answer.status_code == 503
        assert "does not answer at the moment" in text_of(answer)
        said = run("pair", "list", exit_code=1).stderr
        assert "that the data folder can be written" in said
        disk = next(row for row in doctor.check(load(), NoRecords(), NobodyThere()) if row.part == "disk")
        assert disk.state == "broken"
        assert "cannot be written to" in disk.advice
    assert nothing_booked(services)
    assert client.post(f"/s/{token}/time", data=form).status_code == 303
    services.database.close()


def test_without_the_key_nothing_is_shown_or_changed_and_with_it_all_is_there(services, ana):
    client = create_app(services).test_client()
    form = form_of(client.get(first_card(client.get(f"/s/{ana}"))), "book")
    strange = replace(services.settings, secret_keys=("n" * 48,))
    database = Database(connect(str(services.database.engine.url), Keyring(strange.secret_keys)))
    locked = create_app(replace(services, settings=strange, database=database)).test_client()
    for answer in (locked.get(f"/s/{ana}"), locked.post(f"/s/{ana}/time", data=form)):
        assert answer.status_code == 503
        assert "A key that this service needs is missing" in text_of(answer)
        assert "greenroom doctor" in text_of(answer)
    database.close()
    assert nothing_booked(services)
    assert client.post(f"/s/{ana}/time", data=form).status_code == 303
