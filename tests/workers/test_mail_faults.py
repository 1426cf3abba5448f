"""Mail servers on bad days, real ones on loopback: what happens to the rows, and that nobody gets a mail twice."""

from __future__ import annotations

import socket
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event, select

from integrations.smtp_mail import SmtpMailer
from service.store import outbox
from service.store.tables import OutboxRow
from tests import cast, smtp
from tests.certificates import certificate
from workers.deliver import drain

ANA, BEN, EVE = (cast.PEOPLE[key][1] for key in ("ana", "ben", "eve"))
PATIENCE = timedelta(seconds=0.3)


@pytest.fixture
def due(services):
    """One mail to each of three people."""
    now = services.clock()
    with services.database.write() as session:
        for key in ("ana", "ben", "eve"):
            outbox.add(session, now, "links", cast.person(session, now, key).id, dedup=key)
    return services


def over(services, port, **other):
    options = {"username": None, "password": None, "security": "none", "extra_ca": None} | other
    return replace(services, mailer=SmtpMailer("127.0.0.1", port, timeout=PATIENCE, **options))


def rows(services):
    with services.database.read() as session:
        return list(session.scalars(select(OutboxRow).order_by(OutboxRow.id)))


def fates(services):
    return [(row.state, row.last_error) for row in rows(services)]


def go_on(services):
    """To the moment at which the next row is due."""
    with services.database.read() as session:
        services.clock.now = max(services.clock.now, outbox.next_due(session))
    drain(services)


def recipients(sink):
    return sorted(recipient for recipient, _ in sink.taken)


def test_one_address_that_is_refused_ends_alone(due):
    with smtp.running() as (sink, port):
        sink.refusals[BEN] = ["550 nobody here"]
        drain(over(due, port))
        assert fates(due) == [("sent", None), ("dead", "smtp_refused"), ("sent", None)]
        due.clock.advance(days=5)
        assert drain(over(due, port)) == 0
        assert recipients(sink) == [ANA, EVE]


def test_a_server_that_greylists_takes_it_the_second_time(due):
    with smtp.running() as (sink, port):
        sink.refusals = {address: ["450 come again in a minute"] for address in (ANA, BEN, EVE)}
        services = over(due, port)
        drain(services)
        assert fates(due) == [("pending", "smtp_refused")] * 3
        assert drain(services) == 0, "not at once"
        due.clock.advance(minutes=1)
        drain(services)
        assert fates(due) == [("sent", None)] * 3
        assert recipients(sink) == [ANA, BEN, EVE]


def test_451_for_an_hour_is_asked_less_often_and_then_sent_once(due):
    begun = due.clock.now
    with smtp.running() as (sink, port):
        services = over(due, port)
        sink.answer = "451 not now"
        drain(services)
        while due.clock.now < begun + timedelta(hours=1):
            assert {row.state for row in rows(due)} == {"pending"}
            go_on(services)
        tries = max(row.attempts for row in rows(due))
        assert 8 <= tries <= 10, "15 s, doubled each time: not a storm, and not given up"
        sink.answer = "250 kept"
        while {row.state for row in rows(due)} != {"sent"}:
            go_on(services)
        assert due.clock.now - begun < timedelta(hours=2.5)
        assert Counter(recipients(sink)) == {ANA: 1, BEN: 1, EVE: 1}


def test_a_server_that_says_nothing_costs_its_patience_and_no_mail(due):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        drain(over(due, silent.getsockname()[1]))
        assert fates(due) == [("pending", "smtp_unreachable")] * 3
    with smtp.running() as (sink, port):
        go_on(over(due, port))
        due.clock.advance(minutes=1)
        drain(over(due, port))
        assert recipients(sink) == [ANA, BEN, EVE]


def test_a_server_may_look_into_a_message_for_longer_than_a_step_takes(due):
    with smtp.running() as (sink, port):
        sink.hang = PATIENCE.total_seconds() * 1.5
        drain(over(due, port))
        assert fates(due) == [("sent", None)] * 3


def test_a_server_that_falls_silent_over_a_message_leaves_that_one_to_a_person(due):
    with smtp.running() as (sink, port):
        sink.hang = 30
        services = over(due, port)
        drain(services)
        assert Counter(fates(due)) == {("uncertain", "answer_lost"): 1, ("pending", None): 2}, "not one after another"
        assert [row.attempts for row in rows(due)] == [1, 0, 0]
        sink.hang = 0
        assert drain(services) == 0, "the server is left alone for a while"
        go_on(services)
        assert Counter(row.state for row in rows(due)) == {"sent": 2, "uncertain": 1}
        due.clock.advance(days=5)
        assert drain(services) == 0, "never again by itself"
        assert len(sink.taken) == 2


def test_a_certificate_that_ran_out_delays_everything_and_is_named(due, tmp_path):
    for folder, until in (("old", -timedelta(days=1)), ("new", timedelta(days=1))):
        (tmp_path / folder).mkdir()
        context, public = certificate(tmp_path / folder, until)
        with smtp.running(tls_context=context) as (sink, port):
            drain(over(due, port, security="starttls", extra_ca=public))
            if folder == "old":
                assert fates(due) == [("pending", "smtp_tls_expired")] * 3
                assert sink.taken == []
            else:
                assert recipients(sink) == [ANA, BEN, EVE]
        due.clock.advance(minutes=1)


@pytest.mark.sqlite
def test_a_full_disk_lets_no_mail_out_and_each_out_once_when_there_is_room(due):
    engine = due.database.engine

    def most_pages(count):
        engine.dispose()
        event.listen(engine, "connect", lambda connection, _entry: connection.execute(f"PRAGMA max_page_count={count}"))

    with engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    with smtp.running() as (sink, port):
        most_pages(pages)
        drain(over(due, port))
        assert fates(due) == [("pending", "database")] * 3
        assert sink.taken == [], "without the mark before it nothing leaves"
        most_pages(10**6)
        due.clock.advance(minutes=1)
        drain(over(due, port))
        assert fates(due) == [("sent", None)] * 3
        assert Counter(recipients(sink)) == {ANA: 1, BEN: 1, EVE: 1}
