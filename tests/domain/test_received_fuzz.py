"""No mail makes the reader raise, and none keeps it for long."""

from __future__ import annotations

import base64
import os
import time
import tracemalloc
from datetime import date
from email.parser import BytesHeaderParser
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.domain.bounce import ours_named, refused_for_good
from service.domain.mail_origin import is_proved
from service.domain.plain_reply import About, own_words, understood
from service.domain.received import (
    MOST_BYTES,
    MOST_FORWARDS,
    calendars_in,
    machine_made,
    message_id_of,
    parsed,
    sender_of,
    subject_of,
)
from service.domain.reply import ItipReply, reply_in

MAILS = sorted((Path(__file__).parents[1] / "mail").glob("*.eml"))
WHOLE = [path.read_bytes() for path in MAILS]
SOAK = bool(os.environ.get("GREENROOM_SOAK"))
INPUTS = 100_000 if SOAK else 2_000
MOST_SECONDS = 3.0  # of the processor, for one mail, on a slow machine
MOST_MEMORY = 60 * MOST_BYTES  # of Python's own, beside the mail


def read(raw: bytes) -> ItipReply | None:
    """Everything that is done with a mail before something is decided."""
    message_id_of(BytesHeaderParser().parsebytes(raw[:MOST_BYTES])).encode()
    message = parsed(raw)
    if message is None:
        return None
    assert machine_made(message) in {None, "bounce", "auto_reply", "list"}
    assert isinstance(sender_of(message) + subject_of(message), str)
    text = own_words(message)
    understood(text, About(date(2027, 2, 1), agenda="open"))
    understood(text, About(date(2027, 2, 1), over=True, asked_what=True))
    assert is_proved(message, "mx.example.org") in {True, False}
    assert refused_for_good(message, "ben@example.org") in {True, False}
    assert all(len(name) == 36 for name in ours_named(raw, message))
    assert all(isinstance(octets, bytes) for octets in calendars_in(message, MOST_FORWARDS))
    found = reply_in(message)
    assert found is None or (found.uid and found.dtstamp.tzinfo is not None)
    return found


EDITS = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 40), st.binary(max_size=12) | st.sampled_from(
        [b"\r\n", b"\r\n\r\n", b"--", b";", b":", b'"', b"=?utf-8?q?", b"BEGIN:VEVENT\r\n", b"END:VCALENDAR\r\n",
         b"Content-Type: multipart/mixed; boundary=x\r\n", b"charset*=''", b"\xff\xfe", b"DTSTART;TZID=x:1\r\n"]
    )),
    min_size=1, max_size=4,
)  # fmt: skip


