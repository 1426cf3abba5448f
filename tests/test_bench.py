"""`greenroom bench`, stopped in the middle: nothing that it started stays."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.served import children_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")

SECONDS = 30


def below(pid):
    return [found for child in children_of(pid) for found in (child, *below(child))]


def runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def until(so):
    deadline = time.monotonic() + SECONDS
    while not so():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("part", "processes", "number"),
    [
        ("api", 2, signal.SIGTERM),
        ("stack", 4, signal.SIGINT),
        pytest.param("mail", 2, signal.SIGTERM, marks=pytest.mark.soak),
        pytest.param("refresh", 2, signal.SIGINT, marks=pytest.mark.soak),
        pytest.param("confirm", 2, signal.SIGTERM, marks=pytest.mark.soak),
    ],
)
def test_what_is_stopped_ends_every_server_that_it_started(tmp_path, part, processes, number):
    command = [sys.executable, "-m", "bench", "--only", part, str(tmp_path / "figures.json")]
    environ = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as bench:
        try:
            until(lambda: len(below(bench.pid)) >= processes)
            started = below(bench.pid)
            bench.send_signal(number)
            assert bench.wait(SECONDS) == 128 + number
        finally:
            bench.kill()
    until(lambda: not any(map(runs, started)))
    runtime = f"greenroom-{os.getuid()}"  # the user's own, where a deep folder's socket lies
    assert [path for path in tmp_path.iterdir() if path.name != runtime] == []
