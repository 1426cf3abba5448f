"""Sends a batch of outbox rows over one connection; each row's fate is in the database before the next is touched."""

from __future__ import annotations

import logging
import random
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.exc import DBAPIError

from service.domain.errors import AdapterError, AnswerLost, GreenroomError
from service.operations import outgoing
from service.ports import Envelope, MailSession
from service.store import outbox, send_times
from service.store.outbox import Failure
from service.wiring import Services
from workers import context

log = logging.getLogger(__name__)
BATCH = 50
RECORD_FOR = timedelta(minutes=2)  # a database that restarts must not lose the answer of a mail that went out


def send_batch(token: str, outbox_ids: Sequence[int]) -> None:
    """RQ's job. May be repeated: rows that are not this token's any more are skipped."""
    deliver(context.services(), token, outbox_ids)


def drain(services: Services, limit: int = 10_000) -> int:
    """Sends what is due without a queue, batch by batch; returns how many rows it took. The way out without a
    broker."""
    taken = 0
    while taken < limit:
        with services.database.write() as session:
            outbox.reap(session, services.clock())
            token, ids = outbox.claim_batch(session, services.clock(), min(BATCH, limit - taken))
        if not ids:
            break
        deliver(services, token, ids)
        taken += len(ids)
    return taken


def deliver(services: Services, token: str, outbox_ids: Sequence[int]) -> None:
    """Renders, offers, marks, sends and settles each row, one after another.

    What the server refuses fails alone. Without a connection every row waits; when it breaks on the way, the rows that
    were not tried yet are given back.
    """
    tried = False
    took: list[timedelta] = []
    try:
        with services.mailer.session() as mail:
            for row_id in outbox_ids:
                letter = _render(services, token, row_id)
                if letter is not None:
                    tried = True
                    _send(services, mail, token, row_id, letter, took)
    except AdapterError as fault:
        log.warning("a batch ended early: %s", fault.code)
        if tried:
            _settle(lambda: _give_back(services, token))
        else:
            for row_id in outbox_ids:
                _settle_failed(services, token, row_id, fault.code, fault.retry_after)
    _keep_times(services, took)


@dataclass(frozen=True, slots=True)
class _Letter:
    recipient: str
    octets: bytes


def _render(services: Services, token: str, row_id: int) -> _Letter | None:
    """What to send for a row that is still this job's. What it says is decided anew at every attempt, but octets that
    a server may have seen are sent again to the letter.

    None: withdrawn meanwhile, no longer so, or it cannot be written; the others of the batch go on.
    """
    try:
        with services.database.write() as session:
            row = outbox.load_mine(session, row_id, token)
            if row is None:
                return None
            recipient = outgoing.recipient(session, row)
            octets = outgoing.render(session, services.clock(), services.settings, row) if recipient else None
            if recipient is None or octets is None:
                outbox.drop(session, row_id)
                return None
            return _Letter(recipient, row.octets or octets)
    except DBAPIError:
        raise
    except GreenroomError as fault:
        log.error("outbox row %d cannot be written: %s", row_id, fault.code)
        _settle_failed(services, token, row_id, fault.code, permanent=True)
    except Exception as fault:  # the boundary of one mail: a mistake in it must not hold up the other forty-nine
        where = "".join(traceback.format_tb(fault.__traceback__))  # without the message, which may quote somebody
        log.error("outbox row %d cannot be written: %s\n%s", row_id, type(fault).__name__, where)
        _settle_failed(services, token, row_id, type(fault).__name__)
    return None


def _send(
    services: Services, mail: MailSession, token: str, row_id: int, letter: _Letter, took: list[timedelta]
) -> None:
    """Adds to `took` when the server accepted it. Raises AdapterError when the connection is of no more use."""
    began = time.monotonic()
    try:
        mail.offer(Envelope(services.settings.mail_address, letter.recipient))
        if not _mark(services, token, row_id, letter.octets):
            return
        mail.deliver(letter.octets)
    except AnswerLost as lost:
        failure = Failure(lost.code, unknown=True)
        _settle(lambda: _record(services, token, row_id, failure))
        raise AdapterError("smtp_unreachable", permanent=False) from lost
    except AdapterError as fault:
        _settle_failed(services, token, row_id, fault.code, fault.retry_after, permanent=fault.permanent)
        if fault.code != "smtp_refused":  # a refusal is about this mail, everything else about the server
            raise
    else:
        took.append(timedelta(seconds=time.monotonic() - began))
        _settle(lambda: _record_sent(services, token, row_id))


def _mark(services: Services, token: str, row_id: int, octets: bytes) -> bool:
    """The mark before DATA, committed. A database that does not answer here stops this mail, not the batch: nothing of
    it was sent, so it may go back."""
    try:
        with services.database.write() as session:
            return outbox.start_sending(session, services.clock(), row_id, token, octets)
    except DBAPIError:
        _settle_failed(services, token, row_id, "database")
        return False


def _give_back(services: Services, token: str) -> None:
    with services.database.write() as session:
        outbox.give_back(session, token)


def _settle_failed(
    services: Services,
    token: str,
    row_id: int,
    code: str,
    retry_after: timedelta | None = None,
    *,
    permanent: bool = False,
) -> None:
    jitter = random.random()  # noqa: S311 - spreads retries, guards nothing
    failure = Failure(code, permanent=permanent, retry_after=retry_after, jitter=jitter)
    _settle(lambda: _record(services, token, row_id, failure))


def _record(services: Services, token: str, row_id: int, failure: Failure) -> None:
    with services.database.write() as session:
        state = outbox.settle_failed(session, services.clock(), row_id, token, failure)
    log.warning("outbox row %d: %s, now %s", row_id, failure.code, state)


def _record_sent(services: Services, token: str, row_id: int) -> None:
    with services.database.write() as session:
        outbox.settle_sent(session, services.clock(), row_id, token)


def _keep_times(services: Services, took: Sequence[timedelta]) -> None:
    """Once for the whole batch. They are a statistic: a database that does not answer now is not waited for."""
    if not took:
        return
    try:
        with services.database.write() as session:
            send_times.add(session, took)
    except DBAPIError as fault:
        log.warning("the times of a batch are lost: the database said %s", type(fault.orig).__name__)


def _settle(record: Callable[[], None]) -> None:
    """Writes the outcome, again and again for two minutes while the database does not answer."""
    until = time.monotonic() + RECORD_FOR.total_seconds()
    pause = 0.1
    while True:
        try:
            return record()
        except DBAPIError:
            if time.monotonic() >= until:
                raise
            time.sleep(pause)
            pause = min(pause * 2, 5.0)
