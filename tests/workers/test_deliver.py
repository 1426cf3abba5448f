"""A batch on its way out: every outcome of every step, and what it does to the row and to its neighbours."""

import threading
from datetime import timedelta
from email import policy
from email.parser import BytesParser

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.orm import undefer

from service.domain.errors import AdapterError, AnswerLost, MailRefused
from service.domain.retries import FIRST_RETRY
from service.operations import operator
from service.store import outbox
from service.store.tables import OutboxRow, Person
from tests import cast
from workers import context
from workers.deliver import deliver, drain, send_batch

pytestmark = pytest.mark.databases


@pytest.fixture
def rows(services):
    """Three mails with Ana's links that are due; their ids."""
    now = services.clock()
    with services.database.write() as session:
        ana = cast.person(session, now, "ana")
        for number in range(3):
            outbox.add(session, now, "links", ana.id, dedup=f"k{number}")
        return list(session.scalars(select(OutboxRow.id).order_by(OutboxRow.id)))


def states(services):
    with services.database.read() as session:
        return [row.state for row in session.scalars(select(OutboxRow).order_by(OutboxRow.id))]


def row_of(services, row_id):
    with services.database.read() as session:
        return session.get(OutboxRow, row_id, options=[undefer(OutboxRow.octets)])


def claim(services):
    with services.database.write() as session:
        return outbox.claim_batch(session, services.clock(), 50)


def fails(services, step, fault, nth=1):
    """The mail server fails at the nth time of this step, once."""
    left = [nth]

    def at(name):
        if name == step:
            left[0] -= 1
            if left[0] == 0:
                raise fault

    services.mailer.fault = at


def message_ids(services):
    parsed = (BytesParser(policy=policy.default).parsebytes(mail.octets) for mail in services.mailer.sent)
    return [str(message["Message-ID"]) for message in parsed]


UNREACHABLE = AdapterError("smtp_unreachable", permanent=False)
LATER = MailRefused("smtp_refused", permanent=False, reply=451)
NEVER = MailRefused("smtp_refused", permanent=True, reply=550)


def test_all_is_well(services, rows):
    assert drain(services) == 3
    assert states(services) == ["sent"] * 3
    assert len(set(message_ids(services))) == 3
    assert drain(services) == 0


def test_a_server_that_is_away_delays_and_is_asked_less_and_less_often(services, rows):
    fails(services, "connect", UNREACHABLE)
    drain(services)
    assert states(services) == ["pending"] * 3
    row = row_of(services, rows[0])
    assert (row.attempts, row.last_error, row.octets) == (1, "smtp_unreachable", None)
    pause = row.due_at - services.clock()
    assert FIRST_RETRY <= pause <= FIRST_RETRY * 1.25
    assert drain(services) == 0, "nothing is due before the pause is over"
    services.clock.advance(minutes=1)
    drain(services)
    assert states(services) == ["sent"] * 3


@pytest.mark.parametrize("step", ["offer", "deliver"])
def test_a_refusal_for_now_is_about_one_mail(services, rows, step):
    fails(services, step, LATER)
    drain(services)
    assert states(services) == ["pending", "sent", "sent"]
    services.clock.advance(minutes=1)
    drain(services)
    assert states(services) == ["sent"] * 3
    assert len(set(message_ids(services))) == 3


@pytest.mark.parametrize("step", ["offer", "deliver"])
def test_a_refusal_for_good_ends_one_mail(services, rows, step):
    fails(services, step, NEVER, nth=2)
    drain(services)
    assert states(services) == ["sent", "dead", "sent"]
    services.clock.advance(days=30)
    assert drain(services) == 0


def test_a_server_may_say_when(services, rows):
    fails(services, "offer", MailRefused("smtp_refused", permanent=False, retry_after=timedelta(hours=3)))
    drain(services)
    assert row_of(services, rows[0]).due_at == services.clock() + timedelta(hours=3)


def test_what_a_server_may_have_seen_is_sent_again_to_the_letter(services, rows):
    fails(services, "deliver", LATER)
    drain(services)
    kept = row_of(services, rows[0]).octets
    services.clock.advance(hours=1)
    drain(services)
    assert services.mailer.sent[-1].octets == kept


