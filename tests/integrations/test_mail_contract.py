"""The contract of mailers, kept by SMTP to a real server, by the local mailbox, and by the one in memory."""

from __future__ import annotations

from datetime import timedelta

import pytest

from integrations.maildir_mail import MaildirMailer, kept_mails
from integrations.smtp_mail import SmtpMailer
from service.domain.errors import AdapterError, AnswerLost, MailRefused
from tests import smtp
from tests.fakes import MemoryMailer
from tests.integrations.mail_contract import MailContract, ServerContract


class TestMaildir(MailContract):
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path):
        self.box = tmp_path / "box"

    def mailer(self):
        return MaildirMailer(self.box)

    def taken(self):
        return [(kept.recipient, kept.octets) for kept in kept_mails(self.box)]

    def go_away(self):
        self.box.write_text("a file stands where the folder should")

    def come_back(self):
        self.box.unlink()


class TestMemory(ServerContract):
    @pytest.fixture(autouse=True)
    def made(self):
        self.memory = MemoryMailer()

    def mailer(self):
        return self.memory

    def taken(self):
        return [(each.recipient, each.octets) for each in self.memory.sent]

    def fail_at(self, step, fault):
        def at(reached):
            if reached == step:
                raise fault

        self.memory.fault = at

    def go_away(self):
        self.fail_at("connect", AdapterError("smtp_unreachable", permanent=False))

    def come_back(self):
        self.memory.fault = lambda _step: None

    def refuse(self, step, reply):
        self.come_back()
        if reply != 250:
            self.fail_at(step, MailRefused("smtp_refused", permanent=reply >= 500, reply=reply))

    def hang_up(self, session):
        self.fail_at("deliver", AdapterError("smtp_unreachable", permanent=False))

    def hang_up_after_data(self):
        self.fail_at("deliver", AnswerLost())


class TestSmtp(ServerContract):
    @pytest.fixture(autouse=True)
    def served(self):
        with smtp.running() as (self.sink, self.port):
            self.reached = self.port
            yield

    def mailer(self):
        return SmtpMailer(
            "127.0.0.1", self.reached, username=None, password=None, security="none", extra_ca=None,
            timeout=timedelta(seconds=5),
        )  # fmt: skip

    def taken(self):
        return self.sink.taken

    def go_away(self):
        self.reached = smtp.free_port()

    def come_back(self):
        self.reached = self.port

    def refuse(self, step, reply):
        setattr(self.sink, {"offer": "rcpt_answer", "deliver": "answer"}[step], f"{reply} so it is")

    def hang_up(self, session):
        self.sink.hang_up()

    def hang_up_after_data(self):
        self.sink.drop = True
