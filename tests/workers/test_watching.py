"""Google tells of changes: watched, told, renewed, ended, and nothing lost where it tells nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from integrations.google_consent import NEEDED
from service import wiring
from service.doctor import outside
from service.domain.interval import Interval, unpack
from service.operations import calendars, refreshing
from service.store.tables import ApiToken, Calendar, CalendarWatch, Connection, Grant
from service.store.types import OfRow, fingerprint
from service.web import create_app
from service.wiring import utc_now
from tests import cast, stored
from tests.fakes import RecordedJobs, SetClock
from tests.integrations import servers
from tests.integrations.google_fake import google
from tests.integrations.google_world import BEN, World, tokens_for
from tests.web.walk import link
from workers import busy, clock

HOOKS = "https://hooks.example.org"
UNREACHABLE, WATCHED = ("off", "Google and Microsoft canno"), ("well", "Of 1 calendars 1 are watch")


@pytest.fixture
def world():
    at = SetClock(utc_now())  # tokens in the fake end by it, and ours by the machine's
    with google(at) as fake:
        yield World(fake, at)


@pytest.fixture
def services(settings, database, database_url, world):
    own = None if database.engine.dialect.name == "sqlite" else database_url
    reached = replace(settings, database_url=own, webhook_base_url=HOOKS, **world.fake.settings)
    made = wiring.build(reached)
    yield replace(made, clock=world.clock, jobs=RecordedJobs())
    made.database.close()


@pytest.fixture
def client(services):
    return create_app(services).test_client()


@pytest.fixture
def connection_id(services, world):
    """Ben's, read once and watched."""
    now = services.clock()
    with services.database.write() as session:
        person = cast.person(session, now, "ben")
        made = Connection(person_id=person.id, provider="google", url=f"google://{BEN}", created_at=now, due_at=now)
        made.calendars = [Calendar(key=BEN, key_hash=fingerprint(BEN), name="Work")]
        session.add(made)
        session.flush()
        tokens = OfRow(made.id, tokens_for(world.fake, world.grant, now).render())
        about = {"account_hash": "h", "account": BEN, "scopes": " ".join(NEEDED["busy"]), "granted_at": now}
        session.add(Grant(connection_id=made.id, tokens=tokens, **about))
        made_id = made.id
    busy.refresh(services, made_id)
    return made_id


def owner(services, connection_id):
    with services.database.read() as session:
        return session.get(Connection, connection_id).person_id


def seen(services):
    with services.database.read() as session:
        [calendar] = session.scalars(select(Calendar))
        return [Interval.of(span) for span in unpack(calendar.busy)]


def due_in(services, connection_id):
    with services.database.read() as session:
        return session.get(Connection, connection_id).due_at - services.clock()


def change(world):
    """Somebody puts an event in; when it is."""
    start = world.clock().replace(minute=0, second=0, microsecond=0) + timedelta(days=1)
    world.primary.put(start, start + timedelta(hours=1), "one")
    return Interval.lasting(start, timedelta(hours=1))


def channels(world):
    return list(world.fake.channels.channels)


def notice(client, world, **headers):
    [key] = channels(world)
    return client.post("/hooks/google", headers={**world.fake.channels.headers(key), **headers}).status_code


def sweep(services):
    """The clock's look for what is due, and the reader that it wakes."""
    found = clock.refresh_due(services)
    busy.read_due(services, timedelta(0.01))
    return found


def watch_calls(world, since=0):
    names = {"events.watch", "channels.stop"}
    return [call.method for call in world.fake.journal[since:] if call.method in names]


def test_s09_what_google_tells_is_read_within_one_sweep(services, client, world, connection_id):
    [channel] = world.fake.channels.channels.values()
    assert channel.address == f"{HOOKS}/hooks/google"
    new = change(world)
    services.clock.advance(seconds=20)
    assert sweep(services) == 0
    assert notice(client, world) == 204
    assert sweep(services) == 1
    assert seen(services) == [new]


def test_s09_a_notice_lost_costs_one_interval(services, world, connection_id):
    new = change(world)
    services.clock.advance(seconds=services.settings.poll.total_seconds())
    assert sweep(services) == 1
    assert seen(services) == [new]


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Goog-Channel-Token": "guessed"},
        {"X-Goog-Channel-Token": ""},
        {"X-Goog-Channel-ID": "another"},
        {"X-Goog-Channel-ID": "x" * 5000},
        {"X-Goog-Channel-Token": "\xe9"},
        {"X-Goog-Resource-State": "sync"},
    ],
)
def test_a_notice_forged_is_answered_the_same_and_changes_nothing(services, client, world, connection_id, headers):
    services.clock.advance(seconds=20)
    before = stored.dump(services.database.engine)
    assert notice(client, world, **headers) == 204
    assert client.post("/hooks/google").status_code == 204
    assert stored.dump(services.database.engine) == before