def test_what_no_server_has_seen_is_written_anew(services, rows):
    fails(services, "offer", LATER)
    drain(services)
    assert row_of(services, rows[0]).octets is None


def test_an_answer_that_never_came_is_for_a_person_to_decide(services, rows):
    fails(services, "deliver", AnswerLost())
    drain(services)
    assert states(services) == ["uncertain", "sent", "sent"], "the rest was given back and sent over a new connection"
    services.clock.advance(days=30)
    assert drain(services) == 0
    with services.database.write() as session:
        operator.resolve(services.clock(), session.get(OutboxRow, rows[0]), sent=False)
    drain(services)
    assert states(services) == ["sent"] * 3


def test_a_connection_that_breaks_costs_the_others_no_attempt(services, rows):
    fails(services, "offer", UNREACHABLE, nth=2)
    token, ids = claim(services)
    deliver(services, token, ids)
    assert states(services) == ["sent", "pending", "pending"]
    assert [row_of(services, row_id).attempts for row_id in rows] == [1, 1, 0]
    assert row_of(services, rows[2]).due_at <= services.clock()


def test_a_mail_withdrawn_at_the_last_moment_does_not_leave(services, rows):
    def withdraw(step):
        if step == "offer":
            with services.database.write() as session:
                session.get(OutboxRow, rows[0]).state = "cancelled"
            services.mailer.fault = lambda _: None

    services.mailer.fault = withdraw
    drain(services)
    assert states(services) == ["cancelled", "sent", "sent"]
    assert len(services.mailer.sent) == 2


def test_a_job_that_comes_twice_sends_once(services, rows):
    token, ids = claim(services)
    deliver(services, token, ids)
    deliver(services, token, ids)
    assert len(services.mailer.sent) == 3


def test_a_job_whose_rows_were_taken_over_sends_nothing(services, rows):
    token, ids = claim(services)
    services.clock.advance(minutes=6)
    with services.database.write() as session:
        outbox.reap(session, services.clock())
    later, same = claim(services)
    assert same == ids
    deliver(services, token, ids)
    assert services.mailer.sent == []
    deliver(services, later, ids)
    assert len(services.mailer.sent) == 3


def test_a_mail_that_cannot_be_written_holds_up_nobody(services, rows):
    with services.database.write() as session:
        session.get(OutboxRow, rows[0]).kind = "of-a-later-version"
        session.get(OutboxRow, rows[1]).kind = "invitation"  # without the meeting that it is about
        session.get(OutboxRow, rows[1]).meeting_id = None
    drain(services)
    assert states(services)[0] == "dead"
    assert states(services)[1] in {"cancelled", "pending"}
    assert states(services)[2] == "sent"


def test_a_key_that_is_missing_delays_its_own_mail(services, rows, caplog):
    fails(services, "deliver", LATER)
    drain(services)
    with services.database.write() as session:
        sealed = {"octets": b"sealed by another key", "id": rows[0]}
        session.execute(text("UPDATE outbox SET octets = :octets WHERE id = :id"), sealed)
    services.clock.advance(minutes=1)
    drain(services)
    assert states(services) == ["pending", "sent", "sent"]
    assert "KeyMissing" in caplog.text
    with services.database.read() as session:
        assert [row.last_error for row in outbox.listing(session)][-1] == "KeyMissing"


SHORT_OF_PATIENCE = {"sqlite": "PRAGMA busy_timeout = 0", "postgresql": "SET lock_timeout = '50ms'"}
LOCKING = {"sqlite": "SELECT 1", "postgresql": "LOCK TABLE outbox"}  # SQLite's write session locks by beginning


@pytest.fixture
def impatient(services):
    """The database says that it is locked at once, rather than after seconds."""
    services.database.close()
    engine = services.database.engine

    def hurry(connection, _entry):
        connection.execute(SHORT_OF_PATIENCE[engine.dialect.name])
        connection.commit()

    event.listen(engine, "connect", hurry)
    return services


