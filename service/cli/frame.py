"""What every command shares: services, printing for people or as JSON, and errors as sentences."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any

import click
from sqlalchemy.exc import DatabaseError, IntegrityError

from service import settings, wiring
from service.catalogue import Words
from service.domain.errors import AdapterError, GreenroomError, InvalidInput, NotFound
from service.settings import SettingFault
from service.store.migrate import migrate
from service.store.types import KeyMissing
from service.wiring import Services

WORDS = Words.of("en")
WHOLE = click.IntRange(0, 10**9 - 1)  # row ids and minutes: more does not fit a column or a date
DATABASE_SAYS = {  # SQLite's own words or code; PostgreSQL's SQLSTATE, as its words are in its language
    "55P03": "cli.locked",  # lock_not_available
    "57014": "cli.locked",  # query_canceled, by statement_timeout
    "53100": "cli.disk_full",
    "locked": "cli.locked",
    "full": "cli.disk_full",
    "SQLITE_IOERR_SHMSIZE": "cli.disk_full",  # no room for its index: the first to open a database on a full disk
    "not a database": "cli.damaged",
    "malformed": "cli.damaged",
}


class Sentences(click.Group):
    """A group whose expected failures end in one sentence on stderr and exit 1, never in a traceback."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuses bytes that are no UTF-8, which Python hands on as lone surrogates (PEP 383): no column holds them."""
        if any("\ud800" <= letter <= "\udfff" for arg in args for letter in arg):
            raise click.UsageError(WORDS("cli.not_utf8"), ctx)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except IntegrityError:
            raise  # a mistake of ours: its traceback is wanted
        except (GreenroomError, SettingFault, DatabaseError, KeyMissing, OSError) as fault:
            for sentence in sentences(fault):
                click.echo(sentence, err=True)
            ctx.exit(1)


def sentences(fault: Exception) -> list[str]:
    """What is wrong and what to do, in the catalogue's words."""
    if isinstance(fault, InvalidInput):
        return [WORDS(f"fault.{each.code}", field=each.field, **each.params) for each in fault.faults]
    if isinstance(fault, GreenroomError):
        area = "adapter" if isinstance(fault, AdapterError) else "error"
        code = "nothing_there" if fault.code == "not_found" else fault.code
        return [WORDS(f"{area}.{code}", **fault.params) if WORDS.has(f"{area}.{code}") else WORDS("error.failed")]
    if isinstance(fault, SettingFault):
        return [str(fault)]
    if isinstance(fault, KeyMissing):
        return [WORDS("cli.key_missing", key=fault.key_id)]
    if isinstance(fault, DatabaseError):
        codes = (getattr(fault.orig, name, "") for name in ("sqlstate", "sqlite_errorname"))
        text = " ".join([*map(str, codes), str(fault.orig)])
        return [WORDS(next((key for part, key in DATABASE_SAYS.items() if part in text), "cli.database"))]
    reason = getattr(fault, "strerror", None) or type(fault).__name__
    file = getattr(fault, "filename", None)
    return [WORDS("cli.file.named", file=file, reason=reason) if file else WORDS("cli.file", reason=reason)]


@contextmanager
def opened() -> Iterator[Services]:
    """The services of the environment, on a database that is brought up to date first. Says on stderr that it makes
    one: whoever forgot where the settings are would else work beside the real one."""
    configured = settings.load()
    if wiring.is_new(configured):
        click.echo(WORDS("cli.new", folder=configured.data_dir), err=True)
    services = wiring.build(configured)
    try:
        migrate(services.database.engine)
        yield services
    finally:
        services.database.close()


@contextmanager
def progress(label: str, after: float = 1.0) -> Iterator[Callable[[int, int], None]]:
    """On a terminal a bar on stderr for what lasts longer than `after` seconds; `label` is its words' key."""
    began, bars = monotonic(), ExitStack()
    bar: Any = None

    def told(done: int, of: int) -> None:
        nonlocal bar
        if bar is None and sys.stderr.isatty() and monotonic() - began > after:
            bar = bars.enter_context(click.progressbar(length=of, label=WORDS(label), file=sys.stderr))
        if bar is not None:
            bar.update(done - bar.pos)

    with bars:
        yield told
        if bar is not None:
            bar.update(bar.length - bar.pos)


def json_option(command: Any) -> Any:
    return click.option("--json", "as_json", is_flag=True, help=WORDS("cli.help.json"))(command)


def show(as_json: bool, value: Any, lines: list[str]) -> None:
    """One object or list on stdout and nothing else, or lines for people."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=1) if as_json else "\n".join(lines))


def secret_in(file: Path, field: str) -> str:
    """What a file says, without the end of its line. Raises InvalidInput for one that is no text."""
    try:
        return file.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError:
        raise InvalidInput.of(field, "not_utf8_text") from None


def table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Columns as wide as their widest cell."""
    if not rows:
        return []
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def instant(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC."""
    return None if moment is None else f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def wanted(value: Any) -> Any:
    """The value, or NotFound."""
    if value is None:
        raise NotFound("no_such_row")
    return value
