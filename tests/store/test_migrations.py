"""The migrated database is the one that the tables describe, however many processes bring it there, and back."""

import signal
import subprocess
import sys
import threading
from datetime import UTC, date, datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import JSON, MetaData, event, inspect, select, text
from sqlalchemy.exc import OperationalError

from service.cli.frame import sentences
from service.store.database import Database, connect, sqlite_url
from service.store.migrate import (
    SCRIPTS,
    DatabaseNewer,
    ExtensionMissing,
    UnknownRevision,
    is_current,
    migrate,
    revisions,
)
from service.store.pair_text import EncryptedOfPair
from service.store.tables import Base, PairKey
from service.store.types import KeyMissing, Keyring
from tests.conftest import KEYS
from tests.store.plain_rows import bound_to, everything

KEYRING = Keyring(KEYS)
pytestmark = pytest.mark.long
ON_BOTH = pytest.mark.parametrize("empty_url", ["sqlite", "postgresql"], indirect=True)
# Everything about a table that can differ, as PostgreSQL itself tells it; Alembic compares no exclusion constraints.
TOLD_BY_POSTGRESQL = (
    "SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, column_default"
    " FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version'",
    "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'alembic_version'",
    "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'",
)


@pytest.fixture
def empty_url(request, tmp_path):
    """A database without tables."""
    if request.param == "sqlite":
        yield sqlite_url(tmp_path / "migrated.db")
        return
    postgres = request.getfixturevalue("postgres")
    url = postgres.empty()
    yield url
    postgres.drop(url)


@pytest.fixture
def fresh(empty_url):
    database = Database(connect(empty_url, KEYRING))
    yield database
    database.close()


def test_each_migration_has_its_own_number_and_follows_the_one_before():
    files = sorted(path.name[:4] for path in (SCRIPTS / "versions").glob("*.py"))
    assert files == list(revisions()) == [f"{number:04}" for number in range(1, len(files) + 1)]


@ON_BOTH
def test_migrations_make_the_tables_that_the_code_knows(fresh):
    assert not is_current(fresh.engine)
    migrate(fresh.engine)
    migrate(fresh.engine)
    assert is_current(fresh.engine)
    with fresh.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_on_postgresql_they_make_them_to_the_letter(postgres):
    urls = [postgres.empty(), postgres.empty()]
    migrated, described = (connect(url, KEYRING) for url in urls)
    migrate(migrated)
    with described.begin() as connection:
        connection.execute(text("CREATE EXTENSION btree_gist"))
        Base.metadata.create_all(connection)
    for question in TOLD_BY_POSTGRESQL:
        with migrated.connect() as one, described.connect() as other:
            answer = set(one.execute(text(question)).all())
            assert answer == set(other.execute(text(question)).all())
            assert answer
    for url, engine in zip(urls, (migrated, described), strict=True):
        engine.dispose()
        postgres.drop(url)


def some_of_everything(engine):
    """Two rows in every table that the database has now, whatever version made it."""
    found = MetaData()
    found.reflect(engine)
    with engine.begin() as connection:
        for table in found.sorted_tables:
            if table.name == "alembic_version":
                continue
            for number in (1, 2):
                row = {column.name: some(column, number) for column in table.columns}
                connection.execute(table.insert().values(row))


def some(column, number):
    if column.name == "mentor_id":
        return 3 - number  # nobody is their own mentor
    if isinstance(column.type, JSON):
        return {"a": number}
    return {
        int: number,
        str: f"{number}{column.name}"[:10],
        bytes: KEYRING.seal(b"typed", bound_to(column)),
        bool: True,
        date: date(2027, 2, number),
        datetime: datetime(2027, 2, number, 9, tzinfo=UTC),
    }[column.type.python_type]


@ON_BOTH
@pytest.mark.parametrize("released", revisions()[:-1])
def test_from_every_released_version_and_back_with_every_row(fresh, released):
    migrate(fresh.engine, released)
    some_of_everything(fresh.engine)
    before = everything(fresh.engine)
    assert all(len(rows) == 2 for rows in before.values())
    columns = {name: set(rows[0]) for name, rows in before.items()}
    migrate(fresh.engine)
    assert is_current(fresh.engine)
    assert everything(fresh.engine, columns) == before
    migrate(fresh.engine, released)
    assert everything(fresh.engine) == before
    migrate(fresh.engine)
    assert everything(fresh.engine, columns) == before
    with pytest.raises(UnknownRevision):
        migrate(fresh.engine, "0000")


def texts_of_pairs(engine):
    """Column -> its values, as the code reads them."""
    columns = [one for table in Base.metadata.sorted_tables for one in table.columns]
    columns = [one for one in columns if isinstance(one.type, EncryptedOfPair)]
    with engine.connect() as connection:
        return {str(one): connection.scalars(select(one).order_by(*one.table.primary_key)).all() for one in columns}


