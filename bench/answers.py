"""How many answers by mail one worker stores and decides in a second, as the reader of the mailbox hands them over."""

from __future__ import annotations

import time
from datetime import timedelta

from sqlalchemy import func, select

from bench.mail import BATCH_OF_PAIRS, book
from bench.served import place, settings_of
from service import wiring
from service.domain.answering import make_reply
from service.operations import entries, inbound
from service.store.migrate import migrate
from service.store.tables import Inbound, Meeting
from service.wiring import Services
from workers.inbox import BATCH

ANSWERS = 600
EACH_DECLINES = 4  # one of so many says no: its meeting ends, and both are told


def measure(answers: int = ANSWERS) -> dict[str, float]:
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
        with services.database.read() as session:
            applied = session.scalar(select(func.count()).where(Inbound.state == "applied")) or 0
        services.database.close()
    if applied != answers:
        raise RuntimeError(f"{applied} of {answers} answers were applied")
    return {"a_second": answers / seconds}


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
