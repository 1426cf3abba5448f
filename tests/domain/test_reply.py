"""Answers as mail programs send them, one sample per program ever described, and mail that only looks like one."""

from __future__ import annotations

import base64
import quopri
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar

from service.domain import itip, received
from service.domain.answering import make_reply, request_in
from service.domain.reply import ItipReply, reply_in
from tests.domain.test_itip import INVITATION


def parse_reply(raw):
    message = received.parsed(raw)
    return reply_in(message) if message is not None else None


ANSWERED = datetime(2027, 2, 2, 10, 0, tzinfo=UTC)
EXPECTED = ItipReply(
    uid=INVITATION.uid, attendee="ben@example.org", partstat="ACCEPTED", sequence=0, dtstamp=ANSWERED,
    sender="ben@example.org",
)  # fmt: skip


def ics(*, attendee="ATTENDEE;PARTSTAT=ACCEPTED:mailto:ben@example.org", method="METHOD:REPLY", extra=()):
    body = [
        "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//X//Y//EN", method, "BEGIN:VEVENT", f"UID:{INVITATION.uid}",
        "DTSTAMP:20270202T100000Z", "SEQUENCE:0", attendee, *extra, "END:VEVENT", "END:VCALENDAR", "",
    ]  # fmt: skip
    return "\r\n".join(line for line in body if line or line == body[-1]).encode()


def mail(payload, *, kind="text/calendar; method=REPLY", encoding="7bit", sender="Ben <ben@example.org>"):
    head = (
        f"From: {sender}\r\nTo: meet@example.net\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n"
    )
    return head.encode() + b"\r\n" + payload


def nested(part, *, outer="multipart/mixed"):
    return (
        b"From: ben@example.org\r\nContent-Type: " + outer.encode() + b"; boundary=x\r\n\r\n--x\r\n"
        b"Content-Type: text/plain\r\n\r\nYes!\r\n--x\r\n" + part + b"\r\n--x--\r\n"
    )


PART = b"Content-Type: text/calendar; method=REPLY\r\n\r\n" + ics()
ALTERNATIVE = b"Content-Type: multipart/alternative; boundary=y\r\n\r\n--y\r\n"
REAL = {
    "one part": mail(ics()),
    "base64": mail(base64.encodebytes(ics()).replace(b"\n", b"\r\n"), encoding="base64"),
    "quoted-printable": mail(quopri.encodestring(ics()), encoding="quoted-printable"),
    "quoted parameter, other case": mail(ics(), kind='TEXT/Calendar; charset="utf-8"; METHOD="reply"'),
    "no method parameter": mail(ics(), kind="text/calendar"),
    "application/ics": mail(ics(), kind="application/ics; name=invite.ics"),
    "MAILTO in capitals": mail(ics(attendee="ATTENDEE;PARTSTAT=ACCEPTED:MAILTO:Ben@Example.org")),
    "partstat in small letters": mail(ics(attendee="ATTENDEE;PARTSTAT=accepted:mailto:ben@example.org")),
    "method in small letters": mail(ics(method="METHOD:Reply")),
    "with ORGANIZER": mail(ics(extra=("ORGANIZER:mailto:meet@example.net",))),
    "with a Windows zone": mail(ics(extra=("DTSTART;TZID=W. Europe Standard Time:20270226T160000",))),
    "with a comment of 400 kB": mail(ics(extra=("COMMENT:" + "x" * 400_000,))),
    "with 2,000 strange lines": mail(ics(extra=tuple(f"X-{number}:y" for number in range(2000)))),
    "bare line feeds": mail(ics().replace(b"\r\n", b"\n")),
    "byte order mark": mail(b"\xef\xbb\xbf" + ics(), encoding="8bit"),
    "in a mixed": nested(PART),
    "in an alternative in a mixed": nested(ALTERNATIVE + PART + b"\r\n--y--"),
    "sent by a server": b"Auto-Submitted: auto-generated\r\n" + mail(ics()),
}  # fmt: skip


