"""Mails that come back: whom they silence, who is told, and how it ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from service.operations import booking, bounces, inbound, people
from service.operations.booking import BookingInput
from service.operations.offering import SlotQuery
from service.operations.people import PersonChange
from service.store.tables import Inbound, Meeting, OutboxRow, Person
from service.web import create_app
from tests import cast
from tests.web.walk import forms_of, link, text_of
from workers.deliver import drain

NOW = datetime(2027, 2, 1, 9, 0, tzinfo=UTC)
START = datetime(2027, 2, 8, 15, 0, tzinfo=UTC)
BEN = "ben@example.org"
REPORT = """Return-Path: <>
From: Mail Delivery System <MAILER-DAEMON@mx.example.org>
Message-ID: <report-{n}@mx.example.org>
Content-Type: multipart/report; boundary="r"; report-type=delivery-status

--r
Content-Type: text/plain

Sorry.
--r
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org

{recipient}
Action: {action}
Status: {status}
Diagnostic-Code: {code}

--r
Content-Type: {kind}

From: meet@greenroom.localhost
To: {address}
Message-ID:
 <{id}@greenroom.localhost>

--r--
"""
WORDS = """From: {sender}
Message-ID: <report-{n}@mx.example.org>
{head}Content-Type: text/plain

{text}

--- Below this line is a copy of the message.

Message-ID: <{id}@greenroom.localhost>
To: {address}
"""
EXIM = """A message that you sent could not be delivered to all of its recipients. This is a permanent error.

  ben@example.org
    host mx.example.org [5.6.7.8]: 550 no such user"""


def report(sent, address=BEN, *, n=1, **other):
    fields = {
        "recipient": f"Final-Recipient: rfc822; {address}", "action": "failed", "status": "5.1.1",
        "code": "smtp; 550 5.1.1 unknown", "kind": "message/rfc822", "address": address,
    } | other  # fmt: skip
    return REPORT.format(n=n, id=sent, **fields).replace("\n", "\r\n").encode()


def in_words(sent, text, address=BEN, sender="MAILER-DAEMON@mx.example.org", head=""):
    return WORDS.format(n=len(text), id=sent, text=text, address=address, sender=sender, head=head).encode()


@pytest.fixture
def meeting_id(services):
    """Ana's meeting with Ben, to which both have been invited."""
    with services.database.write() as session:
        pair = cast.pair(session, NOW)
        wanted = BookingInput(start=START, by_id=pair.mentee_id)
        meeting = booking.book(session, NOW, timedelta(hours=1), SlotQuery(pair.id, "check-in"), wanted)
    drain(services)
    return meeting.id


def invitation(services, email=BEN):
    with services.database.read() as session:
        wanted = select(OutboxRow.message_id).join(Person).where(Person.email == email, OutboxRow.kind == "invitation")
        return session.scalars(wanted).one()


def arrives(services, raw):
    with services.database.write() as session:
        inbound_id = inbound.receive(session, services.clock(), raw)
        inbound.decide(session, services.clock(), timedelta(hours=1), inbound_id)
        row = session.get(Inbound, inbound_id)
        return row.state, row.verdict


def silenced(services):
    with services.database.read() as session:
        return [each.email for each in bounces.unreachable(session)]


def rows_of(services, email=BEN):
    with services.database.read() as session:
        rows = session.scalars(select(OutboxRow).join(Person).where(Person.email == email).order_by(OutboxRow.id))
        return [(row.kind, row.state, row.last_error) for row in rows]


@pytest.mark.parametrize(
    "made",
    [
        report,
        lambda sent: report(sent, status="5.2.2 (mailbox full)", recipient="Final-Recipient: RFC822;<Ben@Example.org>"),
        lambda sent: report(sent, recipient=f"Final-Recipient: rfc822; b@there\nOriginal-Recipient: rfc822;{BEN}"),
        lambda sent: report(sent, status="", kind="text/rfc822-headers"),
        lambda sent: in_words(sent, EXIM, head="X-Failed-Recipients: ben@example.org\n", sender="x@mx.example.org"),
        lambda sent: in_words(sent, "This is qmail.\n<ben@example.org>:\nNo mailbox here by that name. (#5.1.1)"),
        lambda sent: in_words(sent, "<p>Your message to <b>ben@example.org</b> was rejected: 550 5.7.1 Denied.</p>"),
    ],
)  # fmt: skip
def test_a_mail_that_is_refused_for_good_marks_the_address(services, meeting_id, made):
    assert arrives(services, made(invitation(services))) == ("applied", "address_refused")
    assert silenced(services) == [BEN]
    assert rows_of(services) == [("invitation", "dead", "address_refused")]


