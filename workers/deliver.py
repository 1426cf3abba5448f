"""Sends a batch of outbox rows over one connection; each row's fate is in the database before the next one leaves."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

from sqlalchemy.exc import DBAPIError

from service import links, logs
from service.domain.errors import AdapterError, AnswerLost, GreenroomError, MailRefused
from service.domain.retries import Failure
from service.operations import outgoing
from service.operations.outgoing import Mail
from service.ports import Envelope, MailSession
from service.store import outbox, send_times
from service.wiring import Services
from workers import context

log = logging.getLogger(__name__)
BATCH = 50
GO_ON = timedelta(seconds=5)  # other jobs of the queue wait no longer than this and a batch
FRESH_FOR = timedelta(seconds=5)
RECORD_FOR = timedelta(minutes=2)  # a database that restarts must not lose the answer of a mail that went out


def send_batch(token: str, outbox_ids: Sequence[int]) -> None:
    """RQ's job. May be repeated: rows that are not this token's any more are skipped.

    While all goes well it takes the next batches itself for a moment: to end and begin as another process takes a
    third as long as to send fifty mails. None is larger than the one that its time limit was meant for.
    """
    services, most = context.services(), len(outbox_ids)
    until = time.monotonic() + GO_ON.total_seconds()
    while outbox_ids and deliver(services, token, outbox_ids) and time.monotonic() < until:
        with services.database.write() as session:
            token, outbox_ids = outbox.claim_batch(session, services.clock(), most)


def warm(services: Services) -> None:
    """Before the fork, so that each job starts with what it needs; a database that is away is not waited for."""
    try:
        with services.database.write() as session:
            now, nobody = services.clock(), 0
            outbox.readers(session, "", [])
            outbox.load_mine(session, "", [])
            outgoing.warm(session, now)
            outbox.start_sending(session, now, nobody, "", b"")
            outbox.settle_sent(session, now, nobody, "")
    except DBAPIError as fault:
        log.warning("jobs start slowly: the database said %s", logs.kind(fault))
    finally:
        services.database.close()  # no connection may be open over a fork


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


def deliver(services: Services, token: str, outbox_ids: Sequence[int]) -> bool:
    """Renders a few rows at a time; offers, marks and sends each of them, one after another. Returns whether the
    server stayed with us to the end.

    What the server refuses fails alone. Without a connection every row waits; when it breaks on the way, the rows that
    were not tried yet are given back.
    """
    batch, well = Batch(services, token), True
    try:
        with services.mailer.session() as server:
            for row_ids in _rounds(batch, outbox_ids):
                for mail in _fresh(batch, row_ids):
                    batch.send(server, mail)
                batch.settle()
    except AdapterError as fault:
        well = False
        log.warning("a batch ended early: %s", fault.code)
        if batch.tried:
            pause = fault.retry_after
            _settle(lambda: batch.give_back(pause))
        else:
            for row_id in outbox_ids:
                batch.settle_failed(row_id, fault.code, fault.retry_after)
    finally:
        batch.settle()
    batch.keep_times()
    return well


def _rounds(batch: Batch, outbox_ids: Sequence[int]) -> Iterator[list[int]]:
    """The rows in their order, a few at a time, never two for one reader: the second mail may refer to the first."""
    with batch.services.database.read() as session:
        readers = outbox.readers(session, batch.token, outbox_ids)
    together: dict[int, int] = {}  # reader -> row
    for row_id, person_id in readers.items():
        if person_id in together or len(together) == BATCH:
            yield list(together.values())
            together = {}
        together[person_id] = row_id
    if together:
        yield list(together.values())


def _fresh(batch: Batch, row_ids: Sequence[int]) -> Iterator[Mail]:
    """The mails of the rows, none of them older than FRESH_FOR when its turn comes: a server that takes its time must
    not be given what somebody has said no to meanwhile."""
    written = time.monotonic()
    for mail in _render(batch, row_ids):
        if time.monotonic() - written <= FRESH_FOR.total_seconds():
            yield mail
        else:
            yield from _render(batch, [mail.row_id])


def _render(batch: Batch, row_ids: Sequence[int]) -> list[Mail]:
    """The mails of the rows that are still this job's. What they say is decided anew at every attempt.

    When one of them cannot be written, each is tried alone: the others of the batch go on.
    """
    try:
        return _rendered(batch, row_ids)
    except DBAPIError:
        raise
    except Exception as fault:  # the boundary of one mail: a mistake in it must not hold up the other forty-nine
        if len(row_ids) > 1:
            return [mail for row_id in row_ids for mail in _render(batch, [row_id])]
        _cannot_be_written(batch, row_ids[0], fault)
        return []


def _rendered(batch: Batch, row_ids: Sequence[int]) -> list[Mail]:
    services = batch.services
    with services.database.read() as session:
        rows = outbox.load_mine(session, batch.token, row_ids)
        mails, made = outgoing.render(session, services.clock(), services.settings, rows)
    no_longer_so = {row.id for row in rows} - {mail.row_id for mail in mails}
    if no_longer_so or made:
        with services.database.write() as session:
            if no_longer_so:
                outbox.drop(session, batch.token, sorted(no_longer_so))
            links.store(session, made)
    return mails


def _cannot_be_written(batch: Batch, row_id: int, fault: Exception) -> None:
    if isinstance(fault, GreenroomError):
        if not isinstance(fault, outgoing.AddressRefused):
            log.error("a mail cannot be written: %s", fault.code, extra={"row": row_id})
        batch.settle_failed(row_id, fault.code, permanent=True)
        return
    logs.mistake(log, "a mail cannot be written", fault, row=row_id)
    batch.settle_failed(row_id, type(fault).__name__)


class Batch:
    """One job's rows on their way.

    `arrived` is the row that the server took last and that nobody has written down yet: at most one, so that a killed
    job leaves at most one row uncertain. `tried`: the server has seen a row. `took`: how long each took that it
    accepted.
    """

    def __init__(self, services: Services, token: str) -> None:
        self.services, self.token = services, token
        self.tried = False
        self.arrived: int | None = None
        self.took: list[timedelta] = []

    def send(self, server: MailSession, mail: Mail) -> None:
        """Raises AdapterError when the connection is of no more use."""
        self.tried = True
        began = time.monotonic()
        try:
            server.offer(Envelope(self.services.settings.mail_address, mail.recipient))
            if not self._mark(mail):
                return
            server.deliver(mail.octets)
        except AnswerLost as lost:
            failure = Failure(lost.code, unknown=True)
            _settle(lambda: self._record(mail.row_id, failure))
            raise AdapterError(lost.code, permanent=False, retry_after=lost.retry_after) from lost
        except AdapterError as fault:
            self.settle_failed(mail.row_id, fault.code, fault.retry_after, permanent=fault.permanent)
            if not isinstance(fault, MailRefused):
                raise
        else:
            self.arrived = mail.row_id
            self.took.append(timedelta(seconds=time.monotonic() - began))
            log.info("sent", extra={"row": mail.row_id})

    def _mark(self, mail: Mail) -> bool:
        """The mark before DATA, committed together with the fate of the mail before it. A database that does not
        answer here stops this mail, not the batch: nothing of it was sent, so it may go back."""
        now = self.services.clock()
        try:
            with self.services.database.write() as session:
                if self.arrived is not None:
                    outbox.settle_sent(session, now, self.arrived, self.token)
                may_go = outbox.start_sending(session, now, mail.row_id, self.token, mail.octets)
        except DBAPIError:
            self.settle_failed(mail.row_id, "database")
            return False
        self.arrived = None
        return may_go

    def settle(self) -> None:
        """Writes down what the server took last. Repeatable."""
        if self.arrived is not None:
            _settle(self._record_sent)
            self.arrived = None

    def settle_failed(
        self, row_id: int, code: str, retry_after: timedelta | None = None, *, permanent: bool = False
    ) -> None:
        self.settle()
        jitter = random.random()  # noqa: S311 - spreads retries, guards nothing
        failure = Failure(code, permanent=permanent, retry_after=retry_after, jitter=jitter)
        _settle(lambda: self._record(row_id, failure))

    def give_back(self, pause: timedelta | None) -> None:
        due_at = None if pause is None else self.services.clock() + pause
        with self.services.database.write() as session:
            outbox.give_back(session, self.token, due_at)

    def keep_times(self) -> None:
        """Once for the whole batch. They are a statistic: a database that does not answer now is not waited for."""
        if not self.took:
            return
        try:
            with self.services.database.write() as session:
                send_times.add(session, self.took)
        except DBAPIError as fault:
            log.warning("the times of a batch are lost: the database said %s", logs.kind(fault))

    def _record(self, row_id: int, failure: Failure) -> None:
        with self.services.database.write() as session:
            state = outbox.settle_failed(session, self.services.clock(), row_id, self.token, failure)
        log.warning("%s, now %s", failure.code, state, extra={"row": row_id})

    def _record_sent(self) -> None:
        assert self.arrived is not None
        with self.services.database.write() as session:
            outbox.settle_sent(session, self.services.clock(), self.arrived, self.token)


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
