"""A service on a fresh database, with a clock that is set and an outside in memory."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from jinja2 import FileSystemBytecodeCache
from jinja2.bccache import Bucket

from bench import dovecot
from bench.dovecot import Dovecot
from service.cli import main
from service.settings import Settings
from service.store.database import Database, connect, sqlite_url
from service.store.tables import Base
from service.store.types import Keyring
from service.wiring import Services
from tests.certificates import certificate
from tests.fakes import MemoryCalendars, MemoryMailer, MemoryWriters, RecordedJobs, SetClock
from tests.machines import a_broker
from tests.postgres import Postgres

KEYS = ("k" * 48,)


class Templates(FileSystemBytecodeCache):
    """Whoever may not write there, as the nobody of tests.read_only, compiles for themselves."""

    def dump_bytecode(self, bucket: Bucket) -> None:
        with suppress(PermissionError):
            super().dump_bytecode(bucket)


@pytest.fixture(scope="session", autouse=True)
def _templates(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Each test's application compiles its templates; what one compiled, the next may have."""
    kept = Templates(str(tmp_path_factory.mktemp("templates")))
    Flask.jinja_options = {"bytecode_cache": kept}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path, secret_keys=KEYS, programme="Women in Physics", contact="Cleo Park <cleo@example.org>"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What is marked `databases` runs on each that we support, in `make soak` everything does; the rest on SQLite."""
    marks = {mark.name for mark in metafunc.definition.iter_markers()}
    both = "databases" in marks or bool(os.environ.get("GREENROOM_SOAK"))
    wanted = [kind for kind in ("sqlite", "postgresql") if kind in marks] or ["sqlite", "postgresql"] * both
    if wanted and "database_url" in metafunc.fixturenames:
        metafunc.parametrize("database_url", wanted, indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where two processes share the files, the long ones come first: nobody waits for the other at the end."""
    if hasattr(config, "workerinput"):  # as pytest-xdist's documentation tells its processes apart
        items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for all tests of a process; what a test needs of its own it asks for: `fresh()`, `empty()`."""
    server = Postgres()
    yield server
    server.close()


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """A PostgreSQL database of this test's own, at this version's tables."""
    url = postgres.fresh()
    yield url
    postgres.drop(url)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, settings: Settings) -> str:
    """Of an embedded database, or of the other kind where a test is marked `databases`."""
    if getattr(request, "param", "sqlite") == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return sqlite_url(settings.data_dir / "greenroom.db")


@pytest.fixture
def database(settings: Settings, database_url: str) -> Iterator[Database]:
    made = Database(connect(database_url, Keyring(settings.secret_keys)))
    if made.engine.dialect.name == "sqlite":  # in half the time that its revisions take
        Base.metadata.create_all(made.engine)
    yield made
    made.close()


@pytest.fixture
def services(settings: Settings, database: Database, database_url: str) -> Services:
    own = None if database.engine.dialect.name == "sqlite" else database_url
    return Services(
        settings=replace(settings, database_url=own),
        database=database,
        clock=SetClock(),
        mailer=MemoryMailer(),
        jobs=RecordedJobs(),
        calendars=MemoryCalendars(),
        writers=MemoryWriters(),
    )


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """The command line in a data folder of its own: the value of `--json`, else click's result. Never a traceback."""
    for name in ("GREENROOM_ENV_FILE", "GREENROOM_DATABASE_URL", "GREENROOM_SMTP_URL", "GREENROOM_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GREENROOM_DATA_DIR", str(tmp_path / "data"))

    def go(*arguments: object, exit_code: int = 0, stdin: str | None = None) -> Any:
        result = CliRunner().invoke(main, [str(each) for each in arguments], input=stdin)
        assert result.exit_code == exit_code, result.stderr or result.stdout or result.exception
        assert "Traceback" not in result.stderr
        return json.loads(result.stdout) if "--json" in arguments and exit_code == 0 else result

    return go


@pytest.fixture(scope="session")
def dovecots(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dovecot]:
    """One real IMAP server for all tests of a process, over TLS too. Skips where there is none to be had."""
    if dovecot.MISSING:
        pytest.skip(dovecot.MISSING)
    folder = tmp_path_factory.mktemp("certificate")
    certificate(folder)
    with dovecot.running(folder / "cert.pem", folder / "key.pem") as server:
        yield server


@pytest.fixture
def imap(dovecots: Dovecot, request: pytest.FixtureRequest) -> Dovecot:
    """A mailbox there of this test's own."""
    return replace(dovecots, user=f"meet-{zlib.crc32(request.node.nodeid.encode())}")


@pytest.fixture
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real broker, as `up` starts it."""
    with a_broker(tmp_path_factory.mktemp("valkey")) as url:
        yield url
