"""Mail handed over by HTTP in the name of an account that let us send: what is the same at every provider of one.

Three things can come of a request: the mail is refused (MailRefused), it may have been taken although nobody said so
(AnswerLost), or nothing goes by this account at the moment. The last is an AdapterError whose code begins with
`sender_`.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.parser import BytesHeaderParser
from email.utils import getaddresses

from service.domain.errors import AdapterError, AnswerLost, GreenroomError, MailRefused, Unanswered
from service.ports import Envelope

TIMEOUT = timedelta(seconds=60)  # a mail may be searched for spam first
REST = timedelta(minutes=5)  # until a person has done something, or after a limit that does not say how long
# RFC 9110 15.6.3 and 15.6.5: a gateway gave up on a server that may have taken the mail. Of 500 and 503 both providers
# say that the request may be made again.
NOBODY_KNOWS = frozenset({502, 504})
OF_ONE_MAIL = frozenset({400, 413, 422})
# What is the account's, in words for whoever runs the service instead of a calendar's owner.
SAID = {
    "reconnect": "sender_reconnect",
    "consent_partial": "sender_reconnect",
    "grant_ran_out": "sender_ran_out",
    "client_refused": "sender_client",
    "forbidden": "sender_refused",
    "no_mailbox": "sender_no_mailbox",
    "throttled": "sender_throttled",
    "sender_throttled": "sender_throttled",  # our own: we keep a pause, and nobody was asked
}
UNREACHABLE = "sender_unreachable"  # all else: no answer, or none that says what is wrong with the account


class ApiMailer(ABC):
    """ports.Mailer. `most_bytes` is the longest mail that the provider takes; `leave_alone` keeps all of our processes
    from asking for as long as the provider wants."""

    most_bytes: int

    def __init__(self, leave_alone: Callable[[timedelta], None]) -> None:
        self.leave_alone = leave_alone

    @abstractmethod
    def ready(self, deadline: float) -> None:
        """Makes sure that we still may send; sends nothing. Raises AdapterError."""

    @abstractmethod
    def post(self, octets: bytes, deadline: float) -> None:
        """Returns when the provider has taken the mail. Raises AdapterError, Unanswered among them."""

    @contextmanager
    def session(self) -> Iterator[ApiSession]:
        """Raises AdapterError, never permanent: where the account may not send, all mail waits."""
        try:
            self.ready(_soon())
        except AdapterError as fault:
            raise self.heeded(fault, _of_the_account(fault)) from fault
        yield ApiSession(self)

    def heeded(self, fault: AdapterError, meaning: GreenroomError) -> GreenroomError:
        """The meaning of an answer; where it asks for a pause, everybody keeps that."""
        asked = fault.code == "throttled" or (fault.retry_after and fault.code != "sender_throttled")
        if asked and isinstance(meaning, AdapterError):
            self.leave_alone(meaning.retry_after or REST)
        return meaning


class ApiSession:
    """ports.MailSession. There is no envelope in these requests: who gets a mail is what stands in it."""

    def __init__(self, mailer: ApiMailer) -> None:
        self._mailer, self._recipient = mailer, ""

    def offer(self, envelope: Envelope) -> None:
        self._recipient = envelope.recipient

    def deliver(self, octets: bytes) -> None:
        if _recipients(octets) != [self._recipient]:  # somebody has a new address since a first attempt
            raise MailRefused("recipient_differs", permanent=True)
        if len(octets) > self._mailer.most_bytes:
            raise MailRefused("mail_too_large", permanent=True, most=self._mailer.most_bytes // 1024 // 1024)
        try:
            self._mailer.post(octets, _soon())
        except AdapterError as fault:
            raise self._mailer.heeded(fault, _meaning(fault)) from fault


def _soon() -> float:
    return time.monotonic() + TIMEOUT.total_seconds()


def _recipients(octets: bytes) -> list[str]:
    head = BytesHeaderParser().parsebytes(octets)
    said = [str(value) for name in ("To", "Cc", "Bcc") for value in head.get_all(name, [])]
    return [address for _, address in getaddresses(said)]


def _meaning(fault: AdapterError) -> GreenroomError:
    """What an answer to a mail says of it: lost, refused, or that no mail goes at the moment."""
    status = fault.params.get("status")
    if isinstance(fault, Unanswered):
        return AnswerLost(retry_after=REST if fault.code == "timeout" else None)
    if status in NOBODY_KNOWS:
        return AnswerLost(retry_after=fault.retry_after or REST)
    if fault.code == "unexpected_status" and status in OF_ONE_MAIL:
        return MailRefused("mail_refused", permanent=True, **fault.params)
    return _of_the_account(fault)


def _of_the_account(fault: AdapterError) -> AdapterError:
    """Never permanent: all mail waits until it is put right, and none is given up for it."""
    rest = REST if fault.permanent or fault.code == "throttled" else None
    code = SAID.get(fault.code, UNREACHABLE)
    said = {**fault.params, "said": fault.code}
    return AdapterError(code, permanent=False, retry_after=fault.retry_after or rest, **said)
