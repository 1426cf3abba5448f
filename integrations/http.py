"""The one way out to addresses that people gave: no private hosts, a deadline for all, a limit for every body."""

from __future__ import annotations

import base64
import ipaddress
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import certifi
import urllib3
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, SSLError
from urllib3.exceptions import TimeoutError as UrllibTimeout

from integrations.certificates import has_run_out
from integrations.deadline import Deadline, WatchedConnection, WatchedTlsConnection, look_up
from service.domain.errors import AdapterError, Unanswered

MOST_REDIRECTS = 5
CHUNK = 64 * 1024
# NAT64 (RFC 6052, RFC 8215) and IPv4-compatible addresses lead to IPv4 ones that are not looked at here; not every
# Python knows them as special.
TRANSLATED = tuple(ipaddress.ip_network(each) for each in ("64:ff9b::/96", "64:ff9b:1::/48", "::/96"))
PORTS = {"http": 80, "https": 443}
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
        once: bool = False,
    ) -> Response:
        """The answer to the last redirect. `timeout` is for everything together. Raises AdapterError.

        A login is never sent to another host than the first; with `same_host` a redirect elsewhere is an error. With
        `once` the request goes to no second address after a first one that may have it, and its loss is Unanswered.
        """
        deadline = time.monotonic() + timeout.total_seconds()
        first, seen = host_of(url), set()
        for _ in range(MOST_REDIRECTS + 1):
            if url in seen:
                raise AdapterError("redirect_loop", permanent=True, host=first)
            seen.add(url)
            here = host_of(url)
            sent = dict(headers or {})
            if login is not None and here == first:
                secret = base64.b64encode(f"{login.username}:{login.password}".encode()).decode()
                sent["Authorization"] = f"Basic {secret}"
            response = self._once(method, url, sent, body, deadline, most_bytes, once)
            if response.status not in REDIRECTS or "location" not in response.headers:
                return response
            url = join(url, response.headers["location"])
            if same_host and host_of(url) != first:
                raise AdapterError("redirect_elsewhere", permanent=True, host=first, other=host_of(url))
        raise AdapterError("redirect_loop", permanent=True, host=first)

    def _once(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None, deadline: float, most_bytes: int,
        once: bool,
    ) -> Response:  # fmt: skip
        """From the first of the host's addresses that lets us connect."""
        scheme, host, port = urlsplit(url).scheme, host_of(url), _port_of(url)
        if "Authorization" in headers and scheme == "http" and f"{host}:{port}" not in self._allow:
            raise AdapterError("plain_login", permanent=True, host=host)
        named = f"[{host}]" if ":" in host else host
        named += "" if port == PORTS[scheme] else f":{port}"
        sent = {"Host": named, "User-Agent": USER_AGENT, "Accept-Encoding": "gzip", **headers}
        addresses = self._resolve(host, port, deadline)
        for number, address in enumerate(addresses, 1):
            share = _left(deadline, host) / (len(addresses) - number + 1)
            with Deadline(_left(deadline, host)) as watch, self._pool(scheme, host, address, port, watch) as pool:
                try:
                    return _ask(pool, method, url, sent, body, most_bytes, share, watch)
                except AdapterError as fault:
                    if once and watch.reached:
                        raise Unanswered(fault.code, permanent=False, host=host) from fault
                    if fault.code not in {"connect_failed", "timeout"} or watch.passed or number == len(addresses):
                        raise
        raise AdapterError("dns_failed", permanent=False, host=host)

    def _pool(self, scheme: str, host: str, address: str, port: int, watch: Deadline) -> HTTPConnectionPool:
        """To the address that was checked, not to the name: a second look-up could give another one."""
        if scheme == "http":
            pool = HTTPConnectionPool(address, port, watch=watch)
            pool.ConnectionCls = WatchedConnection
            return pool
        pool = HTTPSConnectionPool(
            address, port, ssl_context=self._tls, server_hostname=host, assert_hostname=host,
            cert_reqs="CERT_REQUIRED", watch=watch,
        )  # fmt: skip
        pool.ConnectionCls = WatchedTlsConnection
        return pool

    def _resolve(self, host: str, port: int, deadline: float) -> list[str]:
        """Each address once, all of them allowed: a host with one foot inside is refused whole."""
        try:
            addresses = look_up(host, port, _left(deadline, host))
        except TimeoutError as fault:
            raise AdapterError("timeout", permanent=False, host=host) from fault
        except (OSError, UnicodeError) as fault:
            raise AdapterError("dns_failed", permanent=False, host=host) from fault
        if f"{host}:{port}" not in self._allow and not all(_is_public(address) for address in addresses):
            raise AdapterError("private_address", permanent=True, host=host)
        return addresses