@ON_BOTH
def test_every_text_of_a_pair_gets_the_key_of_that_pair(fresh):
    migrate(fresh.engine, "0034")
    some_of_everything(fresh.engine)
    migrate(fresh.engine)
    found = texts_of_pairs(fresh.engine)
    assert len(found) > 25
    assert {tuple(texts) for texts in found.values()} == {("typed", "typed")}
    keys = {tuple(text.key for text in texts) for texts in found.values()}
    assert len(keys) == 1  # the same two for every kind of row
    with fresh.engine.connect() as connection:
        assert (tuple(connection.scalars(select(PairKey.key).order_by(PairKey.pair_id)).all())) in keys


@ON_BOTH
def test_what_no_key_opens_is_left_until_the_key_is_back(fresh, empty_url):
    migrate(fresh.engine, "0034")
    some_of_everything(fresh.engine)
    other = connect(empty_url, Keyring(("o" * 48,)))
    migrate(other)
    with pytest.raises(KeyMissing, match=Keyring.key_id(KEYS[0])):
        texts_of_pairs(other)
    found = connect(empty_url, Keyring(("o" * 48, *KEYS)))
    assert {tuple(texts) for texts in texts_of_pairs(found).values()} == {("typed", "typed")}
    for engine in (other, found):
        engine.dispose()


@ON_BOTH
def test_several_threads_at_once_end_well(empty_url):
    databases = [Database(connect(empty_url, KEYRING)) for _ in range(4)]
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


def migrating(url, *arguments):
    """A process that migrates, counts what it said to the database, and prints that."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.store.migrating", url, *arguments], stdout=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("empty_url", ["postgresql"], indirect=True)
def test_four_processes_at_once_do_the_work_once(empty_url, fresh):
    processes = [migrating(empty_url) for _ in range(4)]
    changes = sorted(int(process.communicate(timeout=60)[0]) for process in processes)
    assert [process.returncode for process in processes] == [0] * 4
    assert changes[:3] == [0, 0, 0]
    assert changes[3] >= len(Base.metadata.tables)
    assert is_current(fresh.engine)


@ON_BOTH
@pytest.mark.parametrize(
    ("before", "killed_at"), [(None, "CREATE TABLE meetings"), ("0001", "CREATE INDEX ix_outbox_state")]
)
def test_killed_half_way_the_old_revision_is_whole(empty_url, fresh, before, killed_at):
    if before:
        migrate(fresh.engine, before)
    tables = set(inspect(fresh.engine).get_table_names())
    process = migrating(empty_url, killed_at)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert set(inspect(fresh.engine).get_table_names()) == tables
    assert "send_times" not in tables
    assert not is_current(fresh.engine)
    migrate(fresh.engine)
    assert is_current(fresh.engine)


@pytest.mark.parametrize("empty_url", ["sqlite"], indirect=True)
def test_a_full_disk_leaves_nothing_half_made(empty_url, fresh):
    full = Database(connect(empty_url, KEYRING))
    event.listen(full.engine, "connect", lambda connection, _: connection.execute("PRAGMA max_page_count = 12"))
    with pytest.raises(OperationalError, match="full"):
        migrate(full.engine)
    full.close()
    assert inspect(fresh.engine).get_table_names() == []
    migrate(fresh.engine)
    assert is_current(fresh.engine)


@ON_BOTH
def test_a_database_of_a_newer_version_is_left_alone(fresh):
    migrate(fresh.engine)
    with fresh.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseNewer):
        migrate(fresh.engine)
    assert not is_current(fresh.engine)


def test_without_the_right_to_the_extension_it_says_what_to_run(postgres):
    """A user who may make tables, on a server whose administrator has not made the extension yet."""
    url = postgres.empty()
    owner, plain = connect(url, KEYRING), connect(url.replace("postgres@", "plain@"), KEYRING)
    with owner.begin() as connection:
        connection.execute(text("CREATE ROLE plain LOGIN"))
        connection.execute(text("GRANT ALL ON SCHEMA public TO plain"))
    with pytest.raises(ExtensionMissing) as refused:
        migrate(plain)
    assert "CREATE EXTENSION btree_gist;" in sentences(refused.value)[0]
    assert inspect(plain).get_table_names() == []
    with owner.begin() as connection:
        connection.execute(text("CREATE EXTENSION btree_gist"))
    migrate(plain)
    assert is_current(plain)
    with owner.begin() as connection:
        connection.execute(text("DROP OWNED BY plain CASCADE"))
        connection.execute(text("DROP ROLE plain"))
    owner.dispose()
    plain.dispose()
    postgres.drop(url)
