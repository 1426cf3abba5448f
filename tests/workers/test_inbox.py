"""Our mailbox is read: each mail is stored once and decided, whoever stops half-way."""

from __future__ import annotations

import hashlib
import os
import signal
import threading
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from service import wiring
from service.domain.answering import make_reply, request_in
from service.domain.errors import AdapterError
from service.operations import inbound, mailbox
from service.process import forked
from service.settings import load
from service.store.tables import Inbound, MailboxMark, Meeting
from tests.fakes import RecordedJobs
from tests.web.conftest import ana, client  # noqa: F401 - the walk from the link to the mail
from tests.web.walk import NOW, book
from workers import clock, context, inbox
from workers.deliver import drain


class Stopped(Exception):
    """The process was killed here."""


def mail(number, body=b"Hello"):
    return b"Message-ID: <%d@example.org>\r\nFrom: ana@example.org\r\n\r\n%s\r\n" % (number, body)


@pytest.fixture
def reading(services, imap):
    """These services with a real mailbox."""
    return with_mailbox(services, imap)


def with_mailbox(services, imap, **more):
    keys = {"GREENROOM_DATA_DIR": str(services.settings.data_dir), "GREENROOM_SECRET_KEYS": "k" * 48}
    made = wiring.build(load(keys | {"GREENROOM_IMAP_URL": imap.url} | more))
    made.database.close()
    return replace(services, mailbox=made.mailbox)


def stored(services):
    with services.database.read() as session:
        return list(session.scalars(select(Inbound).order_by(Inbound.id)))


def decide_all(services):
    with services.database.write() as session:
        for inbound_id in inbound.waiting(session, 99):
            inbound.decide(session, services.clock(), services.settings.busy_max_age, inbound_id)


def handed_out(services):
    return [inbound_id for kind, ids in services.jobs.asked if kind == "read_inbound" for inbound_id in ids]


@pytest.mark.databases
def test_each_mail_is_stored_once_and_handed_out(reading, imap):
    imap.put(mail(1), mail(2))
    assert inbox.poll(reading, "one") == 2
    assert inbox.poll(reading, "one") == 0
    imap.put(mail(2), mail(3))  # the second comes again, as over a forwarding address
    assert inbox.poll(reading, "other") == 2
    assert [row.raw for row in stored(reading)] == [mail(1), mail(2), mail(3)]
    assert sorted(set(handed_out(reading))) == [row.id for row in stored(reading)]
    assert imap.flags() == [set()] * 4, "nothing is put away before it is decided"
    decide_all(reading)
    assert inbox.poll(reading, "one") == 0
    assert imap.flags() == [{rb"\Seen"}] * 4


def test_mail_that_was_there_long_before_us_is_left_alone(reading, imap):
    imap.put(mail(1))
    later = replace(reading, machine_clock=lambda: wiring.utc_now() + timedelta(days=40))
    assert inbox.poll(later, "one") == 0
    assert imap.flags() == [set()]
    imap.put(mail(2))
    assert inbox.poll(later, "one") == 1
    assert [row.raw for row in stored(later)] == [mail(2)]


@pytest.mark.parametrize("where", ["keep", "put_away", "release"])
def test_whoever_stops_half_way_loses_nothing(reading, imap, monkeypatch, where):
    imap.put(mail(1), mail(2))
    with monkeypatch.context() as patched:
        patched.setattr(mailbox, where, stop)
        with pytest.raises(Stopped):
            looked_twice(reading)
    if where == "keep":
        assert stored(reading) == []
    free_again(reading)
    inbox.poll(reading, "other")
    assert [row.message_key for row in stored(reading)] == keys(mail(1), mail(2))
    decide_all(reading)
    inbox.poll(reading, "other")
    assert imap.flags() == [{rb"\Seen"}] * 2


def looked_twice(services):
    inbox.poll(services, "one")
    decide_all(services)
    inbox.poll(services, "one")


def keys(*mails):
    """By which each is stored once."""
    return [hashlib.sha256(b"<%d@example.org>\0" % number + raw).hexdigest() for number, raw in enumerate(mails, 1)]


def stop(*_arguments):
    raise Stopped


def free_again(services):
    services.clock.now += mailbox.LEASE


def test_one_reads_at_a_time_and_the_next_takes_over_from_the_dead(reading, imap):
    imap.put(mail(1))
    with reading.database.write() as session:
        assert mailbox.take(session, reading.clock(), reading.mailbox.key, "dead") is not None
    assert inbox.poll(reading, "living") == 0
    free_again(reading)
    assert inbox.poll(reading, "living") == 1
    with reading.database.write() as session, pytest.raises(mailbox.LeaseLost):
        mailbox.put_away(session, reading.clock(), reading.mailbox.key, "dead", [99])


def test_a_mailbox_that_counts_anew_is_read_anew_and_each_mail_decided_once(reading, imap):
    imap.put(mail(1))
    inbox.poll(reading, "one")
    with reading.database.write() as session:
        session.scalars(select(MailboxMark)).one().validity = 1
    assert inbox.poll(reading, "one") == 1
    assert len(stored(reading)) == 1
    decide_all(reading)
    inbox.poll(reading, "one")
    assert imap.flags() == [{rb"\Seen"}], "what was known by its old number is put away by its new one"


