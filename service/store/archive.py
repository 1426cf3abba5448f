"""A backup of the embedded database, its keys and its settings in one file, and the way back."""

from __future__ import annotations

import io
import os
import sqlite3
import tarfile
import tempfile
import zlib
from contextlib import closing
from pathlib import Path

from service.domain.errors import GreenroomError
from service.settings import KEPT_SETTINGS, Settings

DATABASE, KEYS = "greenroom.db", "secret_keys"
MEMBERS = (DATABASE, KEYS, KEPT_SETTINGS)


class NotABackup(GreenroomError):
    """The file is none that `backup` made; nothing was changed."""

    code = "not_a_backup"


class FolderInUse(GreenroomError):
    """The data folder holds a database already; it is left as it is."""

    code = "folder_in_use"


def backup(settings: Settings, target: Path) -> None:
    """Writes the file with mode 0600. SQLite copies page by page while others write; the copy is of one moment.

    Raises OtherDatabase for a database of one's own, which has backup tools of its own.
    """
    if settings.database_url is not None:
        raise OtherDatabase
    with tempfile.TemporaryDirectory(dir=settings.data_dir) as folder:
        copy = Path(folder) / DATABASE
        with closing(sqlite3.connect(settings.data_dir / DATABASE)) as source, closing(sqlite3.connect(copy)) as into:
            source.backup(into)
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file, tarfile.open(fileobj=file, mode="w:gz") as tar:
            tar.add(copy, arcname=DATABASE)
            _add(tar, KEYS, ",".join(settings.secret_keys).encode())
            kept = settings.data_dir / KEPT_SETTINGS
            if kept.is_file():
                tar.add(kept, arcname=KEPT_SETTINGS)


class OtherDatabase(GreenroomError):
    """The database is not the embedded one: its own tools make its backup."""

    code = "other_database"


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), 0o600
    tar.addfile(info, io.BytesIO(content))


def restore(settings: Settings, source: Path) -> None:
    """Puts the backup's parts into a data folder without a database. Raises NotABackup, FolderInUse, or OtherDatabase
    when the settings name one that these parts would not be read from."""
    if settings.database_url is not None:
        raise OtherDatabase
    # A write-ahead log that was left behind would be played onto the restored file.
    if any((settings.data_dir / f"{DATABASE}{left}").exists() for left in ("", "-wal", "-shm")):
        raise FolderInUse(folder=str(settings.data_dir))
    try:
        with tarfile.open(source, "r:gz") as tar:
            found = {member.name: tar.extractfile(member) for member in tar.getmembers() if member.name in MEMBERS}
            parts = {name: file.read() for name, file in found.items() if file is not None}
    except (tarfile.TarError, OSError, EOFError, zlib.error) as fault:
        raise NotABackup(file=source.name) from fault
    if DATABASE not in parts or KEYS not in parts:
        raise NotABackup(file=source.name)
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, content in parts.items():
        handle = os.open(settings.data_dir / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
