"""A full disk and a busy database: one sentence, the right status, nothing half written."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime

import pytest
from sqlalchemy import event, select

from service.operations import people
from service.store.tables import Claim, Meeting, OutboxRow
from service.web import create_app
from tests import cast
from tests.web.walk import first_card, form_of, text_of

NOW = datetime(2027, 2, 1, 9, 0, tzinfo=UTC)


@pytest.fixture
def ana(services):
    with services.database.write() as session:
        pair = cast.pair(session, NOW, place="Room 5")
        talk = cast.talk(session, NOW, pair)
        return people.scheduling_link(session, NOW, pair, "practice", talk.id).token


def limit(services, *pragmas):
    """Every connection from now on works under these limits."""

    def tune(connection, _record):
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    services.database.engine.dispose()
    event.listen(services.database.engine, "connect", tune)


def nothing_booked(services):
    with services.database.read() as session:
        return not any(session.scalars(select(table)).all() for table in (Meeting, Claim, OutboxRow))


def test_a_full_disk_books_nothing_and_says_so(services, ana):
    client = create_app(services).test_client()
    form = form_of(client.get(first_card(client.get(f"/s/{ana}"))), "book")
    with services.database.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    limit(services, f"max_page_count={pages}")
    answer = client.post(f"/s/{ana}/time", data=form | {"ask": "x" * 3900})
    assert answer.status_code == 503
    assert "does not answer at the moment" in text_of(answer)
    assert nothing_booked(services)
    limit(services, "max_page_count=1000000")
    assert client.post(f"/s/{ana}/time", data=form).status_code == 303


def test_a_database_that_is_busy_too_long_books_nothing_and_says_so(services, ana):
    client = create_app(services).test_client()
    form = form_of(client.get(first_card(client.get(f"/s/{ana}"))), "book")
    limit(services, "busy_timeout=50")
    other = sqlite3.connect(services.settings.data_dir / "greenroom.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        assert client.get(f"/s/{ana}").status_code == 200, "reading goes on"
        answer = client.post(f"/s/{ana}/time", data=form)
        assert answer.status_code == 503
        assert "does not answer at the moment" in text_of(answer)
    finally:
        other.execute("ROLLBACK")
        other.close()
    assert nothing_booked(services)
    assert client.post(f"/s/{ana}/time", data=form).status_code == 303
