"""Whoever reads our mailbox is killed again and again, at any moment: no mail is lost, and none counts twice."""

from __future__ import annotations

import os
import random
import signal
import time
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import func, select

from service import wiring
from service.operations import mailbox
from service.process import forked
from service.settings import Settings, load
from service.store.tables import Inbound
from service.wiring import Services
from tests.fakes import RecordedJobs
from workers import context, inbox

MAILS = 10_000 if os.environ.get("GREENROOM_SOAK") else 150
LEASE = timedelta(seconds=0.1)  # the next need not wait for the dead


class DecidedHere(RecordedJobs):
    """No queue: what is handed out is decided in the reader, so that it is killed in the middle of that too."""

    def read_inbound(self, inbound_ids):
        inbox.read_inbound(inbound_ids)


def read(settings: Settings) -> None:
    inbox.run(replace(context.prepare(settings), jobs=DecidedHere()))


def mails(count):
    for number in range(count):
        yield b"Message-ID: <%d@example.org>\r\nFrom: ana@example.org\r\n\r\nHello %d\r\n" % (number, number)


def counted(services: Services) -> tuple[int, int]:
    """Mails that are stored, and those of them that are decided."""
    with services.database.read() as session:
        stored = session.scalar(select(func.count()).select_from(Inbound)) or 0
        decided = session.scalar(select(func.count()).where(Inbound.state != "pending")) or 0
    return stored, decided


def test_readers_that_are_killed_lose_nothing(imap, tmp_path, monkeypatch):
    monkeypatch.setattr(inbox, "BATCH", 10)
    monkeypatch.setattr(mailbox, "LEASE", LEASE)
    folder = {"GREENROOM_DATA_DIR": str(tmp_path / "data")}
    settings = load(folder | {"GREENROOM_IMAP_URL": imap.url, "GREENROOM_IMAP_SECONDS": "0.05"})
    wiring.migrate(settings)
    services = wiring.build(settings)
    monkeypatch.setattr(context, "_made", [services])
    imap.put(*mails(MAILS))
    start = forked(lambda: read(settings))
    dice, until, killed = random.Random(1), time.monotonic() + 20 + MAILS / 20, 0
    while counted(services)[0] < MAILS and time.monotonic() < until:
        services.database.close()  # SQLite's locks do not go over a fork
        reader = start()
        time.sleep(LEASE.total_seconds() + dice.random() * 0.3)
        os.kill(reader, signal.SIGKILL)
        os.waitpid(reader, 0)
        killed += 1
    time.sleep(LEASE.total_seconds())
    while inbox.poll(services, "last"):
        pass
    with services.database.read() as session:
        left = list(session.scalars(select(Inbound.id).where(Inbound.state == "pending")))
    inbox.read_inbound(left)
    inbox.poll(services, "last")
    assert killed > 1
    assert counted(services) == (MAILS, MAILS)
    assert imap.flags() == [{rb"\Seen"}] * MAILS
    services.database.close()
