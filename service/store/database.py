"""Engine and sessions: SQLite tuned for one writer at a time, PostgreSQL for many that each wait for a while."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlalchemy import Engine, create_engine, event, func, make_url, select
from sqlalchemy.engine import Connection
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError, TimeoutError
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from sqlalchemy.orm.interfaces import ORMOption
from sqlalchemy.pool import ConnectionPoolEntry

from service.store.types import Keyring

BUSY_TIMEOUT_MS = 10_000
POOL_TIMEOUT = timedelta(seconds=10)
POSTGRESQL = {
    "application_name": "greenroom",  # in pg_stat_activity and the server's log
    "connect_timeout": "5",  # seconds
    "keepalives_idle": "30",  # seconds; a peer that is gone without a word is noticed after a minute
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",  # milliseconds
    # No statement of ours takes half a minute, and nobody waits longer for a lock than SQLite's writers do. What is
    # left open by a process that hangs must not hold its locks for ever.
    "options": f"-c statement_timeout=30s -c lock_timeout={BUSY_TIMEOUT_MS}ms"
    " -c idle_in_transaction_session_timeout=60s",
}
# What a database that is away, starting or out of connections raises: asking again later helps.
AWAY: tuple[type[SQLAlchemyError], ...] = (OperationalError, InterfaceError, TimeoutError)
WRITES = "greenroom_write"  # an execution option: the session will change something
Row = TypeVar("Row", bound=DeclarativeBase)


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path}"


def connect(url: str, keyring: Keyring, threads: int = 8) -> Engine:
    """An engine whose encrypted columns use `keyring`. SQLite runs in WAL with synchronous=FULL: NORMAL may forget a
    committed `sending` mark on power loss, and a forgotten mark is a second mail. PostgreSQL's connections are kept,
    one for each of the process's `threads`; the URL's own parameters come before what is said here."""
    more: dict[str, Any] = {}
    if not url.startswith("sqlite"):
        said = make_url(url).query
        more = {
            "pool_pre_ping": True,  # a server that was restarted is found out before anything is asked of it
            "pool_size": threads,
            "max_overflow": threads,  # the clock's question may come while a thread has its own connection in hand
            "pool_timeout": POOL_TIMEOUT.total_seconds(),
            "connect_args": {name: value for name, value in POSTGRESQL.items() if name not in said},
        }
    # Values stay out of error texts: they are what people typed.
    engine = create_engine(url, hide_parameters=True, **more)
    engine.dialect.greenroom_keyring = keyring  # type: ignore[attr-defined]
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _tune_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _tune_sqlite(connection: Any, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # pysqlite must not begin by itself; _begin_sqlite does
    cursor = connection.cursor()
    _keep_private(cursor)
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    _write_ahead(cursor)
    for pragma in (
        "synchronous=FULL",
        "foreign_keys=ON",
        "temp_store=MEMORY",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _keep_private(cursor: Any) -> None:
    """A new file is for its user alone, whatever the umask; SQLite gives its -wal and -shm the mode of the file. One
    that holds something already keeps what its owner gave it."""
    _, _, name = cursor.execute("PRAGMA database_list").fetchone()
    path = Path(name)
    if path.is_file() and path.stat().st_size == 0:
        with suppress(OSError):  # a file system may keep no modes; what hinders writing, SQLite says itself
            path.chmod(0o600)


def _write_ahead(cursor: Any) -> None:
    """Of several that open a new file at once each wants it alone for this, and SQLite refuses all but one without
    waiting."""
    deadline = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as fault:
            if fault.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                raise
            time.sleep(0.01)


def _begin_sqlite(connection: Connection) -> None:
    # A deferred transaction that turns into a writer fails at once with SQLITE_BUSY; writers say so at their start.
    if connection.get_execution_options().get(WRITES):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:  # touches nothing and cannot fail; through SQLAlchemy it would take as long as a question
        cast(sqlite3.Connection, connection.connection.dbapi_connection).execute("BEGIN DEFERRED")


def load_row(session: Session, kind: type[Row], key: object, options: Sequence[ORMOption] = ()) -> Row | None:
    """The row, or None. In a session that writes nobody else can change it before the end, so that a decision taken
    from it still holds when it is written: PostgreSQL locks it, SQLite has one writer anyway."""
    alone = session.get_bind().dialect.name == "sqlite" or not _writes(session)
    # FOR NO KEY UPDATE: others may go on adding rows that refer to this one.
    lock = None if alone else {"of": kind, "key_share": True}
    # As it is now: what this session read before it had to wait may have been changed by whom it waited for.
    return session.get(kind, key, options=options, with_for_update=lock, populate_existing=lock is not None)


def _writes(session: Session) -> bool:
    bind = session.get_bind()
    return bool(bind.get_execution_options().get(WRITES))


def alone(session: Session, lock_id: int) -> None:
    """Until this transaction ends, no other is past the same line. SQLite's writers are alone anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(lock_id)))


class Database:
    """Where sessions come from: `read()` never commits, `write()` commits at its end, or nothing."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._readers = sessionmaker(engine, expire_on_commit=False)
        self._writers = sessionmaker(engine.execution_options(**{WRITES: True}), expire_on_commit=False)

    @contextmanager
    def read(self) -> Iterator[Session]:
        with self._readers() as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        with self._writers() as session, session.begin():
            yield session

    def close(self) -> None:
        self.engine.dispose()
