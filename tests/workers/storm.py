"""One process of the storm: a worker or the clock, as in production but for shorter leases. Arguments: its part."""

import sys
from datetime import timedelta

from integrations.rq_jobs import MAIL
from service.settings import load
from service.store import outbox
from service.wiring import build
from workers import clock, run

PER_BATCH = 5


def main() -> None:
    outbox.QUEUED_LEASE = timedelta(seconds=3)
    outbox.SENDING_LEASE = timedelta(seconds=2)
    outbox.FIRST_RETRY = timedelta(seconds=0.5)
    clock.BATCH = PER_BATCH
    if sys.argv[1] == "clock":
        clock.run(build(load()))
    else:
        run.work(MAIL)


if __name__ == "__main__":
    main()
