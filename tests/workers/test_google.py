"""A mentor's Google calendar from end to end: wiring, tokens at rest, Google's client over HTTP, the mirror."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from integrations.google_account import GoogleTokens
from integrations.google_consent import NEEDED
from service import wiring
from service.domain.interval import Interval, unpack
from service.store.grants import StoredTokens
from service.store.tables import Calendar, Connection, Grant
from service.store.types import OfRow, fingerprint
from service.wiring import utc_now
from tests import cast, stored
from tests.integrations import servers
from tests.integrations.google_fake import google
from tests.integrations.google_world import BEN, World, tokens_for
from workers import busy


@pytest.fixture
def world():
    with google(utc_now) as fake:
        yield World(fake, utc_now)


@pytest.fixture
def services(settings, database, database_url, world):
    own = None if database.engine.dialect.name == "sqlite" else database_url
    made = wiring.build(replace(settings, database_url=own, **world.fake.settings))
    yield made
    made.database.close()


@pytest.fixture
def connection_id(services, world):
    now = services.clock()
    with services.database.write() as session:
        person = cast.person(session, now, "ben")
        made = Connection(person_id=person.id, provider="google", url="", created_at=now, due_at=now)
        made.calendars = [Calendar(key=BEN, key_hash=fingerprint(BEN), name="Work")]
        session.add(made)
        session.flush()
        tokens = OfRow(made.id, tokens_for(world.fake, world.grant, now).render())
        about = {"account_hash": "h", "account": BEN, "scopes": " ".join(NEEDED["busy"]), "granted_at": now}
        session.add(Grant(connection_id=made.id, tokens=tokens, **about))
        return made.id


def in_days(services, days, hours=1):
    start = services.clock().replace(minute=0, second=0, microsecond=0) + timedelta(days=days)
    return Interval.lasting(start, timedelta(hours=hours))


def connection(services, connection_id):
    with services.database.read() as session:
        found = session.get(Connection, connection_id)
        [calendar] = found.calendars
        return found.state, found.fault, [Interval.of(span) for span in unpack(calendar.busy)]


def test_titles_are_in_no_row_log_or_error(services, world, connection_id, caplog):
    caplog.set_level(logging.DEBUG)
    tomorrow = in_days(services, 1)
    world.primary.put(tomorrow.start, tomorrow.end, "one")
    busy.refresh(services, connection_id)
    assert connection(services, connection_id) == ("connected", None, [tomorrow])
    world.primary.put(tomorrow.start, tomorrow.end, "two")
    for answer in (servers.body(b"SECRET-TITLE", 500), servers.body(b'{"items": ["SECRET-TITLE"]}')):
        world.fake.faults["events.list"] = [answer]
        busy.refresh(services, connection_id)
    with services.database.read() as session:
        opened = [vars(row) for table in (Connection, Calendar, Grant) for row in session.scalars(select(table))]
    told = f"{stored.dump(services.database.engine)} {opened} {caplog.text}"
    assert BEN in told
    assert "SECRET" not in told


def test_a_calendar_in_which_nothing_changed_costs_one_small_request(services, world, connection_id):
    busy.refresh(services, connection_id)
    before = len(world.fake.journal)
    busy.refresh(services, connection_id)
    assert [call.method for call in world.fake.journal[before:]] == ["events.list"]


def test_s08_a_connection_taken_back_at_google_keeps_its_copy_and_says_what_to_do(services, world, connection_id):
    tomorrow = in_days(services, 1)
    world.primary.put(tomorrow.start, tomorrow.end, "one")
    busy.refresh(services, connection_id)
    world.grant.revoked = True
    busy.refresh(services, connection_id)
    assert connection(services, connection_id) == ("reconnect", "reconnect", [tomorrow])


def test_a_client_that_the_operator_broke_sends_nobody_to_connect_again(services, world, connection_id):
    busy.refresh(services, connection_id)
    world.fake.oauth.forget_access()
    world.fake.faults["token"] = [servers.body(b'{"error": "invalid_client"}', 401)]
    busy.refresh(services, connection_id)
    assert connection(services, connection_id)[:2] == ("stale", "client_refused")
    busy.refresh(services, connection_id)
    assert connection(services, connection_id)[:2] == ("connected", None)


def test_renewed_tokens_are_kept_sealed(services, world, connection_id):
    world.fake.oauth.rotating = True
    world.fake.oauth.forget_access()
    busy.refresh(services, connection_id)
    kept = GoogleTokens.parse(StoredTokens(services.database, connection_id, services.clock).load())
    assert kept.refresh_token == world.grant.refresh_token
    dumped = "".join(stored.dump(services.database.engine))
    assert kept.refresh_token not in dumped
    assert kept.access_token not in dumped


@pytest.mark.soak
def test_two_workers_refreshing_a_rotating_token_both_end_well(services, world, connection_id):
    """Google answers slowly, so that both find the token spent. Threads do the same in every run: see
    tests/integrations/test_google_account.py."""
    world.fake.oauth.rotating = True
    world.fake.oauth.forget_access()
    world.fake.delay = 0.2
    code = "import sys; from workers import busy, context; busy.refresh(context.services(), int(sys.argv[1]))"
    fake = world.fake.settings.items()
    ours = {f"GREENROOM_{name.upper()}": str(value) for name, value in fake if isinstance(value, str)}
    ours["GREENROOM_GOOGLE_CALENDAR_API_ROOT"] = ours.pop("GREENROOM_GOOGLE_CALENDAR_ROOT")
    ours |= {
        "GREENROOM_ALLOW_INSECURE_OAUTH": "1",
        "GREENROOM_DATA_DIR": str(services.settings.data_dir),
        "GREENROOM_SECRET_KEYS": ",".join(services.settings.secret_keys),
    }
    if services.settings.database_url:
        ours["GREENROOM_DATABASE_URL"] = services.settings.database_url
    command = [sys.executable, "-c", code, str(connection_id)]
    started = [subprocess.Popen(command, env={**os.environ, **ours}) for _ in range(2)]
    assert [each.wait(60) for each in started] == [0, 0]
    assert connection(services, connection_id)[:2] == ("connected", None)
    assert world.fake.oauth.refreshes == 1
    with services.database.read() as session:
        assert session.get(Connection, connection_id).reads == 2


@pytest.mark.parametrize("days", [1, 55])
def test_a_calendar_whose_busy_times_google_cannot_work_out_is_not_free(services, world, connection_id, days):
    then = in_days(services, days)
    world.primary.put(then.start, then.end, "one")
    busy.refresh(services, connection_id)
    world.primary.clear()
    world.primary.broken = True
    busy.refresh(services, connection_id)
    state, fault, spans = connection(services, connection_id)
    assert (state, fault, spans) == ("stale", "server_error", [then])