@pytest.mark.parametrize("unclear", ["", "Not understood"])
def test_the_folders_for_what_was_dealt_with_and_what_was_not_understood(services, imap, unclear):
    folders = {"GREENROOM_IMAP_DONE_FOLDER": "Read by Greenroom", "GREENROOM_IMAP_UNCLEAR_FOLDER": unclear}
    reading = with_mailbox(services, imap, **folders)
    newsletter = b"List-Id: <news.example.org>\r\n" + mail(3)
    imap.put(mail(1), newsletter)
    assert inbox.poll(reading, "one") == 2
    assert (len(imap.flags()), imap.flags('"Read by Greenroom"')) == (2, [])
    decide_all(reading)
    imap.put(mail(2))
    assert inbox.poll(reading, "one") == 1
    assert len(imap.flags('"Read by Greenroom"')) == 1
    assert imap.flags() == ([set()] if unclear else [{rb"\Seen"}, set()])
    assert len(imap.flags('"Not understood"')) == bool(unclear)


def test_a_fault_is_written_down_and_the_next_look_begins_anew(services, imap):
    reading = with_mailbox(services, replace(imap, port=1))
    with pytest.raises(AdapterError):
        inbox.poll(reading, "one")
    assert clock.attempt(lambda services: inbox.poll(services, "other"), reading) is None
    with reading.database.read() as session:
        mark = session.scalars(select(MailboxMark)).one()
    assert (mark.fault, mark.read_at, mark.leased_by) == ("imap_unreachable", None, None)


def test_without_a_broker_the_clock_hands_out_what_was_stored(reading, imap):
    imap.put(mail(1))
    reading.jobs.broken = True
    assert inbox.poll(reading, "one") == 1
    reading.jobs.broken = False
    clock.refresh_due(reading)
    assert handed_out(reading) == [stored(reading)[0].id]


def test_a_mail_that_makes_us_stumble_is_put_aside(services, monkeypatch):
    monkeypatch.setattr(context, "services", lambda: services)
    with services.database.write() as session:
        rows = [Inbound(message_key=f"{n}", raw=mail(n), state="pending", received_at=NOW) for n in range(3)]
        session.add_all(rows)
        session.flush()
        ids = [row.id for row in rows]
    monkeypatch.setattr(inbox.inbound, "parsed", stumble_over(mail(1)))
    inbox.read_inbound(ids)
    assert [row.state for row in stored(services)] == ["ignored", "failed", "ignored"]
    assert stored(services)[1].verdict == "ZeroDivisionError"


def stumble_over(raw):
    def parse(given):
        return 1 / 0 if given == raw else None

    return parse


def test_the_mentor_declines_by_mail(reading, imap, client, ana, monkeypatch):  # noqa: F811
    monkeypatch.setattr(context, "services", lambda: reading)
    _, meeting_id = book(reading, client, ana)
    drain(reading)
    invitation = next(mail for mail in reading.mailer.sent if mail.recipient == "ben@example.org")
    imap.put(make_reply(request_in(invitation.octets), "ben@example.org", "DECLINED", NOW))
    inbox.poll(reading, "one")
    inbox.read_inbound(handed_out(reading))
    with reading.database.read() as session:
        assert session.get(Meeting, meeting_id).phase == "cancelled"
    assert [(row.state, row.verdict) for row in stored(reading)] == [("applied", "declined")]


def test_mail_is_read_when_the_server_tells_of_it_and_not_at_the_next_look(imap, tmp_path):
    keys = {"GREENROOM_DATA_DIR": str(tmp_path / "data"), "GREENROOM_IMAP_URL": imap.url}
    settings = load(keys | {"GREENROOM_IMAP_SECONDS": "600"})
    wiring.migrate(settings)
    watched = wiring.build(settings)
    reader = forked(lambda: inbox.run(replace(context.prepare(settings), jobs=RecordedJobs())))()
    try:
        for number in range(1, 3):
            imap.put(mail(number))
            until = time.monotonic() + 20
            while len(stored(watched)) < number and time.monotonic() < until:
                time.sleep(0.05)
            assert len(stored(watched)) == number
            time.sleep(0.5)  # it listens again: what it is told now is not what it found by looking
    finally:
        os.kill(reader, signal.SIGTERM)
        assert os.waitstatus_to_exitcode(os.waitpid(reader, 0)[1]) == 0
        watched.database.close()


class CalledLate(threading.Event):
    """Another thread calls right after the first question whether anybody did."""

    asked = False

    def is_set(self):
        was, first, self.asked = super().is_set(), not self.asked, True
        if first:
            self.set()
        return was


def test_a_call_that_comes_between_a_question_and_the_next_is_heard(tmp_path):
    settings = load({"GREENROOM_DATA_DIR": str(tmp_path / "data")})
    wiring.migrate(settings)
    done = tmp_path / "done"

    def step(_services):
        with done.open("a") as file:
            file.write(".")

    def goes_round():
        clock.go_round(context.prepare(settings), "inbox", [clock.Round(step, timedelta(hours=1))], CalledLate())

    going = forked(goes_round)()
    try:
        until = time.monotonic() + 10
        while not (done.exists() and len(done.read_text()) == 2) and time.monotonic() < until:
            time.sleep(0.05)
    finally:
        os.kill(going, signal.SIGTERM)
        os.waitpid(going, 0)
    assert done.read_text() == ".."
