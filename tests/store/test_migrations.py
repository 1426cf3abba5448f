"""The migrated database is the one that tables.py describes, however many processes bring it there."""

import threading

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import event, inspect, text
from sqlalchemy.exc import OperationalError

from service.store.database import Database, connect, sqlite_url
from service.store.migrate import DatabaseNewer, is_current, migrate
from service.store.tables import Base
from service.store.types import Keyring


def fresh(tmp_path):
    return Database(connect(sqlite_url(tmp_path / "migrated.db"), Keyring(("k" * 48,))))


def test_migrations_make_the_tables_that_the_code_knows(tmp_path):
    database = fresh(tmp_path)
    assert not is_current(database.engine)
    migrate(database.engine)
    migrate(database.engine)
    assert is_current(database.engine)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, Base.metadata) == []
    database.close()


def test_several_at_once_end_well(tmp_path):
    databases = [fresh(tmp_path) for _ in range(4)]
    faults = []

    def run(database):
        try:
            migrate(database.engine)
        except Exception as fault:
            faults.append(fault)

    threads = [threading.Thread(target=run, args=(database,)) for database in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert is_current(databases[0].engine)
    for database in databases:
        database.close()


def test_a_full_disk_leaves_nothing_half_made(tmp_path):
    full = fresh(tmp_path)
    event.listen(full.engine, "connect", lambda connection, _: connection.execute("PRAGMA max_page_count = 12"))
    with pytest.raises(OperationalError, match="full"):
        migrate(full.engine)
    full.close()
    with_room = fresh(tmp_path)
    assert inspect(with_room.engine).get_table_names() == []
    migrate(with_room.engine)
    assert is_current(with_room.engine)
    with_room.close()


def test_a_database_of_a_newer_version_is_left_alone(tmp_path):
    database = fresh(tmp_path)
    migrate(database.engine)
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseNewer):
        migrate(database.engine)
    assert not is_current(database.engine)
    database.close()
