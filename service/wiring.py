"""build(settings) -> Services; with provider_wiring the only file that names adapters; owns sessions and the clock."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from redis import Redis

from integrations.caldav_calendar import CalDav
from integrations.http import GuardedHttp
from integrations.ics_feed import IcsFeed
from integrations.imap_mail import ImapMailbox
from integrations.maildir_mail import MaildirMailer
from integrations.own_address import OwnPages
from integrations.rq_jobs import RqJobs, tls_options
from integrations.smtp_mail import SmtpMailer
from service.data_folder import DATABASE_FILE, with_keys
from service.ports import (
    Authorizer,
    BusyCalendar,
    CalendarFactory,
    CalendarWriter,
    Jobs,
    Mailbox,
    Mailer,
    OwnAddress,
    TextRecords,
    TokenBox,
    WriterFactory,
)
from service.provider_settings import GOOGLE, MICROSOFT
from service.provider_wiring import MAILERS, WRITERS, Authorizers, google_calendar, microsoft_calendar, watchers
from service.settings import SettingFault, Settings
from service.store import migrate as migrations
from service.store.clock import DatabaseClock
from service.store.database import Database, connect, sqlite_url
from service.store.grants import SenderTokens, StoredTokens
from service.store.types import Keyring
from service.watcher import WatcherFactory, nobody_watches

MAIL_TIMEOUT = timedelta(seconds=30)


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Services:
    """What entry points need: sessions, the clock, and the outside through its ports."""

    settings: Settings
    database: Database
    clock: Callable[[], datetime]
    mailer: Mailer
    jobs: Jobs
    calendars: CalendarFactory
    writers: WriterFactory
    mailbox: Mailbox | None = None  # that answers arrive in
    machine_clock: Callable[[], datetime] = utc_now  # never the demo's: for whether a process lives
    authorizers: Mapping[str, Authorizer] = field(default_factory=dict)  # of the providers that people can be sent to
    watchers: WatcherFactory = nobody_watches


def build(settings: Settings) -> Services:
    """Opens nothing yet but the data folder and, on the first run of the embedded database, makes its keys."""
    settings = with_keys(settings)
    database = _database(settings)
    several_machines = database.engine.dialect.name == "postgresql"
    machine_clock = DatabaseClock(database.engine, utc_now) if several_machines else utc_now
    return Services(
        settings=settings,
        database=database,
        clock=DemoClock(settings.data_dir / "clock", machine_clock) if settings.demo else machine_clock,
        machine_clock=machine_clock,
        mailer=_mailer(settings, database, machine_clock),
        jobs=RqJobs(redis_url(settings), extra_ca=settings.extra_ca_bundle),
        calendars=_calendars(settings, database, machine_clock),
        mailbox=_mailbox(settings),
        writers=_writers(settings, database, machine_clock),
        authorizers=Authorizers(settings, machine_clock),
        watchers=watchers(settings, lambda made: StoredTokens(database, made, machine_clock), machine_clock),
    )


def own_address(settings: Settings) -> OwnAddress:
    return OwnPages(settings.base_url, settings.extra_ca_bundle)


def text_records() -> TextRecords:
    from integrations.dns_records import DnsRecords  # noqa: PLC0415 - 0.1 s that only the doctor needs (-X importtime)

    return DnsRecords()


class DemoClock:
    """The real clock and an offset in seconds that every part of the demo reads from one file."""

    def __init__(self, path: Path, real: Callable[[], datetime] = utc_now) -> None:
        self.path, self._real = path, real

    def __call__(self) -> datetime:
        return self._real() + self.offset

    @property
    def offset(self) -> timedelta:
        try:
            return timedelta(seconds=float(self.path.read_text(encoding="ascii")))
        except FileNotFoundError:
            return timedelta(0)


def migrate(settings: Settings, to: str | None = None) -> None:
    """Brings the database of these settings to this version's tables, or to an earlier revision of them. Safe from
    several processes at once."""
    settings = with_keys(settings)
    database = _database(settings)
    try:
        migrations.migrate(database.engine, to)
    finally:
        database.close()


def _database(settings: Settings) -> Database:
    return Database(connect(database_url(settings), Keyring(settings.secret_keys), settings.web_threads))


def database_url(settings: Settings) -> str:
    return settings.database_url or sqlite_url(settings.data_dir / DATABASE_FILE)


def is_new(settings: Settings) -> bool:
    """Whether the embedded database has still to be made. Raises PermissionError where the folder may not be looked
    into."""
    return settings.database_url is None and not (settings.data_dir / DATABASE_FILE).exists()


def redis_url(settings: Settings) -> str:
    return settings.redis_url or f"unix://{broker_socket(settings)}"


def connect_broker(settings: Settings, **options: Any) -> Redis:
    """A client of the broker; connects at its first command. `options` are redis-py's."""
    url = redis_url(settings)
    return Redis.from_url(url, **options, **tls_options(url, settings.extra_ca_bundle))


