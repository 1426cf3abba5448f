"""Microsoft tells of changes: its address validated, its notices and warnings heard, and those of others not."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from service import wiring
from service.doctor import outside
from service.domain.interval import Interval, unpack
from service.store.tables import Calendar, CalendarWatch, Connection, Grant
from service.store.types import OfRow, fingerprint
from service.web import create_app
from service.wiring import utc_now
from tests import cast, stored
from tests.fakes import RecordedJobs, SetClock
from tests.integrations.microsoft_fake import microsoft
from tests.integrations.microsoft_world import BEN, World
from tests.web.walk import link
from workers import busy, clock

HOOKS = "https://hooks.example.org"


@pytest.fixture
def access():
    return "write"


@pytest.fixture
def world(tmp_path, access):
    with microsoft(tmp_path, SetClock(utc_now())) as fake:
        yield World(fake, access)


@pytest.fixture
def services(settings, database, database_url, world):
    own = None if database.engine.dialect.name == "sqlite" else database_url
    reached = replace(settings, database_url=own, webhook_base_url=HOOKS, **world.fake.settings)
    made = wiring.build(reached)
    yield replace(made, clock=world.fake.subscriptions.clock, jobs=RecordedJobs())
    made.database.close()


@pytest.fixture
def client(services, world):
    """What stands at the address that Microsoft is given."""
    client = create_app(services).test_client()

    def tell(url, query, body):
        answer = client.post(url.removeprefix(HOOKS), query_string=query, data=body, content_type="application/json")
        return answer.status_code, answer.content_type, answer.get_data(as_text=True)

    world.fake.subscriptions.tell = tell
    return client


@pytest.fixture
def connection_id(services, world, client):
    """Ben's, read once and watched."""
    now = services.clock()
    with services.database.write() as session:
        person = cast.person(session, now, "ben")
        made = Connection(person_id=person.id, provider="microsoft", url="microsoft://ben", created_at=now, due_at=now)
        key = world.calendar.id
        made.calendars = [Calendar(key=key, key_hash=fingerprint(key), name="Work")]
        session.add(made)
        session.flush()
        about = {"account_hash": "h", "account": BEN, "scopes": "Calendars.ReadWrite", "granted_at": now}
        session.add(Grant(connection_id=made.id, tokens=OfRow(made.id, world.box.tokens), **about))
        made_id = made.id
    busy.refresh(services, made_id)
    return made_id


def seen(services):
    with services.database.read() as session:
        [calendar] = session.scalars(select(Calendar))
        return [Interval.of(span) for span in unpack(calendar.busy)]


def change(services, world):
    """Somebody puts an event in; when it is."""
    start = services.clock().replace(minute=0, second=0, microsecond=0) + timedelta(days=1)
    world.calendar.put(start, start + timedelta(hours=1))
    return Interval.lasting(start, timedelta(hours=1))


def sweep(services):
    found = clock.refresh_due(services)
    busy.read_due(services, timedelta(0.01))
    return found


def watched(services):
    with services.database.read() as session:
        return list(session.scalars(select(CalendarWatch.channel).order_by(CalendarWatch.id)))


def test_s09_what_microsoft_tells_is_read_within_one_sweep(services, world, connection_id):
    [about] = world.fake.subscriptions.standing.values()
    assert about["notificationUrl"] == f"{HOOKS}/hooks/microsoft"
    new = change(services, world)
    services.clock.advance(seconds=20)
    assert sweep(services) == 0
    assert world.fake.subscriptions.notify(world.calendar) == [202]
    assert sweep(services) == 1
    assert seen(services) == [new]


