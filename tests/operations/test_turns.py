"""Turns in the database: who takes what, what is left alone, and that the questions are answered by an index."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

import pytest
from sqlalchemy import event, select

from service.domain.errors import AdapterError
from service.operations import followup, refreshing, turns
from service.operations.turns import LEASE
from service.store import outbox, writes
from service.store.tables import CalendarHost, Connection, Person

NOW = datetime(2027, 2, 1, 9, 0, tzinfo=UTC)
POLL, MINUTE = timedelta(minutes=5), timedelta(minutes=1)


def connect(services, *urls, due_at=NOW, known=True):
    """Connections of as many people, all due at once; returns their ids."""
    with services.database.write() as session:
        ids = []
        for number, url in enumerate(urls):
            person = Person(email=f"{number}@example.org", name=str(number), zone="UTC", created_at=NOW)
            session.add(person)
            session.flush()
            made = Connection(
                person_id=person.id, provider="ics", url=url, created_at=NOW, due_at=due_at,
                host_hash=turns.host_hash("ics", url) if known else None,
            )  # fmt: skip
            session.add(made)
            session.flush()
            ids.append(made.id)
        return ids


def claim(services, now=NOW, free=99, per_host=4):
    with services.database.write() as session:
        return turns.claim(session, now, free, per_host)


def store(services, connection_id, error=None, now=NOW):
    with services.database.write() as session:
        plan = refreshing.begin_read(session, now, connection_id)
        refreshing.store_refresh(session, now, refreshing.RefreshResult(plan, (), error), POLL)


@pytest.mark.databases
def test_no_more_at_once_than_a_host_likes_and_the_next_when_one_has_ended(services):
    ids = connect(services, *[f"https://big.example/{n}" for n in range(4)], "https://small.example/")
    assert claim(services, per_host=2) == [ids[0], ids[4], ids[1]]
    assert claim(services, per_host=2) == []
    store(services, ids[0])
    assert claim(services, per_host=2) == [ids[2]]
    assert claim(services, NOW + LEASE - timedelta(seconds=1), per_host=2) == []
    assert set(claim(services, NOW + LEASE, per_host=9)) == set(ids), "whoever took them is gone"


@pytest.mark.databases
def test_several_who_ask_at_the_same_moment_keep_to_it_together(services):
    connect(services, *[f"https://big.example/{n}" for n in range(12)])
    taken, ready = [], Barrier(4)

    def ask():
        ready.wait()
        taken.extend(claim(services, per_host=3))

    threads = [Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken)) == 3


@pytest.mark.databases
def test_retry_after_is_obeyed_for_everybody_on_that_host(services):
    one, other, elsewhere = connect(
        services, "https://busy.example/1", "https://ben@BUSY.example:443/2", "https://quiet.example/"
    )
    assert claim(services, free=1) == [one]
    store(services, one, AdapterError("throttled", permanent=False, retry_after=10 * MINUTE, host="busy.example"))
    assert claim(services) == [elsewhere]
    store(services, elsewhere)
    with services.database.write() as session:
        session.get(Connection, one).due_at = NOW  # its owner switched it off and on again
    assert claim(services, NOW + 10 * MINUTE - timedelta(seconds=1)) == [elsewhere]
    assert claim(services, NOW + 10 * MINUTE) == [one, other]


def test_a_provider_without_addresses_is_one_server(services):
    assert turns.host_hash("google", "") == turns.host_hash("google", "") != turns.host_hash("microsoft", "")
    assert turns.host_hash("caldav", "https://a.example/x") == turns.host_hash("ics", "webcal://A.example/y")


def test_a_hold_lasts_a_day_at_most_and_does_not_shrink(services):
    [one] = connect(services, "https://busy.example/1")
    for retry_after in (timedelta(days=40), MINUTE):
        store(services, one, AdapterError("throttled", permanent=False, retry_after=retry_after, host="busy.example"))
    with services.database.read() as session:
        assert session.scalars(select(CalendarHost.wait_until)).all() == [NOW + timedelta(days=1)]


def test_connections_whose_host_is_not_known_yet_are_in_nobodys_way(services):
    ids = connect(services, *[f"https://old.example/{n}" for n in range(3)], known=False)
    assert claim(services, per_host=1) == ids
    for each in ids:
        store(services, each)
    with services.database.read() as session:
        assert set(session.scalars(select(Connection.host_hash))) == {turns.host_hash("ics", "https://old.example/")}


def test_a_clock_that_was_set_back_keeps_nothing_waiting(services):
    [one] = connect(services, "https://a.example/")
    later = NOW + timedelta(days=9)
    assert claim(services, later) == [one]
    with services.database.write() as session:
        turns.hold(session, later, turns.host_hash("ics", "https://a.example/"), MINUTE)
    assert claim(services, NOW) == [one]


def plan_of(services, statement):
    """SQLite's plan of a query, as one text."""
    asked = []
    with services.database.read() as session:
        bind = session.get_bind()

        def note(_connection, _cursor, sql, parameters, _context, _many):
            asked.append((sql, parameters))

        event.listen(bind, "before_cursor_execute", note)
        session.execute(statement)
        event.remove(bind, "before_cursor_execute", note)
        [(sql, parameters)] = [each for each in asked if each[0].startswith("SELECT")]
        rows = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", parameters)
        return "\n".join(row[3] for row in rows)


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (turns.due(NOW), "connections USING INDEX ix_connections_due_at (due_at<?)"),
        (turns.being_read(NOW), "connections USING INDEX ix_connections_leased (leased_until>? AND leased_until<?)"),
        (followup.due(NOW, 100), "meetings USING COVERING INDEX ix_meetings_due (due_at<?)"),
        (outbox.due_rows(NOW, 100), "outbox USING INDEX ix_outbox_state (state=? AND due_at<?)"),
        (writes.due(NOW, 100), "calendar_writes USING INDEX ix_calendar_writes_due (due_at<?)"),
    ],
    ids=["connections", "leases", "meetings", "mails", "entries"],
)
def test_what_is_due_is_found_by_an_index(services, statement, index):
    plan = plan_of(services, statement)
    assert f"SEARCH {index}" in plan
    assert "SCAN" not in plan
    assert "FOR ORDER BY" not in plan