@pytest.mark.parametrize("name", list(REAL))
def test_an_answer_in_any_dress(name):
    assert parse_reply(REAL[name]) == EXPECTED


BOUNCE = nested(b"Content-Type: message/rfc822\r\n\r\n" + mail(ics()), outer="multipart/report")
OTHER = {
    "our own request": mail(itip.request(INVITATION), kind="text/calendar; method=REQUEST"),
    "a bounce with the answer inside": BOUNCE,
    "two attendees": mail(ics(extra=("ATTENDEE;PARTSTAT=ACCEPTED:mailto:ana@example.org",))),
    "no attendee": mail(ics(attendee="")),
    "no uid": mail(ics().replace(b"UID:", b"X-UID:")),
    "an empty uid": mail(ics().replace(f"UID:{INVITATION.uid}".encode(), b"UID: ")),
    "no method": mail(ics(method="")),
    "not a calendar": mail(b"BEGIN:VCARD\r\nEND:VCARD\r\n"),
    "cut off": mail(ics()[:60]),
    "a sequence in words": mail(ics().replace(b"SEQUENCE:0", b"SEQUENCE:none")),
    "text": mail(b"Yes, gladly!", kind="text/plain"),
    "larger than anybody's": mail(ics(extra=("COMMENT:" + "x" * received.MOST_BYTES,))),
    "nothing": b"",
}


@pytest.mark.parametrize("name", list(OTHER))
def test_what_is_no_answer(name):
    assert parse_reply(OTHER[name]) is None


@pytest.mark.parametrize(
    "head", [b'From: "\r\n\r\n', b"From: [\r\n\r\n", b"From: a <\r\nContent-Type: text/calendar; charset*=''\r\n\r\nx"]
)
def test_headers_that_made_the_parser_stumble(head):
    assert parse_reply(head) is None


def test_a_mail_nested_ten_thousand_deep_is_no_answer():
    levels = (f'Content-Type: multipart/mixed; boundary="b{n}"\r\n\r\n--b{n}\r\n'.encode() for n in range(10_000))
    assert parse_reply(b"".join(levels)) is None


@settings(max_examples=200)
@given(at=st.integers(0, 600), junk=st.binary(max_size=12))
def test_a_damaged_answer_never_raises(at, junk):
    whole = REAL["in an alternative in a mixed"]
    found = parse_reply(whole[:at] + junk + whole[at + len(junk) :])
    assert found is None or found.partstat


def test_who_sent_it_is_told_apart_from_who_answers():
    assert parse_reply(mail(ics(), sender="Mallory <mallory@example.com>")).sender == "mallory@example.com"


@pytest.mark.parametrize("partstat", ["ACCEPTED", "TENTATIVE", "DECLINED"])
def test_a_made_answer_is_a_real_one(partstat):
    asked = itip.request(replace(INVITATION, sequence=2))
    raw = make_reply(asked, "Ben@example.org", partstat, ANSWERED)
    assert parse_reply(raw) == replace(EXPECTED, partstat=partstat, sequence=2)
    message = message_from_bytes(raw, policy=policy.default)
    assert (message["To"], message.get_content_type()) == ("meet@example.net", "multipart/alternative")
    part = next(part for part in message.walk() if part.get_content_type() == "text/calendar")
    assert part.get_param("method") == "REPLY"
    calendar = Calendar.from_ical(part.get_payload(decode=True))
    [event] = calendar.walk("VEVENT")
    assert not event.walk("VALARM")
    assert str(event["ORGANIZER"]) == "mailto:meet@example.net"
    assert "RSVP" not in event["ATTENDEE"].params


def test_nobody_answers_who_was_not_invited():
    with pytest.raises(ValueError, match="not invited"):
        make_reply(itip.request(INVITATION), "dan@example.org", "ACCEPTED", ANSWERED)


def test_the_request_of_a_mail_is_found():
    assert request_in(mail(itip.request(INVITATION))) == itip.request(INVITATION)
    assert request_in(mail(b"Hello", kind="text/plain")) is None
