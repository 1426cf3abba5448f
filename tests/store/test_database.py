"""What PostgreSQL is told when we connect: who we are, and how long we wait. Whom SQLite's files are for."""

import os
import stat

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from service.store.database import connect, sqlite_url
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


def test_a_new_file_of_sqlite_is_its_users_alone_and_an_older_one_keeps_its_mode(tmp_path):
    before = os.umask(0o022)
    try:
        engine = connect(sqlite_url(tmp_path / "g.db"), KEYRING)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE t (a)"))
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
        assert modes == {"g.db": 0o600, "g.db-wal": 0o600, "g.db-shm": 0o600}
        engine.dispose()
        (tmp_path / "g.db").chmod(0o640)  # somebody's backup reads it by its group
        with engine.begin() as connection:
            connection.execute(text("SELECT a FROM t"))
        assert stat.S_IMODE((tmp_path / "g.db").stat().st_mode) == 0o640
    finally:
        os.umask(before)
        engine.dispose()
