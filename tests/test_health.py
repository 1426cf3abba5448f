"""What a supervisor is told: live always, ready when people can be served."""

from dataclasses import replace
from datetime import timedelta

import pytest

from service.store import heartbeats, outbox
from service.store.migrate import migrate
from service.store.tables import OutboxRow
from service.web import create_app
from service.wiring import utc_now
from tests import cast


@pytest.fixture
def migrated(settings, services):
    from service.store.tables import Base

    if services.settings.database_url is None:
        Base.metadata.drop_all(services.database.engine)
        migrate(services.database.engine)
    return services


def ask(services, path="/health/ready"):
    answer = create_app(services).test_client().get(path)
    return answer.status_code, answer.get_json()


def beat(services, *parts, ago=timedelta()):
    for part in parts:
        heartbeats.beat(services.database, f"{part}-1", part, utc_now() - ago)


def test_live_whatever_happens(services):
    assert ask(services, "/health/live") == (200, {"status": "live"})


def test_ready_when_all_parts_are(migrated):
    beat(migrated, "clock", "worker")
    status, said = ask(migrated)
    assert status == 200
    assert said == {
        "status": "ready",
        "parts": dict.fromkeys(("database", "migrations", "clock", "worker", "outbox"), "ready"),
    }


@pytest.mark.sqlite
def test_not_before_the_migrations(services):
    assert ask(services) == (503, {"status": "not ready", "parts": {"database": "ready", "migrations": "pending"}})


def test_not_without_a_clock_or_a_worker_that_live(migrated):
    beat(migrated, "clock")
    beat(migrated, "worker", ago=heartbeats.FRESH_FOR + timedelta(seconds=1))
    status, said = ask(migrated)
    assert (status, said["parts"]["clock"], said["parts"]["worker"]) == (503, "ready", "missing")
    elsewhere = replace(migrated, settings=replace(migrated.settings, redis_url="redis://broker.internal"))
    status, said = ask(elsewhere)
    assert (status, said["parts"]["worker"]) == (200, "missing"), "told, but people can still book"


def test_mail_that_waits_and_mail_that_is_uncertain_are_told(migrated):
    beat(migrated, "clock", "worker")
    now = migrated.clock()
    with migrated.database.write() as session:
        outbox.add(session, now, "links", cast.person(session, now, "ana").id, dedup="k")
    assert ask(migrated)[1]["parts"]["outbox"] == "ready"
    migrated.clock.advance(minutes=3)
    status, said = ask(migrated)
    assert (status, said["parts"]["outbox"]) == (200, "overdue")
    with migrated.database.write() as session:
        session.query(OutboxRow).one().state = "uncertain"
    assert ask(migrated)[1]["parts"]["outbox"] == "uncertain"
    with migrated.database.write() as session:
        row = session.query(OutboxRow).one()
        row.state, row.held_at = "pending", now
    status, said = ask(migrated)
    assert (status, said["parts"]["outbox"]) == (200, "held")


@pytest.mark.sqlite
def test_not_when_the_database_does_not_answer(migrated):
    migrated.database.close()
    path = migrated.settings.data_dir / "greenroom.db"
    path.unlink()
    path.mkdir()
    assert ask(migrated) == (503, {"status": "not ready", "parts": {"database": "unreachable"}})
