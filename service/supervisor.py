"""Everything on one machine under one process: broker, workers, clock, web; what dies is started again."""

from __future__ import annotations

import fcntl
import gc
import http.client
import logging
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

# Everything that the parts import is imported here, once: they are forks of this process and share its pages.
import gunicorn.workers.gthread  # noqa: F401

from integrations.rq_jobs import CALENDAR, MAIL
from service import broker, data_folder, logs, wiring
from service.catalogue import Words
from service.domain.errors import GreenroomError
from service.process import Part, forked, keep_alive
from service.settings import Settings
from service.store import held
from service.web.serve import serve
from workers import clock, inbox
from workers.run import work

log = logging.getLogger(__name__)
WORDS = Words.of("en")
LEFT_OVER_SECONDS = 30.0  # parts of a killed `up` end by themselves within this


class AlreadyRunning(GreenroomError):
    """Another `up` works in this data folder; `pid` is its process."""

    code = "already_running"


class PortTaken(GreenroomError):
    """Another program listens where the web server should."""

    code = "port_taken"


def up(settings: Settings, extra: tuple[Part, ...] = (), ready: Callable[[], None] | None = None) -> None:
    """Runs until SIGTERM or SIGINT and then ends every part: web first, the broker last.

    `ready` is called once, when everything answers; without it a line says so. Raises AlreadyRunning, PortTaken,
    NoBroker, OSError when the broker does not start, and what `wiring.migrate` raises.
    """
    logs.start(settings.log_format, "supervisor")
    settings = data_folder.with_keys(settings)
    with only_one(settings):
        _check_port(settings)
        _say("database")
        wiring.migrate(settings)
        _say_what_is_held(settings)
        parts = list(extra)
        if settings.redis_url is None:
            parts.append(Part("broker", broker.starter(settings.data_dir, wiring.broker_socket(settings))))
        parts += [*_workers(settings), Part("web", forked(lambda: serve(settings)))]
        _run(parts, _Readiness(settings, ready or (lambda: _say("ready", url=settings.base_url))))


def _say_what_is_held(settings: Settings) -> None:
    services = wiring.build(settings)
    with services.database.read() as session:
        count = held.count(session)
    services.database.close()
    if count:
        _say("held", n=count)


def run_worker(settings: Settings) -> None:
    """The workers and the clock, for a machine of their own; any number of machines may do this. Until SIGTERM."""
    logs.start(settings.log_format, "supervisor")
    _run(_workers(data_folder.with_keys(settings)), lambda: None)


def _workers(settings: Settings) -> list[Part]:
    return [
        Part("worker-mail", forked(lambda: work(MAIL, settings))),
        Part("worker-calendar", forked(lambda: work(CALENDAR, settings))),
        Part("clock", forked(lambda: clock.run(wiring.build(settings)))),
        *([Part("inbox", forked(lambda: inbox.run(wiring.build(settings))))] if settings.imap is not None else []),
    ]


def _run(parts: list[Part], look: Callable[[], None]) -> None:
    gc.collect()
    gc.freeze()  # a collection in a fork would write to every page that it shares with this process
    keep_alive(parts, look, lambda part: _say("started", part=part.name, pid=part.pid))
    _say("stopped")


class _Readiness:
    """Asks until everything answers, then says so, once."""

    def __init__(self, settings: Settings, ready: Callable[[], None]) -> None:
        self._settings, self._ready, self._told = settings, ready, False

    def __call__(self) -> None:
        if not self._told and is_ready(self._settings):
            self._told = True
            self._ready()


def is_ready(settings: Settings) -> bool:
    """Whether `/health/ready` answers 200; waits half a second at most."""
    connection = http.client.HTTPConnection(_reachable(settings), settings.port, timeout=0.5)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _reachable(settings: Settings) -> str:
    return "127.0.0.1" if settings.bind in {"0.0.0.0", "::", ""} else settings.bind  # noqa: S104 - asked, not bound


def _check_port(settings: Settings) -> None:
    """A web server that cannot have its port would be started again and again, with the reason far up in the log."""
    family = socket.AF_INET6 if ":" in settings.bind else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as gunicorn does
        try:
            probe.bind((settings.bind, settings.port))
        except OSError as fault:
            raise PortTaken(
                address=f"{settings.bind}:{settings.port}", reason=fault.strerror or type(fault).__name__
            ) from None


def refuse_second(settings: Settings) -> None:
    """Raises AlreadyRunning while an `up` works in the data folder; for whoever wants to change the folder itself."""
    if settings.data_dir.is_dir():
        with only_one(settings):
            pass


@contextmanager
def only_one(settings: Settings) -> Iterator[None]:
    """The data folder is this process's. Raises AlreadyRunning.

    Forks hold the lock as well: what a killed `up` left behind still works in the folder, and is waited for.
    """
    path = settings.data_dir / "up.lock"
    with path.open("a+", encoding="ascii") as lock:
        deadline = time.monotonic() + LEFT_OVER_SECONDS
        while not _locked(lock.fileno()):
            lock.seek(0)
            pid = lock.read().strip()
            if _is_alive(pid) or time.monotonic() > deadline:
                raise AlreadyRunning(pid=pid or "?", folder=str(settings.data_dir))
            time.sleep(0.1)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_alive(pid: str) -> bool:
    """False for a process that is gone. Somebody else's counts as alive."""
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True


def _say(key: str, **params: Any) -> None:
    logs.say(log, WORDS(f"running.{key}", **params))
