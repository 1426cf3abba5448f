"""What PostgreSQL is told when we connect: who we are, and how long we wait."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from service.store.database import connect
from service.store.types import Keyring

KEYRING = Keyring(("k" * 48,))


def told(url):
    engine = connect(url, KEYRING)
    with engine.connect() as connection:
        names = ("application_name", "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
        values = [connection.execute(text(f"SHOW {name}")).scalar_one() for name in names]
    engine.dispose()
    return values


def test_nobody_waits_for_ever(postgres_url):
    assert told(postgres_url) == ["greenroom", "30s", "10s", "1min"]


def test_the_urls_own_parameters_come_first(postgres_url):
    own = told(f"{postgres_url}&application_name=second&options=-c%20lock_timeout%3D50ms")
    assert own[0] == "second"
    assert own[2] == "50ms"


def test_one_who_waits_too_long_for_a_lock_is_told_and_the_connection_goes_on(postgres_url):
    engine = connect(f"{postgres_url}&options=-c%20lock_timeout%3D50ms", KEYRING)
    with engine.connect() as holder, engine.connect() as other:
        holder.execute(text("LOCK TABLE people"))
        with pytest.raises(OperationalError, match="lock timeout"):
            other.execute(text("LOCK TABLE people"))
        other.rollback()
        holder.rollback()
        assert other.execute(text("SELECT count(*) FROM people")).scalar_one() == 0
    engine.dispose()


def test_each_thread_finds_a_connection_and_the_rest_wait(postgres_url):
    engine = connect(postgres_url, KEYRING, threads=2)
    in_hand = [engine.connect() for _ in range(4)]
    assert engine.pool.size() == 2
    for connection in in_hand:
        connection.close()
    assert engine.pool.checkedin() == 2
    engine.dispose()