@pytest.mark.parametrize(
    "changed",
    [
        {"clientState": "guessed"},
        {"clientState": None},
        {"clientState": 7},
        {"subscriptionId": "another"},
        {"subscriptionId": "\x00"},
        {"subscriptionId": None},
        {"clientState": "guessed", "lifecycleEvent": "subscriptionRemoved"},
    ],
)
def test_a_notice_forged_is_answered_the_same_and_changes_nothing(services, world, connection_id, changed):
    services.clock.advance(seconds=20)
    before = stored.dump(services.database.engine)
    assert world.fake.subscriptions.notify(world.calendar, **changed) == [202]
    assert stored.dump(services.database.engine) == before


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"value": 7}', b"\xff", b"[" * 100_000])
def test_what_is_no_notice_is_answered_the_same(client, body):
    assert client.post("/hooks/microsoft", data=body).status_code == 202


def test_a_token_is_repeated_as_text_and_nothing_else(client):
    hostile = "<script>alert(1)</script>"
    answer = client.post("/hooks/microsoft", query_string={"validationToken": hostile}, data=b"{}")
    assert (answer.status_code, answer.mimetype) == (200, "text/plain")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.get_data(as_text=True) == "&lt;script&gt;alert(1)&lt;/script&gt;"
    long = client.post("/hooks/microsoft", query_string={"validationToken": "x" * 5000})
    assert len(long.get_data()) == 2048


@pytest.mark.parametrize("what", ["reauthorizationRequired", "subscriptionRemoved"])
def test_a_watch_that_ends_early_is_replaced_at_once(services, world, connection_id, what):
    [first] = watched(services)
    services.clock.advance(seconds=20)
    assert world.fake.subscriptions.lifecycle(first, what) == 202
    if what == "subscriptionRemoved":
        world.fake.subscriptions.delete(first)
    assert sweep(services) == 1
    [second] = watched(services)
    assert second != first
    assert world.fake.subscriptions.alive() == [second]


def test_notices_that_microsoft_missed_are_read_up(services, world, connection_id):
    [first] = watched(services)
    new = change(services, world)
    services.clock.advance(seconds=20)
    assert world.fake.subscriptions.lifecycle(first, "missed") == 202
    assert sweep(services) == 1
    assert seen(services) == [new]
    assert watched(services) == [first]


def test_a_watch_is_renewed_at_half_its_life_and_there_is_no_gap(services, world, connection_id):
    [first] = watched(services)
    services.clock.advance(minutes=2_100)
    busy.refresh(services, connection_id)
    [second] = watched(services)
    assert second != first
    assert world.fake.subscriptions.alive() == [second]
    assert world.fake.subscriptions.most_at_once == 2, "both stood for a moment"
    calls = [call.name for call in world.fake.journal if call.name.endswith("subscriptions")]
    assert calls == ["POST subscriptions", "POST subscriptions", "DELETE subscriptions"]


@pytest.mark.parametrize("access", ["busy"])
def test_who_gave_only_busy_times_is_polled_and_asked_about_once_a_day(services, world, connection_id):
    """Graph's documents ask for Calendars.Read."""
    [row] = outside.news(services)
    assert (row.state, "gave too little for that: 1." in row.advice) == ("well", True)
    new = change(services, world)
    for hours, asked in ((0, 1), (23, 1), (1, 2)):
        services.clock.advance(hours=hours)
        busy.refresh(services, connection_id)
        assert (seen(services), watched(services)) == ([new], [])
        assert len(world.fake.calls("POST subscriptions")) == asked


def test_what_is_taken_away_is_watched_no_more(services, client, world, connection_id):
    with services.database.read() as session:
        person_id = session.get(Connection, connection_id).person_id
    token = link(services, "person", person_id)
    assert client.post(f"/p/{token}/remove", data={"connection": connection_id}).status_code == 303
    assert world.fake.subscriptions.alive() == []


def test_a_batch_is_about_several_connections_and_a_forged_one_in_it_spoils_none(
    services, client, world, connection_id
):
    [about] = world.fake.subscriptions.standing.values()
    services.clock.advance(seconds=20)
    ours = {"subscriptionId": about["id"], "clientState": about["clientState"]}
    batch = [{"subscriptionId": "0-0", "clientState": "guessed"}, ours, ours]
    assert client.post("/hooks/microsoft", data=json.dumps({"value": batch})).status_code == 202
    assert sweep(services) == 1
