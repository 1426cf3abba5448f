"""The loop that finds what is due, and the two promises about mail: none for what is over, none left out."""

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, select

from service.domain.errors import AdapterError, SlotTaken
from service.operations import booking, followup, inbound, turns
from service.operations.booking import BookingInput
from service.operations.offering import SlotQuery
from service.store import outbox
from service.store.tables import Meeting, OutboxRow
from tests import cast
from workers import clock
from workers.deliver import deliver, drain

pytestmark = pytest.mark.databases

NOW = datetime(2027, 2, 1, 9, 0, tzinfo=UTC)
START = datetime(2027, 2, 8, 15, 0, tzinfo=UTC)
AGE = timedelta(hours=1)
BUSY_AT_ONCE = "PRAGMA busy_timeout = 0"


def book(services):
    with services.database.write() as session:
        pair = cast.pair(session, NOW)
        wanted = BookingInput(start=START, by_id=pair.mentee_id)
        return booking.book(session, NOW, AGE, SlotQuery(pair.id, "check-in"), wanted).id


@pytest.fixture
def meeting_id(services):
    return book(services)


def kinds(services, *states):
    with services.database.read() as session:
        rows = session.scalars(select(OutboxRow).order_by(OutboxRow.id))
        return [row.kind for row in rows if not states or row.state in states]


def work(services):
    """What the worker does with the jobs that were asked for so far."""
    asked, services.jobs.asked = services.jobs.asked, []
    for name, (token, ids) in asked:
        assert name == "send_batch"
        deliver(services, token, ids)


def test_s15_nothing_for_a_cancelled_meeting(services, meeting_id):
    clock.dispatch(services)
    work(services)
    assert kinds(services, "sent") == ["invitation", "invitation"]
    services.clock.now = START - timedelta(hours=24)
    clock.sweep(services)
    assert {"reminder", "brief"} <= set(kinds(services))
    assert clock.dispatch(services) > 0
    killed, services.jobs.asked = services.jobs.asked, []  # the worker dies with these jobs in its hands
    services.mailer.sent.clear()
    with services.database.write() as session:
        meeting = session.get(Meeting, meeting_id)
        booking.cancel(session, services.clock(), meeting, meeting.pair.mentee_id)
    clock.dispatch(services)
    work(services)
    for _, (token, ids) in killed:  # and the broker hands them out again
        deliver(services, token, ids)
    while services.clock() < START + timedelta(days=3):
        services.clock.advance(hours=6)
        clock.sweep(services)
        clock.dispatch(services)
        work(services)
    assert kinds(services, "sent") == ["invitation", "invitation", "cancellation", "cancellation"]
    assert len(services.mailer.sent) == 2


def test_s15_what_was_never_announced_needs_no_cancellation(services, meeting_id):
    with services.database.write() as session:
        meeting = session.get(Meeting, meeting_id)
        booking.cancel(session, NOW, meeting, meeting.pair.mentee_id)
    drain(services)
    assert services.mailer.sent == []


def test_s16_booked_means_told_however_long_the_mail_server_and_the_broker_are_away(services, meeting_id):
    assert kinds(services, "pending") == ["invitation", "invitation"], "written with the booking, in its transaction"
    services.jobs.broken = True
    with pytest.raises(AdapterError):
        clock.dispatch(services)
    assert kinds(services, "pending") == ["invitation", "invitation"]
    services.jobs.broken = False

    def away(_step):
        raise AdapterError("smtp_unreachable", permanent=False)

    services.mailer.fault = away
    for _ in range(20):
        services.clock.advance(minutes=30)
        clock.dispatch(services)
        work(services)
    services.mailer.fault = lambda _: None
    services.clock.advance(hours=2)
    clock.dispatch(services)
    work(services)
    assert kinds(services, "sent") == ["invitation", "invitation"]
    assert sorted(mail.recipient for mail in services.mailer.sent) == ["ana@example.org", "ben@example.org"]


