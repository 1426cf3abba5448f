"""build(settings) -> Services: the only file that names concrete adapters; owns sessions and the clock."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from integrations.caldav_calendar import CalDav
from integrations.http import GuardedHttp
from integrations.ics_feed import IcsFeed
from integrations.maildir_mail import MaildirMailer
from integrations.rq_jobs import RqJobs
from integrations.smtp_mail import SmtpMailer
from service.ports import BusyCalendar, CalendarFactory, Jobs, Mailer
from service.settings import Settings
from service.store.database import Database, connect, sqlite_url
from service.store.types import Keyring

SMTP_TIMEOUT = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Services:
    """What entry points need: sessions, the clock, and the outside through its ports."""

    settings: Settings
    database: Database
    clock: Callable[[], datetime]
    mailer: Mailer
    jobs: Jobs
    calendars: CalendarFactory


def build(settings: Settings) -> Services:
    """Opens nothing yet but the data folder and, on the first run of the embedded database, makes its keys."""
    settings = with_keys(settings)
    database = Database(connect(database_url(settings), Keyring(settings.secret_keys)))
    return Services(
        settings=settings,
        database=database,
        clock=DemoClock(settings.data_dir / "clock") if settings.demo else utc_now,
        mailer=_mailer(settings),
        jobs=RqJobs(redis_url(settings)),
        calendars=_calendars(settings),
    )


def utc_now() -> datetime:
    return datetime.now(UTC)


class DemoClock:
    """The real clock and an offset in seconds that every part of the demo reads from one file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self) -> datetime:
        return utc_now() + self.offset

    @property
    def offset(self) -> timedelta:
        try:
            return timedelta(seconds=float(self.path.read_text(encoding="ascii")))
        except FileNotFoundError:
            return timedelta(0)


def database_url(settings: Settings) -> str:
    return settings.database_url or sqlite_url(settings.data_dir / "greenroom.db")


def redis_url(settings: Settings) -> str:
    return settings.redis_url or f"unix://{broker_socket(settings)}"


def broker_socket(settings: Settings) -> Path:
    """Where the embedded broker listens. Unix socket paths end at about 104 characters, so a deep data folder gets
    a short one beside the person's other runtime files."""
    wanted = settings.data_dir / "valkey.sock"
    if len(str(wanted)) < 100:
        return wanted
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or f"/tmp/greenroom-{os.getuid()}")  # noqa: S108 - made 0700
    runtime.mkdir(mode=0o700, exist_ok=True)
    return runtime / f"valkey-{hashlib.sha256(str(wanted).encode()).hexdigest()[:12]}.sock"


def with_keys(settings: Settings) -> Settings:
    """Settings with keys: made in the data folder with mode 0600 when the embedded database runs for the first time.

    Safe beside another process that starts at the same moment: one makes the file, both read it.
    """
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    if settings.secret_keys:
        return settings
    path = settings.data_dir / "secret_keys"
    if not path.exists():
        fresh = path.with_name(f".secret_keys.{os.getpid()}")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(48))
        try:
            os.link(fresh, path)  # fails when another process was first
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    keys = path.read_text(encoding="ascii").strip().split(",")
    return replace(settings, secret_keys=tuple(keys))


def _mailer(settings: Settings) -> Mailer:
    if settings.smtp is None:
        return MaildirMailer(settings.data_dir / "mailbox")
    server = settings.smtp
    return SmtpMailer(
        server.host,
        server.port,
        username=server.username,
        password=server.password,
        security=server.security,
        extra_ca=settings.extra_ca_bundle,
        timeout=SMTP_TIMEOUT,
    )


def _calendars(settings: Settings) -> CalendarFactory:
    http = GuardedHttp(settings.outbound_allow, settings.extra_ca_bundle)

    def make(provider: str, url: str, username: str | None, password: str | None) -> BusyCalendar:
        if provider == "caldav":
            return CalDav(http, url, username, password)
        return IcsFeed(http, url)

    return make
