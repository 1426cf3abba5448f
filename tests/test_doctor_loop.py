"""The doctor's mail to ourselves: over a real mail server into a real mailbox, and where it does not come back."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes

import pytest
from sqlalchemy import select

from integrations.smtp_mail import SmtpMailer
from service import setting_values
from service.doctor import loop
from service.domain.errors import AdapterError
from service.operations import inbound
from service.store.tables import Inbound
from tests import smtp
from tests.workers.test_inbox import with_mailbox
from workers import inbox

LIMIT = timedelta(seconds=1.5)


class Counted:
    """A real mailbox, and what is asked of it. `at` gets the number of each fetch before it is done, and may raise."""

    def __init__(self, box):
        self.box, self.sessions, self.seen, self.fetches = box, 0, [], 0
        self.at = lambda _number: None

    @contextmanager
    def session(self):
        self.sessions += 1
        with self.box.session() as self.connection:
            yield self

    def before(self, day):
        return self.connection.before(day)

    def fetch(self, after, most):
        self.fetches += 1
        self.at(self.fetches)
        mails = self.connection.fetch(after, most)
        self.seen += [mail.uid for mail in mails]
        return mails


class Delivering(smtp.Sink):
    """What it takes is put where it is told to."""

    put = staticmethod(lambda _recipient, _octets: None)

    async def handle_DATA(self, server, session, envelope):
        answer = await super().handle_DATA(server, session, envelope)
        self.put(*self.taken[-1])
        return answer


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(smtp, "Sink", Delivering)
    with smtp.running() as (sink, port):
        yield sink, port


@pytest.fixture
def services(services, imap, server):
    """These services with a real mailbox and a real mail server."""
    _, port = server
    here = replace(
        services.settings, smtp=setting_values.smtp_url(f"smtp://127.0.0.1:{port}"), mail_from="meet@example.org",
        imap=setting_values.imap_url(imap.url), imap_poll=timedelta(seconds=0.2),
    )  # fmt: skip
    mailer = SmtpMailer(
        "127.0.0.1", port, username=None, password=None, security="none", extra_ca=None, timeout=timedelta(seconds=5)
    )
    made = with_mailbox(services, imap)
    return replace(made, settings=here, mailer=mailer)


def read(services):
    inbox.poll(services, "one")
    with services.database.write() as session:
        for inbound_id in inbound.waiting(session, 9):
            inbound.decide(session, services.clock(), services.settings.busy_max_age, inbound_id)


@pytest.mark.parametrize("plus", [True, False])
def test_a_mail_that_comes_back_and_is_read(services, imap, server, plus):
    sink, _ = server
    services = replace(services, settings=replace(services.settings, imap_plus=plus))

    def put(_recipient, octets):
        imap.put(octets)
        read(services)

    sink.put = put
    row = loop.mail_loop(services)
    assert row.state == "well", row
    [(recipient, octets)] = sink.taken
    assert recipient in row.advice
    assert ("+loop-" in recipient, recipient.endswith("@example.org")) == (plus, True)
    assert message_from_bytes(octets)["Auto-Submitted"] == "auto-generated"
    with services.database.read() as session:
        assert [row.state for row in session.scalars(select(Inbound))] == ["ignored"]


def test_a_mail_that_lies_there_unread(services, imap, server, monkeypatch):
    monkeypatch.setattr(loop, "READ_AFTER", timedelta(0))
    monkeypatch.setattr(loop, "PAUSE", timedelta(seconds=0.1))
    server[0].put = lambda _recipient, octets: imap.put(octets)
    row = loop.mail_loop(services)
    assert (row.state, "nobody has read it" in row.advice) == ("look", True)


def test_the_mailbox_is_asked_over_one_session_and_for_each_mail_once(services, imap, server, monkeypatch):
    for name in ("PAUSE", "LOOK_EVERY"):
        monkeypatch.setattr(loop, name, timedelta(seconds=0.1))
    monkeypatch.setattr(loop, "READ_AFTER", timedelta(0))
    box = Counted(services.mailbox)
    services = replace(services, mailbox=box)
    sent = []

    def at(number):
        if number == 3:  # after the other mail, and the look that found no more
            raise AdapterError("imap_unreachable", permanent=False)
        if number == 6:
            imap.put(sent[0])

    def put(_recipient, octets):
        imap.put(b"Subject: another\r\n\r\nx\r\n")
        sent.append(octets)

    server[0].put, box.at = put, at
    row = loop.mail_loop(services)
    assert (row.state, "nobody has read it" in row.advice) == ("look", True)
    assert (box.sessions, len(box.seen)) == (3, 2), "its end, and the wait once more after a fault"


def test_a_mail_that_does_not_come(services, monkeypatch):
    monkeypatch.setattr(loop, "PAUSE", timedelta(seconds=0.1))
    services = replace(services, mailbox=Counted(services.mailbox))
    row = loop.mail_loop(services, LIMIT)
    assert (row.state, "GREENROOM_IMAP_PLUS=0" in row.advice) == ("broken", True)
    assert services.mailbox.fetches == 1, "each few seconds, however often our own rows are looked at"


def test_a_mail_that_cannot_be_sent_and_one_that_has_nowhere_to_go(services, server):
    server[0].rcpt_answer = "550 no"
    assert loop.mail_loop(services).state == "broken"
    nowhere = replace(services, settings=replace(services.settings, smtp=None))
    assert loop.mail_loop(nowhere).state == "off"
