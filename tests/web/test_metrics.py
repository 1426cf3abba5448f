"""/metrics: every name that an alert may rely on, and figures that follow from rows."""

from __future__ import annotations

import os
import re
import signal
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import select

from service.domain.errors import MailRefused
from service.store import heartbeats, outbox, send_times
from service.store.tables import ApiToken, Calendar, Connection, Meeting, OutboxRow, Pair
from service.store.types import fingerprint
from service.web import create_app
from service.web.offers import BOUNDS, SlotTimes
from service.wiring import utc_now
from tests import cast
from tests.stored import dump
from workers import deliver

NAMES = {
    "greenroom_outbox_oldest_overdue_seconds": "gauge",
    "greenroom_meetings_oldest_due_seconds": "gauge",
    "greenroom_outbox_rows": "gauge",
    "greenroom_outbox_held": "gauge",
    "greenroom_send_seconds": "histogram",
    "greenroom_refresh_age_seconds": "gauge",
    "greenroom_slot_seconds": "histogram",
    "greenroom_connections": "gauge",
    "greenroom_calendar_events": "gauge",
    "greenroom_parts_alive": "gauge",
    "greenroom_build_info": "gauge",
}
TYPED = "what-somebody-typed"


def scrape(services):
    return samples(create_app(services).test_client().get("/metrics"))


def samples(answer):
    """Every sample: (name, labels as text) -> value. Read as Prometheus reads it; each family's type is as promised."""
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain; version=1.0.0")
    families = list(text_string_to_metric_families(answer.get_data(as_text=True)))
    assert {family.name: family.type for family in families} == NAMES
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
    }


@pytest.fixture
def rows(services):
    """Ten mails with Ana's links, due one minute after another; the first is due now."""
    now = services.clock()
    with services.database.write() as session:
        ana = cast.person(session, now, "ana")
        for number in range(10):
            outbox.add(session, now, "links", ana.id, dedup=f"k{number}", due_at=now + timedelta(minutes=number))
        return list(session.scalars(select(OutboxRow.id).order_by(OutboxRow.id)))


def test_nothing_yet(services):
    told = scrape(services)
    assert told["greenroom_outbox_oldest_overdue_seconds", ""] == 0
    assert told["greenroom_outbox_rows", "uncertain"] == told["greenroom_outbox_rows", "dead"] == 0
    assert told["greenroom_calendar_events", "failed"] == told["greenroom_calendar_events", "pending"] == 0
    assert told["greenroom_build_info", version("greenroom")] == 1
    assert told["greenroom_send_seconds_bucket", "+Inf"] == 0
    assert ("greenroom_refresh_age_seconds", "") not in told, "none is not the same as fresh"


@pytest.mark.databases
def test_the_outbox_by_state_and_how_long_the_oldest_waits(services, rows):
    states = ("sent", "sent", "sent", "dead", "uncertain", "uncertain", "cancelled")
    with services.database.write() as session:
        for row_id, state in zip(rows, states, strict=False):
            session.get(OutboxRow, row_id).state = state
    services.clock.advance(minutes=8)
    told = scrape(services)
    counts = {state: told["greenroom_outbox_rows", state] for state in (*set(states), "pending", "queued", "sending")}
    assert counts == {
        "sent": 3, "dead": 1, "uncertain": 2, "cancelled": 1, "pending": 3, "queued": 0, "sending": 0,
    }  # fmt: skip
    assert told["greenroom_outbox_oldest_overdue_seconds", ""] == 60, "the eighth was due at seven minutes"


@pytest.mark.databases
def test_how_long_sending_took_over_several_batches(services):
    for batch in ((0.004, 0.02), (0.02, 3.0), (100.0,)):
        with services.database.write() as session:
            send_times.add(session, [timedelta(seconds=each) for each in batch])
    told = scrape(services)
    within = {
        bound: told["greenroom_send_seconds_bucket", bound] for bound in ("0.005", "0.01", "0.025", "5.0", "+Inf")
    }
    assert within == {"0.005": 1, "0.01": 1, "0.025": 3, "5.0": 4, "+Inf": 5}
    assert told["greenroom_send_seconds_count", ""] == 5
    assert told["greenroom_send_seconds_sum", ""] == pytest.approx(103.044)


def test_what_a_worker_sends_is_counted_and_what_is_refused_is_not(services, rows):
    refused = [MailRefused("smtp_refused", permanent=True)]

    def at(step):
        if step == "offer" and refused:
            raise refused.pop()

    services.mailer.fault = at
    services.clock.advance(minutes=4)
    deliver.drain(services)
    told = scrape(services)
    assert (told["greenroom_outbox_rows", "dead"], told["greenroom_outbox_rows", "sent"]) == (1, 4)
    assert told["greenroom_send_seconds_count", ""] == told["greenroom_send_seconds_bucket", "30.0"] == 4