def test_many_notices_are_few_reads(services, client, world, connection_id):
    services.clock.advance(seconds=20)
    notice(client, world)
    assert due_in(services, connection_id) == timedelta(0)
    sweep(services)
    for _ in range(3):
        notice(client, world)
    assert due_in(services, connection_id) == refreshing.NOTICE_PAUSE


def test_what_changes_while_we_read_is_read_again(services, client, world, connection_id):
    with services.database.write() as session:
        plan = refreshing.begin_read(session, services.clock(), connection_id)
    result = refreshing.read(plan, services.calendars, timedelta(seconds=5))
    new = change(world)
    notice(client, world)
    with services.database.write() as session:
        refreshing.store_refresh(session, services.clock(), result, services.settings.poll)
    assert seen(services) == []
    assert due_in(services, connection_id) == refreshing.NOTICE_PAUSE
    services.clock.advance(seconds=5)
    sweep(services)
    assert seen(services) == [new]
    assert due_in(services, connection_id) > timedelta(minutes=1)


@pytest.mark.databases
def test_a_watch_is_renewed_at_half_its_life_and_the_new_one_stands_before_the_old_one_ends(
    services, client, world, connection_id
):
    first = channels(world)
    services.clock.advance(days=3)
    busy.refresh(services, connection_id)
    assert channels(world) == first
    services.clock.advance(hours=12)
    before = len(world.fake.journal)
    busy.refresh(services, connection_id)
    assert watch_calls(world, before) == ["events.watch", "channels.stop"]
    assert len(channels(world)) == 1
    assert channels(world) != first
    services.clock.advance(days=4)  # the first would have ended by now
    new = change(world)
    notice(client, world)
    sweep(services)
    assert seen(services) == [new]


def test_a_channel_expired_while_nobody_ran_is_replaced_and_nothing_is_missed(services, client, world, connection_id):
    [old] = channels(world)
    late = world.fake.channels.headers(old)
    services.clock.advance(days=8)
    new = change(world)
    assert client.post("/hooks/google", headers=late).status_code == 204
    sweep(services)
    assert seen(services) == [new]
    [fresh] = [key for key, channel in world.fake.channels.channels.items() if channel.until > services.clock()]
    assert fresh != old
    services.clock.advance(minutes=1)
    assert client.post("/hooks/google", headers=world.fake.channels.headers(fresh)).status_code == 204
    assert due_in(services, connection_id) <= timedelta(0)


def test_a_stop_that_fails_is_made_up_for(services, world, connection_id):
    services.clock.advance(days=3.5)
    world.fake.faults["channels.stop"] = [servers.body(b"", 503)]
    busy.refresh(services, connection_id)
    assert len(channels(world)) == 2
    busy.refresh(services, connection_id)
    assert len(channels(world)) == 1
    with services.database.read() as session:
        assert session.scalars(select(CalendarWatch.channel)).all() == channels(world)


def test_a_watch_that_cannot_be_had_is_no_trouble_for_reading(services, world, connection_id, caplog):
    services.clock.advance(days=8)
    new = change(world)
    refused = servers.body(b'{"error": {"errors": [{"reason": "pushNotSupportedForRequestedResource"}]}}', 400)
    world.fake.faults["events.watch"] = [refused]
    busy.refresh(services, connection_id)
    assert seen(services) == [new]
    assert "a calendar is not watched" in caplog.text
    with services.database.read() as session:
        assert session.get(Connection, connection_id).state == "connected"
        assert session.scalars(select(CalendarWatch)).all() == []
    services.clock.advance(minutes=59)
    busy.refresh(services, connection_id)
    assert len(watch_calls(world)) == 3, "watched, refused, the old one forgotten"
    services.clock.advance(minutes=1)
    busy.refresh(services, connection_id)
    assert len(watch_calls(world)) == 4


def test_s08_a_connection_that_went_down_is_watched_no_more_and_again_once_it_is_mended(
    services, client, world, connection_id
):
    world.grant.revoked = True
    busy.refresh(services, connection_id)
    with services.database.read() as session:
        assert session.scalars(select(CalendarWatch)).all() == []
    before = stored.dump(services.database.engine)
    assert notice(client, world) == 204, "it is still there, and tells of nothing that we know"
    assert stored.dump(services.database.engine) == before
    world.grant.revoked = False
    busy.refresh(services, connection_id)
    with services.database.read() as session:
        assert session.scalars(select(CalendarWatch.channel)).all() == channels(world)[1:]


