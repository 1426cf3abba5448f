"""A real invitation to one address and its cancellation: what a mailbox makes of our mail is seen only there."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from service.catalogue import Words
from service.domain import itip
from service.domain.interval import Interval
from service.domain.itip import Attendee, Invitation
from service.messages.letter import Button, Letter, Opens, Says
from service.messages.mime import Calendar, Headers, compose
from service.ports import Envelope
from service.wiring import Services

WORDS = Words.of("en")
BETWEEN = timedelta(minutes=1)  # long enough to see the entry come, and then go
AHEAD, LENGTH = timedelta(days=2), timedelta(minutes=30)


def send_trial(services: Services, address: str, pause: Callable[[float], None] = time.sleep) -> None:
    """Sends both, a minute apart, past the outbox. Raises AdapterError."""
    now = services.clock()
    start = (now + AHEAD).replace(minute=0, second=0, microsecond=0)
    settings = services.settings
    invitation = Invitation(
        uid=str(uuid.uuid4()), sequence=0, stamped_at=now, interval=Interval.lasting(start, LENGTH),
        summary=WORDS("trial.summary"), description=WORDS("trial.description"), location=None,
        organizer=settings.mail_address, organizer_name=settings.programme, behind=settings.mail_address,
        attendees=(Attendee(address, address),),
    )  # fmt: skip
    first = _mail(services, address, "REQUEST", itip.request(invitation), now, None)
    _send(services, address, first[1])
    pause(BETWEEN.total_seconds())
    later = services.clock()
    withdrawn = itip.cancel(replace(invitation, sequence=1, stamped_at=later))
    _send(services, address, _mail(services, address, "CANCEL", withdrawn, later, first[0])[1])


def _mail(
    services: Services, address: str, method: str, ics: bytes, now: datetime, thread: str | None
) -> tuple[str, bytes]:
    """The mail's Message-ID and octets."""
    settings = services.settings
    key = method.lower()
    home = Button(settings.programme, settings.base_url)
    letter = Letter(
        subject=WORDS(f"trial.subject.{key}"),
        preview=WORDS(f"trial.opens.{key}"),
        blocks=(Opens(WORDS(f"trial.opens.{key}")), Says(WORDS(f"trial.says.{key}"))),
        button=None, asides=(), footer=(WORDS("trial.footer", programme=settings.programme),), fewer=home,
    )  # fmt: skip
    domain = settings.mail_address.rpartition("@")[2]
    message_id = f"<{uuid.uuid4()}@{domain}>"
    headers = Headers(settings.programme, settings.mail_address, "", address, message_id, now, thread)
    return message_id, compose(letter, headers, "en", Calendar(method, ics))


def _send(services: Services, address: str, octets: bytes) -> None:
    with services.mailer.session() as mail:
        mail.offer(Envelope(services.settings.mail_address, address))
        mail.deliver(octets)