def _ask(
    pool: HTTPConnectionPool, method: str, url: str, headers: dict[str, str], body: bytes | None, most_bytes: int,
    connect_seconds: float, watch: Deadline,
) -> Response:  # fmt: skip
    parts, host = urlsplit(url), host_of(url)
    answer: urllib3.BaseHTTPResponse | None = None
    try:
        answer = pool.urlopen(
            method,
            (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
            body=body,
            headers=headers,
            redirect=False,
            retries=False,
            preload_content=False,
            timeout=urllib3.Timeout(connect=connect_seconds, read=watch.seconds),
        )
        content = _read(answer, watch, most_bytes, host)
    except AdapterError:
        raise
    except SSLError as fault:
        late = has_run_out(fault.args[0])
        raise _fault("tls_expired" if late else "tls_failed", watch, host, permanent=not late) from fault
    except (UrllibTimeout, TimeoutError) as fault:
        raise _fault("timeout", watch, host) from fault
    except (HTTPError, HTTPException, OSError) as fault:
        raise _fault("connect_failed", watch, host) from fault
    except (ValueError, UnicodeError) as fault:
        raise AdapterError("bad_url", permanent=True) from fault
    finally:
        if answer is not None:
            answer.close()
    return Response(answer.status, {name.lower(): value for name, value in answer.headers.items()}, content, url)


def _fault(code: str, watch: Deadline, host: str, *, permanent: bool = False) -> AdapterError:
    """What broke a connection that we cut ourselves is the deadline."""
    if watch.passed:
        return AdapterError("timeout", permanent=False, host=host)
    return AdapterError(code, permanent=permanent, host=host)


def check(response: Response) -> Response:
    """The response if it succeeded; else an AdapterError that says what its status means for the calendar's owner."""
    status, host = response.status, host_of(response.url)
    if 200 <= status < 300 or status == 304:
        return response
    named = {401: "unauthorized", 403: "forbidden", 404: "not_found", 410: "not_found"}
    if status in named:
        raise AdapterError(named[status], permanent=True, host=host)
    if status == 429 or status >= 500:
        code = "throttled" if status == 429 else "server_error"
        raise AdapterError(code, permanent=False, retry_after=retry_after(response.headers), host=host, status=status)
    raise AdapterError("unexpected_status", permanent=True, host=host, status=status)


def retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """RFC 9110 10.2.3: seconds, or a date by the server's own clock; never longer than a day."""
    raw = headers.get("retry-after", "").strip()
    if raw.isdecimal() and len(raw) < 10:
        return min(timedelta(seconds=int(raw)), timedelta(days=1))
    try:
        wait = parsedate_to_datetime(raw) - parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError):
        return None
    return min(max(wait, timedelta(0)), timedelta(days=1))


def _read(answer: urllib3.BaseHTTPResponse, watch: Deadline, most_bytes: int, host: str) -> bytes:
    """The decoded body, counted as it comes: a small body that unpacks to a huge one meets the limit."""
    chunks: list[bytes] = []
    size = 0
    while chunk := answer.read1(CHUNK, decode_content=True):
        size += len(chunk)
        if size > most_bytes:
            raise AdapterError("too_large", permanent=True, host=host, most=most_bytes // 1024 // 1024)
        chunks.append(chunk)
    if watch.passed:  # a cut connection looks like the end of a body without a length
        raise AdapterError("timeout", permanent=False, host=host)
    return b"".join(chunks)


def _left(deadline: float, host: str) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise AdapterError("timeout", permanent=False, host=host)
    return left


def join(base: str, reference: str) -> str:
    """Where a server sends us. Raises AdapterError when what it names is no address, such as `http://[::1/`."""
    try:
        return urljoin(base, reference)
    except ValueError as fault:
        raise AdapterError("bad_redirect", permanent=True, host=host_of(base)) from fault


def host_of(url: str) -> str:
    """Lower case, in ASCII (RFC 3490). Raises AdapterError for an address that is none."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
        named = (host or "").encode("idna").decode() if not (host or "").isascii() else host
    except ValueError as fault:
        raise AdapterError("bad_url", permanent=True) from fault
    if parts.scheme not in PORTS or not named:
        raise AdapterError("bad_url", permanent=True)
    return named


def _port_of(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or PORTS[parts.scheme]


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
