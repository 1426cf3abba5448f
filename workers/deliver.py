"""Sends a batch of outbox rows over one connection; each row's fate is in the database before the next is touched."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Sequence
from datetime import timedelta

from sqlalchemy.exc import DBAPIError

from service.domain.errors import AdapterError, AnswerLost, GreenroomError
from service.operations import outgoing
from service.ports import Envelope, MailSession
from service.store import outbox
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
    """Renders, offers, marks, sends and settles each row. Rows that could not be tried are given back."""
    letters = [letter for row_id in outbox_ids if (letter := _render(services, token, row_id)) is not None]
    if not letters:
        return
    try:
        with services.mailer.session() as mail:
            for row_id, recipient, octets in letters:
                _send(services, mail, token, row_id, recipient, octets)
    except AdapterError as fault:
        log.warning("mail server not reached: %s", fault.code)
        for row_id, _, _ in letters:
            _settle_failure(services, token, row_id, fault)


def _render(services: Services, token: str, row_id: int) -> tuple[int, str, bytes] | None:
    """Recipient and octets of a row that is still this job's; octets made before are used again, to the letter.

    None: withdrawn meanwhile, or what it says is no longer so.
    """
    try:
        with services.database.write() as session:
            row = outbox.load_mine(session, row_id, token)
            if row is None:
                return None
            recipient = outgoing.recipient(session, row)
            octets = row.octets or outgoing.render(session, services.clock(), services.settings, row)
            if octets is None or recipient is None:
                outbox.drop(session, row_id)
                return None
            row.octets = octets
            return row_id, recipient, octets
    except GreenroomError as fault:
        log.error("outbox row %d cannot be rendered: %s", row_id, fault.code)
        with services.database.write() as session:
            outbox.settle_failed(session, services.clock(), row_id, token, Failure(fault.code, permanent=True))
        return None


def _send(services: Services, mail: MailSession, token: str, row_id: int, recipient: str, octets: bytes) -> None:
    try:
        mail.offer(Envelope(services.settings.mail_address, recipient))
        with services.database.write() as session:
            mine = outbox.start_sending(session, services.clock(), row_id, token)
        if not mine:
            return
        mail.deliver(octets)
    except AnswerLost:
        _settle(lambda: _record(services, token, row_id, Failure("answer_lost", unknown=True)))
        raise AdapterError("smtp_unreachable", permanent=False) from None
    except AdapterError as fault:
        _settle_failure(services, token, row_id, fault)
        if fault.code == "smtp_unreachable":
            raise
    else:
        _settle(lambda: _record_sent(services, token, row_id))


def _settle_failure(services: Services, token: str, row_id: int, fault: AdapterError) -> None:
    failure = Failure(
        fault.code,
        permanent=fault.permanent,
        retry_after=fault.retry_after,
        jitter=random.random(),  # noqa: S311 - spreads retries, guards nothing
    )
    _settle(lambda: _record(services, token, row_id, failure))


def _record(services: Services, token: str, row_id: int, failure: Failure) -> None:
    with services.database.write() as session:
        state = outbox.settle_failed(session, services.clock(), row_id, token, failure)
    log.warning("outbox row %d: %s, now %s", row_id, failure.code, state)


def _record_sent(services: Services, token: str, row_id: int) -> None:
    with services.database.write() as session:
        outbox.settle_sent(session, services.clock(), row_id, token)


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
