"""What every mailer does, whatever takes the mail: inherit it, and say what arrived and how it fails."""

from __future__ import annotations

from abc import ABC, abstractmethod

import pytest

from service.domain.errors import AdapterError, AnswerLost, MailRefused
from service.ports import Envelope, Mailer, MailSession

SENDER = "meet@example.org"
ANA, BEN = "ana@example.org", "ben@example.org"


def mail(number: int, body: bytes = b"Hello", to: str = ANA) -> bytes:
    return b"Message-ID: <%d@example.org>\r\nTo: %s\r\nSubject: Mail\r\n\r\n%s\r\n" % (number, to.encode(), body)


BODIES = {
    "a line": b"Hello",
    "nothing": b"",
    "dots": b".\r\n..\r\n.end\r\n\r\n.",
    "empty lines at the end": b"Hello\r\n\r\n\r\n",
    "UTF-8": "Grüße aus Zürich".encode(),
    "every octet but line ends": bytes(octet for octet in range(256) if octet not in b"\r\n"),
    "the longest line": b"x" * 998,  # RFC 5322 2.1.1
    "half a megabyte": (b"0123456789" * 7 + b"\r\n") * 7000,
}


def hand_over(session: MailSession, recipient: str, octets: bytes) -> None:
    session.offer(Envelope(SENDER, recipient))
    session.deliver(octets)


class MailContract(ABC):
    """Inherited by a test class for each mailer."""

    @abstractmethod
    def mailer(self) -> Mailer: ...

    @abstractmethod
    def taken(self) -> list[tuple[str, bytes]]:
        """Recipient and octets of what was taken, in order."""

    @abstractmethod
    def go_away(self) -> None:
        """Nothing can be handed over from now on."""

    @abstractmethod
    def come_back(self) -> None:
        """The end of `go_away`."""

    @pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
    def test_what_arrives_is_octet_for_octet_what_was_given(self, body):
        with self.mailer().session() as session:
            hand_over(session, ANA, mail(1, body))
        assert self.taken() == [(ANA, mail(1, body))]

    def test_several_mails_go_over_one_session_each_to_its_own(self):
        wanted = [(ANA, mail(1)), (BEN, mail(2, to=BEN)), (ANA, mail(3, b".")), (BEN, mail(4, to=BEN))]
        with self.mailer().session() as session:
            for recipient, octets in wanted:
                hand_over(session, recipient, octets)
        assert self.taken() == wanted

    def test_nothing_is_taken_before_it_is_delivered_and_an_offer_may_be_repeated(self):
        with self.mailer().session() as session:
            session.offer(Envelope(SENDER, ANA))
            session.offer(Envelope(SENDER, BEN))
            session.offer(Envelope(SENDER, BEN))
            assert self.taken() == []
            session.deliver(mail(1, to=BEN))
        assert self.taken() == [(BEN, mail(1, to=BEN))]

    def test_whoever_is_away_is_tried_again_later(self):
        self.go_away()
        with pytest.raises(AdapterError) as away, self.mailer().session() as session:
            hand_over(session, ANA, mail(1))
        assert away.value.permanent is False
        self.come_back()
        with self.mailer().session() as session:
            hand_over(session, ANA, mail(1))
        assert self.taken() == [(ANA, mail(1))]


class ServerContract(MailContract):
    """And what holds when there is a server that can say no, or say nothing."""

    @abstractmethod
    def refuse(self, step: str, reply: int) -> None:
        """From now on the server answers `reply` to `offer` or `deliver`; 250: it takes everything again."""

    @abstractmethod
    def hang_up(self, session: MailSession) -> None:
        """The connection is gone at once, without a word."""

    @abstractmethod
    def hang_up_after_data(self) -> None:
        """The connection will go when a whole message is with the server, before it answers."""

    @pytest.mark.parametrize("step", ["offer", "deliver"])
    @pytest.mark.parametrize(
        ("reply", "permanent"), [(421, False), (450, False), (452, False), (550, True), (554, True)]
    )
    def test_a_refusal_is_one_mails_and_says_whether_to_try_again(self, step, reply, permanent):
        with self.mailer().session() as session:
            self.refuse(step, reply)
            with pytest.raises(AdapterError) as refused:
                hand_over(session, ANA, mail(1))
            assert (refused.value.code, refused.value.permanent) == ("smtp_refused", permanent)
            assert (type(refused.value), refused.value.params["reply"]) == (MailRefused, reply)
            self.refuse(step, 250)
            hand_over(session, BEN, mail(2, to=BEN))
        assert self.taken() == [(BEN, mail(2, to=BEN))]

    def test_a_connection_lost_before_the_message_has_taken_nothing(self):
        with self.mailer().session() as session:
            session.offer(Envelope(SENDER, ANA))
            self.hang_up(session)
            with pytest.raises(AdapterError) as lost:
                session.deliver(mail(1))
            assert (lost.value.code, lost.value.permanent) == ("smtp_unreachable", False)
        assert self.taken() == []

    def test_a_connection_lost_after_the_message_leaves_it_unknown_and_is_of_no_more_use(self):
        with self.mailer().session() as session:
            hand_over(session, ANA, mail(1))
            self.hang_up_after_data()
            with pytest.raises(AnswerLost):
                hand_over(session, ANA, mail(2))
            with pytest.raises(AdapterError) as gone:
                session.offer(Envelope(SENDER, BEN))
            assert (gone.value.code, gone.value.permanent) == ("smtp_unreachable", False)
        assert self.taken()[0] == (ANA, mail(1))