def test_s16_who_was_not_booked_is_not_told(services, meeting_id):
    with services.database.write() as session:
        other = cast.other_mentee(session, NOW, session.get(Meeting, meeting_id).pair.mentor_id)
        pair_id, mentee_id = other.id, other.mentee_id

    def book_too():
        with services.database.write() as session:
            wanted = BookingInput(start=START, by_id=mentee_id)
            booking.book(session, NOW, AGE, SlotQuery(pair_id, "check-in"), wanted)

    with pytest.raises(SlotTaken):
        book_too()
    assert kinds(services) == ["invitation", "invitation"]


def test_a_job_that_the_broker_did_not_take_gives_its_rows_back(services, meeting_id):
    class Forgetful(type(services.jobs)):
        def send_batch(self, token, outbox_ids):
            raise AdapterError("broker_unreachable", permanent=False)

    forgetful = Forgetful()
    object.__setattr__(services, "jobs", forgetful)
    with pytest.raises(AdapterError):
        clock.dispatch(services)
    assert kinds(services, "pending") == ["invitation", "invitation"]
    assert drain(services) == 2, "sent without any queue"


def test_a_full_queue_leaves_the_backlog_in_the_database(services, meeting_id):
    class Full(type(services.jobs)):
        def depth(self):
            return clock.MOST_QUEUED

    object.__setattr__(services, "jobs", Full())
    assert clock.dispatch(services) == 0
    assert kinds(services, "pending") == ["invitation", "invitation"]


def test_a_broker_that_forgot_everything_costs_one_lease(services, meeting_id):
    clock.dispatch(services)
    services.jobs.asked.clear()
    assert clock.dispatch(services) == 0
    services.clock.now += outbox.QUEUED_LEASE
    assert clock.dispatch(services) == 2
    work(services)
    assert len(services.mailer.sent) == 2


def test_a_clock_that_jumps_sends_nothing_twice(services, meeting_id):
    clock.dispatch(services)
    late, services.jobs.asked = services.jobs.asked, []
    for jump in (timedelta(days=2), timedelta(days=-3), timedelta(days=1)):
        services.clock.now += jump
        clock.sweep(services)
        clock.dispatch(services)
        work(services)
    for _, (token, ids) in late:
        deliver(services, token, ids)
    assert kinds(services, "sent") == ["invitation", "invitation"]
    assert len(services.mailer.sent) == 2


def test_calendars_and_messages_are_handed_out_once_a_round(services):
    with services.database.write() as session:
        connection_id = cast.broken_calendar(session, NOW, cast.person(session, NOW, "ben").id).id
        inbound_id = inbound.receive(session, NOW, b"Message-ID: <1@example.org>\r\n\r\nhello")
    assert clock.refresh_due(services) == 2
    assert services.jobs.asked == [("read_calendars", None), ("read_inbound", [inbound_id])]
    services.jobs.asked.clear()
    with services.database.write() as session:
        assert turns.claim(session, NOW, 9, 4) == [connection_id]
    clock.refresh_due(services)
    assert ("read_calendars", None) not in services.jobs.asked, "somebody reads it"


def test_a_round_that_fails_is_told_without_what_anybody_typed(services, caplog):
    def wrong(services):
        raise KeyError(services.clock.what_somebody_typed)

    services.clock.what_somebody_typed = "ana@example.org"

    assert clock.attempt(wrong, services) is None
    assert "KeyError" in caplog.text
    assert "ana@" not in caplog.text
    assert clock.attempt(clock.sweep, services) == 0


def test_the_sweep_goes_on_until_nothing_is_due(services, meeting_id):
    services.clock.now = START - timedelta(hours=70)
    assert clock.sweep(services) >= 1
    with services.database.read() as session:
        assert followup.next_due(session) > services.clock()


@pytest.mark.sqlite
def test_a_database_that_is_locked_costs_a_round_and_no_mail(services, meeting_id, caplog):
    services.database.close()
    event.listen(services.database.engine, "connect", lambda connection, _: connection.execute(BUSY_AT_ONCE))
    other = sqlite3.connect(services.settings.data_dir / "greenroom.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert clock.attempt(clock.dispatch, services) is None
    assert "the database said OperationalError" in caplog.text
    other.execute("ROLLBACK")
    other.close()
    assert clock.attempt(clock.dispatch, services) == 2
    work(services)
    assert len(services.mailer.sent) == 2
