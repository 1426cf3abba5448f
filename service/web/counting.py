"""Where requests are counted: for all machines together where they share a Redis, else in this process."""

from __future__ import annotations

from threading import Lock

from limits.storage import MemoryStorage, RedisStorage, Storage

from integrations.rq_jobs import tls_options
from service.settings import Settings


class CountsHere(MemoryStorage):
    """One thread counts at a time. The library's own starts its timer without a guard, and of two threads that find it
    ended at once the second fails with "threads can only be started once" (limits 5.8, seen under load)."""

    def __init__(self) -> None:
        self._counting = Lock()
        super().__init__()

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        with self._counting:
            return super().incr(key, expiry, amount)


def counts(settings: Settings) -> Storage:
    url = settings.redis_url
    if url is None:
        return CountsHere()
    trust = tls_options(url, settings.extra_ca_bundle)
    url = url.replace("unix://", "redis+unix://", 1) if url.startswith("unix://") else url
    return RedisStorage(url, wrap_exceptions=True, socket_timeout=1, socket_connect_timeout=1, **trust)
