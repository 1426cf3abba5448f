"""A real invitation to one address and its cancellation: what a mailbox makes of our mail is seen only there."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from email_validator import EmailNotValidError

from service.catalogue import Words
from service.domain import itip
from service.domain.errors import AdapterError, AnswerLost, GreenroomError, InvalidInput
from service.domain.interval import Interval
from service.domain.itip import Attendee, Invitation
from service.messages.letter import Button, Letter, Opens, Says
from service.messages.mime import Calendar, Headers, compose
from service.operations import people
from service.ports import Envelope
from service.wiring import Services

WORDS = Words.of("en")
UTC = ZoneInfo("UTC")
BETWEEN = timedelta(minutes=1)  # long enough to see the entry come, and then go
STEP = timedelta(seconds=10)
AHEAD, LENGTH = timedelta(days=2), timedelta(minutes=30)


class StaysInCalendar(GreenroomError):
    """The invitation went out and its cancellation did not."""

    code = "trial_stays"


def send_trial(
    services: Services, address: str, wait: timedelta = BETWEEN, pause: Callable[[float], None] = time.sleep
) -> Iterator[str]:
    """Sends the invitation, and after `wait` its cancellation; says each step as it is done.

    Straight over one connection each, not by rows of the outbox: a row belongs to a person of a pair and needs broker
    and worker, and what is tried here is the mail server and the mailbox behind it. Whoever asked stands beside it, so
    nothing needs to survive. An interrupt while waiting cancels at once. Raises InvalidInput for what is no address,
    AdapterError or AnswerLost when the invitation did not go, or nobody knows; StaysInCalendar when its end did not.
    """
    try:
        people.checked_email(address)
    except EmailNotValidError:
        raise InvalidInput.of("--mail", "bad_email", text=address) from None
    now = services.clock()
    invitation = _invitation(services, address, now)
    first = _mail(services, address, "REQUEST", itip.request(invitation), invitation, None)
    _send(services, address, first[1])
    yield WORDS("trial.sent", address=address, moment=_moment(invitation))
    try:
        yield from _waiting(wait, pause)
    except KeyboardInterrupt:
        yield WORDS("trial.interrupted")
    withdrawn = replace(invitation, sequence=invitation.sequence + 1, stamped_at=services.clock())
    try:
        _send(services, address, _mail(services, address, "CANCEL", itip.cancel(withdrawn), withdrawn, first[0])[1])
    except (AdapterError, AnswerLost) as fault:
        raise StaysInCalendar(address=address, moment=_moment(invitation)) from fault
    yield WORDS("trial.cancelled", moment=_moment(invitation))


def _waiting(wait: timedelta, pause: Callable[[float], None]) -> Iterator[str]:
    left = wait
    while left > timedelta(0):
        yield WORDS("trial.waiting", seconds=int(left.total_seconds()))
        pause(min(left, STEP).total_seconds())
        left -= STEP


def _moment(invitation: Invitation) -> str:
    return WORDS.moment(invitation.interval.start, UTC)


def _invitation(services: Services, address: str, now: datetime) -> Invitation:
    start = (now + AHEAD).replace(minute=0, second=0, microsecond=0)
    settings = services.settings
    return Invitation(
        uid=str(uuid.uuid4()), sequence=0, stamped_at=now, interval=Interval.lasting(start, LENGTH),
        summary=WORDS("trial.summary"), description=WORDS("trial.description"), location=None,
        organizer=settings.mail_address, organizer_name=settings.programme, behind=settings.mail_address,
        attendees=(Attendee(address, address),),
    )  # fmt: skip


def _mail(
    services: Services, address: str, method: str, ics: bytes, about: Invitation, thread: str | None
) -> tuple[str, bytes]:
    """The mail's Message-ID and octets."""
    settings = services.settings
    key = method.lower()
    home = Button(settings.programme, settings.base_url)
    letter = Letter(
        subject=WORDS(f"trial.subject.{key}"),
        preview=WORDS(f"trial.opens.{key}"),
        blocks=(Opens(WORDS(f"trial.opens.{key}")), Says(WORDS(f"trial.says.{key}", moment=_moment(about)))),
        button=None, asides=(), footer=(WORDS("trial.footer", programme=settings.programme),), fewer=home,
    )  # fmt: skip
    domain = settings.mail_address.rpartition("@")[2]
    message_id = f"<{uuid.uuid4()}@{domain}>"
    headers = Headers(settings.programme, settings.mail_address, "", address, message_id, about.stamped_at, thread)
    return message_id, compose(letter, headers, "en", Calendar(method, ics))


def _send(services: Services, address: str, octets: bytes) -> None:
    with services.mailer.session() as mail:
        mail.offer(Envelope(services.settings.mail_address, address))
        mail.deliver(octets)
