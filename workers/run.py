"""One RQ worker on one queue, forked, time-limited, an allow-list of jobs."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from redis.exceptions import RedisError
from rq import Worker
from rq.job import Job
from rq.serializers import JSONSerializer
from sqlalchemy.exc import DBAPIError

from integrations.rq_jobs import MAIL, READ_CALENDARS, READ_INBOUND, SEND_BATCH, WRITE_EVENTS
from service import logs, provider_wiring
from service.settings import Settings
from service.store import heartbeats
from service.wiring import Services, connect_broker
from workers import busy, context, deliver, events, inbox

log = logging.getLogger(__name__)
# Imported before the fork, so that each job starts warm: twice the mails a second at batch 50.
JOBS: dict[str, Callable[..., None]] = {
    SEND_BATCH: deliver.send_batch,
    READ_CALENDARS: busy.read_calendars,
    READ_INBOUND: inbox.read_inbound,
    WRITE_EVENTS: events.write_events,
}
BEAT_SECONDS = 10.0


class JobFailed(Exception):
    """A job ended with a mistake of ours, named by its kind; the log knows where. RQ keeps the text of what it catches
    in the broker, and that of the mistake itself may quote what somebody typed."""


class JobRefused(Exception):
    """Somebody who can write to the broker named a function that is not one of ours."""


class SafeJob(Job):
    """Runs only what JOBS names: the JSON serializer alone would let a job name `os.system`."""

    @property
    def func(self) -> Any:
        name = self.func_name or ""
        if name not in JOBS:
            raise JobRefused(name)
        return partial(_run, name)


def _run(name: str, *args: Any) -> None:
    with logs.about(job=name):
        try:
            JOBS[name](*args)
        except Exception as fault:  # the boundary of one job
            logs.mistake(log, "a job", fault)
            raise JobFailed(logs.kind(fault)) from None


class BeatingWorker(Worker):
    """Says in the database that it lives, whenever RQ says so in the broker: RQ's own list forgets workers when the
    broker restarts."""

    services: Services
    beat_as: str
    beat_at = float("-inf")

    def setup_work_horse_signals(self) -> None:
        """A job ends by itself: whoever ends a whole group, as systemd does by default, must not end it between a mail
        and the answer to it. The worker itself still ends one by SIGKILL when its time is up."""
        super().setup_work_horse_signals()  # type: ignore[no-untyped-call]
        signal.signal(signal.SIGTERM, signal.SIG_IGN)

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        super().heartbeat(timeout, pipeline)
        if self.is_horse or time.monotonic() < self.beat_at:
            return
        self.beat_at = time.monotonic() + BEAT_SECONDS
        database = self.services.database
        try:
            heartbeats.beat(database, self.beat_as, "worker", self.services.machine_clock())
        except DBAPIError:
            log.warning("no heartbeat written: the database does not answer")
        finally:
            # A job is a fork of this process. SQLite's locks belong to a process and are lost or shared wrongly over a
            # fork (sqlite.org/howtocorrupt.html, 2.6), so no connection is open here when that happens.
            database.close()


def work(queue: str, settings: Settings | None = None) -> None:
    """Until SIGTERM, which lets the running job finish. Without settings those of the environment hold."""
    services = context.prepare(settings) if settings is not None else context.services()
    logs.start(services.settings.log_format, f"worker-{queue}")
    # RQ refuses a killed worker's name for a minute, and a container gives its processes the same ids again.
    name = f"{queue}-{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
    logging.getLogger("rq.worker").setLevel(logging.WARNING)
    if queue == MAIL:
        deliver.warm(services)
    else:
        provider_wiring.warm(services.settings)
    try:
        worker = BeatingWorker(
            [queue],
            name=name.replace(".", "-"),
            connection=connect_broker(services.settings),
            serializer=JSONSerializer,
            job_class=SafeJob,
            worker_ttl=30,  # RQ waits 15 seconds less than this for a job, then says that it lives
            maintenance_interval=60,
            job_monitoring_interval=10,
        )
        worker.services, worker.beat_as = services, name
        worker.work(with_scheduler=False, logging_level="WARNING")
    except RedisError:
        log.error("the broker does not answer; mail waits in the outbox until it does")
        raise SystemExit(1) from None
