"""The linter itself: it takes a right mail, and finds each way in which invitations have gone wrong for others."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import getaddresses

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.domain import itip
from service.messages.letter import Button, Letter, Lists, Opens
from service.messages.mime import Calendar, Headers, compose
from tests.domain.test_itip import INVITATION
from tests.mail_linter import lint

HOST = "127.0.0.1:8000"
HEADERS = Headers(
    sender_name="Ana Lima via Women in Physics", sender="meet@example.net", recipient_name="Ben Okafor",
    recipient="ben@example.org", message_id="<1@example.net>", sent_at=datetime(2027, 2, 1, 9, 0, tzinfo=UTC),
)  # fmt: skip
LETTER = Letter(
    subject="Meeting on Fri 26 Feb, 10:00", preview="More inside.",
    blocks=(Opens("Booked."), Lists("Agenda", (("The run", "15 min"),))), button=Button("Open", f"http://{HOST}/m/x"),
    asides=(), footer=("Women in Physics",), fewer=Button("Fewer", f"http://{HOST}/p/x"),
)  # fmt: skip


def mail(octets=None, *, method="REQUEST", letter=LETTER, headers=HEADERS):
    octets = itip.request(INVITATION) if octets is None else octets
    return compose(letter, headers, "en", Calendar(method, octets))


def swapped(old, new, octets=None):
    """The request with a text replaced; the sample must have it."""
    octets = itip.request(INVITATION) if octets is None else octets
    whole = octets.replace(b"\r\n ", b"")
    assert old in whole
    lines = whole.replace(old, new).split(b"\r\n")
    return b"\r\n".join(_folded(line) for line in lines)


def _folded(line):
    return b"\r\n ".join(line[at : at + 60] for at in range(0, len(line), 60)) or line


@pytest.mark.parametrize("make", [itip.request, itip.cancel])
def test_a_right_mail_has_no_problem(make):
    method = "REQUEST" if make is itip.request else "CANCEL"
    assert lint(mail(make(INVITATION), method=method), host=HOST) == []


def test_a_mail_without_a_calendar_has_no_problem():
    assert lint(compose(LETTER, HEADERS, "en"), host=HOST) == []


def head_of(octets):
    return octets.partition(b"MIME-Version")[0]


@given(st.text('Zé=()<>@,.;:"\\ ', min_size=1, max_size=90))
def test_headers_are_as_the_library_writes_them(subject):
    subject = f"A{subject}A"
    head = head_of(mail(letter=replace(LETTER, subject=subject), headers=replace(HEADERS, thread="<0@example.net>")))
    message = EmailMessage(policy=SMTP.clone(max_line_length=78))
    message["From"] = Address(display_name="Ana Lima via Women in Physics", addr_spec="meet@example.net")
    message["To"] = Address(display_name="Ben Okafor", addr_spec="ben@example.org")
    message["Subject"] = subject
    message["Date"] = "Mon, 01 Feb 2027 09:00:00 +0000"
    message["Message-ID"] = "<1@example.net>"
    message["In-Reply-To"] = message["References"] = "<0@example.net>"
    assert head + b"\r\n" == message.as_bytes()


@given(st.text('Zé=?q0A()<>@,.;:"\\ ', min_size=1, max_size=150).map(lambda text: f"A{text}"))
@example("Dr. Maria Fernanda Aparecida de Souza Cavalcanti-Albuquerque (she/her), Ph.D.")
@example("=?utf-8?q?Ana?=")
@example("=?utf-8?q?Ana=0AX?=")
def test_any_name_comes_back_as_one_name(name):
    head = head_of(mail(headers=replace(HEADERS, sender_name=name, recipient_name=name)))
    read = message_from_bytes(head)  # the newer reader leaves a space between two encoded words (CPython 3.11.7)
    for header, address in (("From", "meet@example.net"), ("To", "ben@example.org")):
        [(phrase, found)] = getaddresses([read[header]])
        assert (str(make_header(decode_header(phrase))), found) == (" ".join(name.split()), address)
    assert read.keys() == ["From", "To", "Subject", "Date", "Message-ID"]
    assert max(map(len, head.splitlines())) <= 78


@pytest.mark.parametrize("subject", ["=?utf-8?q?a=0D=0ABcc:_x@y.z?=", "é =?utf-8?q?a=0D=0ABcc:_x@y.z?=", "=?" * 60])
def test_what_looks_encoded_is_a_subject_like_any_other(subject):
    octets = mail(letter=replace(LETTER, subject=subject))
    assert lint(octets, host=HOST) == []
    assert str(make_header(decode_header(message_from_bytes(octets)["Subject"]))) == subject


def test_ids_and_addresses_stay_whole_however_long():
    domain = f"{'d' * 60}.example"
    ids = {"message_id": f"<{'1' * 36}@{domain}>", "thread": f"<{'0' * 36}@{domain}>"}
    reply_to = f"=?{'t' * 43}@{domain}"
    head = head_of(mail(headers=replace(HEADERS, **ids, reply_to=reply_to))).decode()
    assert head.split("\r\n")[-5:-1] == [
        f"Message-ID: {ids['message_id']}", f"In-Reply-To: {ids['thread']}", f"References: {ids['thread']}",
        f"Reply-To: {reply_to}",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["sender", "recipient", "message_id", "thread", "reply_to"])
def test_an_address_of_two_lines_is_refused(name):
    with pytest.raises(ValueError, match="linefeed"):
        mail(headers=replace(HEADERS, **{name: "x@example.org\r\nBcc: eve@example.org"}))


def test_a_header_of_two_lines_is_refused():
    for subject in ("Meeting\r\nBcc: eve@example.org", "=?\r\nBcc: eve@example.org"):
        with pytest.raises(ValueError, match="linefeed"):
            mail(letter=replace(LETTER, subject=subject))


CALENDARS = {
    "METHOD missing (ical4j#529)": (b"METHOD:REQUEST\r\n", b"", "one METHOD"),
    "SEQUENCE twice (couchers#8646)": (b"SEQUENCE:0", b"SEQUENCE:0\r\nSEQUENCE:1", "one SEQUENCE"),
    "PUBLISH (calrs#36)": (b"METHOD:REQUEST", b"METHOD:PUBLISH", "METHOD PUBLISH"),
    "no ORGANIZER": (b"ORGANIZER;", b"X-ORGANIZER;", "no ORGANIZER"),
    "no ATTENDEE (SergeyMosin#647)": (b"ATTENDEE;", b"X-ATTENDEE;", "no ATTENDEE"),
    "no DTSTAMP": (b"DTSTAMP:", b"X-DTSTAMP:", "no DTSTAMP"),
    "no RSVP (nextcloud/server#21189)": (b";RSVP=TRUE", b"", "RSVP=TRUE"),
    "UID with a host (RFC 7986 5.3)": (b"UID:0f8b2c2e", b"UID:7@example.net-0f8b2c2e", "no bare UUID"),
    "local time (RFC 5545 3.3.5)": (b"DTSTART:20270226T150000Z", b"DTSTART:20270226T150000", "DTSTART is not in UTC"),
    "TZID without VTIMEZONE (ical-generator#680)": (
        b"DTSTART:20270226T150000Z", b"DTSTART;TZID=Europe/Lisbon:20270226T150000", "DTSTART is not in UTC",
    ),
    "mailto with %40 (iCal#260)": (b":mailto:meet@example.net", b":mailto:meet%40example.net", "no plain mailto"),
    "the reader is the organizer (sendgrid-csharp#907)": (
        b":mailto:meet@example.net", b":mailto:ben@example.org", "an attendee is the organizer",
    ),
    "another organizer than the sender (tutanota#11148)": (
        b":mailto:meet@example.net", b":mailto:ana@example.net", "ORGANIZER is not the sender",
    ),
    "the reader is not invited (nextcloud/mail#8801)": (b"mailto:ben@", b"mailto:b.o@", "reader is no ATTENDEE"),
    "nobody reads the organizer's mailbox (indico#7121)": (b"mailto:meet@", b"mailto:noreply@", "nobody reads"),
    "SENT-BY unquoted (tine20#4642)": (
        b";EMAIL=ana@example.org", b";SENT-BY=mailto:ana@example.org", "SENT-BY without quotes",
    ),
    "CANCELLED in a REQUEST (cal.diy#29706)": (b"STATUS:CONFIRMED", b"STATUS:CANCELLED", "STATUS CANCELLED"),
    "an alarm": (
        b"TRANSP:OPAQUE", b"TRANSP:OPAQUE\r\nBEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT5M\r\nEND:VALARM", "an alarm",
    ),
    "public": (b"CLASS:PRIVATE", b"CLASS:PUBLIC", "not private"),
    "free": (b"TRANSP:OPAQUE", b"TRANSP:TRANSPARENT", "blocking time"),
    "categories": (b"TRANSP:OPAQUE", b"TRANSP:OPAQUE\r\nCATEGORIES:Mentoring", "CATEGORIES"),
    "one quoted FEATURE": (b"FEATURE=AUDIO,VIDEO", b'FEATURE="AUDIO,VIDEO"', "CONFERENCE"),
    "CONFERENCE without VALUE": (b";VALUE=URI:https", b":https", "CONFERENCE"),
    "a control character": (b"SUMMARY:Meeting", b"SUMMARY:\x07Meeting", "a control character"),
    "HTML in DESCRIPTION (odoo#246603)": (b"DESCRIPTION:15", b"DESCRIPTION:<p>15", "HTML in DESCRIPTION"),
    "a zone (RDATE lists are misread)": (
        b"BEGIN:VEVENT", b"BEGIN:VTIMEZONE\r\nTZID:Europe/Lisbon\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT", "VTIMEZONE",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", list(CALENDARS))
def test_a_wrong_calendar_is_found(name):
    old, new, told = CALENDARS[name]
    assert told in "; ".join(lint(mail(swapped(old, new)), host=HOST))


def test_method_after_the_event_is_found():
    octets = swapped(b"METHOD:REQUEST\r\n", b"")
    octets = octets.replace(b"END:VEVENT\r\n", b"END:VEVENT\r\nMETHOD:REQUEST\r\n")
    assert "METHOD after the event" in "; ".join(lint(mail(octets)))


def test_folds_and_line_ends_that_readers_reject_are_found():
    whole = itip.request(INVITATION)
    long = re.sub(rb"\r\n ", b"", whole)
    assert "over 75 octets" in "; ".join(lint(mail(long)))
    umlaut = whole.replace(b"SUMMARY:Meeting", "SUMMARY:Ü".encode()[:9] + b"\r\n " + "Ü".encode()[1:] + b"Meeting")
    assert "a fold inside a character" in "; ".join(lint(mail(umlaut)))
    assert "bare CR or LF" in "; ".join(lint(mail(whole.replace(b"\r\n", b"\n"))))


MAILS = {
    "the parameter disagrees (PHPMailer#1780)": (rb'method="REQUEST"', b"method=CANCEL", "parameter says CANCEL"),
    "no method parameter (appointment#773)": (rb' method="?REQUEST"?;', b"", "parameter says None"),
    "no charset": (rb'; charset="UTF-8"', b"", "charset is not UTF-8"),
    "an attachment only (nextcloud/server#12885)": (rb"/alternative", b"/related", "no part of the alternative"),
    "a disposition on the alternative (PHPMailer#175)": (
        rb"(Content-Type: text/calendar)", rb"Content-Disposition: inline\r\n\1", "a disposition",
    ),
    "another file name": (rb"invite\.ics", b"ana-interview.ics", "not called invite.ics"),
    "Precedence": (rb"^From:", b"Precedence: bulk\r\nFrom:", "has Precedence"),
    "Auto-Submitted on an invitation": (rb"^From:", b"Auto-Submitted: auto-generated\r\nFrom:", "Auto-Submitted"),
    "no Message-ID": (rb"Message-ID", b"X-Message-ID", "no Message-ID"),
    "no Date": (rb"\r\nDate:", b"\r\nX-Date:", "no Date"),
    "bare line feeds": (rb"\r\nSubject", b"\nSubject", "a bare CR or LF"),
    "8 bits": (rb"Booked\.", "Geprüft.".encode(), "8-bit"),
    "copies that differ": (rb"(invite\.ics.*?\r\n\r\n)QkVH", rb"\1QkVG", "not two equal copies"),
    "names in the subject": (rb"Subject: .*?\r\n", b"Subject: Meeting: Ana & Ben\r\n", "names people"),
}  # fmt: skip


@pytest.mark.parametrize("name", list(MAILS))
def test_s13_a_mail_without_buttons_is_found(name):
    old, new, told = MAILS[name]
    changed = re.sub(old, new, mail(), flags=re.DOTALL)
    assert changed != mail()
    assert told in "; ".join(lint(changed, host=HOST))


@pytest.mark.parametrize(
    ("words", "told"),
    [("A friendly reminder", "says 'reminder'"), ("Please complete your list", "says"), ("Delivery failed", "says")],
)
def test_words_that_no_mail_says_are_found(words, told):
    letter = replace(LETTER, blocks=(Opens(words),))
    assert told in "; ".join(lint(mail(letter=letter)))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (b"<h1", b'<img src=3D"x"><h1', "an image"),
        (b"<h1", b"<script></script><h1", "an image, a script or a form"),
        (b"127.0.0.1:8000/m", b"example.com:8000/m", "another host"),
    ],
)
def test_what_html_must_not_have_is_found(old, new, told):
    changed = mail().replace(old, new)
    assert changed != mail()
    assert told in "; ".join(lint(changed, host=HOST))
