"""The demo's own calendar servers, each a process that ends with the demo."""

from __future__ import annotations

import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from service.demo import dav
from service.domain.errors import GreenroomError
from service.process import die_with_parent

PORTS = range(20_000, 32_000)  # below what systems give to outgoing connections
START_SECONDS = 20.0
STOP_SECONDS = 5.0


class PortTaken(GreenroomError):
    """Another program listens where the demo's calendars were; their addresses are stored, so they cannot move."""

    code = "demo_port_taken"


class ServerSilent(GreenroomError):
    """A calendar server of the demo did not start; its log says why."""

    code = "demo_server_silent"


def free_port() -> int:
    """A port that nobody listens on; it is kept for the demo's life, so it is taken from outside the transient ones."""
    for port in random.SystemRandom().sample(PORTS, 50):
        if _is_free(port):
            return port
    raise PortTaken(port=PORTS.start)


@contextmanager
def running(folder: Path, feeds_port: int, dav_port: int, password: str, made_on: date) -> Iterator[None]:
    """Both servers, answering inside the block and gone after it. Raises PortTaken or ServerSilent."""
    for port in (feeds_port, dav_port):
        if not _is_free(port):
            raise PortTaken(port=port)
    config = dav.write_config(folder / "radicale", dav_port, password)
    log = folder / "calendars.log"
    started: list[subprocess.Popen[bytes]] = []
    try:
        with log.open("ab") as out:
            for command in (
                ["-m", "service.demo.feeds", str(feeds_port), made_on.isoformat()],
                ["-m", "radicale", "--config", str(config)],
            ):
                started.append(_start(command, out.fileno()))
        for port in (feeds_port, dav_port):
            _wait_for(port, log)
        yield
    finally:
        for process in started:
            _stop(process)


def _start(command: list[str], out: int) -> subprocess.Popen[bytes]:
    # A session of its own: Ctrl-C must reach the demo first, which still talks to these while it ends.
    return subprocess.Popen(  # noqa: S603 - our own modules and the interpreter that runs us
        [sys.executable, *command], stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
        preexec_fn=die_with_parent,  # noqa: PLW1509 - one call, no locks
    )  # fmt: skip


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_for(port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise ServerSilent(log=str(log))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
