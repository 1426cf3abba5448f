"""A service on a fresh SQLite file, with a clock that is set and an outside in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from service import broker
from service.process import Part, stop
from service.settings import Settings
from service.store.database import Database, connect, sqlite_url
from service.store.tables import Base
from service.store.types import Keyring
from service.wiring import Services
from tests.fakes import MemoryCalendars, MemoryMailer, RecordedJobs, SetClock

KEYS = ("k" * 48,)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path, secret_keys=KEYS, programme="Women in Physics", contact="Cleo Park <cleo@example.org>"
    )


@pytest.fixture
def database(settings: Settings):
    made = Database(connect(sqlite_url(settings.data_dir / "greenroom.db"), Keyring(settings.secret_keys)))
    Base.metadata.create_all(made.engine)
    yield made
    made.close()


@pytest.fixture
def services(settings: Settings, database: Database) -> Services:
    return Services(
        settings=settings,
        database=database,
        clock=SetClock(),
        mailer=MemoryMailer(),
        jobs=RecordedJobs(),
        calendars=MemoryCalendars(),
    )


@pytest.fixture
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real broker, as `up` starts it."""
    folder = tmp_path_factory.mktemp("valkey")
    socket = folder / "s"
    part = Part("broker", broker.starter(folder, socket))
    part.pid = part.start()
    yield f"unix://{socket}"
    stop(part)
