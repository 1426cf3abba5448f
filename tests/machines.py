"""Several machines on this one: web servers and workers as operators start them, each with a clock of its own."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from service import broker
from service.process import Part, stop
from service.settings import Settings, load
from tests.smtp import free_port

READY_SECONDS = 60.0
STOP_SECONDS = 20.0


def until(condition: Callable[[], object], told: Callable[[], object], seconds: float = READY_SECONDS) -> None:
    """Raises AssertionError with what `told` says when it does not come true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, told()
        time.sleep(0.05)


@contextmanager
def a_broker(folder: Path) -> Iterator[str]:
    """The URL of a real one, as `up` starts it."""
    socket = folder / "s"
    part = Part("broker", broker.starter(folder, socket))
    part.pid = part.start()
    yield f"unix://{socket}"
    stop(part)


@dataclass
class Machine:
    part: str
    process: subprocess.Popen[bytes]
    port: int
    said: Path

    def ask(self, path: str = "/health/ready", method: str = "GET", body: object = None, **headers: str):
        """Status, content type and JSON (or text) of one call; status 0 when nothing listens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        sent = None if body is None else json.dumps(body)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, sent, {"Content-Type": "application/json"} | given)
            answer = connection.getresponse()
            kind, text = answer.headers.get_content_type(), answer.read()
        except OSError:
            return 0, "", None
        finally:
            connection.close()
        return answer.status, kind, json.loads(text) if kind.endswith("json") else text.decode()

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass
class Machines:
    """`environ` holds what they share; each has a data folder of its own, as on machines of their own."""

    folder: Path
    environ: dict[str, str]
    all: list[Machine] = field(default_factory=list)

    @property
    def webs(self) -> list[Machine]:
        return [machine for machine in self.all if machine.part == "web"]

    def settings(self) -> Settings:
        return load({**self.environ, "GREENROOM_DATA_DIR": str(self.folder / "here")})

    def start(self, part: str, ahead: timedelta = timedelta(0)) -> Machine:
        """`web` or `worker`, with a clock so far ahead."""
        name, port = f"{part}-{len(self.all)}", free_port()
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("GREENROOM_")}
        own = {"GREENROOM_DATA_DIR": str(self.folder / name), "PORT": str(port)}
        said = self.folder / f"{name}.log"
        with said.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.shifted", str(ahead.total_seconds()), part],
                env=inherited | self.environ | own, stdout=file, stderr=file, start_new_session=True,
            )  # fmt: skip
        self.all.append(Machine(part, process, port, said))
        return self.all[-1]

    def end(self) -> None:
        for machine in reversed(self.all):
            machine.end()

    def told(self) -> str:
        """What all of them said, for when a test fails."""
        return "\n".join(f"== {machine.said.name}\n{machine.said.read_text()}" for machine in self.all)
