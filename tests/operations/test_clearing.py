"""What is kept no longer goes by the clock, not an hour before, a batch at a time, and twice is once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from service.operations import clearing, proposing
from service.store.tables import Calendar, Inbound, MailboxMail, Meeting, OutboxRow, Proposal, ProposedTime
from tests.lived import MONDAY, NOW, lived_in
from workers import clock

DAY = timedelta(days=1)
SOON = timedelta(seconds=1)
pytestmark = pytest.mark.databases


@pytest.fixture
def pair_id(services):
    return lived_in(services)


def at(services, now):
    services.clock.now = now
    for _ in range(2):
        clock.clear(services)


def count(services, *which):
    with services.database.read() as session:
        return session.scalar(select(func.count()).select_from(which[0]).where(*which[1:]))


def test_a_copy_of_busy_times_that_is_not_read_again_goes_after_a_day(services, pair_id):
    with services.database.write() as session:
        session.execute(update(Calendar).values(busy=b"12345678", verified_at=NOW, mark={"etag": "1"}))
    at(services, NOW + DAY - SOON)
    assert count(services, Calendar, Calendar.busy.is_not(None)) == 1
    at(services, NOW + DAY)
    with services.database.read() as session:
        calendar = session.scalars(select(Calendar)).one()
        assert (calendar.busy, calendar.mark, calendar.verified_at) == (None, None, None), "asked for anew, whole"


def test_times_that_nobody_took_go_a_week_after_they_passed(services, pair_id):
    passed = MONDAY + 8 * DAY
    at(services, passed + 7 * DAY - SOON)
    assert count(services, Proposal) == 1
    at(services, passed + 7 * DAY)
    assert (count(services, Proposal), count(services, ProposedTime)) == (0, 0)


def test_an_offer_that_was_taken_stays_and_one_that_was_taken_back_goes(services, pair_id):
    with services.database.write() as session:
        offer = session.scalars(select(Proposal)).one()
        proposing.close(session, NOW, offer.id, offer.by_id)
        session.add(Proposal(pair_id=pair_id, by_id=offer.by_id, session="check-in", outcome="taken", closed_at=NOW,
                             created_at=NOW))  # fmt: skip
    at(services, NOW + 7 * DAY)
    with services.database.read() as session:
        assert session.scalars(select(Proposal.outcome)).all() == ["taken"]


def test_words_of_mails_go_after_two_weeks_and_the_line_after_ninety_days(services, pair_id):
    met = MONDAY + timedelta(hours=3)  # when they were sent; the meeting ended before
    sent = (OutboxRow, OutboxRow.sent_at == met)
    lines = count(services, *sent)
    at(services, met + 14 * DAY - SOON)
    assert count(services, *sent, OutboxRow.octets.is_not(None)) == lines > 2
    at(services, met + 14 * DAY)
    assert (count(services, *sent, OutboxRow.octets.is_not(None)), count(services, *sent)) == (0, lines)
    with services.database.write() as session:
        late = session.scalars(select(Meeting).order_by(Meeting.id)).first()
        late.ends_at = met + DAY
    at(services, met + 90 * DAY)
    assert count(services, *sent) == lines, "its meeting is over for less than that"
    at(services, met + 91 * DAY)
    assert count(services, *sent) == 0


def test_answers_lose_their_words_and_then_their_line(services, pair_id):
    words = b"From: ana@example.org\r\n\r\nANAS-POINT\r\n"
    with services.database.write() as session:
        session.add(Inbound(message_key="w", raw=words, state="waiting", received_at=NOW, decided_at=NOW))
        session.add(Inbound(message_key="p", raw=words, state="pending", received_at=NOW))
    at(services, NOW + 14 * DAY)
    with services.database.read() as session:
        found = {each.message_key: (each.state, each.raw) for each in session.scalars(select(Inbound))}
    assert found == {"m": ("applied", b""), "w": ("ignored", b""), "p": ("pending", words)}
    at(services, NOW + 90 * DAY)
    assert count(services, Inbound) == 2, "one that lies in the mailbox is known until it is put away"
    with services.database.write() as session:
        session.delete(session.scalars(select(MailboxMail)).one())
    at(services, NOW + 90 * DAY)
    with services.database.read() as session:
        assert session.scalars(select(Inbound.message_key)).all() == ["p"]


def test_it_goes_a_batch_at_a_time(services, pair_id):
    with services.database.write() as session:
        session.execute(update(OutboxRow).values(state="sent", octets=b"words", sent_at=NOW))
        held = session.scalar(select(func.count()).select_from(OutboxRow))
        assert held > 3
        assert clearing.bodies(session, NOW + 14 * DAY, limit=2) == 2
        assert clearing.bodies(session, NOW + 14 * DAY, limit=100) == held - 2
        assert clearing.bodies(session, NOW + 14 * DAY) == 0
