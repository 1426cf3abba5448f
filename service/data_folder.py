"""What the embedded service keeps in its data folder beside its database: its keys, and settings that were kept."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from service.settings import KEPT_SETTINGS, SettingFault, Settings

DATABASE_FILE = "greenroom.db"
KEYS_FILE = "secret_keys"


def with_keys(settings: Settings) -> Settings:
    """Settings with keys: made in the data folder with mode 0600 when the embedded database runs for the first time.

    Safe beside another process that starts at the same moment: one makes the file, both read it. Raises SettingFault
    when the keys of a database that stands are gone: new ones would open nothing that it holds.
    """
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    if settings.secret_keys:
        return settings
    path = settings.data_dir / KEYS_FILE
    if not path.exists():
        if (settings.data_dir / DATABASE_FILE).exists():
            raise SettingFault("GREENROOM_SECRET_KEYS", f"is not set, and {path} is gone", "<the keys from a backup>")
        _make_keys(path)
    keys = path.read_text(encoding="ascii").strip().split(",")
    return replace(settings, secret_keys=tuple(keys))


def put_back(settings: Settings, keys: tuple[str, ...], kept: str | None) -> None:
    """Writes the keys of the embedded database and the kept settings of a backup into the data folder. Keys that lie
    there already stay, as older ones; so does a settings file. Keys that a setting gives are not written."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    if settings.database_url is None and not settings.secret_keys:
        path = settings.data_dir / KEYS_FILE
        here = path.read_text(encoding="ascii").strip().split(",") if path.exists() else []
        _written_beside(path, ",".join(dict.fromkeys([*keys, *here]))).replace(path)
    if kept is not None and not (settings.data_dir / KEPT_SETTINGS).exists():
        decided = ("GREENROOM_DATABASE_URL", "GREENROOM_SECRET_KEYS")  # by whoever restores, and not by the backup
        lines = [line for line in kept.splitlines() if not any(name in line for name in decided)]
        _written_beside(settings.data_dir / KEPT_SETTINGS, "\n".join(lines) + "\n").replace(
            settings.data_dir / KEPT_SETTINGS
        )


def _make_keys(path: Path) -> None:
    fresh = _written_beside(path, secrets.token_urlsafe(48))
    try:
        with suppress(FileExistsError):  # another process was first
            os.link(fresh, path)
    finally:
        fresh.unlink()


def _written_beside(path: Path, text: str) -> Path:
    """A file with mode 0600 that only needs another name to stand at `path`, whole."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return fresh
