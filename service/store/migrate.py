"""Brings the database to this version's tables; safe from several processes at once."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from service.domain.errors import GreenroomError

LOCK_ID = 7_264_931  # PostgreSQL's advisory lock of this application's migrations
SCRIPTS = Path(__file__).parent / "migrations"


class DatabaseNewer(GreenroomError):
    """A later version has changed this database; this one would not know what it holds."""

    code = "database_newer"


def migrate(engine: Engine) -> None:
    """Upgrades to the newest revision, in whole revisions or not at all. Repeatable; whoever comes second waits and
    finds nothing to do. Raises DatabaseNewer, or OperationalError when the database cannot be written to."""
    with alone(engine), engine.connect() as connection:
        upgrade(connection)
        connection.commit()


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Upgrades inside the connection's transaction, for who is `alone`. Raises DatabaseNewer."""
    if not _heads_of(connection) | {revision} <= _known() | {"head"}:
        raise DatabaseNewer
    command.upgrade(_config(connection), revision)


def is_current(engine: Engine) -> bool:
    """Whether the database is at the newest revision."""
    with engine.connect() as connection:
        return _heads_of(connection) == _newest()


def revision_of(connection: Connection) -> str | None:
    """The revision that the tables are at; None without tables. One that this version does not know is told as it
    is."""
    return MigrationContext.configure(connection).get_current_revision()


def _heads_of(connection: Connection) -> frozenset[str]:
    return frozenset(MigrationContext.configure(connection).get_current_heads())


@cache
def _newest() -> frozenset[str]:
    return frozenset(ScriptDirectory.from_config(_config(None)).get_heads())


@cache
def _known() -> frozenset[str]:
    return frozenset(each.revision for each in ScriptDirectory.from_config(_config(None)).walk_revisions())


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


@contextmanager
def alone(engine: Engine) -> Iterator[None]:
    """Nobody else changes tables meanwhile; whoever comes second waits."""
    if engine.dialect.name == "sqlite":
        assert engine.url.database is not None
        with Path(engine.url.database + ".migrate").open("w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        return
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:id)"), {"id": LOCK_ID})
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:id)"), {"id": LOCK_ID})
