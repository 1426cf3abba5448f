"""Web servers to measure, each on a data folder of its own, and the load that they are put under."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bench import generator
from bench.generator import Load
from service.settings import Settings, load

START_SECONDS = 20.0
WORKERS = 2
GREENROOM = ("-c", "from service.cli import main; main()", "web")
HELLO = ("-m", "bench.hello")


@contextmanager
def place(**more: str) -> Iterator[dict[str, str]]:
    """An environment with an empty data folder, a free port, and settings of ours alone."""
    with tempfile.TemporaryDirectory(prefix="greenroom-bench-") as folder:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("GREENROOM_")}
        yield environ | {"GREENROOM_DATA_DIR": folder, "PORT": str(free_port()), **more}


def settings_of(environ: dict[str, str]) -> Settings:
    return load(environ)


@contextmanager
def serving(environ: dict[str, str], command: tuple[str, ...] = GREENROOM, workers: int = WORKERS) -> Iterator[int]:
    """The server's process id, from when it answers until the end."""
    environ = environ | {"GREENROOM_WEB_WORKERS": str(workers)}
    with subprocess.Popen([sys.executable, *command], env=environ, stderr=subprocess.DEVNULL) as web:
        try:
            wait_for(int(environ["PORT"]))
            yield web.pid
        finally:
            web.terminate()


def put_under(load: Load) -> dict[str, float]:
    """The generator's figures. Raises RuntimeError when an answer is not 200."""
    done = subprocess.run(generator.command(load), stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise RuntimeError(f"{load.path} could not be measured")
    found: dict[str, float] = json.loads(done.stdout)
    return found


def with_seconds(load: Load, seconds: float, rate: float | None = None) -> Load:
    return replace(load, seconds=seconds, rate=rate)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def pss_of(pid: int) -> float:
    """Megabytes of a process and all below it, each page shared among those that use it. Linux only."""
    return own_pss(pid) + sum(pss_of(child) for child in children_of(pid))


def own_pss(pid: int) -> float:
    """Megabytes of one process."""
    own = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return next(int(line.split()[1]) for line in own.splitlines() if line.startswith("Pss:")) / 1024


def cpu_of(pid: int) -> float:
    """Seconds of processor time that a process and all below it have taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # utime and stime: proc(5)
    return own + sum(cpu_of(child) for child in children_of(pid))


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wait_for(port: int) -> None:
    """Until somebody listens there. Raises RuntimeError when nobody does in time."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("a server did not start")
