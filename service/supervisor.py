"""Everything on one machine under one process: broker, web, workers, clock; what dies is started again."""

from __future__ import annotations

import fcntl
import http.client
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import IO

from integrations.rq_jobs import CALENDAR, MAIL
from service import broker, wiring
from service.domain.errors import GreenroomError
from service.process import die_with_parent
from service.settings import Settings
from service.store.database import Database, connect
from service.store.migrate import migrate
from service.store.types import Keyring

log = logging.getLogger(__name__)
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0
STEADY_SECONDS = 30.0  # whoever ran this long starts again without a pause
STOP_SECONDS = 20.0


class AlreadyRunning(GreenroomError):
    """Another `up` works in this data folder; `pid` is its process."""

    code = "already_running"


@dataclass
class Part:
    """A child that is kept alive. `start` returns its process id."""

    name: str
    start: Callable[[], int]
    pid: int | None = None
    started: float = 0.0
    pause: float = field(default=FIRST_PAUSE)
    start_at: float = 0.0


def up(settings: Settings, extra: tuple[Part, ...] = (), ready: Callable[[], None] | None = None) -> None:
    """Runs until SIGTERM or SIGINT and then stops every part: web first, the broker last. Raises AlreadyRunning.
    `ready` is called once, when everything answers.

    The parts are forked from this process after everything is imported: they share its pages, and start at once.
    """
    settings = wiring.with_keys(settings)
    with _only_one(settings):
        _say("database")
        _migrate(settings)
        parts = list(extra)
        if settings.redis_url is None:
            parts.append(Part("broker", lambda: broker.start(settings.data_dir, wiring.broker_socket(settings)).pid))
        parts += [
            Part(f"worker-{MAIL}", _forked(lambda: _work(MAIL))),
            Part(f"worker-{CALENDAR}", _forked(lambda: _work(CALENDAR))),
            Part("clock", _forked(_clock)),
            Part("web", _forked(_web)),
        ]
        _preload()
        _keep_alive(parts, ready, lambda: is_ready(settings))


def is_ready(settings: Settings) -> bool:
    """Whether `/health/ready` answers 200; waits half a second at most."""
    host = "127.0.0.1" if settings.bind in {"0.0.0.0", "::", ""} else settings.bind  # noqa: S104 - asked, not bound
    connection = http.client.HTTPConnection(host, settings.port, timeout=0.5)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _keep_alive(parts: list[Part], ready: Callable[[], None] | None, is_ready: Callable[[], bool]) -> None:
    stopping: list[int] = []

    def on_signal(number: int, _frame: FrameType | None) -> None:
        stopping.append(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    told = False
    try:
        while not stopping:
            for part in parts:
                if part.pid is None and time.monotonic() >= part.start_at and not stopping:
                    _start(part)
            if ready is not None and not told and is_ready():
                ready()
                told = True
            _reap(parts)
            time.sleep(0.1)
    finally:
        _say("stopping")
        for part in reversed(parts):
            _stop(part)


def _start(part: Part) -> None:
    _say(part.name)
    part.pid = part.start()
    part.started = time.monotonic()


def _reap(parts: list[Part]) -> None:
    """Notices who has died, and says when to start them again."""
    for part in parts:
        if part.pid is None or not _has_ended(part.pid):
            continue
        steady = time.monotonic() - part.started >= STEADY_SECONDS
        part.pause = FIRST_PAUSE if steady else min(part.pause * 2, LONGEST_PAUSE)
        part.pid, part.start_at = None, time.monotonic() + part.pause
        log.warning("%s ended and will be started again in %.1f s", part.name, part.pause)


def _has_ended(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG) != (0, 0)
    except ChildProcessError:
        return True


def _stop(part: Part) -> None:
    if part.pid is None:
        return
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, 5.0)):
        try:
            os.kill(part.pid, number)
        except ProcessLookupError:
            break
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if _has_ended(part.pid):
                part.pid = None
                return
            time.sleep(0.02)


def _forked(run: Callable[[], None]) -> Callable[[], int]:
    def start() -> int:
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid:
            return pid
        status = 1
        try:
            die_with_parent()
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            os.setpgid(0, 0)  # Ctrl-C reaches the supervisor alone, which stops the parts in their order
            run()
            status = 0
        except SystemExit as leaving:  # gunicorn's workers leave by it, out of the master's own frames
            status = leaving.code if isinstance(leaving.code, int) else int(bool(leaving.code))
        except BaseException:
            log.exception("a part ended")
        finally:
            os._exit(status)

    return start


def _preload() -> None:
    """Everything the parts import, once, before they fork."""
    import gunicorn.app.base  # noqa: PLC0415
    import gunicorn.workers.gthread  # noqa: F401, PLC0415

    import service.web  # noqa: F401, PLC0415
    import workers.clock  # noqa: PLC0415
    import workers.run  # noqa: F401, PLC0415


def _work(queue: str) -> None:
    from workers.run import work  # noqa: PLC0415

    work(queue)


def _clock() -> None:
    from workers import clock, context  # noqa: PLC0415

    clock.run(context.services())


def _web() -> None:
    from service.web.serve import serve  # noqa: PLC0415

    serve()


def _migrate(settings: Settings) -> None:
    database = Database(connect(wiring.database_url(settings), Keyring(settings.secret_keys)))
    try:
        migrate(database.engine)
    finally:
        database.close()


def refuse_second(settings: Settings) -> None:
    """Raises AlreadyRunning while an `up` works in the data folder; for whoever wants to change the folder itself."""
    if settings.data_dir.is_dir():
        with _only_one(settings):
            pass


@contextmanager
def _only_one(settings: Settings) -> Iterator[IO[str]]:
    path = settings.data_dir / "up.lock"
    with path.open("a+", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise AlreadyRunning(pid=lock.read().strip() or "?", folder=str(settings.data_dir)) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        os.set_inheritable(lock.fileno(), False)
        yield lock


def _say(what: str) -> None:
    sys.stderr.write(f"greenroom: {what}\n")
    sys.stderr.flush()
