"""A mentor's Microsoft calendar from end to end: wiring, tokens at rest, msal and Graph over https, the mirror."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from service import wiring
from service.domain.interval import Interval, unpack
from service.store.grants import StoredTokens
from service.store.tables import Calendar, Connection, Grant
from service.store.types import OfRow, fingerprint
from tests import cast, stored
from tests.integrations import servers
from tests.integrations.entra_fake import SECRET, Refused
from tests.integrations.microsoft_fake import microsoft
from tests.integrations.microsoft_world import BEN, World
from workers import busy


@pytest.fixture
def world(tmp_path):
    with microsoft(tmp_path) as fake:
        yield World(fake)


@pytest.fixture
def services(settings, database, world):
    made = wiring.build(replace(settings, **world.fake.settings))
    yield made
    made.database.close()


@pytest.fixture
def connection_id(services, world):
    now = services.clock()
    with services.database.write() as session:
        person = cast.person(session, now, "ben")
        made = Connection(person_id=person.id, provider="microsoft", url="microsoft://ben", created_at=now, due_at=now)
        key = world.calendar.id
        made.calendars = [Calendar(key=key, key_hash=fingerprint(key), name="Work")]
        session.add(made)
        session.flush()
        tokens = OfRow(made.id, world.box.tokens)
        about = {"account_hash": "h", "account": BEN, "scopes": "Calendars.ReadBasic", "granted_at": now}
        session.add(Grant(connection_id=made.id, tokens=tokens, **about))
        return made.id


@pytest.fixture
def tomorrow(services):
    start = services.clock().replace(minute=0, second=0, microsecond=0) + timedelta(days=1)
    return Interval.lasting(start, timedelta(hours=1))


def connection(services, connection_id):
    with services.database.read() as session:
        found = session.get(Connection, connection_id)
        [calendar] = found.calendars
        return found.state, found.fault, [Interval.of(span) for span in unpack(calendar.busy)]


def test_titles_places_and_names_are_in_no_row_log_or_error(services, world, connection_id, tomorrow, caplog):
    caplog.set_level(logging.DEBUG)
    world.calendar.put(tomorrow.start, tomorrow.end, weeks=2)
    busy.refresh(services, connection_id)
    state, fault, spans = connection(services, connection_id)
    assert (state, fault, spans[0], len(spans)) == ("connected", None, tomorrow, 2)
    for answer in (
        servers.body(b"SECRET-TITLE", 500),
        servers.body(b'{"value": ["SECRET-TITLE"]}'),
        servers.body(b'{"value": [{"start": {"dateTime": "SECRET-TITLE", "timeZone": "SECRET-PLACE"}}]}'),
    ):
        world.fake.faults["calendarView"] = [answer]
        busy.refresh(services, connection_id)
        assert connection(services, connection_id)[2] == spans, "the last good copy stays"
    with services.database.read() as session:
        opened = [vars(row) for table in (Connection, Calendar, Grant) for row in session.scalars(select(table))]
    kept = StoredTokens(services.database, connection_id, services.clock).load()
    told = f"{stored.dump(services.database.engine)} {opened} {caplog.text}"
    assert BEN in told
    assert "SECRET" not in told
    assert "SECRET" in "".join(map(str, world.fake.graph.answer(world.mailbox, world.grant.scopes, "me", {}).values()))
    assert world.grant.refresh_token in kept


def test_s08_a_password_that_changed_keeps_the_copy_and_says_what_to_do(services, world, connection_id, tomorrow):
    world.calendar.put(tomorrow.start, tomorrow.end)
    busy.refresh(services, connection_id)
    world.fake.entra.end(BEN, Refused("invalid_grant", 50173, suberror="bad_token"))
    busy.refresh(services, connection_id)
    assert connection(services, connection_id) == ("reconnect", "reconnect", [tomorrow])


def test_a_secret_that_ended_sends_nobody_to_connect_again(services, world, connection_id, tomorrow):
    world.calendar.put(tomorrow.start, tomorrow.end)
    busy.refresh(services, connection_id)
    world.fake.entra.secret = "a new one"
    world.fake.entra.expire_access_tokens()
    busy.refresh(services, connection_id)
    assert connection(services, connection_id) == ("stale", "client_refused", [tomorrow])
    world.fake.entra.secret = SECRET
    busy.refresh(services, connection_id)
    assert connection(services, connection_id) == ("connected", None, [tomorrow])


def test_s18_a_mailbox_that_asks_for_a_pause_gets_it(services, world, connection_id):
    world.fake.faults["calendarView"] = [servers.body(b"", 429, Retry_After="3000")]
    busy.refresh(services, connection_id)
    with services.database.read() as session:
        found = session.get(Connection, connection_id)
        assert (found.state, found.fault) == ("stale", "throttled")
        assert found.due_at >= found.checked_at + timedelta(seconds=3000)


def test_renewed_tokens_are_kept_sealed(services, world, connection_id):
    before = world.grant.refresh_token
    world.fake.entra.expire_access_tokens()
    busy.refresh(services, connection_id)
    kept = StoredTokens(services.database, connection_id, services.clock).load()
    assert world.grant.refresh_token != before
    assert world.grant.refresh_token in kept
    assert world.grant.refresh_token not in "".join(stored.dump(services.database.engine))
    assert not json.loads(kept)["IdToken"], "it says the person's name"
