"""Our mailbox: what arrives there is stored, and then decided."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta

from rq.timeouts import BaseTimeoutException
from sqlalchemy.exc import DBAPIError

from service import logs
from service.domain.errors import AdapterError
from service.operations import inbound, mailbox
from service.ports import Mailbox, MailboxSession
from service.wiring import Services
from workers import clock, context

log = logging.getLogger(__name__)
PUT_AWAY = 200  # at once: their numbers stand in one line
BATCH = 20  # mails at once: each may be 2 MB
LISTEN_FOR = timedelta(minutes=25)  # below the 29 of RFC 2177
LISTEN_AGAIN = timedelta(minutes=1)
MOST_BATCHES = 50  # in one go, after which the process looks whether it is to end


def read_inbound(inbound_ids: Iterable[int]) -> None:
    """RQ's job. May be repeated: a decided message stays decided."""
    services = context.services()
    for inbound_id in inbound_ids:
        with logs.about(inbound=inbound_id):
            _decide(services, inbound_id)


def _decide(services: Services, inbound_id: int) -> None:
    """A message that makes us stumble is put aside, for else it would come again for ever, and others behind it
    never."""
    try:
        with services.database.write() as session:
            settings = services.settings
            inbound.decide(session, services.clock(), settings.busy_max_age, inbound_id, settings.mail_authserv_id)
    except DBAPIError:
        raise
    except Exception as fault:  # the boundary of one message
        logs.mistake(log, "a message that came in", fault)
        with services.database.write() as session:
            inbound.set_aside(session, services.clock(), inbound_id, logs.kind(fault))
        if isinstance(fault, BaseTimeoutException):  # the job's time is over; the clock finds the rest
            raise


def run(services: Services) -> None:
    """Reads our mailbox again and again, and at once when it says that something has come. Until SIGTERM or SIGINT."""
    holder, called = secrets.token_hex(8), threading.Event()
    step = clock.Round(lambda services: poll(services, holder), services.settings.imap_poll, soon=clock.SOON)
    if services.mailbox is not None:
        threading.Thread(target=listen, args=(services.mailbox, called), daemon=True).start()
    clock.go_round(services, "inbox", [step], called)


def listen(box: Mailbox, called: threading.Event, pause: timedelta = LISTEN_AGAIN) -> None:
    """Calls whenever the mailbox says that something has come. Ends where it cannot say so; a server that goes away is
    asked again after a while. Whatever happens here, the mailbox is looked at every so often all the same."""
    while True:
        try:
            with box.watch() as watch:
                called.set()  # for what came while nobody listened
                while True:
                    if watch.wait(LISTEN_FOR):
                        called.set()
        except AdapterError as fault:
            log.info("the mailbox does not tell: %s", fault.code)
            if fault.code == "imap_not_told":
                return
        except Exception as fault:  # the boundary of this thread: without it mail is read as before, only later
            logs.mistake(log, "listening to the mailbox", fault)
        time.sleep(pause.total_seconds())


def poll(services: Services, holder: str) -> int:
    """Stores what has arrived since the last look and hands it out; returns how many mails that were. Whatever ends it
    half-way, each mail is stored once, and put away in the mailbox only when it is decided. Raises AdapterError."""
    box = services.mailbox
    if box is None:
        return 0
    with services.database.write() as session:
        place = mailbox.take(session, services.clock(), box.key, holder)
    if place is None:
        return 0
    fault: str | None = "unexpected_answer"
    try:
        with box.session() as connection:
            count = _read(services, box, connection, place, holder)
        fault = None
    except mailbox.LeaseLost:
        return 0
    except AdapterError as failed:
        fault = failed.code
        raise
    finally:
        with services.database.write() as session:
            mailbox.release(session, services.clock(), box.key, holder, fault)
    return count


def _read(services: Services, box: Mailbox, connection: MailboxSession, place: mailbox.Place, holder: str) -> int:
    read_uid = place.read_uid
    if place.validity != connection.validity:
        read_uid = connection.before((services.machine_clock() - mailbox.FIRST_LOOK).date())
        with services.database.write() as session:
            mailbox.begin(session, services.clock(), box.key, holder, connection.validity, read_uid)
    count = 0
    for _ in range(MOST_BATCHES):
        mails = connection.fetch(read_uid, BATCH)
        if not mails:
            break
        with services.database.write() as session:
            ids = mailbox.keep(session, services.clock(), box.key, holder, mails)
        with suppress(AdapterError):  # the clock hands out what the broker did not take
            services.jobs.read_inbound(ids)
        read_uid = mails[-1].uid
        count += len(mails)
    for unclear in (False, True):
        _put_away(services, box, connection, holder, unclear)
    return count


def _put_away(services: Services, box: Mailbox, connection: MailboxSession, holder: str, unclear: bool) -> None:
    """What is decided by now; the rest at the next look. Whoever stops between the two does it again, which is
    harmless."""
    for _ in range(MOST_BATCHES):
        with services.database.read() as session:
            uids = mailbox.decided(session, box.key, unclear=unclear, most=PUT_AWAY)
        if not uids:
            return
        connection.file(uids, unclear=unclear)
        with services.database.write() as session:
            mailbox.put_away(session, services.clock(), box.key, holder, uids)
