"""Asks one address over connections that stay open: `python -m bench.generator '{"port": ..., ...}'`, figures as JSON.

A process of its own on raw sockets and one epoll: a client library would take more of the two cores than the server.
"""

from __future__ import annotations

import json
import resource
import selectors
import socket
import sys
from array import array
from collections import deque
from dataclasses import asdict, dataclass
from time import perf_counter

READ = 256 * 1024
PATIENCE = 10.0  # seconds without any answer


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked. Without a `rate` each connection asks again as soon as it has its answer (closed loop); with one,
    that many requests a second are due whatever the answers do (open loop)."""

    port: int
    path: str
    seconds: float
    connections: int
    headers: tuple[tuple[str, str], ...] = ()
    rate: float | None = None

    @property
    def octets(self) -> bytes:
        lines = [f"GET {self.path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in self.headers)]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


class Client:
    """One connection: the request on its way, when it was due, and what has come back."""

    def __init__(self, load: Load, selector: selectors.BaseSelector) -> None:
        self.load, self.selector = load, selector
        self.due = 0.0
        self.busy = False
        self._connect()

    def _connect(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self.load.port), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.selector.register(self.socket, selectors.EVENT_READ, self)
        self.parts: list[bytes] = []
        self.missing = -1  # octets still to come; -1: the head is not complete

    def ask(self, due: float, octets: bytes) -> None:
        self.due, self.busy = due, True
        try:
            self.socket.sendall(octets)
        except OSError:  # the server has closed what stood idle
            self._again(octets)

    def read(self, octets: bytes) -> bool:
        """Takes what has come; True when the answer is complete. Raises RuntimeError for one that is not 200."""
        try:
            part = self.socket.recv(READ)
        except ConnectionResetError:
            part = b""
        if not part:
            if self.parts:
                raise RuntimeError("the server closed the connection in an answer")
            self._again(octets)
            return False
        if self.missing < 0:
            self.parts.append(part)
            head, found, body = b"".join(self.parts).partition(b"\r\n\r\n")
            if not found:
                return False
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(head.decode("latin-1"))
            at = head.lower().index(b"content-length:") + 15
            self.missing = int(head[at : at + 12].split(b"\r\n")[0]) - len(body)
        else:
            self.missing -= len(part)
        if self.missing > 0:
            return False
        self.parts, self.missing, self.busy = [], -1, False
        return True

    def _again(self, octets: bytes) -> None:
        self.selector.unregister(self.socket)
        self.socket.close()
        self._connect()
        if self.busy:
            self.socket.sendall(octets)


def run(load: Load) -> dict[str, float]:
    """Requests a second, milliseconds (from when a request was due to its last octet), and the generator's own CPU
    seconds."""
    selector = selectors.DefaultSelector()
    clients = [Client(load, selector) for _ in range(load.connections)]
    taken = array("d")
    began = perf_counter()
    (_closed if load.rate is None else _open)(load, clients, selector, taken, began)
    lasted = perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    for client in clients:
        client.socket.close()
    return figures(taken, lasted) | {"cpu": used.ru_utime + used.ru_stime}


def figures(taken: array[float], lasted: float) -> dict[str, float]:
    ranked = sorted(taken)

    def at(share: float) -> float:
        return ranked[min(len(ranked) - 1, int(len(ranked) * share))] * 1000

    return {"rate": len(ranked) / lasted, "p50": at(0.5), "p99": at(0.99), "max": at(1.0), "count": len(ranked)}


def _closed(
    load: Load, clients: list[Client], selector: selectors.BaseSelector, taken: array[float], began: float
) -> None:
    octets, until = load.octets, began + load.seconds
    for client in clients:
        client.ask(perf_counter(), octets)
    least = len(clients)  # a machine with other work may need longer for the first answers
    while perf_counter() < until or len(taken) < least:
        for key, _ in _wait(selector, PATIENCE):
            client = key.data
            if client.read(octets):
                at = perf_counter()
                taken.append(at - client.due)
                client.ask(at, octets)


def _open(
    load: Load, clients: list[Client], selector: selectors.BaseSelector, taken: array[float], began: float
) -> None:
    assert load.rate is not None
    octets, every = load.octets, 1 / load.rate
    total = int(load.rate * load.seconds)
    free, waiting, sent = deque(clients), deque[float](), 0
    while len(taken) < total:
        now = perf_counter()
        while sent < total and began + sent * every <= now:
            waiting.append(began + sent * every)
            sent += 1
        while waiting and free:
            free.popleft().ask(waiting.popleft(), octets)
        rest = max(0.0, began + sent * every - perf_counter()) if sent < total else PATIENCE
        for key, _ in selector.select(rest):
            client = key.data
            if client.read(octets):
                taken.append(perf_counter() - client.due)
                free.append(client)


def _wait(selector: selectors.BaseSelector, patience: float) -> list[tuple[selectors.SelectorKey, int]]:
    found = selector.select(patience)
    if not found:
        raise RuntimeError("the server does not answer")
    return found


def main() -> None:
    given = json.loads(sys.argv[1])
    print(json.dumps(run(Load(**given))))


def command(load: Load) -> list[str]:
    return [sys.executable, "-m", "bench.generator", json.dumps(asdict(load))]


if __name__ == "__main__":
    main()
