"""ports.Jobs over RQ: names of jobs as dotted strings, ids as arguments, JSON on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue
from rq.serializers import JSONSerializer

from service.domain.errors import AdapterError

MAIL, CALENDAR = "mail", "calendar"  # one queue a worker: a worker on two uses BLPOP, and loses a job when it dies
SEND_BATCH = "workers.deliver.send_batch"
READ_CALENDARS = "workers.busy.read_calendars"
READ_INBOUND = "workers.inbox.read_inbound"
WRITE_EVENTS = "workers.events.write_events"
SECONDS_PER_WRITE = 30  # longer than a provider may take over one event
SECONDS_PER_MAIL = 130  # longer than the mail server may fall silent over one
PATIENCE = Retry(ExponentialBackoff(cap=0.2, base=0.02), 3)  # a broker that is away is asked again in the next round
FAILURES_KEPT = timedelta(days=1)


def tls_options(url: str, extra_ca: Path | None) -> dict[str, Any]:
    """What a client of redis-py is told besides the address: whom to trust beyond the usual, where it speaks TLS."""
    return {"ssl_ca_certs": str(extra_ca)} if extra_ca is not None and url.startswith("rediss://") else {}


class RqJobs:
    """Enqueues only; connects at the first job. Raises AdapterError when the broker does not answer."""

    def __init__(self, url: str, *, extra_ca: Path | None = None, timeout: timedelta = timedelta(seconds=5)) -> None:
        self._url, self._extra_ca, self._timeout = url, extra_ca, timeout.total_seconds()

    @cached_property
    def _redis(self) -> Redis:
        return Redis.from_url(
            self._url,
            socket_timeout=self._timeout,
            socket_connect_timeout=self._timeout,
            retry=PATIENCE,
            **tls_options(self._url, self._extra_ca),
        )

    def send_batch(self, token: str, outbox_ids: Sequence[int]) -> None:
        self._enqueue(MAIL, SEND_BATCH, (token, list(outbox_ids)), SECONDS_PER_MAIL * max(1, len(outbox_ids)))

    def read_calendars(self) -> None:
        if READ_CALENDARS not in self._waiting(CALENDAR):
            self._enqueue(CALENDAR, READ_CALENDARS, (), 120)

    def read_inbound(self, inbound_ids: Sequence[int]) -> None:
        self._enqueue(MAIL, READ_INBOUND, (list(inbound_ids),), 60)

    def write_events(self, write_ids: Sequence[int]) -> None:
        self._enqueue(CALENDAR, WRITE_EVENTS, (list(write_ids),), SECONDS_PER_WRITE * max(1, len(write_ids)))

    def depth(self) -> int:
        return self._count(MAIL)

    def calendar_depth(self) -> int:
        return self._count(CALENDAR)

    def _count(self, queue: str) -> int:
        try:
            return int(self._queue(queue).count)
        except (RedisError, OSError) as fault:
            raise AdapterError("broker_unreachable", permanent=False) from fault

    def _waiting(self, queue: str) -> set[str]:
        """What the jobs that have not begun are to run; there are a few at most."""
        try:
            return {str(job.func_name) for job in self._queue(queue).jobs}
        except (RedisError, OSError) as fault:
            raise AdapterError("broker_unreachable", permanent=False) from fault

    def _queue(self, name: str) -> Queue:
        return Queue(name, connection=self._redis, serializer=JSONSerializer)

    def _enqueue(self, queue: str, name: str, args: tuple[object, ...], seconds: int) -> None:
        try:
            self._queue(queue).enqueue_call(
                name, args=args, timeout=seconds, result_ttl=0, failure_ttl=int(FAILURES_KEPT.total_seconds())
            )
        except (RedisError, OSError) as fault:
            raise AdapterError("broker_unreachable", permanent=False) from fault
