"""A backup in one file: rows, keys and kept settings, sealed with a passphrase; and the way back, whole or not at all.

Inside the sealed file stands gzip, inside it lines of JSON: the manifest first, then what `rows.dump` writes.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, cast

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.orm import Session

from service.domain.errors import GreenroomError
from service.settings import KEPT_SETTINGS
from service.store import migrate, rows
from service.store.database import connect, sqlite_url
from service.store.sealed_file import MAGIC, BackupNewer, NotABackup, SealedReader, SealedWriter
from service.store.types import Keyring

DATABASE, KEYS = "greenroom.db", "secret_keys"  # members of the tar of version 0.1.0
SHORTEST_PASSPHRASE = 12  # characters: the file may lie anywhere, and holds the keys


class PassphraseShort(GreenroomError):
    """Such a passphrase would be guessed."""

    code = "passphrase_short"


class NothingToBackUp(GreenroomError):
    """The database has no tables of ours."""

    code = "nothing_to_back_up"


class DatabaseInUse(GreenroomError):
    """The database holds tables already; it is left as it is."""

    code = "database_in_use"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says before its rows. `kept` is the text of the data folder's settings file."""

    revision: str
    keys: tuple[str, ...]
    kept: str | None


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that is being read: its lines can be read once."""

    manifest: Manifest
    lines: Iterable[str]


def backup(engine: Engine, keys: tuple[str, ...], kept: str | None, file: BinaryIO, passphrase: str) -> None:
    """Writes a backup whose rows are of one moment, whoever writes meanwhile. Raises PassphraseShort,
    NothingToBackUp."""
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise PassphraseShort(least=SHORTEST_PASSPHRASE)
    with _snapshot(engine) as connection:
        revision = migrate.revision_of(connection)
        if revision is None:
            raise NothingToBackUp
        sealed = SealedWriter(file, passphrase)
        # Sealed values do not pack, so a higher level takes twice the time for two per cent (November 2026).
        with gzip.GzipFile(fileobj=cast(BinaryIO, sealed), mode="wb", compresslevel=1, mtime=0) as packed:
            packed.write(json.dumps(asdict(Manifest(revision, keys, kept))).encode() + b"\n")
            for line in rows.dump(connection):
                packed.write(line.encode())
        sealed.finish()


@contextmanager
def _snapshot(engine: Engine) -> Iterator[Connection]:
    """A read transaction that sees one moment: SQLite's always do, PostgreSQL's must be told."""
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            for limit in ("statement_timeout", "idle_in_transaction_session_timeout"):  # meant for pages
                connection.execute(text(f"SET LOCAL {limit} = 0"))
        yield connection


@contextmanager
def replaced(target: Path) -> Iterator[BinaryIO]:
    """A file with mode 0600 that takes the target's place once the block has ended well, and not before."""
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as fault:  # told with the name that somebody gave, not with ours
        raise OSError(fault.errno, fault.strerror, str(target)) from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)


@contextmanager
def opened(file: BinaryIO, passphrase: Callable[[], str]) -> Iterator[Backup]:
    """Reads the beginning of a backup; the file need not be one that can be gone back in. Raises NotABackup,
    BackupNewer, WrongPassphrase, BackupDamaged; the last also while the lines are read."""
    beginning = file.read(len(MAGIC))
    if beginning.startswith(b"\x1f\x8b"):
        with _of_first_version(file) as found:
            yield found
    else:
        plain = io.BufferedReader(SealedReader(beginning, file, passphrase))
        with gzip.open(plain, "rt", encoding="utf-8") as lines:
            said = json.loads(lines.readline())
            yield Backup(Manifest(said["revision"], tuple(said["keys"]), said["kept"]), lines)


@contextmanager
def restored(engine: Engine, found: Backup) -> Iterator[Session]:
    """The backup's rows in the tables of this version, in a transaction that ends with the block: whatever fails, also
    in the block, leaves the database as empty as it was. Raises DatabaseInUse, BackupNewer, BackupDamaged."""
    if found.manifest.revision not in migrate.revisions():
        raise BackupNewer
    writer = engine.execution_options(greenroom_write=True)
    with _cleaned_up(engine), migrate.alone(engine), writer.begin() as connection:
        if inspect(connection).get_table_names():
            raise DatabaseInUse
        migrate.bring_to(connection, found.manifest.revision)
        rows.load(connection, found.lines)
        migrate.bring_to(connection, migrate.revisions()[-1])
        with Session(connection) as session:
            yield session
            session.flush()


@contextmanager
def _cleaned_up(engine: Engine) -> Iterator[None]:
    """A file of SQLite that a failed restore has made goes again."""
    path = Path(engine.url.database or "") if engine.dialect.name == "sqlite" else None
    existed = path is None or path.exists()
    try:
        yield
    except BaseException:
        if path is not None and not existed:
            engine.dispose()
            for end in ("", "-wal", "-shm"):
                path.with_name(path.name + end).unlink(missing_ok=True)
        raise


@contextmanager
def _of_first_version(file: BinaryIO) -> Iterator[Backup]:
    """What version 0.1.0 wrote: a tar, packed and not sealed, with a copy of SQLite's file."""
    parts = _unpacked(file)
    with TemporaryDirectory() as folder:
        copy = Path(folder) / DATABASE
        copy.write_bytes(parts[DATABASE])
        engine = connect(sqlite_url(copy), Keyring(("none of the values is opened here",)))
        try:
            with engine.connect() as connection:
                kept = parts[KEPT_SETTINGS].decode() if KEPT_SETTINGS in parts else None
                manifest = Manifest(str(migrate.revision_of(connection)), tuple(parts[KEYS].decode().split(",")), kept)
                yield Backup(manifest, rows.dump(connection))
        finally:
            engine.dispose()


def _unpacked(file: BinaryIO) -> dict[str, bytes]:
    file.seek(0)
    try:
        with tarfile.open(fileobj=file, mode="r:gz") as tar:
            members = [member for member in tar.getmembers() if member.name in {DATABASE, KEYS, KEPT_SETTINGS}]
            parts = {member.name: part.read() for member in members if (part := tar.extractfile(member)) is not None}
    except (tarfile.TarError, OSError, EOFError, zlib.error) as fault:
        raise NotABackup from fault
    if DATABASE not in parts or KEYS not in parts:
        raise NotABackup
    return parts
