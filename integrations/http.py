"""The one way out to addresses that people gave: no private hosts, a deadline for all, a limit for every body."""

from __future__ import annotations

import base64
import ipaddress
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import certifi
import urllib3
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, NewConnectionError, SSLError, TimeoutError

from service.domain.errors import AdapterError

MOST_REDIRECTS = 5
CHUNK = 64 * 1024
# NAT64 (RFC 6052, RFC 8215) leads to IPv4 addresses that are not looked at here; not every Python knows both as
# special.
TRANSLATED = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))
REDIRECTS = frozenset({301, 302, 303, 307, 308})
USER_AGENT = "Greenroom"


@dataclass(frozen=True, slots=True)
class Response:
    """An answer that was read whole. `url` is where it came from, after redirects; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


@dataclass(frozen=True, slots=True)
class Login:
    username: str
    password: str


class GuardedHttp:
    """Fetches over http and https. `outbound_allow` lists host:port that may be private; nothing else private is
    connected to, whatever a name resolves to. The environment's proxies and bundles are not looked at."""

    def __init__(self, outbound_allow: frozenset[str], extra_ca_bundle: Path | None) -> None:
        self._allow = outbound_allow
        self._tls = ssl.create_default_context(cafile=certifi.where())
        if extra_ca_bundle is not None:
            self._tls.load_verify_locations(extra_ca_bundle)

    def fetch(
        self,
        method: str,
        url: str,
        *,
        timeout: timedelta,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        login: Login | None = None,
        most_bytes: int,
        same_host: bool = False,
    ) -> Response:
        """The answer to the last redirect. `timeout` is for everything together. Raises AdapterError.

        A login is never sent to another host than the first; with `same_host` a redirect elsewhere is an error.
        """
        deadline = time.monotonic() + timeout.total_seconds()
        first, seen = _host_of(url), set()
        for _ in range(MOST_REDIRECTS + 1):
            if url in seen:
                raise AdapterError("redirect_loop", permanent=True, host=first)
            seen.add(url)
            here = _host_of(url)
            sent = dict(headers or {})
            if login is not None and here == first:
                secret = base64.b64encode(f"{login.username}:{login.password}".encode()).decode()
                sent["Authorization"] = f"Basic {secret}"
            response = self._once(method, url, sent, body, deadline, most_bytes)
            if response.status not in REDIRECTS or "location" not in response.headers:
                return response
            url = urljoin(url, response.headers["location"])
            if same_host and _host_of(url) != first:
                raise AdapterError("redirect_elsewhere", permanent=True, host=first)
        raise AdapterError("redirect_loop", permanent=True, host=first)

    def _once(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None, deadline: float, most_bytes: int
    ) -> Response:
        parts = urlsplit(url)
        host = _host_of(url)
        port = _port_of(url)
        if "Authorization" in headers and parts.scheme == "http" and f"{host}:{port}" not in self._allow:
            raise AdapterError("plain_login", permanent=True, host=host)
        address = self._resolve(host, port)
        pool = self._pool(parts.scheme, host, address, port)
        answer: urllib3.BaseHTTPResponse | None = None
        target = parts.path or "/"
        if parts.query:
            target += f"?{parts.query}"
        named = f"[{host}]" if ":" in host else host
        default = {"http": 80, "https": 443}[parts.scheme]
        sent = {"Host": named if port == default else f"{named}:{port}", "User-Agent": USER_AGENT, **headers}
        sent.setdefault("Accept-Encoding", "gzip")
        try:
            answer = pool.urlopen(
                method,
                target,
                body=body,
                headers=sent,
                redirect=False,
                retries=False,
                preload_content=False,
                timeout=urllib3.Timeout(total=_left(deadline, host)),
            )
            content = _read(answer, deadline, most_bytes, host)
        except AdapterError:
            raise
        except SSLError as fault:
            raise AdapterError("tls_failed", permanent=True, host=host) from fault
        except (NewConnectionError, ConnectionError) as fault:
            raise AdapterError("connect_failed", permanent=False, host=host) from fault
        except (TimeoutError, OSError) as fault:
            raise AdapterError("timeout", permanent=False, host=host) from fault
        except HTTPError as fault:
            raise AdapterError("connect_failed", permanent=False, host=host) from fault
        finally:
            if answer is not None:
                answer.close()
            pool.close()
        found = {name.lower(): value for name, value in answer.headers.items()}
        return Response(answer.status, found, content, url)

    def _pool(self, scheme: str, host: str, address: str, port: int) -> HTTPConnectionPool:
        """To the address that was checked, not to the name: a second look-up could give another one."""
        if scheme == "http":
            return HTTPConnectionPool(address, port)
        return HTTPSConnectionPool(
            address, port, ssl_context=self._tls, server_hostname=host, assert_hostname=host, cert_reqs="CERT_REQUIRED"
        )

    def _resolve(self, host: str, port: int) -> str:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as fault:
            raise AdapterError("dns_failed", permanent=False, host=host) from fault
        addresses = [str(entry[4][0]) for entry in found]
        if f"{host}:{port}" not in self._allow and not all(_is_public(address) for address in addresses):
            raise AdapterError("private_address", permanent=True, host=host)
        return addresses[0]


