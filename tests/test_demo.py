"""The demo as a newcomer starts it: a process of its own, in an empty folder, looked at over HTTP, ended by Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

READY_SECONDS = 90.0
STOP_SECONDS = 30.0


@dataclass
class Demo:
    process: subprocess.Popen[str]
    folder: Path
    said: str

    def address(self, number: int) -> str:
        found = re.search(rf"^{number} .*?(http://\S+)", self.said, re.MULTILINE)
        assert found, self.said
        return found[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(folder: Path, port: int) -> Demo:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GREENROOM_")}
    out = (folder / "said").open("w+")
    process = subprocess.Popen(
        [sys.executable, "-m", "service.cli", "demo"], cwd=folder, env={**environ, "PORT": str(port)}, text=True,
        stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    demo = Demo(process, folder, "")
    deadline = time.monotonic() + READY_SECONDS
    while "Ctrl-C" not in demo.said:
        assert process.poll() is None, (folder / "said").read_text()
        assert time.monotonic() < deadline, (folder / "said").read_text()
        time.sleep(0.1)
        demo.said = (folder / "said").read_text()
    out.close()
    return demo


def stop(demo: Demo) -> None:
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(STOP_SECONDS) == 0


def processes_of(session_leader: int, folder: Path) -> list[str]:
    """Command lines of processes that work in the demo's folder or belong to its session."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command = (entry / "cmdline").read_bytes().decode().replace("\0", " ")
            session = int((entry / "stat").read_text().rpartition(")")[2].split()[3])
            here = (entry / "cwd").readlink().is_relative_to(folder)
        except (OSError, ValueError):
            continue
        if session == session_leader or here or str(folder) in command:
            found.append(command)
    return found


def fetch(url: str, data: bytes | None = None) -> tuple[int, str]:
    try:
        with urlopen(Request(url, data=data), timeout=30) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as refused:
        return refused.code, refused.read().decode()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("newcomer")
    running = start(folder, free_port())
    try:
        yield running
    finally:
        if running.process.poll() is None:
            stop(running)
        else:
            running.process.wait()


def test_every_link_that_it_prints_opens(demo: Demo) -> None:
    for number in (1, 2, 4):
        status, page = fetch(demo.address(number))
        assert status == 200, demo.address(number)
        assert "Ben" in page


def test_the_page_offers_a_practice_run_with_reasons(demo: Demo) -> None:
    _, page = fetch(demo.address(1))
    assert "Practice run with Ben" in page
    assert "New York" in page