def test_finding_times_is_counted_for_pages_and_for_programs(services, ana):
    client = create_app(services, SlotTimes(2)).test_client()
    for _ in range(3):
        assert client.get(f"/s/{ana[0]}").status_code == 200
    with services.database.write() as session:
        person_id = session.get(Pair, ana[1]).mentee_id
        session.add(ApiToken(token_hash=fingerprint(TYPED), person_id=person_id, created_at=services.clock()))
    headers = {"Authorization": f"Bearer {TYPED}"}
    assert client.get(f"/api/v1/pairs/{ana[1]}/slots?session=check-in", headers=headers).status_code == 200
    told = samples(client.get("/metrics"))
    assert told["greenroom_slot_seconds_count", "page"] == told["greenroom_slot_seconds_bucket", "page,+Inf"] == 3
    assert told["greenroom_slot_seconds_count", "api"] == 1
    assert 0 < told["greenroom_slot_seconds_sum", "api"] < 30


def test_forks_count_into_one_and_a_killed_one_keeps_its_counts():
    times = SlotTimes(2)
    times.add("page", 0.003)
    for seconds in (0.003, 99.0):
        pid = os.fork()
        if pid == 0:
            times.take(1)
            times.add("page", seconds)
            os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(pid, 0)
    counts, total = times.load("page")
    assert (counts[1], counts[-1], sum(counts), total) == (2, 1, 3, pytest.approx(99.006))
    assert times.load("api") == ([0] * (len(BOUNDS) + 1), 0)


@pytest.mark.databases
def test_the_age_of_what_was_read_and_the_connections_by_state(services):
    now = services.clock()
    with services.database.write() as session:
        ana = cast.person(session, now, "ana")
        for number, (state, ago) in enumerate(
            [("connected", 5), ("partial", 7), ("stale", 90), ("reconnect", 999), ("off", 9999), ("connected", 1)]
        ):
            connection = Connection(
                person_id=ana.id, provider="ics", url=f"https://{TYPED}.example.org", state=state, created_at=now
            )
            connection.calendars.append(
                Calendar(key=TYPED, key_hash=str(number), name=TYPED, verified_at=now - timedelta(minutes=ago))
            )
            session.add(connection)
    told = scrape(services)
    assert told["greenroom_refresh_age_seconds", ""] == 7 * 60, "the oldest of those that can be read"
    counts = {
        state: told["greenroom_connections", state] for state in ("connected", "partial", "stale", "reconnect", "off")
    }
    assert counts == {"connected": 2, "partial": 1, "stale": 1, "reconnect": 1, "off": 1}


def test_how_long_a_meeting_waits_for_the_clock(services):
    now = services.clock()
    with services.database.write() as session:
        pair = cast.pair(session, now)
        for number, due_at in enumerate((None, now + timedelta(minutes=10), now + timedelta(minutes=3))):
            session.add(
                Meeting(
                    pair_id=pair.id, session="check-in", starts_at=now, ends_at=now + timedelta(hours=1),
                    phase="booked", uid=f"uid-{number}", fixed_at=now, due_at=due_at, created_at=now,
                )
            )  # fmt: skip
    assert scrape(services)["greenroom_meetings_oldest_due_seconds", ""] == 0
    services.clock.advance(minutes=5)
    assert scrape(services)["greenroom_meetings_oldest_due_seconds", ""] == 120


def test_the_parts_that_live(services):
    for name, part, ago in (("w1", "worker", 0), ("w2", "worker", 0), ("w3", "worker", 46), ("c1", "clock", 3600)):
        heartbeats.beat(services.database, name, part, utc_now() - timedelta(seconds=ago))
    told = scrape(services)
    assert (told["greenroom_parts_alive", "worker"], told["greenroom_parts_alive", "clock"]) == (2, 0)


def test_a_scrape_writes_nothing_and_names_nobody(services, rows):
    before = dump(services.database.engine)
    text = create_app(services).test_client().get("/metrics").get_data(as_text=True)
    assert dump(services.database.engine) == before
    assert "@" not in text
    assert "ana" not in text.lower()


@pytest.mark.sqlite
def test_503_while_the_database_does_not_answer(services):
    services.database.close()
    path = services.settings.data_dir / "greenroom.db"
    path.unlink()
    path.mkdir()
    answer = create_app(services).test_client().get("/metrics")
    assert (answer.status_code, answer.mimetype) == (503, "text/plain")
    assert "does not answer at the moment" in answer.get_data(as_text=True)


def test_the_operators_guide_names_what_is_told_and_nothing_else():
    guide = (Path(__file__).parents[2] / "docs/operator.md").read_text(encoding="utf-8")
    assert set(re.findall(r"greenroom_[a-z_]+", guide)) == set(NAMES)
