"""Every mail of tests/mail: what becomes of it is written beside it, and nobody is ever written back to."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from sqlalchemy import select

from service.operations import booking, inbound
from service.operations.booking import BookingInput
from service.operations.meetings import attendance_of, strangers_of
from service.operations.offering import SlotQuery
from service.operations.proposing import open_proposals
from service.store.tables import Claim, Inbound, Meeting, OutboxRow, Proposal, ProposedTime
from tests import cast
from workers.deliver import drain

MAILS = Path(__file__).parents[1] / "mail"
NOW = datetime(2027, 2, 1, 9, 0, tzinfo=UTC)
READ_AT = datetime(2027, 2, 2, 10, 5, tzinfo=UTC)
START = datetime(2027, 2, 8, 15, 0, tzinfo=UTC)
UID = "7f0c2f5e-3b1d-4c39-9d2e-0a4b5c6d7e8f"  # as in the mails
TUESDAY = datetime(2027, 2, 9, 16, 0, tzinfo=UTC)  # what the COUNTERs ask for


class Undo(Exception):
    """Ends a transaction, so that the next mail finds the world as it was."""


@pytest.fixture
def meeting_id(services):
    """Ana's meeting with Ben, moved once."""
    with services.database.write() as session:
        pair = cast.pair(session, NOW)
        wanted = BookingInput(start=START + timedelta(minutes=30), by_id=pair.mentee_id)
        hour = timedelta(hours=1)
        meeting = booking.book(session, NOW - hour, hour, SlotQuery(pair.id, "check-in"), wanted)
        booking.reschedule(session, NOW, hour, meeting, START, pair.mentee_id)
        meeting.uid = UID
    drain(services)  # both have been invited: who declines is told about to both
    return meeting.id


def decisions():
    with (MAILS / "decisions.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t"))[1:]
    return {mail: (state, verdict, answer, phase) for mail, state, verdict, answer, phase, _why in rows}


def written(session):
    return {(row.kind, row.person_id) for row in session.scalars(select(OutboxRow).where(OutboxRow.state == "pending"))}


def outcome(services, meeting_id, raw):
    """What became of the mail, and which mails it made us write."""
    found = None
    try:
        with services.database.write() as session:
            before = written(session)
            inbound_id = inbound.receive(session, READ_AT, raw)
            inbound.decide(session, READ_AT, timedelta(hours=1), inbound_id)
            row, meeting = session.get(Inbound, inbound_id), session.get(Meeting, meeting_id)
            answer = attendance_of(session, meeting)[meeting.pair.mentor_id]
            found = (row.state, row.verdict, answer, meeting.phase), written(session) - before
            raise Undo
    except Undo:
        return found


def test_every_mail_is_decided_as_is_written_beside_it(services, meeting_id):
    expected = decisions()
    assert {path.stem for path in MAILS.glob("*.eml")} == set(expected)
    found, made_us_write = {}, set()
    for name in expected:
        found[name], wrote = outcome(services, meeting_id, (MAILS / f"{name}.eml").read_bytes())
        if wrote:
            made_us_write.add(name)
    assert found == expected
    news = {name for name, decision in expected.items() if decision[3] == "cancelled" or decision[1] == "proposed"}
    assert made_us_write == news


def read(services, name, at=READ_AT):
    with services.database.write() as session:
        inbound_id = inbound.receive(session, at, (MAILS / f"{name}.eml").read_bytes())
        return inbound.decide(session, at, timedelta(hours=1), inbound_id)


def test_a_proposal_is_kept_for_the_other_until_the_meeting_moves(services, meeting_id):
    read(services, "counter-google")
    with services.database.write() as session:
        meeting = session.get(Meeting, meeting_id)
        [proposal] = open_proposals(session, READ_AT, meeting.pair_id, meeting.id)
        [time] = proposal.times
        assert (time.starts_at, time.ends_at - time.starts_at, time.held) == (TUESDAY, timedelta(minutes=30), True)
        assert (proposal.comment, proposal.by_id) == ("Tuesday suits me better", meeting.pair.mentor_id)
        assert (meeting.starts_at, meeting.sequence) == (START, 1)
        booking.reschedule(session, READ_AT, timedelta(hours=1), meeting, TUESDAY, meeting.pair.mentee_id)
        assert open_proposals(session, READ_AT, meeting.pair_id, meeting.id) == []


def test_a_proposal_is_told_in_one_mail_while_it_can_be_taken(services, meeting_id):
    read(services, "counter-google")
    read(services, "counter-outlook", READ_AT + timedelta(minutes=1))
    services.clock.now = READ_AT + timedelta(hours=12)
    before = len(services.mailer.sent)
    drain(services)
    [mail] = services.mailer.sent[before:]
    text = message_from_bytes(mail.octets, policy=policy.default).get_body(("plain",)).get_content()
    assert mail.recipient == "ana@example.org"
    assert "Ben would rather meet at another time" in text
    with services.database.read() as session:
        *_, newest = session.scalars(select(ProposedTime).order_by(ProposedTime.id))
    assert f"/proposed/{newest.id}\r\n" in text
    assert "Tuesday suits me" not in text


def test_a_proposal_that_was_answered_by_a_move_is_not_told(services, meeting_id):
    read(services, "counter-google")
    with services.database.write() as session:
        meeting = session.get(Meeting, meeting_id)
        booking.reschedule(session, READ_AT, timedelta(hours=1), meeting, TUESDAY, meeting.pair.mentee_id)
    before = len(services.mailer.sent)
    services.clock.now = READ_AT + timedelta(hours=12)
    drain(services)
    sent = [message_from_bytes(mail.octets).get_content_type() for mail in services.mailer.sent[before:]]
    assert sent == ["multipart/mixed"] * 2, "the changed invitations, and nothing else"


def test_a_newer_proposal_replaces_an_older_one(services, meeting_id):
    read(services, "counter-google")
    read(services, "counter-outlook", READ_AT + timedelta(minutes=1))
    with services.database.read() as session:
        older, newer = session.scalars(select(Proposal).order_by(Proposal.id))
        assert (older.outcome, newer.outcome, newer.comment) == ("replaced", None, None)
        assert [claim.time_id for claim in session.scalars(select(Claim).where(Claim.meeting_id.is_(None)))] == [
            newer.times[0].id
        ] * 2


def test_a_stranger_is_named_to_whom_the_meeting_belongs(services, meeting_id):
    for name in ("forwarded-stranger", "forged-sender", "google-maybe-with-note"):
        read(services, name)
    with services.database.read() as session:
        meeting = session.get(Meeting, meeting_id)
        strangers = ["dan@example.org", "mallory@example.com"]
        assert strangers_of(session, meeting, meeting.pair.mentee_id) == strangers
        assert strangers_of(session, meeting, meeting.pair.mentor_id) == []
        assert set(attendance_of(session, meeting)) == {meeting.pair.mentee_id, meeting.pair.mentor_id}


def test_a_clock_that_is_years_ahead_silences_nobody(services, meeting_id):
    read(services, "clock-years-ahead")
    assert read(services, "google-decline", READ_AT + timedelta(minutes=1)) == "stale", "written before it came in"
    later = (MAILS / "google-decline.eml").read_bytes().replace(b"20270202T100000Z", b"20270203T100000Z")
    with services.database.write() as session:
        at = READ_AT + timedelta(days=1)
        assert inbound.decide(session, at, timedelta(hours=1), inbound.receive(session, at, later)) == "applied"
