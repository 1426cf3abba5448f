"""Frozen settings from the environment: the only reader of os.environ. Nonsense is refused with the setting's name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from service import setting_values
from service.mailbox_settings import MailboxSettings
from service.provider_settings import ProviderSettings
from service.sending_settings import SendingSettings
from service.setting_values import LOOPBACK_HOSTS, setting

KEPT_SETTINGS = "settings.env"  # in the data folder: what holds there unless the environment says otherwise


NEW_KEY = "<what this prints: python3 -c 'import secrets; print(secrets.token_urlsafe(48))'>"


class SettingFault(Exception):
    """A setting cannot be used: its name, what is wrong with the value, and a right example. The value is not shown."""

    def __init__(self, name: str, fault: str, example: str) -> None:
        super().__init__(f"{name}: {fault}. A right value: {name}={example}")
        self.name = name
        self.fault = fault


def _default_data_dir() -> Path:
    return Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share").expanduser() / "greenroom"


@dataclass(frozen=True, kw_only=True)
class Settings(SendingSettings, MailboxSettings, ProviderSettings):
    """One field a setting; its metadata names the variable, its meaning and a right example."""

    data_dir: Path = field(
        default_factory=_default_data_dir,
        metadata={
            "name": "GREENROOM_DATA_DIR",
            "parse": setting_values.path,
            "example": "/var/lib/greenroom",
            "meaning": "where the embedded database, keys, local mailbox and broker live",
        },
    )
    database_url: str | None = setting(
        "GREENROOM_DATABASE_URL",
        setting_values.database_url,
        "postgresql+psycopg://greenroom@db/greenroom",
        "another database than SQLite in the data folder",
    )
    redis_url: str | None = setting(
        "GREENROOM_REDIS_URL",
        setting_values.redis_url,
        "redis://127.0.0.1:6379/0",
        "another broker than the embedded Valkey",
    )
    base_url_given: str | None = setting(
        "GREENROOM_BASE_URL",
        setting_values.base_url,
        "https://meet.example.org",
        "the address that links in mails start with",
    )
    bind: str = setting(
        "GREENROOM_BIND", setting_values.text, "127.0.0.1", "the address that the web server listens on", "127.0.0.1"
    )
    port: int = setting("PORT", setting_values.port, "8000", "the port that the web server listens on", 8000)
    trusted_proxies: int = setting(
        "GREENROOM_TRUSTED_PROXIES", setting_values.zero_or_more, "1", "how many reverse proxies stand in front", 0
    )
    programme: str = setting(
        "GREENROOM_PROGRAMME",
        setting_values.text,
        "Women in Physics",
        "the programme's name, as mails and pages say it",
        "Greenroom",
    )
    contact: str | None = setting(
        "GREENROOM_CONTACT",
        setting_values.address,
        "Cleo Park <cleo@example.org>",
        "the person whom mails name for questions",
    )
    mentee_courses: tuple[tuple[str, str], ...] = setting(
        "GREENROOM_MENTEE_COURSES",
        setting_values.courses,
        "How to be a mentee https://learn.example.org/mentee; One more https://learn.example.org/two",
        "courses that the programme knows, beside the mentees' own cards",
        (),
    )
    mentor_courses: tuple[tuple[str, str], ...] = setting(
        "GREENROOM_MENTOR_COURSES",
        setting_values.courses,
        "How to be a mentor https://learn.example.org/mentor",
        "the same, for mentors",
        (),
    )
    secret_keys: tuple[str, ...] = field(
        default=(),
        repr=False,
        metadata={
            "name": "GREENROOM_SECRET_KEYS",
            "parse": setting_values.keys,
            "example": NEW_KEY,
            "meaning": "keys for encryption, newest first; made in the data folder with the embedded database",
        },
    )
    backup_passphrase: str | None = field(
        default=None,
        repr=False,
        metadata={
            "name": "GREENROOM_BACKUP_PASSPHRASE",
            "parse": setting_values.text,
            "example": "<six or more random words>",
            "meaning": "what seals backups; keep it where the backups are not",
        },
    )
    extra_ca_bundle: Path | None = setting(
        "GREENROOM_EXTRA_CA_BUNDLE",
        setting_values.existing_file,
        "/etc/ssl/own-ca.pem",
        "more certificates to trust, for every client",
    )
    outbound_allow: frozenset[str] = setting(
        "GREENROOM_OUTBOUND_ALLOW",
        setting_values.hosts,
        "calendar.internal:5232",
        "private addresses that calendars may be read from",
        frozenset(),
    )
    poll: timedelta = setting(
        "GREENROOM_POLL_SECONDS",
        setting_values.seconds,
        "300",
        "how often each calendar is read",
        timedelta(seconds=300),
    )
    reads_per_host: int = setting(
        "GREENROOM_READS_PER_HOST", setting_values.count, "4", "how many calendars of one server are read at once", 4
    )
    sweep: timedelta = setting(
        "GREENROOM_SWEEP_SECONDS",
        setting_values.seconds,
        "5",
        "how often due meetings and mails are looked for",
        timedelta(seconds=5),
    )
    busy_max_age: timedelta = setting(
        "GREENROOM_BUSY_MAX_AGE_SECONDS",
        setting_values.seconds,
        "3600",
        "how long the last good copy of a calendar counts",
        timedelta(seconds=3600),
    )
    live_read: timedelta = setting(
        "GREENROOM_LIVE_READ_SECONDS",
        setting_values.seconds,
        "4",
        "how long confirming waits for one calendar",
        timedelta(seconds=4),
    )
    dispatch: timedelta = setting(
        "GREENROOM_DISPATCH_SECONDS",
        setting_values.seconds,
        "1",
        "how often the outbox is looked at",
        timedelta(seconds=1),
    )
    web_workers: int = setting("GREENROOM_WEB_WORKERS", setting_values.count, "2", "web server processes", 1)
    web_threads: int = setting(
        "GREENROOM_WEB_THREADS", setting_values.count, "8", "threads in each web server process", 8
    )
    log_format: str = setting(
        "GREENROOM_LOG_FORMAT",
        setting_values.log_format,
        "json",
        "text tells what to look at; json one object a line, requests too",
        "text",
    )
    demo: bool = setting("GREENROOM_DEMO", setting_values.flag, "1", "set by the demo command for its parts", False)

    @property
    def base_url(self) -> str:
        host = "127.0.0.1" if self.bind in {"0.0.0.0", "::", ""} else self.bind  # noqa: S104 - compared, not bound
        return self.base_url_given or f"http://{host}:{self.port}"

    @property
    def loopback(self) -> bool:
        return urlsplit(self.base_url).hostname in LOOPBACK_HOSTS

    @property
    def hooks_url(self) -> str | None:
        """Where providers can tell us of changes; None when they cannot reach us. What the operator named is believed:
        it may be a tunnel."""
        public = self.base_url.startswith("https:") and not self.loopback
        named = self.webhook_base_url
        return named.rstrip("/") if named else self.base_url if public else None

    @property
    def local_mailbox(self) -> bool:
        """Whether mail stays here, readable at /mailbox: no setting sends it on, and nobody else can reach the page."""
        return self.mail_stays and self.loopback


def every() -> list[Field[Any]]:
    """Every setting: our own, those of mail out and in, the providers'."""
    rooms = [{each.name for each in fields(room)} for room in (SendingSettings, MailboxSettings, ProviderSettings)]
    return sorted(fields(Settings), key=lambda each: [each.name in room for room in reversed(rooms)])


