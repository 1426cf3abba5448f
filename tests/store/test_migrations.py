"""The migrated database is the one that tables.py describes, however many processes bring it there."""

import threading

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from service.store.database import Database, connect, sqlite_url
from service.store.migrate import is_current, migrate
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
