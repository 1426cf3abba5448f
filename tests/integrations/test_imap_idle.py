"""A mailbox that tells by itself that mail has come: a real one, and one that does what real ones may."""

from __future__ import annotations

import socket
import threading
import time
from datetime import timedelta

import pytest

from integrations.imap_mail import ImapMailbox
from service.domain.errors import AdapterError
from tests import imap_script
from tests.imap_script import Script
from tests.integrations.test_imap_mail import mail, mailbox
from workers import inbox

NONE, MOMENT, LONG = timedelta(0), timedelta(seconds=0.05), timedelta(seconds=10)


def scripted(script, timeout=LONG):
    return ImapMailbox(
        "127.0.0.1", script.port, username="meet", password="pass", security="none", folder="INBOX", done=None,
        unclear=None, extra_ca=None, timeout=timeout,
    )  # fmt: skip


def test_a_real_server_tells_at_once_again_and_again(imap):
    with mailbox(imap).watch() as watch:
        assert watch.wait(MOMENT) is False
        for number in range(2):
            sender = threading.Timer(0.1, imap.put, [mail(number)])
            sender.start()
            began = time.monotonic()
            assert watch.wait(LONG) is True
            assert time.monotonic() - began < LONG.total_seconds() / 2
            sender.join()
        assert watch.wait(MOMENT) is False


def test_a_real_server_over_tls(imap):
    with mailbox(imap, security="tls", port=imap.tls_port, extra_ca=imap.authority).watch() as watch:
        imap.put(mail(1))
        assert watch.wait(LONG) is True
        watch._client.sock.shutdown(socket.SHUT_RDWR)
        with pytest.raises(AdapterError) as fault:
            watch.wait(LONG)
        assert fault.value.code == "imap_unreachable"


def test_what_is_no_news_wakes_nobody():
    script = Script(told=["* OK Still here", "* 2 EXPUNGE", "* 3 FETCH (FLAGS (\\Seen))", "* 3 recent"])
    with imap_script.running(script), scripted(script).watch() as watch:
        assert [watch.wait(MOMENT), watch.wait(NONE)] == [False, False]
        assert script.asked.count("IDLE") == 2


def test_what_came_between_two_idles_is_news():
    """The server tells it before it takes the second (RFC 3501 7)."""
    script = Script()
    with imap_script.running(script), scripted(script).watch() as watch:
        assert watch.wait(MOMENT) is False
        script.ahead.append("* 4 EXISTS")
        began = time.monotonic()
        assert watch.wait(LONG) is True
        assert time.monotonic() - began < LONG.total_seconds() / 2
        script.ahead.clear()
        assert watch.wait(MOMENT) is False


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (Script(capabilities="IMAP4rev1"), "imap_not_told"),
        (Script(refuses=True), "imap_not_told"),
        (Script(told=["* BYE for now"]), "imap_unreachable"),
        (Script(hangs_up=True), "imap_unreachable"),
        (Script(told=["* OK " + "x" * 100_000]), "imap_unreachable"),
    ],
)
def test_a_server_that_cannot_or_will_not(script, code):
    with (
        imap_script.running(script),
        pytest.raises(AdapterError) as fault,
        scripted(script, timedelta(seconds=1)).watch() as watch,
    ):
        watch.wait(LONG)
    assert fault.value.code == code


def test_a_server_that_only_answers_is_left_to_polling():
    script, called = Script(capabilities="IMAP4rev1"), threading.Event()
    with imap_script.running(script):
        inbox.listen(scripted(script), called)
    assert not called.is_set()
    assert "IDLE" not in script.asked