def listed() -> list[tuple[str, str, str]]:
    """Every setting's name, example and meaning, in order: for the README's check and `doctor`."""
    return [(f.metadata["name"], f.metadata["example"], f.metadata["meaning"]) for f in every()]


def load(
    environ: Mapping[str, str] | None = None, defaults: Mapping[str, str] | None = None, *, need_keys: bool = True
) -> Settings:
    """Settings from the environment, and `NAME_FILE` for each name; under it a file named by GREENROOM_ENV_FILE, under
    that settings.env in the data folder (the demo writes one), under all of them `defaults`. A restore finds its keys
    in the backup: it may do without GREENROOM_SECRET_KEYS.

    Raises SettingFault for the first wrong value.
    """
    said = dict(os.environ if environ is None else environ)
    env_file = said.get("GREENROOM_ENV_FILE")
    if env_file:
        said = {**_read_env_file(Path(env_file)), **said}
    defaults = defaults or {}
    data_dir = said.get("GREENROOM_DATA_DIR") or defaults.get("GREENROOM_DATA_DIR")
    kept = (setting_values.path(data_dir) if data_dir else _default_data_dir()) / KEPT_SETTINGS
    given = {**defaults, **(_read_env_file(kept) if kept.is_file() else {}), **said}
    values: dict[str, Any] = {}
    for each in fields(Settings):
        name, parse, example = (each.metadata[key] for key in ("name", "parse", "example"))
        raw = _raw(given, name)
        if raw is None or raw == "":
            continue
        try:
            values[each.name] = parse(raw)
        except ValueError as fault:
            raise SettingFault(name, str(fault), example) from None
    settings = Settings(**values)
    if need_keys and settings.database_url is not None and not settings.secret_keys:
        raise SettingFault("GREENROOM_SECRET_KEYS", "is needed with a database of your own", NEW_KEY)
    insecure = settings.insecure_endpoint()
    if insecure is not None:
        raise SettingFault(insecure.name, "must be https", insecure.example)
    half = settings.half_client()
    if half is not None:
        raise SettingFault(half, "is needed with the other half of the client", "<from the provider's page>")
    sending = settings.sending_fault(settings.providers)
    if sending is not None:
        raise SettingFault(*sending)
    return settings


def _raw(given: Mapping[str, str], name: str) -> str | None:
    path = given.get(f"{name}_FILE")
    if name in given or not path:
        return given.get(name)
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise SettingFault(f"{name}_FILE", "names a file that cannot be read", "/run/secrets/value") from None


def _read_env_file(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise SettingFault("GREENROOM_ENV_FILE", "names a file that cannot be read", "/etc/greenroom.env") from None
    values: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        name, sign, value = stripped.partition("=")
        if not sign:
            raise SettingFault("GREENROOM_ENV_FILE", f"has no = in line {number}", "/etc/greenroom.env")
        values[name.strip().removeprefix("export ").strip()] = value.strip().strip("\"'")
    return values
