"""A storm over real parts: worker, job, clock and broker are killed at random moments, the mail server refuses and
breaks off. Nobody gets a mail twice, and every row ends where it belongs."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager, suppress
from email import policy
from email.parser import BytesParser
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from sqlalchemy import select

from service import broker, wiring
from service.process import Part, has_ended, stop
from service.settings import load
from service.store import outbox
from service.store.tables import OutboxRow
from tests import cast, smtp

SOAK = bool(os.environ.get("GREENROOM_SOAK"))
MAILS = 2000 if SOAK else 50
STORM_SECONDS = 300 if SOAK else 8
CALM_SECONDS = 300 if SOAK else 40
ENDS = {"sent", "cancelled", "dead", "uncertain"}


class RoughSea(smtp.Sink):
    """Takes its time, refuses some for now, and breaks off now and then after it has taken the whole message."""

    dice = random.Random(7)

    async def handle_DATA(self, server, session, envelope):
        await asyncio.sleep(0.05)
        fate = self.dice.random()
        if fate < 0.1:
            return "451 not now"
        said = await super().handle_DATA(server, session, envelope)
        if fate > 0.97:
            server.transport.abort()
        return said


class Storm:
    """The running parts, and what kills them."""

    def __init__(self, environ, settings, seed):
        self.environ, self.dice, self.kills = environ, random.Random(seed), Counter()
        self.broker = Part("broker", broker.starter(settings.data_dir, wiring.broker_socket(settings)))
        self.processes = dict.fromkeys(("worker-1", "worker-2", "clock"))

    def keep(self):
        """Starts what is not there, as the supervisor would."""
        if self.broker.pid is None or has_ended(self.broker.pid):
            self.broker.pid = self.broker.start()
        for name, process in self.processes.items():
            if process is None or process.poll() is not None:
                part = name.partition("-")[0]
                self.processes[name] = subprocess.Popen(
                    [sys.executable, "-m", "tests.workers.storm", part],
                    env=self.environ,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )

    def strike(self):
        name = self.dice.choice(("worker-1", "worker-2", "job", "job", "clock", "broker"))
        pid = self._job() if name == "job" else self.broker.pid if name == "broker" else self.processes[name].pid
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                self.kills[name.partition("-")[0]] += 1

    def _job(self):
        """A running job is a child of a worker."""
        for name in ("worker-1", "worker-2"):
            pid = self.processes[name].pid
            with suppress(OSError):
                for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
                    return int(child)
        return None

    def end(self):
        for process in self.processes.values():
            if process is not None:
                process.kill()
                process.wait()
        stop(self.broker)


@contextmanager
def rough_sea():
    sink, port = RoughSea(), smtp.free_port()
    controller = Controller(sink, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield sink, port
    finally:
        controller.stop()


def add_mails(services, numbers):
    now = services.clock()
    with services.database.write() as session:
        ana = cast.person(session, now, "ana")
        for number in numbers:
            outbox.add(session, now, "links", ana.id, dedup=f"storm{number}")


def rows_of(services):
    with services.database.read() as session:
        return list(session.scalars(select(OutboxRow)))


def weather(storm, services):
    """Adds the mails bit by bit while it kills this and that."""
    until, added = time.monotonic() + STORM_SECONDS, 0
    while time.monotonic() < until or added < MAILS:
        storm.keep()
        if added < MAILS:
            add_mails(services, range(added, added + 5))
            added += 5
        time.sleep(storm.dice.uniform(0.2, 0.8))
        storm.strike()


def calm(storm, services):
    deadline = time.monotonic() + CALM_SECONDS
    while time.monotonic() < deadline:
        storm.keep()
        if all(row.state in ENDS for row in rows_of(services)):
            return
        time.sleep(0.2)


@pytest.mark.skipif(sys.platform != "linux", reason="finds running jobs in /proc")
@pytest.mark.parametrize("seed", [1, 2, 3] if SOAK else [1])
def test_nothing_is_lost_and_nothing_comes_twice(tmp_path, seed):
    with rough_sea() as (sink, port):
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("GREENROOM_")}
        environ = inherited | {
            "GREENROOM_DATA_DIR": str(tmp_path),
            "GREENROOM_SMTP_URL": f"smtp://127.0.0.1:{port}?security=none",
            "GREENROOM_DISPATCH_SECONDS": "0.1",
        }
        settings = load(environ)
        wiring.migrate(settings)
        services = wiring.build(settings)
        storm = Storm(environ, settings, seed)
        try:
            weather(storm, services)
            calm(storm, services)
        finally:
            storm.end()
        rows = rows_of(services)
        services.database.close()
    parsed = (BytesParser(policy=policy.default).parsebytes(octets) for _, octets in sink.taken)
    taken = Counter(str(message["Message-ID"]).strip("<>").partition("@")[0] for message in parsed)
    states = Counter(row.state for row in rows)
    assert len(rows) == MAILS
    assert set(states) <= ENDS, states
    assert [key for key, times in taken.items() if times > 1] == [], (states, storm.kills)
    sent = {row.message_id for row in rows if row.state == "sent"}
    uncertain = {row.message_id for row in rows if row.state == "uncertain"}
    assert sent <= set(taken), "what counts as sent did arrive"
    assert set(taken) <= sent | uncertain, "what arrived counts as sent, or a person is asked"
    assert len(sent) > MAILS / 2
    assert storm.kills.total() >= 5
