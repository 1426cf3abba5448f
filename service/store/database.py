"""Engine and sessions: SQLite tuned for one writer at a time, PostgreSQL as it comes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import Connection
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from sqlalchemy.orm.interfaces import ORMOption
from sqlalchemy.pool import ConnectionPoolEntry

from service.store.types import Keyring

BUSY_TIMEOUT_MS = 10_000
WRITES = "greenroom_write"  # an execution option: the session will change something
Row = TypeVar("Row", bound=DeclarativeBase)


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path}"


def connect(url: str, keyring: Keyring) -> Engine:
    """An engine whose encrypted columns use `keyring`. SQLite runs in WAL with synchronous=FULL: NORMAL may forget a
    committed `sending` mark on power loss, and a forgotten mark is a second mail."""
    # Values stay out of error texts: they are what people typed.
    engine = create_engine(url, pool_pre_ping=not url.startswith("sqlite"), hide_parameters=True)
    engine.dialect.greenroom_keyring = keyring  # type: ignore[attr-defined]
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _tune_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _tune_sqlite(connection: Any, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # pysqlite must not begin by itself; _begin_sqlite does
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "foreign_keys=ON",
        "temp_store=MEMORY",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A deferred transaction that turns into a writer fails at once with SQLITE_BUSY; writers say so at their start.
    mode = "IMMEDIATE" if connection.get_execution_options().get(WRITES) else "DEFERRED"
    connection.exec_driver_sql(f"BEGIN {mode}")


def load_row(session: Session, kind: type[Row], key: object, options: Sequence[ORMOption] = ()) -> Row | None:
    """The row, or None. In a session that writes nobody else can change it before the end, so that a decision taken
    from it still holds when it is written: PostgreSQL locks it, SQLite has one writer anyway."""
    alone = session.get_bind().dialect.name == "sqlite" or not _writes(session)
    # FOR NO KEY UPDATE: others may go on adding rows that refer to this one.
    lock = None if alone else {"of": kind, "key_share": True}
    return session.get(kind, key, options=options, with_for_update=lock)


def _writes(session: Session) -> bool:
    bind = session.get_bind()
    return bool(bind.get_execution_options().get(WRITES))


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
