"""The contract of mailers, kept by Gmail and by Graph over HTTP, and what each of their answers means for a mail."""

from __future__ import annotations

from abc import abstractmethod
from datetime import timedelta

import pytest

from integrations.api_mail import REST
from integrations.gmail_mail import GmailMailer
from integrations.graph_mail import GraphMailer
from integrations.microsoft_account import MicrosoftAccount
from service.domain.errors import AdapterError, AnswerLost, MailRefused
from tests.fakes import SetClock
from tests.integrations import entra_fake, google_fake, google_world, microsoft_fake, microsoft_world
from tests.integrations.google_fake import google, refused
from tests.integrations.mail_contract import ANA, BEN, MailContract, hand_over, mail
from tests.integrations.servers import body

# What is answered to a mail: the fault, whether it is one mail's, and how long all mail waits where that is said.
HOUR = timedelta(hours=1)
OF_EVERYBODY = [
    (400, {}, "mail_refused", True, None),
    (413, {}, "mail_refused", True, None),
    (429, {"Retry_After": "3600"}, "sender_throttled", False, HOUR),
    (429, {}, "sender_throttled", False, REST),
    (500, {}, "sender_unreachable", False, None),
    (503, {"Retry_After": "3600"}, "sender_unreachable", False, HOUR),
    (403, {}, "sender_refused", False, REST),
    (404, {}, "sender_unreachable", False, REST),
]


class ApiContract(MailContract):
    """`send` is the name of the request in the fake's journal."""

    send: str

    @pytest.fixture(autouse=True)
    def alone(self):
        self.left_alone: list[timedelta] = []

    @abstractmethod
    def end_access(self) -> None:
        """No access token holds any more."""

    @abstractmethod
    def end_grant(self) -> None:
        """As when its owner took it back, or changed their password."""

    def go_away(self):
        self.fake.answer = body(b"{}", 503)

    def come_back(self):
        self.fake.answer = None

    def sent(self):
        return self.fake.calls(self.send)

    def fault_of(self, octets=None):
        with pytest.raises((AdapterError, AnswerLost)) as caught, self.mailer().session() as session:
            hand_over(session, ANA, octets or mail(1))
        return caught.value

    @pytest.mark.parametrize(("status", "headers", "code", "of_one", "wait"), OF_EVERYBODY)
    def test_an_answer_says_whether_it_is_one_mails_or_everybodys_and_how_long_to_wait(
        self, status, headers, code, of_one, wait
    ):
        self.fake.faults[self.send] = [body(b"{}", status, **headers)]
        fault = self.fault_of()
        assert (fault.code, fault.retry_after) == (code, wait)
        assert isinstance(fault, MailRefused) == of_one == fault.permanent  # what waits for a person gives nothing up
        assert (len(self.sent()), self.taken()) == (1, [])
        asked = status == 429 or (status == 503 and wait is not None)
        assert self.left_alone == ([wait] if asked else []), "by all processes"

    @pytest.mark.parametrize("status", [502, 504])
    def test_where_a_gateway_gave_up_nobody_knows(self, status):
        self.fake.faults[self.send] = [body(b"", status)]
        assert isinstance(self.fault_of(), AnswerLost)
        assert len(self.sent()) == 1

    def test_an_answer_lost_after_the_mail_was_taken_leaves_it_unknown_and_is_not_asked_for_again(self):
        self.fake.lost.add(self.send)
        assert isinstance(self.fault_of(), AnswerLost)
        assert self.taken() == [(ANA, mail(1))]

    def test_a_token_that_is_refused_is_renewed_and_the_mail_goes_once(self):
        self.end_access()
        with self.mailer().session() as session:
            hand_over(session, ANA, mail(1))
        assert (len(self.sent()), self.taken()) == (2, [(ANA, mail(1))])

    def test_without_its_owners_yes_all_mail_waits_and_none_is_given_up(self):
        self.end_access()
        self.end_grant()
        fault = self.fault_of()
        assert (fault.code, fault.permanent, fault.retry_after) == ("sender_reconnect", False, REST)
        self.box.tokens = None
        with pytest.raises(AdapterError) as never, self.mailer().session():
            pass
        assert (never.value.code, never.value.permanent) == ("sender_reconnect", False)
        assert self.taken() == []

    @pytest.mark.parametrize("octets", [mail(1, to=BEN), mail(1, to=f"{ANA}, {BEN}"), b"Cc: x@y.example\r\n" + mail(1)])
    def test_a_mail_that_would_go_to_anybody_else_does_not_go(self, octets):
        fault = self.fault_of(octets)
        assert (fault.code, isinstance(fault, MailRefused), self.sent()) == ("recipient_differs", True, [])

    def test_a_mail_that_is_too_long_is_not_tried(self):
        most = self.mailer().most_bytes
        fault = self.fault_of(mail(1, b"x" * most))
        assert (fault.code, isinstance(fault, MailRefused), self.sent()) == ("mail_too_large", True, [])
        room = most - len(mail(1, b""))
        with self.mailer().session() as session:
            hand_over(session, ANA, mail(1, b"x" * room))
        assert len(self.taken()) == 1

    def test_a_grant_for_a_calendar_sends_nothing(self):
        self.box.tokens = self.calendars_tokens()
        fault = self.fault_of()
        assert (fault.code in {"sender_reconnect", "sender_refused"}, fault.permanent) == (True, False)
        assert self.taken() == []

    @abstractmethod
    def calendars_tokens(self) -> str:
        """Those of a grant that lets us write events."""


