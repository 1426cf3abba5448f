"""Job after job, the processes that stay take no more memory and open no more files than at first."""

import os
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from service import broker, wiring
from service.process import Part, stop
from service.settings import load
from service.store import outbox
from tests import cast

SOAK = bool(os.environ.get("GREENROOM_SOAK"))
FIRST, MORE = (1000, 9000) if SOAK else (30, 120)
GROWTH_KB = 5 * 1024
SECONDS_PER_JOB = 0.5
STAYING = {
    "worker": (
        "from datetime import timedelta; from integrations.rq_jobs import MAIL; from workers import deliver, run; "
        "deliver.GO_ON = timedelta(0); run.work(MAIL)"
    ),
    "clock": "from workers import clock, context; clock.BATCH = 1; clock.run(context.services())",
}


@contextmanager
def running(code, environ):
    process = subprocess.Popen([sys.executable, "-c", code], env=environ)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def valkey(settings):
    part = Part("broker", broker.starter(settings.data_dir, wiring.broker_socket(settings)))
    part.pid = part.start()
    try:
        yield
    finally:
        stop(part)


def work_off(services, numbers):
    """So many rows, a job each; what they would say is not so, and nothing is sent."""
    with services.database.write() as session:
        now = services.clock()
        ana = cast.person(session, now, "ana")
        for number in numbers:
            outbox.add(session, now, "calendar-broken", ana.id, dedup=f"job{number}")
    deadline = time.monotonic() + 20 + SECONDS_PER_JOB * len(numbers)
    while True:
        with services.database.read() as session:
            left = {state: count for state, count in outbox.counts(session).items() if state != "cancelled"}
        if not left:
            return
        assert time.monotonic() < deadline, left
        time.sleep(0.2)


def memory_and_files(pid):
    """Kilobytes that are the process's own, and its open files."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(status["RssAnon"].split()[0]), len(list(Path(f"/proc/{pid}/fd").iterdir()))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_job_after_job_the_worker_and_the_clock_stay_as_they_are(tmp_path):
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GREENROOM_")}
    environ |= {"GREENROOM_DATA_DIR": str(tmp_path), "GREENROOM_DISPATCH_SECONDS": "0.02"}
    settings = load(environ)
    wiring.migrate(settings)
    services = wiring.build(settings)
    with ExitStack() as parts:
        parts.enter_context(valkey(settings))
        pids = {name: parts.enter_context(running(code, environ)) for name, code in STAYING.items()}
        work_off(services, range(FIRST))
        before = {name: memory_and_files(pid) for name, pid in pids.items()}
        work_off(services, range(FIRST, FIRST + MORE))
        after = {name: memory_and_files(pid) for name, pid in pids.items()}
    services.database.close()
    print(f"{MORE} jobs: before {before}, after {after}")  # noqa: T201 - shown by `pytest -s`
    for name in STAYING:
        assert after[name][0] - before[name][0] < GROWTH_KB, name
        assert after[name][1] <= before[name][1], name
