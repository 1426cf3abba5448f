"""Child processes: forked, kept alive, ended in their order."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FrameType

from service import logs

log = logging.getLogger(__name__)
PR_SET_PDEATHSIG = 1
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0
STEADY_SECONDS = 30.0  # whoever ran this long starts again without a pause
STOP_SECONDS = 20.0
LOOK_SECONDS = 0.1
STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass
class Part:
    """A child that is kept alive. `start` returns its process id, or raises OSError when it cannot be started."""

    name: str
    start: Callable[[], int]
    pid: int | None = None
    started: float = 0.0  # on the monotonic clock
    pause: float = field(default=FIRST_PAUSE)
    start_at: float = 0.0


def die_with_parent() -> None:
    """This process gets SIGTERM when its parent dies, however that happened. Linux only; elsewhere it does nothing."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def forked(run: Callable[[], None]) -> Callable[[], int]:
    """A `Part.start` that runs a function in a copy of this process, which shares what is imported already."""

    def start() -> int:
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            _become(run, parent)
        return pid

    return start


def _become(run: Callable[[], None], parent: int) -> None:
    """Never returns: the copy must not go on with what its parent was doing."""
    status = 1
    try:
        for number in STOPPING:
            signal.signal(number, signal.SIG_DFL)
        os.setsid()  # Ctrl-C reaches the supervisor alone, which ends the parts in their order
        die_with_parent()
        if os.getppid() == parent:  # it may have died before it could be watched
            run()
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    except BaseException as fault:
        logs.mistake(log, "a part ended", fault)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def keep_alive(parts: Sequence[Part], look: Callable[[], None], say: Callable[[Part], None]) -> None:
    """Starts the parts in their order and again when they end, until a signal of STOPPING; then ends them in the
    reverse order. `look` is called ten times a second, `say` when a part has started.

    Raises OSError when a part cannot be started the first time; later that is logged and tried again.
    """
    stopping: list[int] = []

    def on_signal(number: int, _frame: FrameType | None) -> None:
        stopping.append(number)

    before = {number: signal.signal(number, on_signal) for number in STOPPING}
    try:
        while not stopping:
            for part in parts:
                if part.pid is None and time.monotonic() >= part.start_at and not stopping:
                    _start(part, say)
            look()
            _notice_the_dead(parts)
            time.sleep(LOOK_SECONDS)
    finally:
        for part in reversed(parts):
            stop(part)
        for number, handler in before.items():
            signal.signal(number, handler)


def _start(part: Part, say: Callable[[Part], None]) -> None:
    first = part.started == 0.0
    part.started = time.monotonic()
    try:
        part.pid = part.start()
    except OSError as fault:
        if first:
            raise
        _hold_off(part)
        log.warning("%s cannot be started: %s", part.name, fault.strerror)
    else:
        say(part)


def _notice_the_dead(parts: Sequence[Part]) -> None:
    for part in parts:
        if part.pid is not None and has_ended(part.pid):
            part.pid = None
            _hold_off(part)
            log.warning("%s ended and will be started again in %.1f s", part.name, part.pause)


def _hold_off(part: Part) -> None:
    steady = time.monotonic() - part.started >= STEADY_SECONDS
    part.pause = FIRST_PAUSE if steady else min(part.pause * 2, LONGEST_PAUSE)
    part.start_at = time.monotonic() + part.pause


def has_ended(pid: int) -> bool:
    """Whether a child of this process is gone; takes its exit status when it is."""
    try:
        return os.waitpid(pid, os.WNOHANG) != (0, 0)
    except ChildProcessError:
        return True


def stop(part: Part, seconds: float = STOP_SECONDS) -> None:
    """SIGTERM, and SIGKILL when that did not help in time. Repeatable."""
    for number, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, 5.0)):
        if part.pid is None or has_ended(part.pid):
            break
        os.kill(part.pid, number)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if has_ended(part.pid):
                part.pid = None
                return
            time.sleep(0.02)
    part.pid = None
