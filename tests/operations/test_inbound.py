"""Answers from a mail program: what they change, and what they no longer can."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from service.domain.answering import make_reply, request_in
from service.operations import booking, entries, inbound
from service.operations.booking import BookingInput
from service.operations.meetings import attendance_of
from service.operations.offering import SlotQuery
from service.store.tables import Attendance, CalendarWrite, Inbound, Meeting, OutboxRow
from tests import cast
from workers.deliver import drain

NOW = datetime(2027, 2, 1, 9, 0, tzinfo=UTC)
START = datetime(2027, 2, 8, 15, 0, tzinfo=UTC)
END = START + timedelta(minutes=30)


@pytest.fixture
def meeting_id(services):
    with services.database.write() as session:
        pair = cast.pair(session, NOW)
        wanted = BookingInput(start=START, by_id=pair.mentee_id)
        return booking.book(session, NOW, timedelta(hours=1), SlotQuery(pair.id, "check-in"), wanted).id


def answered(services, meeting_id, partstat, now):
    """What became of Ben's answer, and what holds then: (state, verdict), the phase, and his attendance."""
    with services.database.write() as session:
        meeting = session.get(Meeting, meeting_id)
        ben = meeting.pair.mentor
        asked = entries.entry(
            NOW, services.settings, meeting, ben, "REQUEST",
            agenda=(), answers=attendance_of(session, meeting), entry_url=None,
        )  # fmt: skip
        inbound_id = inbound.receive(session, now, make_reply(asked, ben.email, partstat, now))
        inbound.decide(session, now, timedelta(hours=1), inbound_id)
        row, his = session.get(Inbound, inbound_id), session.get(Attendance, (meeting_id, ben.id))
        return (row.state, row.verdict), meeting.phase, (his.partstat, his.answered_sequence, his.answered_stamp)


def test_a_decline_ends_the_meeting_until_it_is_over(services, meeting_id):
    last = END - timedelta(minutes=1)
    outcome, phase, attendance = answered(services, meeting_id, "DECLINED", last)
    assert (outcome, phase, attendance) == (("applied", "declined"), "cancelled", ("DECLINED", 0, last))


def test_a_decline_after_the_end_changes_nothing_of_a_meeting_that_took_place(services, meeting_id):
    accepted = NOW + timedelta(hours=1)
    answered(services, meeting_id, "ACCEPTED", accepted)
    with services.database.read() as session:
        mails = [(row.kind, row.state) for row in session.scalars(select(OutboxRow))]
    outcome, phase, attendance = answered(services, meeting_id, "DECLINED", END)
    assert (outcome, phase, attendance) == (("ignored", "too_late"), "booked", ("ACCEPTED", 0, accepted))
    with services.database.read() as session:
        assert [(row.kind, row.state) for row in session.scalars(select(OutboxRow))] == mails, "nobody is told of it"
        assert session.get(Meeting, meeting_id).declined_by is None


def asks_again(services, uid, sender="ben@example.org", attendee="ben@example.org", at=NOW):
    """A REFRESH as RFC 5546 3.2.6 has it."""
    lines = (
        "BEGIN:VCALENDAR", "PRODID:-//Example//EN", "VERSION:2.0", "METHOD:REFRESH", "BEGIN:VEVENT", f"UID:{uid}",
        f"DTSTAMP:{at:%Y%m%dT%H%M%SZ}", "ORGANIZER:mailto:meet@greenroom.localhost", f"ATTENDEE:mailto:{attendee}",
        "END:VEVENT", "END:VCALENDAR", "",
    )  # fmt: skip
    head = f"From: {sender}\r\nContent-Type: text/calendar; method=REFRESH\r\n\r\n"
    with services.database.write() as session:
        inbound_id = inbound.receive(session, at, (head + "\r\n".join(lines)).encode())
        inbound.decide(session, at, timedelta(hours=1), inbound_id)
        row = session.get(Inbound, inbound_id)
        return row.state, row.verdict


def test_who_asks_for_the_invitation_again_gets_it_and_nobody_else(services, meeting_id):
    drain(services)
    with services.database.read() as session:
        uid = session.get(Meeting, meeting_id).uid
    services.clock.advance(hours=2)
    now = services.clock.now
    before = len(services.mailer.sent)
    assert asks_again(services, uid, "dan@example.org", "dan@example.org", now) == ("ignored", "not_invited")
    assert asks_again(services, uid, "dan@example.org", at=now) == ("ignored", "other_sender")
    assert asks_again(services, uid, at=now) == ("applied", "invited_again")
    drain(services)
    [again] = services.mailer.sent[before:]
    assert (again.recipient, b"METHOD:REQUEST" in request_in(again.octets)) == ("ben@example.org", True)
    later = now + timedelta(minutes=59)
    assert asks_again(services, uid, at=later) == ("ignored", "asked_lately")
    assert asks_again(services, uid, at=now + timedelta(minutes=60)) == ("applied", "invited_again")
    assert asks_again(services, uid, at=END) == ("ignored", "not_booked")
    with services.database.read() as session:
        assert session.get(Meeting, meeting_id).sequence == 0
        assert attendance_of(session, session.get(Meeting, meeting_id)) == {1: "NEEDS-ACTION", 2: "NEEDS-ACTION"}, (
            "it answers nothing"
        )


def test_an_answer_that_names_the_uid_of_the_calendar_that_invited_counts(services, meeting_id):
    alias = "6pgm2d9o68q3@google.com"
    with services.database.write() as session:
        meeting = session.get(Meeting, meeting_id)
        pair, meeting.sequence = meeting.pair, 3  # theirs counts otherwise
        session.add(
            CalendarWrite(meeting_id=meeting.id, person_id=pair.mentee_id, invites=True, alias=alias, created_at=NOW)
        )
        asked = entries.entry(
            NOW, services.settings, meeting, pair.mentor, "REQUEST",
            agenda=(), answers=attendance_of(session, meeting), entry_url=None,
        )  # fmt: skip
        asked = asked.replace(meeting.uid.encode(), alias.encode()).replace(b"SEQUENCE:3", b"SEQUENCE:1")
        assert asked.count(alias.encode()) == asked.count(b"SEQUENCE:1") == 1
        raw = make_reply(asked, pair.mentor.email, "ACCEPTED", NOW + timedelta(hours=1))
        inbound_id = inbound.receive(session, NOW + timedelta(hours=1), raw)
        assert inbound.decide(session, NOW + timedelta(hours=1), timedelta(hours=1), inbound_id) == "applied"
        assert session.get(Inbound, inbound_id).meeting_id == meeting_id
        assert attendance_of(session, meeting)[pair.mentor_id] == "ACCEPTED"