def test_a_calendar_that_no_longer_counts_is_watched_no_more(services, world, connection_id):
    for counts, standing in ((False, 0), (True, 1)):
        with services.database.write() as session:
            found = session.get(Connection, connection_id)
            calendars.set_counts(found, found.calendars[0].id, counts, services.clock())
        busy.refresh(services, connection_id)
        assert len(channels(world)) == standing


@pytest.mark.parametrize("what", ["remove", "switch"])
def test_what_is_taken_away_or_switched_off_is_watched_no_more(services, client, world, connection_id, what):
    token = link(services, "person", owner(services, connection_id))
    for _ in range(2):
        answer = client.post(f"/p/{token}/{what}", data={"connection": connection_id, "state": "off"})
        assert (answer.status_code == 303, channels(world)) == (True, [])
    assert watch_calls(world) == ["events.watch", "channels.stop"]


def test_what_a_program_takes_away_is_watched_no_more(services, client, world, connection_id):
    person_id = owner(services, connection_id)
    with services.database.write() as session:
        hashed = fingerprint("ben" * 9)
        session.add(ApiToken(token_hash=hashed, person_id=person_id, created_at=services.clock()))
    url, bearer = f"/api/v1/me/connections/{connection_id}", {"Authorization": f"Bearer {'ben' * 9}"}
    assert client.delete(url, headers=bearer).status_code == 204
    assert (channels(world), world.grant.revoked) == ([], True)
    calls = [call.method for call in world.fake.journal[-2:]]
    assert calls == ["channels.stop", "revoke"], "while the tokens are still taken"


def test_who_takes_a_step_down_is_watched_no_more(services, client, world, connection_id):
    with services.database.write() as session:
        session.get(Connection, connection_id).access = "write"
    token = link(services, "connect", owner(services, connection_id))
    assert client.post(f"/connect/{token}/step_down", data={"connection": connection_id}).status_code == 303
    assert channels(world) == []


def test_a_provider_that_does_not_let_go_keeps_nobody_from_leaving(services, client, world, connection_id):
    world.fake.answer = servers.body(b"", 503)
    token = link(services, "person", owner(services, connection_id))
    assert client.post(f"/p/{token}/remove", data={"connection": connection_id}).status_code == 303
    with services.database.read() as session:
        assert session.scalars(select(Connection)).all() == []
        assert session.scalars(select(CalendarWatch)).all() == []
    assert notice(client, world) == 204


def test_a_provider_in_trouble_is_not_asked_for_watches(services, world, connection_id):
    services.clock.advance(days=4)
    before = len(world.fake.journal)
    world.fake.answer = servers.body(b"", 429, Retry_After="60")
    busy.refresh(services, connection_id)
    assert watch_calls(world, before) == []


@pytest.mark.parametrize(
    ("changed", "watched", "told"),
    [
        ({"webhook_base_url": None}, 0, UNREACHABLE),
        ({"webhook_base_url": None, "base_url_given": "https://localhost:8443"}, 0, UNREACHABLE),
        ({"webhook_base_url": None, "base_url_given": "http://meet.example.org"}, 0, UNREACHABLE),
        ({"webhook_base_url": None, "base_url_given": "https://meet.example.org"}, 1, WATCHED),
        ({"webhook_base_url": f"{HOOKS}/"}, 1, WATCHED),
    ],
)
def test_where_google_cannot_reach_us_we_poll_and_the_doctor_says_so(
    services, world, connection_id, changed, watched, told
):
    ours = replace(services, settings=replace(services.settings, **changed))
    busy.refresh(ours, connection_id)
    assert len(channels(world)) == watched
    [row] = outside.news(ours)
    assert (row.state, row.advice[:26]) == told
    services.clock.advance(days=4)
    change(world)
    busy.refresh(ours, connection_id)
    assert len(seen(services)) == 1
    assert len(channels(world)) == watched


def test_what_a_watch_is_is_sealed_and_its_token_hashed(services, world, connection_id):
    [channel] = world.fake.channels.channels.values()
    dumped = "".join(stored.dump(services.database.engine))
    assert channel.answer["id"] in dumped
    assert channel.answer["token"] not in dumped
    assert channel.answer["resourceId"] not in dumped
