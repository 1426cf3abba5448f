"""The parts of the storm under one supervisor, as in production but for shorter leases and pauses. The process id of
each stands in a file of its name."""

import random
import shutil
from datetime import timedelta
from pathlib import Path

from integrations.rq_jobs import MAIL
from service import broker, process, wiring
from service.domain import retries
from service.process import Part, forked, keep_alive
from service.settings import Settings, load
from service.store import outbox
from tests.workers import sink
from workers import clock, run

PER_BATCH = 10
JOURNAL = "taken"
QUEUED_LEASE, SENDING_LEASE = timedelta(seconds=5), timedelta(seconds=3)
FIRST_RETRY = timedelta(seconds=0.5)


def pid_file(folder: Path, part: str) -> Path:
    return folder / f"{part}.pid"


def forgetful_broker(settings: Settings):
    """One that every second time starts with nothing: what it remembers is only a hint."""
    start = broker.starter(settings.data_dir, wiring.broker_socket(settings))

    def anew() -> int:
        if random.random() < 0.5:
            shutil.rmtree(settings.data_dir / broker.KEPT, ignore_errors=True)
        return start()

    return anew


def main() -> None:
    outbox.QUEUED_LEASE, outbox.SENDING_LEASE, retries.FIRST_RETRY = QUEUED_LEASE, SENDING_LEASE, FIRST_RETRY
    process.LONGEST_PAUSE = 0.2
    clock.BATCH = PER_BATCH
    settings = load()
    assert settings.smtp is not None
    port = settings.smtp.port
    journal = settings.data_dir / JOURNAL
    keep_alive(
        [
            Part("broker", forgetful_broker(settings)),
            Part("smtp", forked(lambda: sink.serve(port, journal))),
            *(Part(f"worker-{number}", forked(lambda: run.work(MAIL, settings))) for number in (1, 2)),
            *(Part(f"clock-{number}", forked(lambda: clock.run(wiring.build(settings)))) for number in (1, 2)),
        ],
        lambda: None,
        lambda part: pid_file(settings.data_dir, part.name).write_text(str(part.pid)),
    )


if __name__ == "__main__":
    main()
