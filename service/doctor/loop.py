"""A mail of ours to ourselves, and back through the mailbox that answers arrive in: what no other check shows."""

from __future__ import annotations

import secrets
import time
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
    began, lies_since = time.monotonic(), None
    while (waited := time.monotonic() - began) < limit.total_seconds():
        if _was_read(services, token):
            return Row(PART, "well", WORDS("doctor.loop.well", address=recipient, seconds=max(1, round(waited))))
        if lies_since is None and services.mailbox is not None and _lies_in(services.mailbox, before, token):
            lies_since = waited
        patience = services.settings.imap_poll + READ_AFTER
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


def _lies_in(box: Mailbox, before: int, token: str) -> bool:
    with box.session() as connection:
        return any(token.encode() in mail.octets for mail in connection.fetch(before, MOST_SEEN))