def locked_for(services, seconds):
    """Somebody else holds the lock for so long."""
    engine = services.database.engine.execution_options(greenroom_write=True)
    other = engine.connect()
    other.execute(text(LOCKING[engine.dialect.name]))
    threading.Timer(seconds, other.close).start()


@pytest.mark.parametrize(("step", "then"), [("offer", "pending"), ("deliver", "sent")])
def test_a_database_that_is_locked_for_a_moment_loses_no_answer(impatient, rows, step, then):
    def lock(name):
        if name == step:
            impatient.mailer.fault = lambda _: None
            locked_for(impatient, 0.3)

    impatient.mailer.fault = lock
    drain(impatient)
    assert states(impatient) == [then, "sent", "sent"]
    assert len(impatient.mailer.sent) == (2 if then == "pending" else 3)
    impatient.clock.advance(minutes=1)
    drain(impatient)
    assert len(impatient.mailer.sent) == 3


@pytest.fixture
def to_four(services):
    """A mail for each of four people, which are written together; their ids."""
    now = services.clock()
    with services.database.write() as session:
        for key in ("ana", "ben", "dan", "eve"):
            outbox.add(session, now, "links", cast.person(session, now, key).id, dedup=key)
        return list(session.scalars(select(OutboxRow.id).order_by(OutboxRow.id)))


def test_each_mail_costs_one_write(services, to_four):
    token, ids = claim(services)
    commits = []
    event.listen(services.database.engine, "commit", commits.append)
    deliver(services, token, ids)
    assert states(services) == ["sent"] * 4
    assert len(commits) == len(ids) + 3, "their links at first, the fate of the last and how long they took at the end"


def test_what_arrived_is_written_down_although_the_next_mail_cannot_be_marked(impatient, to_four):
    def lock(name):
        if name == "deliver":
            impatient.mailer.fault = lambda _: None
            locked_for(impatient, 0.3)

    impatient.mailer.fault = lock
    drain(impatient)
    assert states(impatient) == ["sent", "pending", "sent", "sent"]
    impatient.clock.advance(minutes=1)
    drain(impatient)
    assert states(impatient) == ["sent"] * 4
    assert len(set(message_ids(impatient))) == len(impatient.mailer.sent) == 4


def test_one_mail_that_cannot_be_written_is_left_out_of_those_written_together(services, to_four):
    with services.database.write() as session:
        session.get(OutboxRow, to_four[1]).kind = "of-a-later-version"
    drain(services)
    assert states(services) == ["sent", "dead", "sent", "sent"]


def test_a_connection_that_breaks_leaves_no_answer_unwritten(services, to_four):
    fails(services, "offer", UNREACHABLE, nth=3)
    token, ids = claim(services)
    deliver(services, token, ids)
    assert states(services) == ["sent", "sent", "pending", "pending"]


@pytest.fixture
def at_work(services, monkeypatch):
    """In a worker process."""
    monkeypatch.setattr(context, "_made", [services])
    return services


def claim_one(services):
    with services.database.write() as session:
        return outbox.claim_batch(session, services.clock(), 1)


def test_a_job_goes_on_with_what_is_due_while_all_goes_well(at_work, to_four):
    send_batch(*claim_one(at_work))
    assert states(at_work) == ["sent"] * 4


def test_a_job_whose_server_is_lost_leaves_the_rest_alone(at_work, to_four):
    token, ids = claim_one(at_work)
    fails(at_work, "offer", UNREACHABLE)
    send_batch(token, ids)
    assert states(at_work) == ["pending"] * 4
    assert [row_of(at_work, row_id).attempts for row_id in to_four] == [1, 0, 0, 0]


def test_a_slow_server_is_given_what_is_so_when_its_turn_comes(services, to_four, monkeypatch):
    monkeypatch.setattr("workers.deliver.FRESH_FOR", timedelta(0))

    def moves(step):
        if step == "deliver" and not services.mailer.sent:
            with services.database.write() as session:
                session.scalars(select(Person).where(Person.email == "eve@example.org")).one().email = "eve@new.example"

    services.mailer.fault = moves
    drain(services)
    assert [mail.recipient for mail in services.mailer.sent][-1] == "eve@new.example"
    assert states(services) == ["sent"] * 4
