"""After a restore nothing that was due leaves by itself; a person's word lets it go, once, or drops it for good."""

from datetime import timedelta

import pytest
from sqlalchemy import select, text, update

from service.domain.answering import make_reply, request_in
from service.domain.errors import MoveNotAllowed
from service.operations import booking, inbound, keeping, operator
from service.operations.booking import BookingInput
from service.operations.offering import SlotQuery
from service.store import held, migrate, outbox
from service.store.tables import Meeting, OutboxRow
from tests import cast
from tests.lived import AGE, MONDAY, NOW, stamp
from workers import clock
from workers.deliver import drain

pytestmark = pytest.mark.databases
RESTORED = MONDAY + timedelta(days=1)  # Tuesday afternoon; the meeting was on Monday


@pytest.fixture
def meeting_id(services):
    """Booked on the day of the backup; its invitations are on their way."""
    with services.database.write() as session:
        pair = cast.pair(session, NOW)
        meeting = booking.book(
            session, NOW, AGE, SlotQuery(pair.id, "check-in"), BookingInput(start=MONDAY, by_id=pair.mentee_id)
        )
        return meeting.id


def hold(services, now=RESTORED):
    services.clock.now = now
    with services.database.write() as session:
        return keeping.hold_what_was_due(session, now, timedelta(hours=1))


def everything_done(services):
    """What clock and workers do in the following days; returns the kinds that left, in order."""
    for _ in range(10):
        clock.sweep(services)
        drain(services)
        services.clock.advance(hours=12)
    assert len(services.mailer.sent) == len(sent(services))
    return sent(services)


def sent(services):
    with services.database.read() as session:
        return session.scalars(select(OutboxRow.kind).where(OutboxRow.state == "sent").order_by(OutboxRow.id)).all()


def test_a_meeting_that_cannot_be_looked_at_hinders_no_restore_and_sends_nothing_later(services, meeting_id):
    with services.database.write() as session:
        session.execute(text("UPDATE meetings SET place = :octets"), {"octets": b"garbage" * 9})
    assert hold(services) == 2
    with services.database.write() as session:
        session.execute(text("UPDATE meetings SET place = NULL"))
    assert everything_done(services) == []


def test_neither_old_rows_nor_meetings_that_passed_meanwhile_send_by_themselves(services, meeting_id):
    assert hold(services) == 3
    with services.database.read() as session:
        assert held.kinds(session) == {"followup": 1, "invitation": 2}
        assert held.count(session) == 3
        assert outbox.oldest_overdue(session, RESTORED) == timedelta(0), "what waits for a person is no alarm"
        assert outbox.next_due(session) is None
        assert [row.kind for row in outbox.listing(session, "held")] == ["followup", "invitation", "invitation"]
        assert session.get(Meeting, meeting_id).phase == "ended", "time has passed all the same"
    assert everything_done(services) == []


def test_what_is_released_leaves_once_if_it_is_still_so(services, meeting_id):
    hold(services)
    with services.database.write() as session:
        assert held.release(session, RESTORED) == 3
        assert held.release(session, RESTORED) == 0
        assert outbox.oldest_overdue(session, RESTORED) == timedelta(0)
    assert everything_done(services) == ["followup"], "an invitation to what is over says nothing that is so"


def test_what_is_dropped_stays_dropped_however_often_the_meeting_is_looked_at(services, meeting_id):
    hold(services)
    with services.database.write() as session:
        assert held.cancel(session, kind="invitation") == 2
        assert held.cancel(session) == 1
        session.execute(update(Meeting).values(due_at=RESTORED))
    assert everything_done(services) == []


def test_what_falls_due_after_the_restore_is_sent_as_ever(services, meeting_id):
    hold(services, NOW + timedelta(hours=1))
    services.clock.now = MONDAY - timedelta(hours=20)
    assert set(everything_done(services)) == {"reminder", "brief", "followup"}


def test_who_may_have_a_held_invitation_is_told_of_the_cancellation(services, meeting_id):
    hold(services, NOW + timedelta(hours=1))
    with services.database.write() as session:
        meeting = session.get(Meeting, meeting_id)
        booking.cancel(session, NOW + timedelta(hours=2), meeting, meeting.pair.mentee_id)
    services.clock.now = NOW + timedelta(hours=2)
    drain(services)
    assert sent(services) == ["cancellation", "cancellation"]
    assert len(services.mailer.sent) == 2


def test_an_answer_that_nobody_had_read_counts_and_tells_nobody_unasked(services, meeting_id):
    services.clock.now = NOW
    drain(services)
    invitation = next(mail for mail in services.mailer.sent if mail.recipient == "ben@example.org")
    with services.database.write() as session:
        answer = make_reply(request_in(invitation.octets), "ben@example.org", "DECLINED", NOW)
        inbound.receive(session, NOW, answer)
    assert hold(services, NOW + timedelta(hours=1)) == 2
    with services.database.read() as session:
        assert held.kinds(session) == {"declined": 2}
        assert session.get(Meeting, meeting_id).phase == "cancelled"
    assert drain(services) == 0


def test_what_was_being_sent_is_uncertain_and_what_was_queued_is_nobodys(services, meeting_id):
    with services.database.write() as session:
        first, second = session.scalars(select(OutboxRow).order_by(OutboxRow.id)).all()
        first.state, first.token, first.lease_until = "sending", "t", NOW
        second.state, second.token, second.lease_until = "queued", "t", NOW
    hold(services, NOW + timedelta(hours=1))
    with services.database.read() as session:
        first, second = session.scalars(select(OutboxRow).order_by(OutboxRow.id)).all()
        assert (first.state, first.held_at, first.last_error) == ("uncertain", None, "answer_lost")
        assert (second.state, second.token, second.lease_until) == ("pending", None, None)
        assert second.held_at is not None


def test_one_row_is_decided_on_its_own(services, meeting_id):
    hold(services, NOW + timedelta(hours=1))
    with services.database.write() as session:
        first, second = (row.id for row in outbox.listing(session, "held"))
        assert held.release(session, NOW, row_id=first) == 1
        with pytest.raises(MoveNotAllowed, match="not_held"):
            held.cancel(session, row_id=first)
        operator.retry(NOW, session.get(OutboxRow, second))
        session.flush()
        assert held.count(session) == 0
    drain(services)
    assert len(services.mailer.sent) == 2


def test_all_meetings_are_looked_at_however_many(services):
    with services.database.write() as session:
        pair = cast.pair(session, NOW)
        booked = booking.book(
            session, NOW, AGE, SlotQuery(pair.id, "check-in"), BookingInput(start=MONDAY, by_id=pair.mentee_id)
        )
        columns = {column.name: getattr(booked, column.name) for column in Meeting.__table__.columns}
        session.add_all(
            Meeting(**{**columns, "id": booked.id + number, "uid": f"u{number}"}) for number in range(1, 151)
        )
    assert hold(services) == 2 + 151
    services.clock.advance(days=2)
    clock.sweep(services)
    assert drain(services) == 0


def test_going_back_to_a_version_without_the_mark_sends_nothing_either(services, meeting_id):
    hold(services)
    stamp(services.database)
    migrate.migrate(services.database.engine, "0002")
    with services.database.read() as session:
        found = session.execute(text("SELECT DISTINCT state, last_error FROM outbox")).all()
        assert found == [("uncertain", "restored")]
    migrate.migrate(services.database.engine)
    assert everything_done(services) == []
