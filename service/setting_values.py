"""How each kind of setting is read from its text. Every function raises ValueError with what is wrong: the end of a
sentence that begins with the setting's name."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
Parser = Callable[[str], Any]


def setting(name: str, parse: Parser, example: str, meaning: str, default: Any = None, *, secret: bool = False) -> Any:
    """A field of the settings: its variable, how it is read, a right example, what it means."""
    about = {"name": name, "parse": parse, "example": example, "meaning": meaning}
    return field(default=default, repr=not secret, metadata=about)


def text(raw: str) -> str:
    if any(ord(char) < 32 for char in raw):
        raise ValueError("has a control character")
    return raw


def path(raw: str) -> Path:
    return Path(raw).expanduser().absolute()


def port(raw: str) -> int:
    if not raw.isdigit() or not 0 < int(raw) < 65536:
        raise ValueError("is not a port between 1 and 65535")
    return int(raw)


def count(raw: str) -> int:
    if not raw.isdigit() or int(raw) < 1:
        raise ValueError("is not a whole number above zero")
    return int(raw)


def zero_or_more(raw: str) -> int:
    if not raw.isdigit():
        raise ValueError("is not a whole number")
    return int(raw)


def seconds(raw: str) -> timedelta:
    try:
        seconds = float(raw)
    except ValueError:
        raise ValueError("is not a number of seconds") from None
    if not 0 < seconds < 10**7:
        raise ValueError("is not a number of seconds above zero")
    return timedelta(seconds=seconds)


def flag(raw: str) -> bool:
    if raw not in {"0", "1"}:
        raise ValueError("is neither 0 nor 1")
    return raw == "1"


def courses(raw: str) -> tuple[tuple[str, str], ...]:
    """Titles, each with its address."""
    found = []
    for each in re.split(r";\s+", raw.rstrip("; ")):
        title, _, url = each.strip().rpartition(" ")
        parts = urlsplit(url)
        if not title or parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("is no list of titles, each with its address, and '; ' between them")
        found.append((text(title.strip()), url))
    return tuple(found)


def log_format(raw: str) -> str:
    if raw not in {"text", "json"}:
        raise ValueError("is neither text nor json")
    return raw


def mail_transport(raw: str) -> str:
    if raw not in {"smtp", "gmail", "graph"}:
        raise ValueError("must be smtp, gmail or graph")
    return raw


def base_url(raw: str) -> str:
    parts = urlsplit(raw)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("is not an http or https address")
    if parts.query or parts.fragment or parts.username:
        raise ValueError("must have no query, fragment or user")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK_HOSTS:
        raise ValueError("must be https, unless it is this machine")
    return raw.rstrip("/")


def database_url(raw: str) -> str:
    if not re.match(r"^(sqlite:///|postgresql\+psycopg://)", raw):
        raise ValueError("is neither sqlite:/// nor postgresql+psycopg://")
    return raw


def redis_url(raw: str) -> str:
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


def smtp_url(raw: str) -> SmtpServer:
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


@dataclass(frozen=True, slots=True)
class ImapServer:
    """Where answers arrive. `security` is none, starttls or tls."""

    host: str
    port: int
    username: str
    password: str = field(repr=False)
    security: str
    folder: str


def imap_url(raw: str) -> ImapServer:
    parts = urlsplit(raw)
    if parts.scheme not in {"imap", "imaps"} or not parts.hostname:
        raise ValueError("does not look like imaps://user:pass@host/INBOX")
    if not parts.username or parts.password is None:
        raise ValueError("needs a user and a password; an @ in them is written %40")
    try:
        port = parts.port
    except ValueError:
        raise ValueError("has a port that is no number") from None
    usual = "tls" if parts.scheme == "imaps" else "none" if parts.hostname in LOOPBACK_HOSTS else "starttls"
    query = parse_qs(parts.query)
    security = query.pop("security", [usual])[0]
    if security not in ({"tls"} if parts.scheme == "imaps" else {"none", "starttls"}):
        raise ValueError("has a security that is not none or starttls; for tls write imaps://")
    if query:
        raise ValueError("has a parameter other than security")
    folder = mail_folder(unquote(parts.path).strip("/") or "INBOX")
    default = {"none": 143, "starttls": 143, "tls": 993}[security]
    return ImapServer(
        parts.hostname, port or default, unquote(parts.username), unquote(parts.password), security, folder
    )


def mail_folder(raw: str) -> str:
    if not raw.isascii() or not raw.isprintable():
        raise ValueError("names a folder with more than plain letters, digits and signs")
    return raw


def address(raw: str) -> str:
    _, address = parseaddr(raw)
    if not re.match(r"^[^@\s<>]+@[^@\s<>]+$", address) or not raw.isprintable():
        raise ValueError("is not a mail address")
    return raw


def selector(raw: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?", raw):
        raise ValueError("is not a name in DNS")
    return raw


def keys(raw: str) -> tuple[str, ...]:
    """The first seals, so it must be made by a machine; the others only open, and an earlier version took sentences."""
    keys = tuple(key.strip() for key in raw.split(",") if key.strip())
    if not keys or any(len(key) < 32 for key in keys):
        raise ValueError("needs one or more keys of 32 characters or more, newest first")
    if not re.fullmatch(r"[!-~]+", keys[0]):
        raise ValueError(
            "must begin with a key of plain letters, digits and signs, with no space in it. One with spaces that is in "
            "use goes after a new one, and still opens what it sealed; then run greenroom keys rotate"
        )
    return keys


def authserv_id(raw: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,252}[A-Za-z0-9])?", raw):
        raise ValueError("is not a server's name, as Authentication-Results begins with it")
    return raw


def hook_secret(raw: str) -> str:
    if len(raw) < 32 or not raw.isascii() or not raw.isprintable():
        raise ValueError("needs 32 or more plain characters")
    return raw


def hosts(raw: str) -> frozenset[str]:
    hosts = frozenset(host.strip().lower() for host in raw.split(",") if host.strip())
    if any(not re.match(r"^(\[[0-9a-f:]+\]|[^:\s]+):\d{1,5}$", host) for host in hosts):
        raise ValueError("is not a list of host:port")
    return hosts


def existing_file(raw: str) -> Path:
    found = path(raw)
    if not found.is_file():
        raise ValueError("names a file that is not there")
    return found


def endpoint(raw: str) -> str:
    """An address of a provider's. Whether http may stand here is for all of them together to say."""
    parts = urlsplit(raw)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query:
        raise ValueError("is not an https address")
    return raw


def calendar_root(raw: str) -> str:
    if "/calendar/v3/" not in f"{endpoint(raw).rstrip('/')}/":
        raise ValueError("does not contain /calendar/v3/")
    return f"{raw.rstrip('/')}/"


def authority(raw: str) -> str:
    if not urlsplit(endpoint(raw)).path.strip("/"):
        raise ValueError("has no path, which names the tenant: common, organizations, or an id")
    return raw.rstrip("/")


def client_secret(raw: str) -> str:
    """Microsoft shows a secret's id beside its value, and the id is what people copy (msgraph samples, issue 195)."""
    if re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", raw):
        raise ValueError("looks like a secret's id; its value is needed, which is shown once when it is made")
    return text(raw)
