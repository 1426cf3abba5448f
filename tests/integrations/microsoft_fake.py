"""A strict Microsoft of our own on loopback, over https as msal wants it: Entra and Graph, with a journal of calls."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPSConnection
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.certificates import certificate
from tests.integrations.entra_fake import CLIENT_ID, SECRET, EntraFake, Refused
from tests.integrations.graph_fake import GraphFake, GraphRefused, Written, preferred
from tests.integrations.send_mail_fake import SendMailFake
from tests.integrations.servers import Answer, body, serving
from tests.integrations.subscriptions_fake import SubscriptionsFake

ROOT = "/v1.0/"


def real_clock() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Call:
    """One request: `name` is authorize, token, openid-configuration, or a path of Graph's without its ids."""

    name: str
    query: dict[str, str]


class MicrosoftFake:
    """`answer` is what every request to Graph gets while it is set; `faults` what the next ones of a name do; a request
    to Graph takes `seconds`. `lost` are names whose work is done and whose answer never arrives."""

    def __init__(self, clock: Callable[[], datetime], bundle: Path) -> None:
        self.host, self.bundle = "", bundle
        self.entra, self.graph = EntraFake(clock), GraphFake()
        self.subscriptions, self.mail = SubscriptionsFake(clock), SendMailFake()
        self.journal: list[Call] = []
        self.answer: Answer | None = None
        self.faults: dict[str, list[Answer]] = {}
        self.lost: set[str] = set()
        self.seconds = 0.0

    @property
    def settings(self) -> dict[str, Any]:
        """What Settings need to send people here."""
        return {
            "microsoft_client_id": CLIENT_ID,
            "microsoft_client_secret": SECRET,
            "microsoft_authority": f"https://{self.host}/common",
            "microsoft_instance_discovery": False,
            "microsoft_graph_root": f"https://{self.host}/v1.0",
            "extra_ca_bundle": self.bundle,
        }

    def calls(self, name: str) -> list[Call]:
        return [call for call in self.journal if call.name == name]

    def consent(self, url: str, account: str, decision: str = "accept") -> dict[str, str]:
        """What somebody does with their browser at `url`: the answer that they bring back."""
        parts = urlsplit(url)
        trust = ssl.create_default_context(cafile=self.bundle)
        connection = HTTPSConnection(parts.netloc, timeout=10, context=trust)
        connection.request("GET", f"{parts.path}?{parts.query}")
        page = connection.getresponse()
        text = page.read().decode()
        assert page.status == 200, text
        form = {f"asked.{name}": value for name, value in parse_qsl(parts.query)}
        form |= {"account": account, "decision": decision}
        connection = HTTPSConnection(parts.netloc, timeout=10, context=trust)
        connection.request("POST", parts.path, urlencode(form))
        back = connection.getresponse().headers["Location"]
        connection.close()
        return dict(parse_qsl(urlsplit(back).query))

    def handle(self, handler: BaseHTTPRequestHandler, content: bytes) -> Answer:
        parts = urlsplit(handler.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        if parts.path.startswith(ROOT):
            return self._graph(handler, parts.path.removeprefix(ROOT), query, content)
        tenant, _, rest = parts.path.strip("/").partition("/")
        name = rest.rpartition("/")[2]
        self.journal.append(Call(name, query))
        if self.faults.get(name):
            return self.faults[name].pop(0)
        form = dict(parse_qsl(content.decode()))
        try:
            match handler.command, rest:
                case "GET", "v2.0/.well-known/openid-configuration":
                    return _json(self.entra.configuration(tenant))
                case "GET", "oauth2/v2.0/authorize":
                    return body(self.entra.page(query).encode(), 200, Content_Type="text/html; charset=utf-8")
                case "POST", "oauth2/v2.0/authorize":
                    return body(b"", 302, Location=self.entra.decide(form))
                case "POST", "oauth2/v2.0/token":
                    return _json(self.entra.token(form))
        except Refused as refused:
            return _json(refused.body, refused.status)
        return body(b"", 404)

    def _graph(self, handler: BaseHTTPRequestHandler, path: str, query: dict[str, str], content: bytes) -> Answer:
        events = path.split("/")[3:4] == ["events"]
        head, _, name = path.rpartition("/")
        if events or "subscriptions" in (head, name):
            name = f"{handler.command} {'event' if events else 'subscriptions'}"
        self.journal.append(Call(name, query))
        if self.answer is not None:
            return self.answer
        if self.faults.get(name):
            return self.faults[name].pop(0)
        try:
            known = self.entra.who(handler.headers.get("Authorization", ""))
            if known is None:
                raise GraphRefused(401, "InvalidAuthenticationToken", WWW_Authenticate='Bearer realm=""')
            preferred(handler.headers.get("Prefer", ""))
            grant, scopes = known
            mailbox = self.graph.mailbox(grant.account.address)
            with self.graph.one_of_four(mailbox):
                time.sleep(self.seconds)
                if (handler.command, path) == ("POST", "me/sendMail"):
                    self.mail.send(scopes, handler.headers["Content-Type"], content)
                    return dropped if name in self.lost else body(b"", 202)
                if name == "POST subscriptions":
                    return _json(self.subscriptions.create(mailbox, scopes, json.loads(content)), 201)
                if name == "DELETE subscriptions":
                    self.subscriptions.delete(path.removeprefix("subscriptions/"))
                    return body(b"", 204)
                if not events:
                    if handler.command != "GET":
                        raise GraphRefused(405, "MethodNotAllowed")
                    return _json(self.graph.answer(mailbox, scopes, path, query))
                if_match, sent = handler.headers.get("If-Match"), json.loads(content or b"{}")
                done = self.graph.write(mailbox, scopes, Written(handler.command, path, query, sent, if_match))
                if name in self.lost:
                    return dropped
                return body(b"", 204) if done is None else _json(done, 201 if handler.command == "POST" else 200)
        except GraphRefused as refused:
            return _json(refused.body, refused.status, **refused.headers)


@contextmanager
def microsoft(folder: Path, clock: Callable[[], datetime] = real_clock) -> Iterator[MicrosoftFake]:
    tls, bundle = certificate(folder)
    fake = MicrosoftFake(clock, bundle)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            fake.handle(self, content)(self)

        do_POST = do_PATCH = do_DELETE = do_GET

        def log_message(self, *_arguments: object) -> None:
            pass

    with serving(Handler, tls) as fake.host:
        fake.entra.base = f"https://{fake.host}"
        fake.graph.root = f"https://{fake.host}/v1.0"
        yield fake


def dropped(handler: BaseHTTPRequestHandler) -> None:
    """Hangs up without a word."""
    handler.close_connection = True
    handler.connection.close()


def _json(value: object, status: int = 200, **headers: str) -> Answer:
    return body(json.dumps(value).encode(), status, Content_Type="application/json; charset=utf-8", **headers)
