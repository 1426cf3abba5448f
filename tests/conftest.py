"""A service on a fresh SQLite file, with a clock that is set and an outside in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

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
