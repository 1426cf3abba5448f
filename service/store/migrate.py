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
from sqlalchemy.exc import DBAPIError

from service.domain.errors import GreenroomError

LOCK_ID = 7_264_931  # PostgreSQL's advisory lock of this application's migrations
NOT_TO_BE_HAD = ("42501", "0A000", "58P01")  # insufficient_privilege, feature_not_supported, undefined_file
SCRIPTS = Path(__file__).parent / "migrations"


class DatabaseNewer(GreenroomError):
    """A later version has changed this database; this one, which knows it up to `revision`, would not know what it
    holds."""

    code = "database_newer"


class ExtensionMissing(GreenroomError):
    """PostgreSQL's btree_gist is neither there nor may this user create it. Nothing was changed."""

    code = "extension_missing"


class UnknownRevision(GreenroomError):
    """This version knows no such revision of the tables."""

    code = "unknown_revision"


def migrate(engine: Engine, to: str | None = None) -> None:
    """Brings the tables to the newest revision, or to the given one, which may lie before the present one: for going
    back to an earlier version. All of it or nothing. Repeatable; whoever comes second waits and finds nothing to do.

    Raises UnknownRevision, DatabaseNewer, ExtensionMissing, or OperationalError when the database cannot be written to.
    """
    wanted = to or revisions()[-1]
    if wanted not in revisions():
        raise UnknownRevision(revision=wanted, known=", ".join(revisions()))
    if _at(engine) == {wanted}:
        return
    with alone(engine), engine.connect() as connection:
        bring_to(connection, wanted)
        connection.commit()


def bring_to(connection: Connection, revision: str) -> None:
    """Up or down, inside the connection's transaction, for who is `alone`. Raises DatabaseNewer, also for a revision
    that is not known here, or ExtensionMissing."""
    known, present = revisions(), _heads_of(connection)
    if not present | {revision} <= set(known):
        raise DatabaseNewer(revision=known[-1])
    back = any(known.index(each) > known.index(revision) for each in present)
    if connection.dialect.name == "postgresql":
        for limit in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):  # meant for pages
            connection.execute(text(f"SET LOCAL {limit} = 0"))
    try:
        (command.downgrade if back else command.upgrade)(_config(connection), revision)
    except DBAPIError as fault:
        if "btree_gist" in (fault.statement or "") and getattr(fault.orig, "sqlstate", "") in NOT_TO_BE_HAD:
            raise ExtensionMissing from None
        raise


def is_current(engine: Engine) -> bool:
    """Whether the database is at the newest revision."""
    return _at(engine) == {revisions()[-1]}


def _at(engine: Engine) -> frozenset[str]:
    with engine.connect() as connection:
        return _heads_of(connection)


def revision_of(connection: Connection) -> str | None:
    """The revision that the tables are at; None without tables. One that this version does not know is told as it
    is."""
    return MigrationContext.configure(connection).get_current_revision()


def _heads_of(connection: Connection) -> frozenset[str]:
    return frozenset(MigrationContext.configure(connection).get_current_heads())


@cache
def revisions() -> tuple[str, ...]:
    """All that this version knows, oldest first."""
    known = [each.revision for each in ScriptDirectory.from_config(_config(None)).walk_revisions()]
    return tuple(reversed(known))


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
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.detach()  # never back to the pool: what is set here, and the lock, end with it
        connection.execute(text("SET lock_timeout = 0"))  # another machine's migration takes as long as it takes
        connection.execute(text("SELECT pg_advisory_lock(:id)"), {"id": LOCK_ID})
        yield