@pytest.mark.parametrize(
    "made",
    [
        lambda sent: report(sent, action="delayed", status="4.4.1"),
        lambda sent: report(sent, status="4.4.7"),
        lambda sent: report(sent, action="delivered", status="2.0.0"),
        lambda sent: report(sent, "bens-copy@example.net"),
        lambda sent: report("0" * 8 + sent[8:]),
        lambda sent: report("somebody"),
        lambda sent: in_words(sent, f"{EXIM}\nIt is still being retried."),
        lambda sent: in_words(sent, "<ben@example.org>: 452 4.2.2 mailbox full"),
        lambda sent: in_words(sent, "<ben@example.organic>: 550 5.1.1 unknown"),
        lambda sent: in_words(sent, "Sorry, ben@example.org went away."),
        lambda sent: in_words(sent, f"I left. {BEN}: no such user.", sender=BEN, head="Return-Path: <>\n"),
        lambda sent: in_words("x", EXIM, head=f"In-Reply-To: <{sent}@greenroom.localhost>\n"),
    ],
)
def test_what_is_delayed_or_forged_or_about_another_silences_nobody(services, meeting_id, made):
    assert arrives(services, made(invitation(services))) == ("ignored", "bounce")
    assert silenced(services) == []
    assert rows_of(services) == [("invitation", "sent", None)]


def test_who_knows_a_mail_to_one_silences_no_other(services, meeting_id):
    assert arrives(services, report(invitation(services, "ana@example.org"), BEN)) == ("ignored", "bounce")
    assert silenced(services) == []


@pytest.mark.databases
def test_mails_stop_people_are_told_and_a_new_address_gets_what_was_missed(services, meeting_id):
    sent = invitation(services)
    with services.database.read() as session:
        ana, ben = cast.person(session, NOW, "ana").id, people.load_person(session, BEN).id
    anas = link(services, "meeting", ana, meeting_id=meeting_id)
    client = create_app(services).test_client()
    assert "come back" not in text_of(client.get(f"/m/{anas}"))
    arrives(services, report(sent))
    arrives(services, report(sent, n=2))
    with services.database.write() as session:
        meeting = session.get_one(Meeting, meeting_id)
        booking.reschedule(session, NOW, timedelta(hours=1), meeting, START + timedelta(days=1), ana)
    before = len(services.mailer.sent)
    drain(services)
    assert [mail.recipient for mail in services.mailer.sent[before:]] == ["ana@example.org"]
    assert ("invitation", "dead", "address_refused") in rows_of(services)
    assert "Our mails to Ben come back" in text_of(client.get(f"/m/{anas}"))
    assert "Our mails to Ben come back" in text_of(client.get(f"/p/{link(services, 'person', ana)}"))
    assert "an address that works" in text_of(client.get(f"/p/{link(services, 'person', ben)}"))
    with services.database.write() as session:
        change = PersonChange(email="ben@example.net")
        people.edit_person(session, services.clock(), people.load_person(session, BEN), change)
    before = len(services.mailer.sent)
    drain(services)
    [again] = services.mailer.sent[before:]
    assert again.recipient == "ben@example.net"
    assert b"To: Ben Okafor <ben@example.net>" in again.octets
    assert silenced(services) == []
    assert arrives(services, report(sent, n=3)) == ("ignored", "bounce"), "of a mail to the address he had"


def test_the_operator_is_told_and_writes_there_again(services, meeting_id):
    arrives(services, report(invitation(services)))
    client = create_app(services).test_client()
    operator = f"/operator/{link(services, 'operator', None)}"
    page = client.get(operator)
    assert "mails to one address come back" in text_of(page)
    assert "One mail was not delivered" in text_of(page)
    form = next(form for form in forms_of(page) if "person" in form.fields)
    before = len(services.mailer.sent)
    for _ in range(2):
        assert form.send(client, form.buttons[0]).status_code == 303
    drain(services)
    assert [mail.recipient for mail in services.mailer.sent[before:]] == [BEN]
    assert rows_of(services) == [("invitation", "sent", None)]
    assert "come back" not in text_of(client.get(operator))
