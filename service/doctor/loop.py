"""A mail of ours to ourselves, and back through the mailbox that answers arrive in: what no other check shows."""

from __future__ import annotations

import secrets
import time
from collections.abc import Generator
from contextlib import closing
from datetime import timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid

from sqlalchemy import select

from service.doctor.rows import WORDS, Row, sentence
from service.domain.errors import AdapterError, AnswerLost
from service.domain.received import LOOP
from service.ports import Envelope, Mailbox
from service.settings import Settings
from service.store.tables import Inbound
from service.wiring import Services

LIMIT = timedelta(minutes=2)  # greylisting aside, no usual provider takes longer
PAUSE = timedelta(seconds=1)
LOOK_EVERY = timedelta(seconds=5)  # into the mailbox, which is asked over a network
TO_COME = timedelta(days=2)  # later than any mailbox's today
READ_AFTER = timedelta(seconds=5)  # beside the look that may be due: to store it, and to decide
MOST_SEEN = 20
PART = "mail loop"


def mail_loop(services: Services, limit: timedelta = LIMIT) -> Row:
    """Sends one mail and waits for it until `limit`. What is sent is marked, so that whoever reads the mailbox leaves
    it alone. Sent to the address that answers are sent to: with a token in it, where that is set."""
    settings = services.settings
    if settings.mail_stays or not settings.answers_read:
        return Row(PART, "off", WORDS("doctor.loop.off"))
    token = secrets.token_hex(8)
    recipient = _recipient(settings, token)
    try:
        before = _end_of(services)
        with services.mailer.session() as server:
            server.offer(Envelope(settings.mail_address, recipient))
            server.deliver(_mail(services, recipient, token))
        return _awaited(services, before, token, recipient, limit)
    except (AdapterError, AnswerLost) as fault:
        return Row(PART, "broken", sentence(fault))


def _recipient(settings: Settings, token: str) -> str:
    name, _, domain = settings.mail_address.rpartition("@")
    return f"{name}+{LOOP}{token}@{domain}" if settings.reply_tokens else settings.mail_address


def _mail(services: Services, recipient: str, token: str) -> bytes:
    address = services.settings.mail_address
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"], mail["Subject"] = address, recipient, WORDS("doctor.loop.subject")
    mail["Date"] = format_datetime(services.machine_clock())
    mail["Message-ID"] = make_msgid(domain=address.rpartition("@")[2])
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Greenroom-Loop"] = token
    mail.set_content(WORDS("doctor.loop.text"))
    return mail.as_bytes()


def _awaited(services: Services, before: int, token: str, recipient: str, limit: timedelta) -> Row:
    began, look_at, lies_since = time.monotonic(), 0.0, None
    patience = services.settings.imap_poll + READ_AFTER
    with closing(_looks(services.mailbox, before, token)) as looks:
        while (waited := time.monotonic() - began) < limit.total_seconds():
            if _was_read(services, token):
                return Row(PART, "well", WORDS("doctor.loop.well", address=recipient, seconds=max(1, round(waited))))
            if lies_since is None and waited >= look_at:
                lies_since = waited if next(looks) else None
                look_at = waited + LOOK_EVERY.total_seconds()
            if lies_since is not None and waited - lies_since > patience.total_seconds():
                return Row(PART, "look", WORDS("doctor.loop.unread", address=recipient))
            time.sleep(PAUSE.total_seconds())
    key = "doctor.loop.lost.plus" if services.settings.reply_tokens else "doctor.loop.lost"
    return Row(PART, "broken", WORDS(key, address=recipient, seconds=int(limit.total_seconds())))


def _was_read(services: Services, token: str) -> bool:
    with services.database.read() as session:
        return session.scalar(select(Inbound.id).where(Inbound.verdict == f"{LOOP}{token}")) is not None


def _end_of(services: Services) -> int:
    """Its last UID; nothing comes from that day yet."""
    if services.mailbox is None:
        return 0
    with services.mailbox.session() as connection:
        return connection.before((services.machine_clock() + TO_COME).date())


def _looks(box: Mailbox | None, after: int, token: str) -> Generator[bool, None, None]:
    """Whether the mail has come into the mailbox, each time that it is asked: of mails with a larger UID, and each mail
    once. One session for as long as it holds; while the mailbox is away nothing has come."""
    while box is not None:
        try:
            with box.session() as connection:
                while True:
                    seen = False
                    while not seen and (mails := connection.fetch(after, MOST_SEEN)):
                        seen, after = any(token.encode() in mail.octets for mail in mails), mails[-1].uid
                    yield seen
        except AdapterError:
            yield False
    while True:  # mail is pushed to us
        yield False