def broker_socket(settings: Settings) -> Path:
    """Where the embedded broker listens. Unix socket paths end at about 104 characters, so a deep data folder gets
    a short one beside the person's other runtime files."""
    wanted = settings.data_dir / "valkey.sock"
    if len(str(wanted)) < 100:
        return wanted
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or f"{gettempdir()}/greenroom-{os.getuid()}")
    runtime.mkdir(mode=0o700, exist_ok=True)
    about = runtime.stat()
    if about.st_uid != os.getuid() or about.st_mode & 0o077:  # the temporary folder is everybody's: it may be a trap
        raise SettingFault("XDG_RUNTIME_DIR", f"leads to {runtime}, which others can open", f"/run/user/{os.getuid()}")
    return runtime / f"valkey-{hashlib.sha256(str(wanted).encode()).hexdigest()[:12]}.sock"


def _mailer(settings: Settings, database: Database, clock: Callable[[], datetime]) -> Mailer:
    provider = settings.sending_provider
    if provider is not None:
        tokens = SenderTokens(database, provider, settings.mail_address, clock)
        return MAILERS[provider](settings, tokens, clock)
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
        timeout=MAIL_TIMEOUT,
    )


def _mailbox(settings: Settings) -> Mailbox | None:
    if settings.imap is None:
        return None
    server = settings.imap
    return ImapMailbox(
        server.host,
        server.port,
        username=server.username,
        password=server.password,
        security=server.security,
        folder=server.folder,
        done=settings.imap_done,
        unclear=settings.imap_unclear,
        extra_ca=settings.extra_ca_bundle,
        timeout=MAIL_TIMEOUT,
    )


@dataclass(frozen=True, slots=True)
class _Source:
    """What an adapter is made from."""

    http: Callable[[], GuardedHttp]
    url: str
    username: str | None
    password: str | None
    tokens: TokenBox | None
    clock: Callable[[], datetime]


CALENDARS: dict[str, Callable[[Settings, _Source], BusyCalendar]] = {
    "caldav": lambda _, source: CalDav(source.http(), source.url, source.username, source.password),
    "ics": lambda _, source: IcsFeed(source.http(), source.url),
    GOOGLE: lambda settings, source: google_calendar(settings, source.tokens, source.clock),
    MICROSOFT: lambda settings, source: microsoft_calendar(settings, source.tokens, source.url),
}


def _calendars(settings: Settings, database: Database, clock: Callable[[], datetime]) -> CalendarFactory:
    @cache
    def http() -> GuardedHttp:
        """Made at the first calendar: most commands and all of the mail's jobs never need it."""
        return GuardedHttp(settings.outbound_allow, settings.extra_ca_bundle)

    def make(
        provider: str, url: str, username: str | None, password: str | None, connection_id: int | None = None
    ) -> BusyCalendar:
        tokens = StoredTokens(database, connection_id, clock) if connection_id is not None else None
        return CALENDARS[provider](settings, _Source(http, url, username, password, tokens, clock))

    return make


def _writers(settings: Settings, database: Database, clock: Callable[[], datetime]) -> WriterFactory:
    def make(provider: str, url: str, connection_id: int) -> CalendarWriter:
        return WRITERS[provider](settings, StoredTokens(database, connection_id, clock), clock, url)

    return make
