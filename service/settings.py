"""Frozen settings from the environment: the only reader of os.environ. Nonsense is refused with the setting's name."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

KEPT_SETTINGS = "settings.env"  # in the data folder: what holds there unless the environment says otherwise
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})


class SettingFault(Exception):
    """A setting cannot be used: its name, what is wrong with the value, and a right example. The value is not shown."""

    def __init__(self, name: str, fault: str, example: str) -> None:
        super().__init__(f"{name}: {fault}. A right value: {name}={example}")
        self.name = name
        self.fault = fault


def _text(raw: str) -> str:
    if any(ord(char) < 32 for char in raw):
        raise ValueError("has a control character")
    return raw


def _path(raw: str) -> Path:
    return Path(raw).expanduser().absolute()


def _port(raw: str) -> int:
    if not raw.isdigit() or not 0 < int(raw) < 65536:
        raise ValueError("is not a port between 1 and 65535")
    return int(raw)


def _count(raw: str) -> int:
    if not raw.isdigit() or int(raw) < 1:
        raise ValueError("is not a whole number above zero")
    return int(raw)


def _zero_or_more(raw: str) -> int:
    if not raw.isdigit():
        raise ValueError("is not a whole number")
    return int(raw)


def _seconds(raw: str) -> timedelta:
    try:
        seconds = float(raw)
    except ValueError:
        raise ValueError("is not a number of seconds") from None
    if not 0 < seconds < 10**7:
        raise ValueError("is not a number of seconds above zero")
    return timedelta(seconds=seconds)


def _flag(raw: str) -> bool:
    if raw not in {"0", "1"}:
        raise ValueError("is neither 0 nor 1")
    return raw == "1"


def _log_format(raw: str) -> str:
    if raw not in {"text", "json"}:
        raise ValueError("is neither text nor json")
    return raw


def _base_url(raw: str) -> str:
    parts = urlsplit(raw)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("is not an http or https address")
    if parts.query or parts.fragment or parts.username:
        raise ValueError("must have no query, fragment or user")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK_HOSTS:
        raise ValueError("must be https, unless it is this machine")
    return raw.rstrip("/")


def _database_url(raw: str) -> str:
    if not re.match(r"^(sqlite:///|postgresql\+psycopg://)", raw):
        raise ValueError("is neither sqlite:/// nor postgresql+psycopg://")
    return raw


def _redis_url(raw: str) -> str:
    if not re.match(r"^(redis|rediss|unix)://", raw):
        raise ValueError("does not start with redis://, rediss:// or unix://")
    return raw


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where mail is handed over. `security` is none, starttls or tls."""

    host: str
    port: int
    username: str | None
    password: str | None = field(repr=False)
    security: str


def _smtp_url(raw: str) -> SmtpServer:
    parts = urlsplit(raw)
    if parts.scheme != "smtp" or not parts.hostname:
        raise ValueError("does not look like smtp://host:port")
    try:
        port = parts.port
    except ValueError:
        raise ValueError("has a port that is no number") from None
    query = parse_qs(parts.query)
    usual = "none" if parts.hostname in LOOPBACK_HOSTS else "starttls"  # what never leaves the machine needs no cover
    security = query.pop("security", [usual])[0]
    if security not in {"none", "starttls", "tls"}:
        raise ValueError("has a security that is not none, starttls or tls")
    if query:
        raise ValueError("has a parameter other than security")
    default = {"none": 25, "starttls": 587, "tls": 465}[security]
    username = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    return SmtpServer(parts.hostname, port or default, username, password, security)


def _address(raw: str) -> str:
    _, address = parseaddr(raw)
    if not re.match(r"^[^@\s<>]+@[^@\s<>]+$", address) or not raw.isprintable():
        raise ValueError("is not a mail address")
    return raw


