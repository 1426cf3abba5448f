"""The demo's made-up programme, told in a test: calendars in memory, and nothing runs but what the test drives."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from integrations.maildir_mail import MaildirMailer
from service.demo.folder import Note, write_note
from service.settings import Settings
from service.store.database import Database
from service.wiring import DemoClock, Services
from tests.fakes import MemoryCalendars, MemoryWriters, RecordedJobs
from workers import deliver


def services_of(settings: Settings, database: Database) -> Services:
    """As the demo's web process has them."""
    folder = settings.data_dir
    write_note(folder, note())
    return Services(
        settings=replace(settings, demo=True),
        database=database,
        clock=DemoClock(folder / "clock"),
        mailer=MaildirMailer(folder / "mailbox"),
        jobs=RecordedJobs(),
        calendars=MemoryCalendars(),
        writers=MemoryWriters(),
    )


def note() -> Note:
    return Note(datetime.now(UTC).date().isoformat(), 20_001, 20_002, "a-password", told=True)


def drain(services: Services) -> None:
    deliver.drain(services)
