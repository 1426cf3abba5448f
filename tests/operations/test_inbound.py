"""Answers from a mail program: what they change, and what they no longer can."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from service.domain.answering import make_reply
from service.operations import booking, entries, inbound
from service.operations.booking import BookingInput
from service.operations.meetings import attendance_of
from service.operations.offering import SlotQuery
from service.store.tables import Attendance, Inbound, Meeting, OutboxRow
from tests import cast

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
        inbound.decide(session, now, inbound_id)
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
