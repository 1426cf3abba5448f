"""A moment after which a server is no longer waited for, wherever it keeps us waiting."""

from __future__ import annotations

import contextlib
import socket
import threading
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Self

from urllib3.connection import HTTPConnection, HTTPSConnection


class Deadline:
    """Cuts the connections that it watches when its time has passed.

    A socket's own timeout starts anew with every byte: a server that drips its headers, the lengths of its chunks or
    its TLS greeting would hold us as long as it likes.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.passed = False
        self.reached = False  # somebody is there to whom a request may have gone
        self._lock = threading.Lock()
        self._watched: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def watch(self, connection: socket.socket) -> None:
        """By a handle of our own: TLS takes the socket's away."""
        with self._lock:
            self._watched.append(connection.dup())

    def _cut(self) -> None:
        with self._lock:
            self.passed = True
            for connection in self._watched:
                with contextlib.suppress(OSError):  # it ended by itself
                    connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            for connection in self._watched:
                connection.close()
            self._watched.clear()


class WatchedConnection(HTTPConnection):
    """Told of its deadline before it sends or reads anything."""

    def __init__(self, *arguments: Any, watch: Deadline, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._deadline = watch

    def _new_conn(self) -> socket.socket:
        connection = super()._new_conn()
        self._deadline.watch(connection)
        return connection

    def connect(self) -> None:
        super().connect()
        self._deadline.reached = True


class WatchedTlsConnection(HTTPSConnection):
    """The same over TLS, from its greeting on."""

    def __init__(self, *arguments: Any, watch: Deadline, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._deadline = watch

    def _new_conn(self) -> socket.socket:
        connection = super()._new_conn()
        self._deadline.watch(connection)
        return connection

    def connect(self) -> None:
        super().connect()
        self._deadline.reached = True


def look_up(host: str, port: int, seconds: float) -> list[str]:
    """The host's addresses, each once, best first. Raises TimeoutError when no name server answers in time (the
    system's own patience is not ours to set, so its answer is waited for elsewhere), else OSError or UnicodeError."""
    answers: SimpleQueue[list[str] | OSError | UnicodeError] = SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as fault:
            answers.put(fault)
        else:
            answers.put(list(dict.fromkeys(str(entry[4][0]) for entry in found)))

    threading.Thread(target=ask, name="look-up", daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except Empty:
        raise TimeoutError from None
    if isinstance(answer, list):
        return answer
    raise answer
