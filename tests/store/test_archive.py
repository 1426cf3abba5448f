"""A backup of either database restores into either, and is of one moment whoever writes meanwhile."""

import base64
import json
import threading
from contextlib import closing, contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import delete, func, select, text

from service.store import archive, heartbeats, migrate, rows
from service.store.database import Database, connect, sqlite_url
from service.store.outbox import add
from service.store.sealed_file import BackupDamaged, BackupNewer
from service.store.tables import Base, Heartbeat, OutboxRow, Person
from service.store.types import Keyring
from tests.commands import cheap_backups
from tests.conftest import KEYS
from tests.lived import NOW, everything, lived_in, stamp
from tests.store import plain_rows

PASSPHRASE = "correct horse battery staple"


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request, tmp_path):
    """Another database, without tables."""
    if request.param == "sqlite":
        url = sqlite_url(tmp_path / "empty.db")
    else:
        url = request.getfixturevalue("postgres").empty()
    made = Database(connect(url, Keyring(KEYS)))
    yield made
    made.close()
    if request.param == "postgresql":
        request.getfixturevalue("postgres").drop(url)


@pytest.fixture
def database(database):
    stamp(database)
    return database


def back_up(database, file):
    with cheap_backups(), file.open("wb") as into:
        archive.backup(database.engine, KEYS, None, into, PASSPHRASE)
    return file


@contextmanager
def restored(database, file):
    with (
        file.open("rb") as source,
        archive.opened(source, lambda: PASSPHRASE) as found,
        archive.restored(database.engine, found) as session,
    ):
        yield session


def lines(database):
    with database.engine.connect() as connection:
        return list(rows.dump(connection))


@pytest.mark.databases
def test_from_any_database_to_any(services, empty, tmp_path):
    lived_in(services)
    with services.database.read() as session:
        tables = Base.metadata.sorted_tables
        empty_ones = [table.name for table in tables if not session.scalar(select(func.count()).select_from(table))]
        assert empty_ones == [], "tests.lived fills every table"
    with restored(empty, back_up(services.database, tmp_path / "backup")) as session:
        assert session.get(Person, 1).name == "Ana Lima"
    with services.database.write() as session:
        session.execute(delete(Heartbeat))  # what must not come along
    assert lines(empty) == lines(services.database)
    there, here = (everything(each).splitlines() for each in (replace(services, database=empty), services))
    assert sorted(there) == sorted(here)
    assert migrate.is_current(empty.engine)
    with empty.write() as session:  # numbers go on where they were
        session.add(Person(name="New", email="new@example.org", zone="UTC", created_at=NOW))


def test_nobody_seems_to_live_who_did_when_an_earlier_version_made_the_backup(services, empty, tmp_path, monkeypatch):
    lived_in(services)
    monkeypatch.setattr(rows, "OF_THE_MOMENT", ())
    file = back_up(services.database, tmp_path / "backup")
    monkeypatch.undo()
    with restored(empty, file) as session:
        assert heartbeats.alive(session, NOW) == set()
    with services.database.read() as session:
        assert heartbeats.alive(session, NOW) == {"clock"}, "else this shows nothing"


def test_whatever_fails_leaves_the_database_empty(services, empty, tmp_path):
    lived_in(services)
    file = back_up(services.database, tmp_path / "backup")
    with pytest.raises(ZeroDivisionError), restored(empty, file):
        raise ZeroDivisionError
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(BackupDamaged), restored(empty, file):
        pass
    with empty.engine.connect() as connection:
        assert list(rows.dump(connection)) == ['{"end":0}\n']


def plain_lines(database):
    """The lines with what is sealed in them opened: a pair's text is sealed anew each time that it comes by."""
    columns = []
    for line in map(json.loads, lines(database)):
        if isinstance(line, dict):
            columns = [f"{line.get('table')}.{name}" for name in line.get("columns", ())]
            yield line
        else:
            yield [plain(value, name) for value, name in zip(line, columns, strict=True)]


def plain(value, column):
    try:
        octets = base64.b64decode(value, validate=True)
    except (TypeError, ValueError):
        return value
    found = plain_rows.opened(octets, plain_rows.bound_to(column))
    return value if found is octets else found


def test_a_backup_of_an_earlier_version_is_brought_up_to_date(services, empty, tmp_path):
    lived_in(services)
    first = migrate.revisions()[0]
    migrate.migrate(services.database.engine, first)
    before = list(plain_lines(services.database))
    with restored(empty, back_up(services.database, tmp_path / "backup")) as session:
        assert session.get(Person, 1).name == "Ana Lima"
    assert migrate.is_current(empty.engine)
    migrate.migrate(empty.engine, first)
    assert list(plain_lines(empty)) == before


def test_a_backup_of_a_newer_version_is_refused(services, empty, tmp_path):
    with services.database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    file = back_up(services.database, tmp_path / "backup")
    with pytest.raises(BackupNewer), restored(empty, file):
        pass


class Writer(threading.Thread):
    """Commits pairs of rows that belong together until it is told to stop; what it changes always adds up."""

    def __init__(self, database):
        super().__init__()
        self.database, self.stopped, self.committed, self.fault = database, threading.Event(), 0, None

    def run(self):
        try:
            while not self.stopped.is_set():
                with self.database.write() as session:
                    person = Person(name="W", email=f"w{self.committed}@x", zone="UTC", created_at=NOW)
                    session.add(person)
                    session.flush()
                    add(session, NOW, "links", person.id, dedup=f"w{self.committed}", sequence=1)
                    session.execute(text("UPDATE outbox SET sequence = sequence + 1 WHERE dedup_key = 'one'"))
                    session.execute(text("UPDATE outbox SET sequence = sequence - 1 WHERE dedup_key = 'other'"))
                self.committed += 1
        except Exception as fault:
            self.fault = fault


@pytest.mark.databases
def test_a_backup_is_of_one_moment_while_others_write(services, tmp_path):
    with services.database.write() as session:
        session.execute(
            Person.__table__.insert(),
            [{"name": "P", "email": f"p{n}@x", "zone": "UTC", "mails": "all", "locale": "en", "created_at": NOW}
             for n in range(4000)],
        )  # fmt: skip
        for dedup in ("one", "other"):
            add(session, NOW, "links", 1, dedup=dedup, sequence=0)
    writer = Writer(services.database)
    writer.start()
    while writer.committed < 3 and writer.fault is None:
        writer.stopped.wait(0.01)
    before = writer.committed
    try:
        file = back_up(services.database, tmp_path / "backup")
        meanwhile = writer.committed - before
    finally:
        writer.stopped.set()
        writer.join()
    assert writer.fault is None
    assert meanwhile > 3, "it neither waits for the backup nor keeps it waiting"
    copy = Database(connect(sqlite_url(tmp_path / "copy.db"), Keyring(KEYS)))
    with closing(copy), restored(copy, file) as session:
        written = session.scalar(select(func.count()).where(Person.name == "W"))
        mailed = session.scalar(select(func.count()).where(OutboxRow.dedup_key.startswith("w")))
        moved = dict(
            session.execute(select(OutboxRow.dedup_key, OutboxRow.sequence).where(OutboxRow.person_id == 1)).all()
        )
        assert before <= written <= writer.committed
        assert (mailed, moved) == (written, {"one": written, "other": -written})
