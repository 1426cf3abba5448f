"""Several reads of one calendar at a time: the one that began last holds, and whatever is not known is read again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Barrier, Event, Thread

import pytest
from sqlalchemy import select

from service.domain.errors import AdapterError
from service.domain.interval import instant, unpack
from service.operations import calendars, refreshing
from service.store.tables import Calendar, Connection
from service.store.types import fingerprint
from tests import cast
from tests.operations.reading import NOW, begin, connect, end, refresh, state

MONDAY = datetime(2027, 2, 8, 15, 0, tzinfo=UTC)


@pytest.fixture
def pair_id(services):
    with services.database.write() as session:
        return cast.pair(session, NOW).id


def busy_starts(services):
    with services.database.read() as session:
        return [instant(start) for start, _ in unpack(session.scalars(select(Calendar)).one().busy)]


@pytest.mark.databases
@pytest.mark.parametrize("clock", [timedelta(0), timedelta(minutes=1), timedelta(days=-2)])
def test_of_two_reads_the_one_that_began_later_holds_whichever_ends_first(services, pair_id, clock):
    connection_id = connect(services, pair_id)
    bens = services.calendars("ics", "bens", None, None)
    bens.put(MONDAY + timedelta(days=2), 60)
    old = begin(services, connection_id)
    bens.events.clear()
    bens.put(MONDAY, 60)
    new = begin(services, connection_id)
    end(services, new)
    end(services, old, NOW + clock)
    assert busy_starts(services) == [MONDAY]
    with services.database.read() as session:
        assert session.scalars(select(Connection)).one().checked_at == NOW
    bens.put(MONDAY + timedelta(days=1), 60)
    refresh(services, connection_id, NOW + clock)
    assert len(busy_starts(services)) == 2


def test_two_reads_that_end_as_they_began_are_both_kept(services, pair_id):
    connection_id = connect(services, pair_id)
    bens = services.calendars("ics", "bens", None, None)
    old = begin(services, connection_id)
    bens.put(MONDAY, 60)
    new = begin(services, connection_id)
    end(services, old)
    assert busy_starts(services) == []
    for _ in range(2):
        end(services, new)
    assert busy_starts(services) == [MONDAY]


@pytest.mark.databases
def test_reads_that_begin_at_the_same_moment_are_numbered_all_the_same(services, pair_id):
    connection_id = connect(services, pair_id)
    ready, numbers = Barrier(4), []

    def ask():
        ready.wait()
        numbers.append(begin(services, connection_id).plan.number)

    threads = [Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == [2, 3, 4, 5]


def test_a_failure_that_is_overtaken_by_a_success_is_no_failure(services, pair_id):
    connection_id = connect(services, pair_id)
    bens = services.calendars("ics", "bens", None, None)
    bens.fault = AdapterError("unauthorized", permanent=True, host="x")
    failed = begin(services, connection_id)
    bens.fault = None
    end(services, begin(services, connection_id))
    end(services, failed)
    assert state(services, connection_id) == "connected"


def test_unchanged_since_a_record_that_is_gone_is_read_anew(services, pair_id):
    """A change, and its undoing, each seen by a read of its own: "not changed" is then about a record that is gone."""
    connection_id = connect(services, pair_id)
    bens = services.calendars("ics", "bens", None, None)
    bens.put(MONDAY, 60)
    changed = begin(services, connection_id)
    bens.events.clear()
    bens.version -= 1
    unchanged = begin(services, connection_id)
    assert unchanged.readings[0][1] is None
    end(services, changed)
    end(services, unchanged)
    with services.database.read() as session:
        assert session.scalars(select(Connection)).one().due_at == NOW
    refresh(services, connection_id, NOW)
    assert busy_starts(services) == []


def test_a_calendar_that_begins_to_count_while_it_is_read_is_read_at_once(services, pair_id):
    connection_id = connect(services, pair_id)
    for counts in (False, True):
        running = begin(services, connection_id) if counts else None
        with services.database.write() as session:
            connection = session.get(Connection, connection_id)
            calendars.set_counts(connection, connection.calendars[0].id, counts, NOW)
    end(services, running)
    with services.database.read() as session:
        assert session.scalars(select(Connection)).one().due_at == NOW


def test_a_live_read_that_is_given_up_names_the_server(services, pair_id):
    connection_id = connect(services, pair_id, url="https://slow.example/ben.ics")
    done = Event()

    def hang(*_credentials):
        done.wait(10)
        raise AssertionError("nobody waits for this")

    with services.database.write() as session:
        plans = refreshing.begin_live_reads(session, NOW, session.get(cast.Pair, pair_id))
    [result] = refreshing.read_live(plans, hang, timedelta(milliseconds=10))
    done.set()
    assert (result.plan.connection_id, result.error.code, result.error.params) == (
        connection_id,
        "timeout",
        {"host": "slow.example"},
    )


def test_a_server_that_says_later_is_not_asked_for_the_persons_other_calendars(services, pair_id):
    connection_id = connect(services, pair_id)
    with services.database.write() as session:
        other = Calendar(key="other", key_hash=fingerprint("other"), name="Home", counts=True)
        other.connection_id = connection_id
        session.add(other)
    bens = services.calendars("ics", "bens", None, None)
    bens.fault = AdapterError("throttled", permanent=False, retry_after=timedelta(minutes=10), host="x")
    before = bens.reads
    refresh(services, connection_id, NOW)
    assert bens.reads == before + 1
    with services.database.read() as session:
        assert session.scalars(select(Connection)).one().due_at == NOW + timedelta(minutes=10)