@settings(max_examples=INPUTS * 3 // 4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(whole=st.sampled_from(WHOLE), edits=EDITS)
def test_a_damaged_mail_never_raises(whole, edits):
    raw = whole
    for where, length, put in edits:
        at = int(where * len(raw))
        raw = raw[:at] + put + raw[at + length :]
    read(raw)


@pytest.mark.parametrize("charset", ["\ufffdutf-8?q?x", "utf-8?b?a"])
def test_a_subject_that_cannot_be_decoded_stays_as_it_is(charset):
    read(f"From: ben@example.org\r\nSubject: =?{charset}?=\r\n\r\n".encode())
    assert subject_of(parsed(f"Subject: =?{charset}?=\r\n\r\n".encode())).startswith("=?")


@pytest.mark.parametrize("kind", ["text/plain", "message/delivery-status"])
def test_a_text_in_a_charset_with_a_nul_is_read(kind):
    for outer in (b"Content-Type: ", b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: "):
        read(b"From: ben@example.org\r\n" + outer + kind.encode() + b'; charset="x\x00y"\r\n\r\n\x80\r\n')


LINES = st.sampled_from(
    [line for whole in WHOLE for line in whole.split(b"\r\n") if line][:2000]
) | st.binary(max_size=40)  # fmt: skip


@settings(max_examples=INPUTS // 4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(lines=st.lists(LINES, max_size=40))
def test_lines_of_other_mails_in_any_order_never_raise(lines):
    read(b"\r\n".join(lines))


HEAD = b"From: ben@example.org\r\nMIME-Version: 1.0\r\n"
ICS = base64.b64encode(b"BEGIN:VCALENDAR\r\n" + b"x" * 100)
ANSWER = next(whole for path, whole in zip(MAILS, WHOLE, strict=True) if path.stem == "server-without-date")


def parts(count, part):
    return (
        HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        + b"".join(b"--b\r\n" + part + b"\r\n" for _ in range(count)) + b"--b--\r\n"
    )  # fmt: skip


def nested(levels, head, fence=b""):
    return HEAD + b"".join(head.replace(b"%", b"%d" % n) + fence.replace(b"%", b"%d" % n) for n in range(levels))


HUGE = {
    "25 MB in one line": HEAD + b"\r\n" + b"x" * 25_000_000,
    "25 MB in short lines": HEAD + b"\r\n" + b"hello\r\n" * 3_600_000,
    "25 MB of headers": b"".join(b"X-%d: y\r\n" % n for n in range(2_000_000)) + HEAD,
    "one header of 2 MB": HEAD + b"Subject: " + b"=?utf-8?q?x?= " * 150_000 + b"\r\n\r\n",
    "2,000 parts": parts(2_000, b"Content-Type: text/plain\r\n\r\nhello"),
    "2,000 calendars": parts(2_000, b"Content-Type: text/calendar\r\nContent-Transfer-Encoding: base64\r\n\r\n" + ICS),
    "40 levels under 2 MB": nested(40, b"Content-Type: multipart/mixed; boundary=b%\r\n\r\n", b"--b%\r\n")
    + b"hello\r\n" * 280_000,
    "300 levels under 2 MB": nested(300, b"Content-Type: multipart/mixed; boundary=b%\r\n\r\n", b"--b%\r\n")
    + b"hello\r\n" * 280_000,
    "300 mails in mails": nested(300, b"Content-Type: message/rfc822\r\n\r\n") + b"hello\r\n" * 280_000,
    "100,000 lines in an answer": ANSWER.replace(b"END:VEVENT", b"COMMENT:x\r\n" * 100_000 + b"END:VEVENT"),
    "2 MB of zones": ANSWER.replace(b"BEGIN:VE", b"BEGIN:VTIMEZONE\r\nEND:VTIMEZONE\r\n" * 60_000 + b"BEGIN:VE"),
    "2 MB of folds": ANSWER.replace(b"END:VEVENT", b"COMMENT:" + b"x\r\n " * 500_000 + b"\r\nEND:VEVENT"),
    "2 MB of parameters": ANSWER.replace(b"ATTENDEE;", b"ATTENDEE;" + b'X="y";' * 300_000),
    "one line of 2 MB without an end": HEAD + b"\r\n" + b"On 10:00 @ " * 190_000,
    "lines that are nearly quotations": HEAD + b"\r\n" + b"On Monday 10:00 a@b.example wrote: no\r\n" * 50_000,
    "2 MB of html": HEAD + b"Content-Type: text/html\r\n\r\n" + b"<p><!" * 400_000,
    "2 MB of addresses": b"From: " + b"a@b.example, " * 150_000 + b"\r\n\r\n",
}  # fmt: skip


@pytest.mark.parametrize("name", list(HUGE))
def test_a_mail_of_any_size_is_read_in_bounded_time(name):
    began = time.process_time()
    read(HUGE[name])
    assert time.process_time() - began < MOST_SECONDS


LARGE = ["25 MB in one line", "2,000 parts"]  # to watch the memory makes the others slow


@pytest.mark.parametrize("name", list(HUGE) if SOAK else LARGE)
def test_a_mail_of_any_size_is_read_in_bounded_memory(name):
    raw = HUGE[name]
    tracemalloc.start()
    try:
        read(raw)
        assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
    finally:
        tracemalloc.stop()


def test_an_answer_with_a_comment_of_400_kb_and_one_with_24_mb_behind_it():
    commented = ANSWER.replace(b"END:VEVENT", b"COMMENT:" + b"x" * 400_000 + b"\r\nEND:VEVENT")
    began = time.process_time()
    assert read(commented) == read(ANSWER) == read(ANSWER + b"\r\n" + b"x" * 24_000_000)
    assert time.process_time() - began < MOST_SECONDS
    assert read(ANSWER) is not None