class TestGmail(ApiContract):
    send = "messages.send"

    @pytest.fixture(autouse=True)
    def served(self):
        clock = SetClock()
        with google(clock) as self.fake:
            self.world = google_world.World(self.fake, clock, "send")
            self.box = self.world.box
            yield

    def mailer(self):
        return GmailMailer(self.world.account(), f"http://{self.fake.host}/", self.left_alone.append)

    def taken(self):
        return self.fake.gmail.taken

    def end_access(self):
        self.fake.oauth.forget_access()

    def end_grant(self):
        self.world.grant.revoked = True

    def calendars_tokens(self):
        grant = self.fake.oauth.grant(BEN, *google_world.NEEDED["write"])
        return google_world.tokens_for(self.fake, grant, self.world.clock()).render()

    @pytest.mark.parametrize("reason", ["dailyLimitExceeded", "userRateLimitExceeded", "rateLimitExceeded"])
    def test_a_limit_that_google_names_in_a_403_makes_all_mail_wait(self, reason):
        self.fake.faults[self.send] = [refused(403, reason)]
        fault = self.fault_of()
        assert (fault.code, fault.permanent, fault.retry_after) == ("sender_throttled", False, REST)

    def test_an_api_that_is_not_enabled_is_the_operators(self):
        self.fake.faults[self.send] = [refused(403, "accessNotConfigured")]
        fault = self.fault_of()
        assert (fault.code, fault.permanent) == ("sender_client", False)

    def test_an_account_without_gmail_is_said_of_the_account_and_not_of_the_mail(self):
        self.fake.gmail.enabled = False
        fault = self.fault_of()
        assert (fault.code, fault.permanent) == ("sender_no_mailbox", False)

    def test_a_pause_that_the_token_endpoint_asks_for_is_everybodys_and_is_not_made_longer_by_keeping_it(self):
        self.world.clock.advance(hours=2)  # the token has ended, so a session begins with another
        self.fake.faults["token"] = [body(b"{}", 429, Retry_After="3600")]
        fault = self.fault_of()
        assert (fault.code, fault.retry_after, self.left_alone) == ("sender_throttled", HOUR, [HOUR])
        mailer = self.mailer()
        kept = AdapterError("sender_throttled", permanent=False, retry_after=REST)
        assert mailer.heeded(kept, kept) is kept
        assert self.left_alone == [HOUR]

    def test_a_renewal_that_fails_on_the_way_has_taken_nothing(self):
        self.end_access()
        self.fake.faults["token"] = [google_fake.dropped]
        fault = self.fault_of()
        assert (fault.code, fault.params["said"], fault.permanent) == ("sender_unreachable", "connect_failed", False)


class TestGraph(ApiContract):
    send = "sendMail"

    @pytest.fixture(autouse=True)
    def served(self, tmp_path):
        with microsoft_fake.microsoft(tmp_path) as self.fake:
            self.world = microsoft_world.World(self.fake, "send")
            self.box = self.world.box
            yield

    def mailer(self):
        return GraphMailer(MicrosoftAccount(self.world.microsoft, self.box, "sender"), self.left_alone.append)

    def taken(self):
        return self.fake.mail.taken

    def end_access(self):
        self.fake.entra.expire_access_tokens()

    def end_grant(self):
        self.fake.entra.end(BEN, entra_fake.Refused("invalid_grant", 50173))

    def calendars_tokens(self):
        return self.world.consented("write").tokens

    def test_a_mailbox_that_is_not_in_the_cloud_is_said_of_the_account(self):
        self.fake.faults[self.send] = [body(b'{"error": {"code": "MailboxNotEnabledForRESTAPI"}}', 404)]
        fault = self.fault_of()
        assert (fault.code, fault.permanent) == ("sender_no_mailbox", False)
