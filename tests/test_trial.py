"""A trial is a real invitation and its end, over a real mail server, and says each step."""

from __future__ import annotations

import re
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from email import policy
from email.parser import BytesParser

import pytest

from service import wiring
from service.domain.answering import request_in
from service.domain.errors import AdapterError, InvalidInput
from service.setting_values import SmtpServer
from service.settings import Settings
from service.trial import BETWEEN, StaysInCalendar, send_trial
from tests import smtp
from tests.mail_linter import lint

AT_ONCE = timedelta(0)


@contextmanager
def mailing(tmp_path, **other):
    settings = Settings(data_dir=tmp_path, secret_keys=("k" * 48,), base_url_given="https://meet.example.org")
    with smtp.running() as (sink, port):
        server = SmtpServer("127.0.0.1", port, None, None, "none")
        services = wiring.build(replace(settings, smtp=server))
        with closing(services.database):
            yield services, sink


def test_an_invitation_and_its_end(tmp_path):
    waited = []
    with mailing(tmp_path) as (services, sink):
        steps = list(send_trial(services, "cleo@example.org", BETWEEN, waited.append))
    assert waited == [10.0] * 6
    assert [recipient for recipient, _ in sink.taken] == ["cleo@example.org"] * 2
    first, second = (BytesParser(policy=policy.default).parsebytes(octets) for _, octets in sink.taken)
    assert second["In-Reply-To"] == first["Message-ID"]
    request, cancel = (request_in(octets) for _, octets in sink.taken)
    uid = re.search(rb"UID:(\S+)", request)[1]
    assert uid in cancel
    assert b"SEQUENCE:0" in request
    assert b"SEQUENCE:1" in cancel
    assert b"METHOD:CANCEL" in cancel
    for _, octets in sink.taken:
        assert lint(octets) == []
    assert "buttons to accept" in steps[0]
    assert re.search(r"\d\d:00 UTC", steps[0])
    assert steps[1:7] == [f"It is cancelled in {left} seconds; Ctrl-C does it now." for left in range(60, 0, -10)]
    assert "should be gone" in steps[7]


def test_an_interrupt_cancels_at_once(tmp_path):
    def interrupted(_seconds):
        raise KeyboardInterrupt

    with mailing(tmp_path) as (services, sink):
        steps = list(send_trial(services, "cleo@example.org", BETWEEN, interrupted))
    assert "It is cancelled now." in steps
    assert len(sink.taken) == 2


def test_an_end_that_does_not_go_out_is_told(tmp_path):
    with mailing(tmp_path) as (services, sink):
        steps = send_trial(services, "cleo@example.org", AT_ONCE)
        next(steps)
        sink.answer = "451 not now"
        with pytest.raises(StaysInCalendar):
            next(steps)


def test_what_is_no_address_and_what_is_refused(tmp_path):
    with mailing(tmp_path) as (services, sink):
        with pytest.raises(InvalidInput):
            next(send_trial(services, "cleo", AT_ONCE))
        sink.rcpt_answer = "550 nobody here"
        with pytest.raises(AdapterError) as refused:
            next(send_trial(services, "cleo@example.org", AT_ONCE))
    assert refused.value.params["reply"] == 550
    assert sink.taken == []


def test_the_command_says_each_step_beside_the_table(run, monkeypatch):
    run("pair", "list")
    with smtp.running() as (sink, port):
        monkeypatch.setenv("GREENROOM_SMTP_URL", f"smtp://127.0.0.1:{port}")
        said = run("doctor", "--mail", "cleo@example.org", "--wait", 0, exit_code=1)  # the sender's domain is made up
        assert len(sink.taken) == 2
        assert "greenroom.localhost" in said.stdout
        assert "went to cleo@example.org" in said.stderr
        assert "should be gone" in said.stderr
        sink.rcpt_answer = "550 nobody here"
        said = run("doctor", "--mail", "cleo@example.org", "--wait", 0, exit_code=1)
        assert said.stderr == "The mail server answered 550 and did not take the mail.\n"
        said = run("doctor", "--mail", "cleo", "--wait", 0, exit_code=1)
        assert said.stderr.startswith("--mail: ")
