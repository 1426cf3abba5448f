"""How many answers by mail one worker stores and decides in a second: by themselves, and out of a real mailbox."""

from __future__ import annotations

import sys
import time
from datetime import timedelta

from sqlalchemy import func, select

from bench import dovecot
from bench.mail import BATCH_OF_PAIRS, book, brokering
from bench.served import place, settings_of
from service import wiring
from service.domain.answering import make_reply
from service.operations import entries, inbound
from service.store.migrate import migrate
from service.store.tables import Inbound, Meeting
from service.wiring import Services
from workers import context, inbox
from workers.inbox import BATCH

ANSWERS = 600
EACH_DECLINES = 4  # one of so many says no: its meeting ends, and both are told


def measure(answers: int = ANSWERS) -> dict[str, float]:
    figures = {"a_second": _decided(answers)}
    if dovecot.MISSING:
        print(f"answers out of a mailbox: {dovecot.MISSING}", file=sys.stderr)
    else:
        figures["imap_a_second"] = _fetched(answers)
    return figures


def _decided(answers: int) -> float:
    """Each is stored in a write with its batch and decided in one of its own, as workers do."""
    with place() as environ:
        services = wiring.build(settings_of(environ))
        migrate(services.database.engine)
        mails = _answers(services, answers)
        began = time.perf_counter()
        for first in range(0, answers, BATCH):
            with services.database.write() as session:
                ids = [inbound.receive(session, services.clock(), raw) for raw in mails[first : first + BATCH]]
            for inbound_id in ids:
                with services.database.write() as session:
                    inbound.decide(session, services.clock(), services.settings.busy_max_age, inbound_id)
        seconds = time.perf_counter() - began
        _check(services, answers)
    return answers / seconds


def _fetched(answers: int) -> float:
    """From the first look into the mailbox until each mail is decided and marked there, by one process after the other:
    the reader hands out, then a worker decides, then the reader marks."""
    with dovecot.running() as server, place(GREENROOM_IMAP_URL=server.url) as environ:
        services = context.prepare(settings_of(environ))
        migrate(services.database.engine)
        server.put(*_answers(services, answers))
        with brokering(services.settings.data_dir, wiring.broker_socket(services.settings)):
            began = time.perf_counter()
            inbox.poll(services, "bench")
            with services.database.read() as session:
                ids = inbound.waiting(session, answers)
            inbox.read_inbound(ids)
            inbox.poll(services, "bench")
            seconds = time.perf_counter() - began
        _check(services, answers)
        if server.flags() != [{rb"\Seen"}] * answers:
            raise RuntimeError("mail that is decided was not put away")
    return answers / seconds


def _check(services: Services, answers: int) -> None:
    with services.database.read() as session:
        applied = session.scalar(select(func.count()).where(Inbound.state == "applied")) or 0
    services.database.close()
    if applied != answers:
        raise RuntimeError(f"{applied} of {answers} answers were applied")


def _answers(services: Services, answers: int) -> list[bytes]:
    """One to each of as many meetings, from its mentor."""
    now, made = services.clock(), []
    for first in range(0, answers, BATCH_OF_PAIRS):
        with services.database.write() as session:
            for number in range(first, min(first + BATCH_OF_PAIRS, answers)):
                book(session, now, services.settings.busy_max_age, number)
    with services.database.read() as session:
        for meeting in session.scalars(select(Meeting).order_by(Meeting.id)):
            mentor = meeting.pair.mentor
            asked = entries.entry(
                now, services.settings, meeting, mentor, "REQUEST", agenda=(), answers={}, entry_url=None
            )
            partstat = "DECLINED" if meeting.id % EACH_DECLINES == 0 else "ACCEPTED"
            made.append(make_reply(asked, mentor.email, partstat, now + timedelta(seconds=1)))
    return made
