"""A backup while it runs, and the way back into an empty database."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import click

from service import data_folder, settings, wiring
from service.cli.frame import WORDS, json_option, secret_in, show
from service.domain.errors import GreenroomError
from service.operations import erasing, keeping
from service.settings import KEPT_SETTINGS, Settings
from service.store import archive, erased
from service.store.sealed_columns import missing_keys
from service.store.types import KeyMissing, Keyring

EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)
NEW = click.Path(dir_okay=False, allow_dash=True, path_type=Path)


class NoPassphrase(GreenroomError):
    """There is no passphrase, and nobody to ask for one."""

    code = "no_passphrase"


class NoDatabase(GreenroomError):
    """The data folder holds none, and no setting names another."""

    code = "no_database"


passphrase_option: Callable[..., Callable[..., None]] = click.option(
    "--passphrase-file", "passphrase_file", type=EXISTING, help=WORDS("cli.help.passphrase")
)


@click.command()
@click.argument("file", type=NEW)
@passphrase_option
@json_option
def backup(file: Path, passphrase_file: Path | None, as_json: bool) -> None:
    """Database, keys and settings in one file (- is stdout), sealed with a passphrase; also while everything runs."""
    configured = settings.load()
    if configured.database_url is None and not (configured.data_dir / data_folder.DATABASE_FILE).exists():
        raise NoDatabase(folder=str(configured.data_dir))
    passphrase = _passphrase(configured, passphrase_file, new=True)
    services = wiring.build(configured)
    kept = configured.data_dir / KEPT_SETTINGS
    try:
        with _into(file) as into:
            archive.backup(
                services.database.engine,
                services.settings.secret_keys,
                kept.read_text(encoding="utf-8") if kept.is_file() else None,
                into,
                passphrase,
            )
    finally:
        services.database.close()
    if str(file) != "-":
        show(as_json, {"file": str(file)}, [WORDS("cli.backup.done", file=str(file))])


@click.command()
@click.argument("file", type=click.File("rb"))
@passphrase_option
@click.option("--show-keys", is_flag=True, help=WORDS("cli.help.show_keys"))
@click.option("--erased", "lists", type=EXISTING, multiple=True, help=WORDS("cli.help.erased"))
@json_option
def restore(
    file: BinaryIO, passphrase_file: Path | None, show_keys: bool, lists: tuple[Path, ...], as_json: bool
) -> None:
    """Puts a backup (- is stdin) into an empty database; what was due is held until somebody says so, and who was
    erased since is erased again."""
    configured = settings.load(need_keys=False)
    told = {line for each in (*lists, configured.data_dir / erased.LIST_FILE) for line in erased.read(each)}
    with archive.opened(file, lambda: _passphrase(configured, passphrase_file, new=False)) as found:
        if show_keys:
            show(as_json, {"keys": found.manifest.keys}, [",".join(found.manifest.keys)])
            return
        services = wiring.build(replace(configured, secret_keys=configured.secret_keys or found.manifest.keys))
        try:
            with archive.restored(services.database.engine, found) as session:
                missing = missing_keys(session)
                _check(missing, found.manifest.keys)
                again = erasing.erase_again(session, services.clock(), told)
                held = keeping.hold_what_was_due(
                    session, services.clock(), configured.busy_max_age, configured.mail_authserv_id
                )
                data_folder.put_back(configured, found.manifest.keys, found.manifest.kept)
        finally:
            services.database.close()
    lines = [WORDS("cli.restore.done", n=held) if held else WORDS("cli.restore.none_due")]
    if again:
        lines.append(WORDS("cli.restore.erased", n=again))
    if configured.database_url is not None and not configured.secret_keys:
        lines.append(WORDS("cli.restore.keys"))
    if missing:
        lines.append(WORDS("cli.restore.unreadable", keys=WORDS.items(missing)))
    show(as_json, {"held": held, "missing_keys": missing, "erased": again}, lines)


def _check(missing: list[str], backups: tuple[str, ...]) -> None:
    """Raises KeyMissing for a key that the backup could give. One that nobody has hinders no restore: the rest of it is
    worth having."""
    for key_id in sorted({Keyring.key_id(key) for key in backups} & set(missing)):
        raise KeyMissing(key_id)


def _into(file: Path) -> AbstractContextManager[BinaryIO]:
    return nullcontext(sys.stdout.buffer) if str(file) == "-" else archive.replaced(file)


def _passphrase(configured: Settings, file: Path | None, *, new: bool) -> str:
    """From the option's file, the setting, or whoever sits at the terminal. Raises NoPassphrase."""
    if file is not None:
        return secret_in(file, "passphrase_file")
    if configured.backup_passphrase is not None:
        return configured.backup_passphrase
    if not sys.stdin.isatty():
        raise NoPassphrase
    asked: str = click.prompt(WORDS("cli.passphrase"), hide_input=True, confirmation_prompt=new, err=True)
    return asked


COMMANDS = (backup, restore)
