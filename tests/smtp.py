"""A real SMTP server on loopback that keeps what it took, and can be told to fail as real ones do."""

from __future__ import annotations

import asyncio
import errno
import os
import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope, Session

# Below what systems give to whoever asks for any port, and shared out among the processes that run tests: nobody else
# takes one between here and the server that is started on it.
PORTS = range(
    10_000 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")),
    20_000,
    int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")),
)


@dataclass
class Sink:
    """aiosmtpd's handler. `answer` is what DATA gets; `drop` breaks the connection after the whole message came."""

    taken: list[tuple[str, bytes]] = field(default_factory=list)
    answer: str = "250 kept"
    rcpt_answer: str = "250 fine"
    drop: bool = False
    hang: float = 0.0  # seconds of silence after the whole message came
    refusals: dict[str, list[str]] = field(default_factory=dict)  # RCPT of this address gets them, one after another
    _server: Any = None

    async def handle_EHLO(
        self, server: Any, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self._server, session.host_name = server, hostname
        return responses

    def hang_up(self) -> None:
        """Breaks the connection of whoever said EHLO last, at once and without a word."""
        transport = self._server.transport
        self._server.loop.call_soon_threadsafe(transport.abort)

    async def handle_RCPT(
        self, server: Any, session: Session, envelope: Envelope, address: str, rcpt_options: list[str]
    ) -> str:
        refused = self.refusals.get(address)
        answer = refused.pop(0) if refused else self.rcpt_answer
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:
        if self.drop:
            server.transport.abort()
            return "250 never heard"
        await asyncio.sleep(self.hang)
        if self.answer.startswith("250"):
            assert isinstance(envelope.content, bytes)
            self.taken.append((envelope.rcpt_tos[0], envelope.content))
        return self.answer


def free_port() -> int:
    """One that nobody listens on: aiosmtpd connects to its own port to see whether it is up, so 0 will not do."""
    for port in random.SystemRandom().sample(PORTS, 50):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do, after whoever had it last
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError(errno.EADDRINUSE, "no free port")


@contextmanager
def running(**options: Any) -> Iterator[tuple[Sink, int]]:
    """The handler and its port; the server ends with the block."""
    sink, port = Sink(), free_port()
    controller = Controller(sink, hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        yield sink, port
    finally:
        controller.stop()