def check(response: Response) -> Response:
    """The response if it succeeded; else an AdapterError that says what its status means for the calendar's owner."""
    status, host = response.status, _host_of(response.url)
    if 200 <= status < 300 or status == 304:
        return response
    named = {401: "unauthorized", 403: "forbidden", 404: "not_found", 410: "not_found"}
    if status in named:
        raise AdapterError(named[status], permanent=True, host=host)
    if status == 429 or status >= 500:
        code = "throttled" if status == 429 else "server_error"
        raise AdapterError(code, permanent=False, retry_after=_retry_after(response.headers), host=host, status=status)
    raise AdapterError("unexpected_status", permanent=True, host=host, status=status)


def _retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """RFC 9110 10.2.3: seconds or a date; never longer than a day."""
    raw = headers.get("retry-after", "").strip()
    if raw.isdigit():
        return min(timedelta(seconds=int(raw)), timedelta(days=1))
    try:
        wait = parsedate_to_datetime(raw) - datetime.now(UTC)
    except (ValueError, TypeError):
        return None
    return min(max(wait, timedelta(0)), timedelta(days=1))


def _read(answer: urllib3.BaseHTTPResponse, deadline: float, most_bytes: int, host: str) -> bytes:
    """The decoded body. Read as it comes, so that a server that drips meets the deadline (a plain read waits for a
    whole
    chunk, and each drop starts the socket's timeout anew); a small body that unpacks to a huge one meets the limit."""
    chunks: list[bytes] = []
    size = 0
    while chunk := answer.read1(CHUNK, decode_content=True):
        size += len(chunk)
        if size > most_bytes:
            raise AdapterError("too_large", permanent=True, host=host, most=most_bytes // 1024 // 1024)
        _left(deadline, host)
        chunks.append(chunk)
    return b"".join(chunks)


def _left(deadline: float, host: str) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise AdapterError("timeout", permanent=False, host=host)
    return left


def _host_of(url: str) -> str:
    """Lower case. Raises AdapterError for an address that is none."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as fault:
        raise AdapterError("bad_url", permanent=True) from fault
    if parts.scheme not in {"http", "https"} or not host:
        raise AdapterError("bad_url", permanent=True)
    return host


def _port_of(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or {"http": 80, "https": 443}[parts.scheme]


def _is_public(address: str) -> bool:
    """Whether the address is on the open network: neither private, loopback, link-local, shared (RFC 6598) nor a
    tunnel or a mapping to one of these."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if any(found in network for network in TRANSLATED):
        return False
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if inner is not None:
            return _is_public(str(inner))
    return found.is_global and not found.is_multicast
