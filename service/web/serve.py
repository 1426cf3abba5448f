"""The web server: gunicorn with threads, one process or more."""

from __future__ import annotations

import contextlib
import gc
import logging
import select
import time
from datetime import timedelta
from socket import socket
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from gunicorn.workers.gthread import ThreadWorker
from sqlalchemy.exc import SQLAlchemyError

from service import logs, provider_wiring, settings, wiring
from service.operations import calendars
from service.settings import Settings
from service.web import create_app
from service.web.offers import SlotTimes
from service.web.traced import ABOUT
from service.wiring import Services

log = logging.getLogger("service.web.access")
STEP, MOST_STEPS = 0.0002, 10  # seconds; another process is awake in less than one step


class ServerLog(Logger):  # type: ignore[misc]
    """gunicorn's log over ours. Its own access line would hold the address, and with it tokens."""

    def setup(self, cfg: Any) -> None:
        self.cfg, self.loglevel = cfg, logging.WARNING
        self.error_log.propagate = True
        self.error_log.setLevel(logging.WARNING)

    @property
    def access_log_enabled(self) -> bool:
        return log.isEnabledFor(logging.INFO)

    def access(self, resp: Any, _req: Any, environ: dict[str, Any], request_time: timedelta) -> None:
        if not self.access_log_enabled:
            return
        about = {"route": "-", **environ.get(ABOUT, {})}
        about |= {"method": environ["REQUEST_METHOD"], "status": int(str(resp.status).split(maxsplit=1)[0])}
        about |= {"size": resp.sent, "seconds": round(request_time.total_seconds(), 4)}
        log.info("%s %s %d", about["method"], about["route"], about["status"], extra=about)

    def warning(self, msg: str, *args: object, **kwargs: Any) -> None:
        """A request that gunicorn refuses is quoted in the sentence itself."""
        refused = msg.startswith("Invalid request")
        super().warning("a request that cannot be read was refused" if refused else msg, *args, **kwargs)


class Worker(ThreadWorker):  # type: ignore[misc]
    """Answers what the kernel took for it before it stops listening.

    gunicorn 27 stops accepting, finishes its requests, and closes the listener last: whoever connected meanwhile is
    reset, 20 of 50,000 requests over six restarts (November 2026), and no proxy may send a POST a second time.
    """

    def accept(self, listener: socket) -> None:
        """After a moment that grows with the connections it has: a worker with fewer comes first.

        All wake up for a new connection, and whoever is quicker would take a whole burst and keep it. One of two
        workers then had all eight connections in six of twelve runs, and both together answered 376 requests a second
        instead of 1,230 (November 2026).
        """
        if self.alive and self.cfg.workers > 1:
            time.sleep(min(self.nr_conns, MOST_STEPS) * STEP)
        super().accept(listener)

    def set_accept_enabled(self, enabled: bool) -> None:
        super().set_accept_enabled(enabled)
        if not self.alive:
            for listener in self.sockets:
                while listener.fileno() >= 0 and select.select([listener], [], [], 0)[0]:
                    self.accept(listener)
                listener.close()


class Server(BaseApplication):  # type: ignore[misc]
    def __init__(self, configured: Settings) -> None:
        self._settings = configured
        # Twice the workers: while they are replaced, old and new ones serve beside each other.
        self._slot_times = SlotTimes(2 * configured.web_workers)
        super().__init__()

    def load_config(self) -> None:
        configured = self._settings
        host = f"[{configured.bind}]" if ":" in configured.bind else configured.bind
        self.cfg.set("bind", f"{host}:{configured.port}")
        self.cfg.set("worker_class", Worker)
        self.cfg.set("workers", configured.web_workers)
        self.cfg.set("threads", configured.web_threads)
        self.cfg.set("timeout", 60)
        self.cfg.set("graceful_timeout", 10)
        self.cfg.set("logger_class", ServerLog)
        self.cfg.set("pre_fork", self._give_stripe)
        self.cfg.set("post_fork", self._take_stripe)
        self.cfg.set("post_worker_init", _settle)
        self.cfg.set("control_socket_disable", True)  # its default path is one for all servers of a user

    def load(self) -> Any:
        """Once in each worker, after the fork: a database connection belongs to one process."""
        services = wiring.build(self._settings)
        _warm(services)
        return create_app(services, self._slot_times)

    def _give_stripe(self, arbiter: Any, worker: Any) -> None:
        """In the parent, which knows who lives. One too many shares the last one: then a count may be lost."""
        taken = {living.stripe for living in arbiter.WORKERS.values()}
        stripes = range(self._slot_times.stripes)
        worker.stripe = next((stripe for stripe in stripes if stripe not in taken), stripes[-1])

    def _take_stripe(self, _arbiter: Any, worker: Any) -> None:
        self._slot_times.take(worker.stripe)


def _warm(services: Services) -> None:
    """Loads what reads the calendars that people here have: else the first who book after a start wait for it, together
    two seconds (measured in November 2026). A provider's client that nobody here needs stays out. A database that is
    away keeps no server from starting."""
    with contextlib.suppress(SQLAlchemyError), services.database.read() as session:
        provider_wiring.warm(services.settings, calendars.providers_in_use(session))


def _settle(_worker: Any) -> None:
    """What a worker has loaded stays for good: looking through it for garbage took a tenth of the time of an answer of
    a hundred slots (measured in November 2026), for which thousands of small objects are made.

    A page leaves 150 objects in cycles. Looked for after 5,000, they hold one page of 30 for 2 ms; after 20,000 it was
    one of 150 for 8 ms, in the same time altogether."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 10, 10)


def serve(configured: Settings | None = None) -> None:
    """Serves until SIGTERM."""
    configured = configured or settings.load()
    logs.start(configured.log_format, "web")
    Server(configured).run()
