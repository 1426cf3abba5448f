"""Machines agree on the time that PostgreSQL says, also while it is away."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, text

from service.store.clock import DatabaseClock
from service.store.database import connect
from service.store.types import Keyring
from service.wiring import utc_now

CLOSE = timedelta(seconds=1)


def fast():
    """The clock of a machine that runs five minutes ahead."""
    return utc_now() + timedelta(minutes=5)


@pytest.fixture
def engine(postgres_url):
    made = connect(postgres_url, Keyring(("k" * 48,)))
    yield made
    made.dispose()


def test_a_machine_that_is_ahead_goes_by_the_database(engine):
    read = DatabaseClock(engine, fast)
    assert abs(read() - utc_now()) < CLOSE
    assert read().tzinfo is UTC
    with engine.connect() as connection:
        theirs = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    assert abs(read() - theirs) < CLOSE


@pytest.fixture
def monotonic(monkeypatch):
    """Seconds that pass when the test says so."""
    seconds = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: seconds[0])
    return seconds


def test_it_asks_again_after_half_a_minute_and_not_before(engine, monotonic):
    asked = []
    event.listen(engine, "after_cursor_execute", lambda *said: asked.append(said[2]))
    read = DatabaseClock(engine, fast)
    first = read()
    before = len(asked)
    monotonic[0] += 29
    assert read() - first == timedelta(seconds=29)
    assert len(asked) == before
    monotonic[0] += 2
    assert abs(read() - utc_now()) < CLOSE, "no half minute has passed: the database is believed"
    assert len(asked) > before


def test_while_the_database_is_away_its_last_answer_goes_on(engine, monotonic, postgres):
    read, late = DatabaseClock(engine, fast), DatabaseClock(engine, fast)
    first = read()
    postgres.stop()
    monotonic[0] += 31
    assert read() - first == timedelta(seconds=31)
    assert abs(late() - fast()) < CLOSE, "nothing better is known"
    postgres.start()
    monotonic[0] += 2
    assert abs(read() - utc_now()) < CLOSE
    assert abs(late() - utc_now()) < CLOSE


def test_threads_that_start_at_once_all_wait_for_the_first_answer(engine):
    read, told, gate = DatabaseClock(engine, fast), [], threading.Barrier(8)

    def ask():
        gate.wait()
        told.append(read())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(abs(moment - datetime.now(UTC)) < CLOSE * 5 for moment in told)
    assert len(told) == 8
