"""Microsoft as a process of ours reaches it: its own library for consent and tokens, and Graph, over our guarded HTTP.

Imported only where Microsoft is set up: 180 ms and 25 MB (measured 2026-11). What carries its requests is ours: its own
session waits without a deadline in all, and obeys proxies and bundles of the environment.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar
from urllib.parse import urlencode
from weakref import WeakValueDictionary

from msal import ConfidentialClientApplication, SerializableTokenCache

from integrations.http import GuardedHttp, Response, check, host_of
from service.domain.errors import AdapterError

MOST_BYTES = 16 * 1024 * 1024
# What Entra says of itself: asked for once and not with every token, as msal's own cache would hold it. That one has a
# lock for each application and not for what they share (msal 1.39, individual_cache.py), and remembers failures, too.
DISCOVERED_SECONDS = 24 * 3600
# Outlook's limit for one application and mailbox (learn.microsoft.com/graph/throttling-limits, seen 2026-11).
AT_ONCE = 4
# On every call: ids of one kind mean nothing to calls of the other (learn.microsoft.com/graph/outlook-immutable-id).
PREFER = 'outlook.timezone="UTC", IdType="ImmutableId"'
FORM = "application/x-www-form-urlencoded"
MISREAD = (ValueError, LookupError, RuntimeError)  # what msal makes of an answer that it cannot read
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class MicrosoftClient:
    """Who we are at Microsoft, and its addresses as the operator named them."""

    client_id: str
    client_secret: str = field(repr=False)
    authority: str
    instance_discovery: bool
    graph_root: str


@dataclass(frozen=True, slots=True)
class _Answer:
    """What msal reads of a response."""

    status_code: int
    text: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class GraphRequest:
    """One request to Graph. With an `etag` only what still is as it was then is changed; `once` as of GuardedHttp. A
    body of octets is a mail, which goes in base64 (learn.microsoft.com/graph/outlook-send-mime-message)."""

    method: str
    url: str
    body: dict[str, Any] | bytes | None = None
    etag: str | None = None
    once: bool = False


class Microsoft:
    """Microsoft as all of a process reaches it."""

    def __init__(self, client: MicrosoftClient, http: GuardedHttp) -> None:
        logging.getLogger("msal").setLevel(logging.WARNING)  # below that it writes codes and verifiers
        self.client, self.http = client, http
        self.host = host_of(client.graph_root)
        self._discovered: dict[str, tuple[float, _Answer]] = {}
        self._gates: WeakValueDictionary[str, threading.BoundedSemaphore] = WeakValueDictionary()
        self._gates_lock = threading.Lock()

    def application(self, cache: SerializableTokenCache, deadline: float) -> ConfidentialClientApplication:
        """For one use: it holds one connection's tokens, and all that it asks for has to end by `deadline`. Raises
        AdapterError, `client_refused` where there is no such tenant."""
        return self.understood(
            lambda: ConfidentialClientApplication(
                self.client.client_id,
                client_credential=self.client.client_secret,
                authority=self.client.authority,
                instance_discovery=None if self.client.instance_discovery else False,
                token_cache=cache,
                http_client=_Carrier(self, deadline),
            )
        )

    def understood(self, ask: Callable[[], Found]) -> Found:
        """msal's errors quote what it read, so they are not passed on. Mostly it is a tenant that is not there: the
        operator's, so it passes without the person whose calendar it is."""
        try:
            return ask()
        except MISREAD:
            raise AdapterError("client_refused", permanent=False, host=host_of(self.client.authority)) from None

    def gate(self, mailbox: str) -> threading.BoundedSemaphore:
        """Lets as many in at a time as a mailbox answers; the same one while anybody holds it."""
        with self._gates_lock:
            found = self._gates.get(mailbox)
            if found is None:
                found = self._gates[mailbox] = threading.BoundedSemaphore(AT_ONCE)
            return found

    def ask_graph(self, asked: GraphRequest, token: str, deadline: float) -> Response:
        """Whatever Graph answers. Raises AdapterError when nothing comes."""
        headers = {"Authorization": f"Bearer {token}", "Prefer": PREFER, "Accept": "application/json"}
        body: bytes | None = None
        if isinstance(asked.body, bytes):
            headers["Content-Type"], body = "text/plain", b64encode(asked.body)
        elif asked.body is not None:
            headers["Content-Type"], body = "application/json", json.dumps(asked.body).encode()
        if asked.etag:
            headers["If-Match"] = asked.etag
        return self.http.fetch(
            asked.method,
            asked.url,
            timeout=left(deadline, asked.url),
            headers=headers,
            body=body,
            most_bytes=MOST_BYTES,
            same_host=True,
            once=asked.once,
        )

    def discover(self, url: str, headers: dict[str, str], deadline: float) -> _Answer:
        kept = self._discovered.get(url)
        if kept is not None and time.monotonic() < kept[0]:
            return kept[1]
        answer = self.send("GET", url, headers, None, deadline)
        if answer.status_code == 200:
            self._discovered[url] = (time.monotonic() + DISCOVERED_SECONDS, answer)
        return answer

    def send(self, method: str, url: str, headers: dict[str, str], body: bytes | None, deadline: float) -> _Answer:
        """Raises AdapterError for an outage, and for what is no JSON: msal would write that into the log, tokens and
        all."""
        response = self.http.fetch(
            method,
            url,
            timeout=left(deadline, url),
            headers=headers,
            body=body,
            most_bytes=MOST_BYTES,
            same_host=True,
        )
        if response.status == 429 or response.status >= 500:
            check(response)
        json_of(response, permanent=False)
        return _Answer(response.status, response.body.decode(), response.headers)


class _Carrier:
    """msal's HttpClient: one application's, with its deadline."""

    def __init__(self, microsoft: Microsoft, deadline: float) -> None:
        self._microsoft, self._deadline = microsoft, deadline

    def get(self, url: str, params: dict[str, str] | None = None, headers: Any = None, **_: Any) -> _Answer:
        return self._microsoft.discover(_with(url, params), dict(headers or {}), self._deadline)

    def post(
        self, url: str, params: dict[str, str] | None = None, data: Any = None, headers: Any = None, **_: Any
    ) -> _Answer:
        body = urlencode({name: value for name, value in data.items() if value is not None}).encode()
        sent = {**(headers or {}), "Content-Type": FORM}
        return self._microsoft.send("POST", _with(url, params), sent, body, self._deadline)

    def close(self) -> None:
        pass


def _with(url: str, params: dict[str, str] | None) -> str:
    return f"{url}?{urlencode(params)}" if params else url


def left(deadline: float, url: str) -> timedelta:
    """Raises AdapterError `timeout` when nothing is."""
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise AdapterError("timeout", permanent=False, host=host_of(url))
    return timedelta(seconds=seconds)


def json_of(response: Response, permanent: bool = True) -> dict[str, Any]:
    """The answer's object. Raises AdapterError for anything else, which is not repeated."""
    try:
        found = json.loads(response.body.decode())
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise AdapterError("unexpected_answer", permanent=permanent, host=host_of(response.url))
    return found