def _selector(raw: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?", raw):
        raise ValueError("is not a name in DNS")
    return raw


def _keys(raw: str) -> tuple[str, ...]:
    keys = tuple(key.strip() for key in raw.split(",") if key.strip())
    if not keys or any(len(key) < 32 for key in keys):
        raise ValueError("needs one or more keys of 32 characters or more, newest first")
    return keys


def _hosts(raw: str) -> frozenset[str]:
    hosts = frozenset(host.strip().lower() for host in raw.split(",") if host.strip())
    if any(not re.match(r"^(\[[0-9a-f:]+\]|[^:\s]+):\d{1,5}$", host) for host in hosts):
        raise ValueError("is not a list of host:port")
    return hosts


def _existing_file(raw: str) -> Path:
    path = _path(raw)
    if not path.is_file():
        raise ValueError("names a file that is not there")
    return path


Parser = Callable[[str], Any]


def _setting(name: str, parse: Parser, example: str, meaning: str, default: Any = None) -> Any:
    return field(default=default, metadata={"name": name, "parse": parse, "example": example, "meaning": meaning})


def _default_data_dir() -> Path:
    return Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share").expanduser() / "greenroom"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One field a setting; its metadata names the variable, its meaning and a right example."""

    data_dir: Path = field(
        default_factory=_default_data_dir,
        metadata={
            "name": "GREENROOM_DATA_DIR",
            "parse": _path,
            "example": "/var/lib/greenroom",
            "meaning": "where the embedded database, keys, local mailbox and broker live",
        },
    )
    database_url: str | None = _setting(
        "GREENROOM_DATABASE_URL",
        _database_url,
        "postgresql+psycopg://greenroom@db/greenroom",
        "another database than SQLite in the data folder",
    )
    redis_url: str | None = _setting(
        "GREENROOM_REDIS_URL", _redis_url, "redis://127.0.0.1:6379/0", "another broker than the embedded Valkey"
    )
    base_url_given: str | None = _setting(
        "GREENROOM_BASE_URL", _base_url, "https://meet.example.org", "the address that links in mails start with"
    )
    bind: str = _setting(
        "GREENROOM_BIND", _text, "127.0.0.1", "the address that the web server listens on", "127.0.0.1"
    )
    port: int = _setting("PORT", _port, "8000", "the port that the web server listens on", 8000)
    trusted_proxies: int = _setting(
        "GREENROOM_TRUSTED_PROXIES", _zero_or_more, "1", "how many reverse proxies stand in front", 0
    )
    programme: str = _setting(
        "GREENROOM_PROGRAMME", _text, "Women in Physics", "the programme's name, as mails and pages say it", "Greenroom"
    )
    contact: str | None = _setting(
        "GREENROOM_CONTACT", _address, "Cleo Park <cleo@example.org>", "the person whom mails name for questions"
    )
    secret_keys: tuple[str, ...] = field(
        default=(),
        repr=False,
        metadata={
            "name": "GREENROOM_SECRET_KEYS",
            "parse": _keys,
            "example": "<48 random characters>",
            "meaning": "keys for encryption, newest first; made in the data folder with the embedded database",
        },
    )
    backup_passphrase: str | None = field(
        default=None,
        repr=False,
        metadata={
            "name": "GREENROOM_BACKUP_PASSPHRASE",
            "parse": _text,
            "example": "<six or more random words>",
            "meaning": "what seals backups; keep it where the backups are not",
        },
    )
    smtp: SmtpServer | None = _setting(
        "GREENROOM_SMTP_URL",
        _smtp_url,
        "smtp://user:pass@mail.example.org:587?security=starttls",
        "where mail is handed over; without it mail goes to the local mailbox",
    )
    mail_from: str = _setting(
        "GREENROOM_MAIL_FROM",
        _address,
        "meet@example.org",
        "the one address that all mail comes from",
        "meet@greenroom.localhost",
    )
    dkim_selector: str | None = _setting(
        "GREENROOM_DKIM_SELECTOR",
        _selector,
        "mail2027",
        "the selector of the key that signs mail, so that `doctor` can look it up",
    )
    extra_ca_bundle: Path | None = _setting(
        "GREENROOM_EXTRA_CA_BUNDLE",
        _existing_file,
        "/etc/ssl/own-ca.pem",
        "more certificates to trust, for every client",
    )
    outbound_allow: frozenset[str] = _setting(
        "GREENROOM_OUTBOUND_ALLOW",
        _hosts,
        "calendar.internal:5232",
        "private addresses that calendars may be read from",
        frozenset(),
    )
    poll: timedelta = _setting(
        "GREENROOM_POLL_SECONDS", _seconds, "300", "how often each calendar is read", timedelta(seconds=300)
    )
    reads_per_host: int = _setting(
        "GREENROOM_READS_PER_HOST", _count, "4", "how many calendars of one server are read at once", 4
    )
    sweep: timedelta = _setting(
        "GREENROOM_SWEEP_SECONDS",
        _seconds,
        "5",
        "how often due meetings and mails are looked for",
        timedelta(seconds=5),
    )
    busy_max_age: timedelta = _setting(
        "GREENROOM_BUSY_MAX_AGE_SECONDS",
        _seconds,
        "3600",
        "how long the last good copy of a calendar counts",
        timedelta(seconds=3600),
    )
    live_read: timedelta = _setting(
        "GREENROOM_LIVE_READ_SECONDS", _seconds, "4", "how long confirming waits for one calendar", timedelta(seconds=4)
    )
    dispatch: timedelta = _setting(
        "GREENROOM_DISPATCH_SECONDS", _seconds, "1", "how often the outbox is looked at", timedelta(seconds=1)
    )
    web_workers: int = _setting("GREENROOM_WEB_WORKERS", _count, "2", "web server processes", 1)
    web_threads: int = _setting("GREENROOM_WEB_THREADS", _count, "8", "threads in each web server process", 8)
    log_format: str = _setting(
        "GREENROOM_LOG_FORMAT",
        _log_format,
        "json",
        "text tells what to look at; json one object a line, requests too",
        "text",
    )
    demo: bool = _setting("GREENROOM_DEMO", _flag, "1", "set by the demo command for its parts", False)

    @property
    def base_url(self) -> str:
        host = "127.0.0.1" if self.bind in {"0.0.0.0", "::", ""} else self.bind  # noqa: S104 - compared, not bound
        return self.base_url_given or f"http://{host}:{self.port}"

    @property
    def loopback(self) -> bool:
        return urlsplit(self.base_url).hostname in LOOPBACK_HOSTS

    @property
    def local_mailbox(self) -> bool:
        """Whether mail stays here, readable at /mailbox: no SMTP setting, and nobody else can reach the page."""
        return self.smtp is None and self.loopback

    @property
    def mail_address(self) -> str:
        return parseaddr(self.mail_from)[1]


def listed() -> list[tuple[str, str, str]]:
    """Every setting's name, example and meaning, in order: for the README's check and `doctor`."""
    return [(f.metadata["name"], f.metadata["example"], f.metadata["meaning"]) for f in fields(Settings)]


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
    kept = (_path(data_dir) if data_dir else _default_data_dir()) / KEPT_SETTINGS
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
        raise SettingFault("GREENROOM_SECRET_KEYS", "is needed with a database of your own", "<48 random characters>")
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
