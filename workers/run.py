"""One RQ worker on one queue, as the queue's measurements want it: forked, time-limited, an allow-list of jobs."""

from __future__ import annotations

import logging
import os
import socket
import threading
from typing import Any

from redis import Redis
from rq import Worker
from rq.job import Job
from rq.serializers import JSONSerializer

from integrations.rq_jobs import READ_INBOUND, REFRESH_CONNECTION, SEND_BATCH
from service.store import heartbeats
from service.wiring import redis_url
from workers import busy, context, deliver, inbox

# Imported before the fork, so that each job starts warm: twice the mails a second at batch 50.
JOBS = {SEND_BATCH: deliver.send_batch, REFRESH_CONNECTION: busy.refresh_connection, READ_INBOUND: inbox.read_inbound}
BEAT_SECONDS = 10.0


class JobRefused(Exception):
    """Somebody who can write to the broker named a function that is not one of ours."""


class SafeJob(Job):
    """Runs only what JOBS names: the JSON serializer alone would let a job name `os.system`."""

    @property
    def func(self) -> Any:
        try:
            return JOBS[self.func_name or ""]
        except KeyError:
            raise JobRefused(self.func_name) from None

    def perform(self) -> Any:
        context.after_fork()
        return super().perform()


def work(queue: str) -> None:
    """Until SIGTERM, which lets the running job finish."""
    services = context.services()
    name = f"{queue}:{socket.gethostname()}:{os.getpid()}"
    stop = threading.Event()
    beating = threading.Thread(target=_beat, args=(name, stop), daemon=True, name="heartbeat")
    worker = Worker(
        [queue],
        name=name.replace(":", "-").replace(".", "-"),
        connection=Redis.from_url(redis_url(services.settings)),
        serializer=JSONSerializer,
        job_class=SafeJob,
        worker_ttl=60,
        maintenance_interval=60,
        job_monitoring_interval=10,
    )
    logging.getLogger("rq.worker").setLevel(logging.WARNING)
    beating.start()
    try:
        worker.work(with_scheduler=False, logging_level="WARNING")
    finally:
        stop.set()


def _beat(name: str, stop: threading.Event) -> None:
    services = context.services()
    while not stop.is_set():
        try:
            heartbeats.beat(services.database, name, "worker", services.clock())
        except Exception:
            logging.getLogger(__name__).warning("no heartbeat written")
        stop.wait(BEAT_SECONDS)
