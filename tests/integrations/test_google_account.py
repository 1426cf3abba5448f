"""An account's tokens: renewed when they end, by one of many, and looked at once more before they are given up."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from datetime import timedelta

import pytest

from integrations.google_account import EARLY, GoogleAccount, GoogleTokens
from integrations.google_calendar import GoogleCalendar
from integrations.google_consent import NEEDED
from service.domain.errors import AdapterError
from service.store.grants import StoredTokens
from service.store.tables import Grant
from service.store.types import OfRow
from tests import cast
from tests.fakes import SetClock
from tests.integrations import servers
from tests.integrations.busy_contract import REQUEST, WAIT
from tests.integrations.google_fake import google
from tests.integrations.google_world import BEN, REDIRECT, MemoryTokens, World, client_of, tokens_for

LIFE = timedelta(seconds=3599)


@pytest.fixture
def clock():
    return SetClock()


@pytest.fixture
def world(clock):
    with google(clock) as fake:
        yield World(fake, clock)


def test_a_token_is_renewed_when_it_is_about_to_end_and_then_used(world, clock):
    world.adapter().discover(WAIT)
    assert world.fake.calls("token") == []
    clock.now += LIFE - EARLY
    world.adapter().discover(WAIT)
    world.adapter().discover(WAIT)
    assert len(world.fake.calls("token")) == 1
    kept = GoogleTokens.parse(world.box.tokens)
    assert (kept.expires_at, kept.refresh_token) == (clock() + LIFE, world.grant.refresh_token)
    assert set(kept.scopes) == NEEDED["busy"]


@pytest.mark.parametrize("minutes", [-5, 5])
def test_a_clock_skew_of_five_minutes_costs_a_request_and_no_reading(world, clock, minutes):
    def ours():
        return clock() + timedelta(minutes=minutes)

    for _ in range(4):  # before, around and after the token's end
        GoogleCalendar(world.account(ours)).discover(WAIT)
        clock.now += LIFE - timedelta(minutes=6)
    assert len(world.fake.calls("token")) <= 4
    assert len(world.fake.calls("calendarList.list")) <= 8


def test_a_token_refused_before_its_time_is_renewed_once(world):
    world.fake.oauth.forget_access()
    assert len(world.adapter().discover(WAIT)) == 1
    assert len(world.fake.calls("token")) == 1


def test_what_somebody_renewed_meanwhile_is_not_renewed_again(world, clock):
    """Refused with the old token while another process was renewing."""
    newer = tokens_for(world.fake, world.grant, clock()).render()

    def refused(handler):
        world.box.tokens = newer
        servers.body(b"", 401)(handler)

    world.fake.faults["calendarList.list"] = [refused]
    assert len(world.adapter().discover(WAIT)) == 1
    assert world.fake.calls("token") == []


def test_an_account_that_is_refused_with_fresh_tokens_too_needs_its_owner(world):
    world.fake.answer = servers.body(b"", 401)
    with pytest.raises(AdapterError) as caught:
        world.adapter().discover(WAIT)
    assert (caught.value.code, caught.value.permanent) == ("reconnect", True)
    assert len(world.fake.calls("calendarList.list")) == 2


def test_consent_withdrawn_at_google_needs_its_owner(world):
    world.grant.revoked = True
    with pytest.raises(AdapterError) as caught:
        world.adapter().fetch(_ref(world), REQUEST, None, WAIT)
    assert (caught.value.code, caught.value.permanent) == ("reconnect", True)


def test_a_spent_token_is_looked_at_once_more(world, clock):
    """Whoever held the lease too long finds that somebody renewed in their place."""
    newer = tokens_for(world.fake, world.grant, clock()).render()

    class Overtaken(MemoryTokens):
        @contextmanager
        def renewing(self, timeout, host):
            yield self.load()

        def load(self):
            if world.fake.calls("token"):
                return newer
            return super().load()

    old = GoogleTokens("1//spent", "ya29.old", clock(), tuple(NEEDED["busy"]))
    world.box = Overtaken(old.render())
    assert len(world.adapter().discover(WAIT)) == 1
    assert len(world.fake.calls("token")) == 1
    assert world.box.saved == []


def test_the_week_of_an_app_in_testing_is_told_from_a_consent_taken_back(world, clock):
    world.fake.oauth.testing = True
    world.fake.oauth.redirect_uris.add(REDIRECT)
    begun = world.authorizer().begin("busy", REDIRECT, None)
    granted = world.authorizer().finish(begun.kept, REDIRECT, world.fake.consent(begun.url, BEN))
    world.box = MemoryTokens(granted.tokens)
    for days, revoked, code in ((6, False, None), (0, True, "reconnect"), (1, False, "grant_ran_out")):
        clock.advance(days=days)
        world.fake.oauth.grants[-1].revoked = revoked
        world.fake.oauth.forget_access()
        try:
            world.adapter().discover(WAIT)
            found = None
        except AdapterError as fault:
            found = fault.code
        assert found == code


@pytest.mark.parametrize(
    ("answer", "code", "permanent", "after"),
    [
        (servers.body(b"", 503, Retry_After="41"), "server_error", False, timedelta(seconds=41)),
        (servers.body(b"", 429, Retry_After="9"), "throttled", False, timedelta(seconds=9)),
        (servers.body(b'{"error": "invalid_client"}', 401), "client_refused", False, None),
        (servers.body(b'{"error": "unauthorized_client"}', 400), "client_refused", False, None),
        (servers.body(b"<html>", 200), "unexpected_answer", False, None),
    ],
)
def test_a_renewal_that_fails_says_whose_it_is(world, clock, answer, code, permanent, after):
    clock.now += LIFE
    world.fake.faults["token"] = [answer]
    with pytest.raises(AdapterError) as caught:
        world.adapter().discover(WAIT)
    fault = caught.value
    assert (fault.code, fault.permanent, fault.retry_after) == (code, permanent, after)


@pytest.mark.databases
def test_of_several_that_renew_a_rotating_token_at_once_all_end_well(world, clock, database):
    """Each with a database session, tokens and HTTP of its own, as processes have."""
    world.fake.oauth.rotating = True
    with database.write() as session:
        connection = cast.broken_calendar(session, clock(), cast.person(session, clock(), "ben").id)
        connection_id = connection.id
        tokens = OfRow(connection_id, world.box.tokens)
        about = {"account_hash": "h", "account": BEN, "scopes": "", "granted_at": clock()}
        session.add(Grant(connection_id=connection_id, tokens=tokens, **about))
    clock.now += LIFE
    ended, gate = [], threading.Barrier(4)

    def read():
        box = StoredTokens(database, connection_id, clock)
        account = GoogleAccount(client_of(world.fake), world.http, box, clock)
        gate.wait()
        try:
            ended.append(len(GoogleCalendar(account).discover(WAIT)))
        except AdapterError as fault:
            ended.append(fault.code)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert ended == [1] * 4
    assert world.fake.oauth.refreshes == 1
    kept = GoogleTokens.parse(StoredTokens(database, connection_id, clock).load())
    assert kept.refresh_token == world.grant.refresh_token


def _ref(world):
    world.grant.revoked, before = False, world.grant.revoked
    [ref] = world.adapter().discover(WAIT)
    world.grant.revoked = before
    return ref
