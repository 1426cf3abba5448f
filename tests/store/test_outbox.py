"""The outbox's states: every row ends somewhere, and nothing is claimed twice."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from service.domain import retries
from service.domain.errors import MoveNotAllowed
from service.domain.retries import Failure
from service.operations import operator
from service.store import outbox
from service.store.tables import OutboxRow
from tests import cast

pytestmark = pytest.mark.databases

NOW = datetime(2027, 2, 1, 9, 0, tzinfo=UTC)


@pytest.fixture
def rows(services):
    """Three due rows; returns their ids."""
    with services.database.write() as session:
        ana = cast.person(session, NOW, "ana")
        for number in range(3):
            assert outbox.add(session, NOW, "links", ana.id, dedup=f"k{number}")
        return list(session.scalars(select(OutboxRow.id).order_by(OutboxRow.id)))


def claim(services, now=NOW, limit=50):
    with services.database.write() as session:
        return outbox.claim_batch(session, now, limit)


def state_of(services, row_id):
    with services.database.read() as session:
        row = session.get(OutboxRow, row_id)
        return row.state, row.attempts


def do(services, action):
    with services.database.write() as session:
        return action(session)


def test_a_key_is_written_once(services, rows):
    with services.database.write() as session:
        ana = cast.person(session, NOW, "ana")
        assert outbox.add(session, NOW, "links", ana.id, dedup="k0") is False


def test_many_are_written_as_one_is(services, rows):
    """What stands stays as it is, what was taken back comes to life, what is new is added."""
    token, ids = claim(services, limit=2)
    do(services, lambda s: outbox.drop(s, token, ids[1:]))
    later = NOW + timedelta(hours=1)
    with services.database.write() as session:
        ana = cast.person(session, NOW, "ana")
        mails = [outbox.NewMail("links", ana.id, f"k{number}", due_at=later) for number in range(4)]
        outbox.add_all(session, NOW, mails)
        outbox.add_all(session, NOW, [])
    with services.database.read() as session:
        found = session.scalars(select(OutboxRow).order_by(OutboxRow.dedup_key)).all()
        assert [(row.dedup_key, row.state, row.due_at) for row in found] == [
            ("k0", "queued", NOW), ("k1", "pending", later), ("k2", "pending", NOW), ("k3", "pending", later),
        ]  # fmt: skip
        assert len({row.message_id for row in found}) == 4


def test_a_row_is_claimed_once(services, rows):
    token, ids = claim(services)
    assert ids == rows
    assert claim(services)[1] == []
    do(services, lambda s: outbox.give_back(s, token))
    assert claim(services)[1] == rows


def test_only_the_mark_with_the_right_token_lets_a_mail_out(services, rows):
    token, _ = claim(services)
    assert do(services, lambda s: outbox.start_sending(s, NOW, rows[0], "another", b"octets")) is False
    assert do(services, lambda s: outbox.start_sending(s, NOW, rows[0], token, b"octets")) is True
    assert do(services, lambda s: outbox.start_sending(s, NOW, rows[0], token, b"octets")) is False
    assert do(services, lambda s: outbox.settle_sent(s, NOW, rows[0], token)) is True
    assert state_of(services, rows[0]) == ("sent", 1)


def test_a_lease_that_is_over_lets_nothing_out(services, rows):
    token, _ = claim(services)
    late = NOW + outbox.QUEUED_LEASE
    assert do(services, lambda s: outbox.start_sending(s, late, rows[0], token, b"octets")) is False


def test_reaping_knows_what_was_surely_not_sent(services, rows):
    token, _ = claim(services)
    do(services, lambda s: outbox.start_sending(s, NOW, rows[0], token, b"octets"))
    do(services, lambda s: outbox.reap(s, NOW + outbox.QUEUED_LEASE))
    assert state_of(services, rows[0])[0] == "uncertain"
    assert state_of(services, rows[1])[0] == "pending"
    assert do(services, lambda s: outbox.settle_sent(s, NOW, rows[0], token)) is True, "the late worker knows better"


def test_failures_back_off_and_end_after_days_not_hours(services):
    with services.database.write() as session:
        outbox.add(session, NOW, "links", cast.person(session, NOW, "ana").id, dedup="k")
    now, pauses = NOW, []
    while True:
        token, [row_id] = claim(services, now)
        state = do(services, lambda s, n=now, t=token, r=row_id: outbox.settle_failed(s, n, r, t, Failure("away")))
        if state == "dead":
            break
        with services.database.read() as session:
            pauses.append(session.get(OutboxRow, row_id).due_at - now)
        now += pauses[-1]
    assert pauses[:4] == [timedelta(seconds=seconds) for seconds in (15, 30, 60, 120)]
    assert max(pauses) == retries.LONGEST_RETRY
    assert now - NOW >= retries.KEEP_TRYING
    assert len(pauses) >= retries.MOST_ATTEMPTS


def test_a_permanent_refusal_is_dead_at_once_and_can_be_retried(services, rows):
    token, _ = claim(services)
    fault = Failure("smtp_refused", permanent=True)
    assert do(services, lambda s: outbox.settle_failed(s, NOW, rows[0], token, fault)) == "dead"
    do(services, lambda s: operator.retry(NOW, s.get(OutboxRow, rows[0])))
    assert state_of(services, rows[0]) == ("pending", 0)


def test_a_withdrawn_row_is_no_job_of_anybodys(services, rows):
    with services.database.write() as session:
        pair = cast.pair(session, NOW)
        from service.store.tables import Meeting

        meeting = Meeting(
            pair_id=pair.id, session="check-in", starts_at=NOW, ends_at=NOW + timedelta(hours=1), phase="booked",
            uid="u", fixed_at=NOW, created_at=NOW,
        )  # fmt: skip
        session.add(meeting)
        session.flush()
        outbox.add(session, NOW, "invitation", pair.mentor_id, dedup="m", meeting_id=meeting.id, sequence=0)
        meeting_id = meeting.id
    token, ids = claim(services)
    assert do(services, lambda s: outbox.withdraw(s, meeting_id=meeting_id, kinds=("invitation",))) == 1
    assert do(services, lambda s: outbox.load_mine(s, token, ids[-1:])) == []
    assert do(services, lambda s: outbox.start_sending(s, NOW, ids[-1], token, b"octets")) is False
    assert do(services, lambda s: outbox.announced(s, meeting_id)) == {}
    assert do(services, lambda s: outbox.kinds_of(s, [meeting_id])) == {meeting_id: set()}


def test_only_a_person_resolves_what_is_uncertain(services, rows):
    with pytest.raises(MoveNotAllowed):
        do(services, lambda s: operator.resolve(NOW, s.get(OutboxRow, rows[0]), sent=True))
    token, _ = claim(services)
    do(services, lambda s: outbox.start_sending(s, NOW, rows[0], token, b"octets"))
    do(services, lambda s: outbox.settle_failed(s, NOW, rows[0], token, Failure("answer_lost", unknown=True)))
    assert claim(services, NOW + timedelta(days=30))[1] != rows[:1]
    do(services, lambda s: operator.resolve(NOW, s.get(OutboxRow, rows[0]), sent=False))
    assert state_of(services, rows[0])[0] == "pending"


def test_the_oldest_overdue_row_is_the_alarm(services, rows):
    later = NOW + timedelta(minutes=7)
    assert do(services, lambda s: outbox.oldest_overdue(s, later)) == timedelta(minutes=7)
    assert do(services, outbox.counts) == {"pending": 3}


def test_dispatchers_that_claim_at_once_never_share_a_row(services):
    with services.database.write() as session:
        ana = cast.person(session, NOW, "ana")
        for number in range(120):
            outbox.add(session, NOW, "links", ana.id, dedup=f"many{number}")
    claimed, gate = [], threading.Barrier(6)

    def dispatcher():
        gate.wait()
        while ids := claim(services, limit=7)[1]:
            claimed.extend(ids)

    threads = [threading.Thread(target=dispatcher) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == len(set(claimed)) == 120


@pytest.mark.postgresql
def test_a_dispatcher_passes_by_what_another_has_in_its_hands(services, rows):
    """SQLite has one writer; PostgreSQL would wait here until the other is done, and these two would wait for ever."""
    with services.database.write() as session:
        assert outbox.claim_batch(session, NOW, 2)[1] == rows[:2]
        assert claim(services)[1] == rows[2:]
        do(services, lambda other: outbox.reap(other, NOW + timedelta(days=1)))
    assert [state_of(services, row_id)[0] for row_id in rows] == ["queued", "queued", "pending"]


def test_a_wrong_clock_delays_or_asks_but_sends_nothing_twice(services, rows):
    token, _ = claim(services)
    do(services, lambda s: outbox.start_sending(s, NOW, rows[0], token, b"octets"))
    ahead = NOW + timedelta(days=2)
    do(services, lambda s: outbox.reap(s, ahead))
    assert [state_of(services, row_id)[0] for row_id in rows] == ["uncertain", "pending", "pending"]
    back = NOW - timedelta(days=2)
    assert claim(services, back)[1] == [], "due moments lie ahead of a clock that was set back"
    later, ids = claim(services, ahead)
    assert ids == rows[1:]
    assert do(services, lambda s: outbox.start_sending(s, back, rows[1], later, b"octets")) is True
    assert do(services, lambda s: outbox.start_sending(s, back, rows[1], token, b"octets")) is False
