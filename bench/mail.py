"""How fast mail leaves: outbox, clock, broker, one forking worker, a local SMTP server; beside smtplib alone."""

from __future__ import annotations

import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from email import policy
from email.parser import BytesParser
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from bench.served import free_port, place
from service import broker, wiring
from service.operations import booking, outgoing, people
from service.operations.booking import BookingInput
from service.operations.offering import SlotQuery
from service.process import Part, stop
from service.settings import load
from service.store import heartbeats, outbox
from service.store.tables import OutboxRow
from service.wiring import Services

MAILS = 2000
YARDSTICK_MAILS = 500
COMMITS = 200
BATCH_OF_PAIRS = 100
WAIT_SECONDS = 120.0
WORKER = "from integrations.rq_jobs import MAIL; from workers.run import work; work(MAIL)"
CLOCK = "from workers import clock, context; clock.run(context.services())"


def measure(mails: int = MAILS) -> dict[str, float]:
    """Invitations a second, from the first that counts as sent to the last, with one worker and the default settings.
    Beside it, in the same run and to the same server over one connection: what smtplib's own `send_message` does with
    one such mail again and again (`smtplib`), and `sendmail` with octets that stand already; and how often a second
    the disk takes a commit, of which each mail needs one."""
    if find_spec("aiosmtpd") is None:  # a tool of development, see bench/sink.py
        return {}
    port = free_port()
    with place(GREENROOM_SMTP_URL=f"smtp://127.0.0.1:{port}?security=none") as environ, ExitStack() as parts:
        settings = load(environ)
        services = wiring.build(settings)
        wiring.migrate(settings)
        one = _invitations(services, mails)
        parts.enter_context(brokering(settings.data_dir, wiring.broker_socket(settings)))
        parts.enter_context(_running(["-m", "bench.sink", str(port)], environ))
        _until(lambda: _listens(port), "the mail server")
        before = _smtplib_rates(port, one)
        commits = _commit_rate(services)
        parts.enter_context(_running(["-c", CLOCK], environ))
        parts.enter_context(_running(["-c", WORKER], environ))
        ours = _rate(services, mails)
        after = _smtplib_rates(port, one)
        services.database.close()
    message, octets = (sum(rates) / 2 for rates in zip(before, after, strict=True))
    return {
        "per_worker": ours,
        "smtplib": message,
        "of_smtplib": ours / message,
        "smtplib_octets": octets,
        "commits": commits,
        "size": float(len(one)),
    }


def _invitations(services: Services, mails: int) -> bytes:
    """So many invitations that are not due yet, each to another person; the octets of one of them."""
    now = services.clock()
    for first in range(0, mails // 2, BATCH_OF_PAIRS):
        with services.database.write() as session:
            for number in range(first, min(first + BATCH_OF_PAIRS, mails // 2)):
                book(session, now, services.settings.busy_max_age, number)
    with services.database.write() as session:
        row = session.scalars(select(OutboxRow).limit(1)).one()
        (one,), _ = outgoing.render(session, now, services.settings, [row])
        session.execute(update(OutboxRow).values(due_at=now + timedelta(days=1)))
    return one.octets


def book(session: Session, now: datetime, max_age: timedelta, number: int) -> None:
    """A pair of its own with one meeting."""
    mentee = people.PersonInput(f"ana{number}@example.org", "Ana Lima", "Europe/Lisbon")
    mentor = people.PersonInput(f"ben{number}@example.org", "Ben Okafor", "America/New_York")
    pair = people.add_pair(session, now, mentee, mentor, "https://meet.example.org/ben")
    start = (now + timedelta(days=21 - now.weekday())).replace(hour=15, minute=0, second=0, microsecond=0)  # a Monday
    booking.book(
        session,
        now,
        max_age,
        SlotQuery(pair.id, "check-in"),
        BookingInput(start, pair.mentee_id, ask="How do I begin?"),
    )


def _rate(services: Services, mails: int) -> float:
    _until(lambda: _beats(services) >= {"clock", "worker"}, "clock and worker")
    with services.database.write() as session:
        session.execute(update(OutboxRow).values(due_at=services.clock()))
    _until(lambda: _sent(services) >= mails, "the last mail")
    with services.database.read() as session:
        first, last = session.execute(select(func.min(OutboxRow.sent_at), func.max(OutboxRow.sent_at))).one()
    seconds: float = (last - first).total_seconds()
    return (mails - 1) / seconds


def _beats(services: Services) -> set[str]:
    with services.database.read() as session:
        return heartbeats.alive(session, services.clock())


def _sent(services: Services) -> int:
    with services.database.read() as session:
        return outbox.counts(session).get("sent", 0)


def _smtplib_rates(port: int, octets: bytes) -> tuple[float, float]:
    """The standard library's own ways, as fast as they go: nothing is looked up, nothing written down."""
    message = BytesParser(policy=policy.SMTP).parsebytes(octets)
    sender, reader = "greenroom@example.org", ["ana@example.org"]
    with smtplib.SMTP("127.0.0.1", port) as client:
        return (
            _a_second(YARDSTICK_MAILS, lambda: client.send_message(message, sender, reader)),
            _a_second(YARDSTICK_MAILS, lambda: client.sendmail(sender, reader, octets)),
        )


def _commit_rate(services: Services) -> float:
    return _a_second(COMMITS, lambda: heartbeats.beat(services.database, "bench", "bench", services.clock()))


def _a_second(times: int, call: Callable[[], object]) -> float:
    began = time.perf_counter()
    for _ in range(times):
        call()
    return times / (time.perf_counter() - began)


@contextmanager
def brokering(folder: Path, socket_path: Path) -> Iterator[None]:
    part = Part("broker", broker.starter(folder, socket_path))
    part.pid = part.start()
    try:
        yield
    finally:
        stop(part)


@contextmanager
def _running(arguments: list[str], environ: dict[str, str]) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, *arguments], env=environ)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def _until(so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not so():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not come in time")
        time.sleep(0.05)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
