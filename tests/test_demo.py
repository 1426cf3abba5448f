"""The demo as a newcomer starts it: a process of its own, in an empty folder, looked at over HTTP, ended by Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen

import pytest

from tests.smtp import free_port

GREENROOM = str(Path(sys.executable).parent / "greenroom")
READY_SECONDS = 90.0
STOP_SECONDS = 30.0


@dataclass
class Demo:
    process: subprocess.Popen[bytes]
    folder: Path
    said: str

    def address(self, number: int) -> str:
        found = re.search(rf"^{number} .*?(http://\S+)", self.said, re.MULTILINE)
        assert found, self.said
        return found[1]

    @property
    def base(self) -> str:
        parts = urlsplit(self.address(1))
        return f"{parts.scheme}://{parts.netloc}"


def start(folder: Path, port: int) -> Demo:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GREENROOM_")}
    said = folder / "said"
    with said.open("w") as out:
        process = subprocess.Popen(
            [GREENROOM, "demo"],
            cwd=folder,
            env={**environ, "PORT": str(port)},
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + READY_SECONDS
    while "Ctrl-C" not in said.read_text():
        assert process.poll() is None, said.read_text()
        assert time.monotonic() < deadline, said.read_text()
        time.sleep(0.1)
    return Demo(process, folder, said.read_text())


def stop(demo: Demo) -> None:
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(STOP_SECONDS) == 0


def processes_of(session_leader: int, folder: Path) -> list[str]:
    """Command lines of processes that work in the demo's folder or belong to its session."""
    found = []
    for entry in Path("/proc").glob("*"):  # nothing where there is no /proc
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


def test_the_mailbox_holds_the_finished_meetings_mails(demo: Demo) -> None:
    _, page = fetch(demo.address(2))
    assert "Open Doors" in page
    bens = mails(demo, "ben@example.org")
    assert len(bens) == 9, "a turn, the signed agreement, invitation, brief and list of two meetings, one that is ahead"


def test_a_time_is_booked_and_an_hour_after_it_the_mails_are_there(demo: Demo) -> None:
    _, times = fetch(demo.address(1))
    best = re.search(r'href="(/s/[^"]+/time\?[^"]+)"', times)
    assert best
    page = demo.base + unescape(best[1])
    status, decide = fetch(page)
    assert status == 200
    fields = [
        (unescape(n), unescape(v)) for n, v in re.findall(r'<input[^>]* name="([^"]*)"[^>]*? value="([^"]*)"', decide)
    ]
    fields += [("ask", "I rush the ending"), ("action", "book")]
    status, booked = fetch(page, urlencode(fields).encode())
    assert status == 200
    assert "Booked" in booked
    before = mails(demo, "ana@example.org")
    jump = urlencode({"to": "hour-after", "person": "ana@example.org"}).encode()
    assert fetch(f"{demo.base}/mailbox/jump", jump)[0] == 200
    assert len(mails(demo, "ana@example.org") - before) >= 2, "the reminder of the day before, and the follow-up"
    for number in (1, 2, 4):
        assert fetch(demo.address(number))[0] == 200, "its links live on"


def mails(demo: Demo, address: str) -> set[str]:
    _, page = fetch(f"{demo.base}/mailbox?person={address}")
    return set(re.findall(r'href="/mailbox/([^"?]+)', page))


def test_a_second_demo_in_the_folder_is_refused_and_the_first_goes_on(demo: Demo) -> None:
    second = run_cli(demo, "demo")
    assert second.returncode == 1
    assert str(demo.process.pid) in second.stderr
    assert fetch(demo.address(1))[0] == 200


def test_the_clock_moves_on_and_the_links_stay_alive(demo: Demo) -> None:
    moved = run_cli(demo, "clock", "+400d")
    assert moved.returncode == 0, moved.stderr
    for number in (1, 4):
        assert fetch(demo.address(number))[0] == 200
    assert run_cli(demo, "clock", "tomorrow").returncode in {1, 2}
    assert run_cli(demo, "clock", "reset").returncode == 0


def test_started_again_it_keeps_its_links_and_leaves_no_process_behind(tmp_path: Path) -> None:
    port = free_port()
    first = start(tmp_path, port)
    stop(first)
    assert not processes_of(first.process.pid, tmp_path)
    second = start(tmp_path, port)
    stop(second)
    assert [second.address(number) for number in (1, 2, 4)] == [first.address(number) for number in (1, 2, 4)]
    assert not processes_of(second.process.pid, tmp_path)


def run_cli(demo: Demo, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GREENROOM_")}
    command = [GREENROOM, *arguments]
    return subprocess.run(
        command, cwd=demo.folder, env=environ, capture_output=True, text=True, timeout=120, check=False
    )
