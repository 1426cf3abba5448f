"""An account's tokens: renewed when they end, by one of many, and looked at once more before they are given up; and
never more requests at a time than a mailbox takes."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from integrations.microsoft_account import Kept
from service.domain.errors import AdapterError
from service.store.grants import StoredTokens
from service.store.tables import Grant
from service.store.types import OfRow
from tests import cast
from tests.fakes import SetClock
from tests.integrations import servers
from tests.integrations.busy_contract import REQUEST, WAIT
from tests.integrations.entra_fake import SECRET_ID, Refused
from tests.integrations.google_world import MemoryTokens
from tests.integrations.microsoft_fake import microsoft, real_clock
from tests.integrations.microsoft_world import BEN, World, microsoft_of


@pytest.fixture
def world(tmp_path):
    with microsoft(tmp_path) as fake:
        yield World(fake)


def aged(tokens: str, seconds: int) -> str:
    """Our own copy of the access token says that it ends in so many seconds."""
    kept = json.loads(tokens)
    for entry in kept["AccessToken"].values():
        entry["expires_on"] = str(int(datetime.now(UTC).timestamp()) + seconds)
    return json.dumps(kept)


def fault_of(world, adapter=None):
    with pytest.raises(AdapterError) as caught:
        (adapter or world.adapter()).discover(WAIT)
    return caught.value


def test_a_token_is_renewed_when_it_is_about_to_end_and_then_used(world):
    world.adapter().discover(WAIT)
    assert world.fake.entra.refreshed == 0
    world.box.tokens = aged(world.box.tokens, 299)
    world.adapter().discover(WAIT)
    world.adapter().discover(WAIT)
    assert world.fake.entra.refreshed == 1
    assert world.grant.refresh_token in world.box.tokens
    assert len(world.box.saved) == 1


def test_what_entra_says_of_itself_is_asked_for_once(world):
    for _ in range(3):
        world.box.tokens = aged(world.box.tokens, 0)
        world.adapter().discover(WAIT)
    assert len(world.fake.calls("openid-configuration")) == 1


def test_what_is_asked_for_again_is_what_was_given(tmp_path):
    """A person who gave us Calendars.ReadWrite has not given Calendars.ReadBasic: Entra would refuse it."""
    with microsoft(tmp_path) as fake:
        world = World(fake, "write")
        world.fake.entra.expire_access_tokens()
        assert len(world.adapter().discover(WAIT)) == 1
    assert Kept(world.box.tokens).scopes == {"Calendars.ReadWrite", "User.Read"}


@pytest.mark.parametrize("minutes", [-5, 5])
def test_a_clock_skew_of_five_minutes_costs_a_request_and_no_reading(tmp_path, minutes):
    with microsoft(tmp_path, lambda: real_clock() + timedelta(minutes=minutes)) as fake:
        world = World(fake)
        for seconds in (3599, 301, 0):
            world.box.tokens = aged(world.box.tokens, seconds)
            assert len(world.adapter().discover(WAIT)) == 1
        fake.entra.expire_access_tokens()
        assert len(world.adapter().discover(WAIT)) == 1
    assert fake.entra.refreshed == 2


def test_a_token_refused_before_its_time_is_renewed_once(world):
    world.fake.entra.expire_access_tokens()
    assert len(world.adapter().discover(WAIT)) == 1
    assert world.fake.entra.refreshed == 1


def test_an_account_that_is_refused_with_fresh_tokens_too_needs_its_owner(world):
    world.fake.answer = servers.body(b"", 401)
    fault = fault_of(world)
    assert (fault.code, fault.permanent) == ("reconnect", True)
    assert len(world.fake.calls("calendars")) == 2


@pytest.mark.parametrize(
    "over",
    [
        Refused("invalid_grant", 50173, suberror="bad_token"),  # a new password
        Refused("invalid_grant", 65001, suberror="consent_required"),  # the consent was taken back
        Refused("invalid_grant", 700082),  # not used for ninety days
        Refused("interaction_required", 50076),  # a second factor is wanted now
    ],
    ids=lambda refused: str(refused.number),
)
def test_a_grant_that_is_over_needs_its_owner(world, over):
    world.fake.entra.end(BEN, over)
    fault = fault_of(world)
    assert (fault.code, fault.permanent) == ("reconnect", True)
    assert world.box.saved == []


def test_a_spent_token_is_looked_at_once_more(world):
    """Whoever held the lease too long finds that somebody renewed in their place."""
    spent = world.box.tokens
    world.fake.entra.expire_access_tokens()
    world.adapter().discover(WAIT)
    newer = world.box.tokens

    class Overtaken(MemoryTokens):
        @contextmanager
        def renewing(self, timeout, host):
            yield spent

        def load(self):
            return newer if self.asked() else spent

        def asked(self):
            return len(world.fake.calls("token")) > before

    before = len(world.fake.calls("token"))
    box = Overtaken(spent)
    assert len(world.adapter(box).discover(WAIT)) == 1
    assert box.asked()
    assert box.saved == []


@pytest.mark.parametrize(
    ("answer", "code", "permanent", "after"),
    [
        (servers.body(b"", 503, Retry_After="41"), "server_error", False, timedelta(seconds=41)),
        (servers.body(b"", 429, Retry_After="9"), "throttled", False, timedelta(seconds=9)),
        (servers.body(b'{"error": "temporarily_unavailable"}', 400), "server_error", False, None),
        (servers.body(b'{"error": "unauthorized_client"}', 400), "client_refused", False, None),
        (servers.body(b'{"token_type": "Bearer"}'), "client_refused", False, None),
        (servers.body(b'{"access_token": "SECRET-TOKEN'), "unexpected_answer", False, None),
        (servers.body(b"[]"), "unexpected_answer", False, None),
    ],
)
def test_a_renewal_that_fails_says_whose_it_is_and_no_token(world, caplog, answer, code, permanent, after):
    caplog.set_level("DEBUG")
    world.box.tokens = aged(world.box.tokens, 0)
    world.fake.faults["token"] = [answer]
    fault = fault_of(world)
    assert (fault.code, fault.permanent, fault.retry_after) == (code, permanent, after)
    assert len(world.adapter().discover(WAIT)) == 1, "a failure is not remembered"
    assert "SECRET" not in caplog.text
    assert world.grant.refresh_token not in caplog.text


@pytest.mark.parametrize(
    "wrong", [{"secret": "another"}, {"secret": SECRET_ID}, {"tenant": "not-a-tenant"}], ids=["secret", "id", "tenant"]
)
def test_what_the_operator_set_up_wrongly_is_theirs(world, wrong):
    world.fake.entra.expire_access_tokens()
    fault = fault_of(world, world.adapter(microsoft=microsoft_of(world.fake, **wrong)))
    assert (fault.code, fault.permanent) == ("client_refused", False)


def test_tokens_that_somebody_took_away_need_their_owner(world):
    with pytest.raises(AdapterError) as caught:
        world.adapter(MemoryTokens(None)).discover(WAIT)
    assert (caught.value.code, caught.value.permanent) == ("reconnect", True)


@pytest.mark.databases
def test_of_several_that_renew_a_single_use_token_at_once_all_end_well(world, database):
    """Each with tokens, msal and HTTP of its own, as processes have."""
    clock = SetClock()
    with database.write() as session:
        connection = cast.broken_calendar(session, clock(), cast.person(session, clock(), "ben").id)
        connection_id = connection.id
        tokens = OfRow(connection_id, aged(world.box.tokens, 0))
        about = {"account_hash": "h", "account": BEN, "scopes": "", "granted_at": clock()}
        session.add(Grant(connection_id=connection_id, tokens=tokens, **about))
    ended = at_once(
        4,
        lambda: world.adapter(StoredTokens(database, connection_id, clock), microsoft_of(world.fake)).discover(WAIT),
    )
    assert [len(each) for each in ended] == [1] * 4
    assert world.fake.entra.refreshed == 1
    assert world.grant.refresh_token in StoredTokens(database, connection_id, clock).load()


def test_five_reads_of_a_mailbox_at_once_keep_to_four_requests(world):
    [ref] = world.adapter().discover(WAIT)
    world.fake.seconds = 0.2
    ended = at_once(5, lambda: world.adapter().fetch(ref, REQUEST, None, WAIT))
    assert [each.spans for each in ended] == [[]] * 5
    assert world.mailbox.most_at_once == 4


def test_who_waits_too_long_for_their_turn_says_so(world):
    [ref] = world.adapter().discover(WAIT)
    gate = world.microsoft.gate(f"microsoft://{BEN}")
    for _ in range(4):
        gate.acquire()
    with pytest.raises(AdapterError) as caught:
        world.adapter().fetch(ref, REQUEST, None, timedelta(seconds=0.2))
    assert (caught.value.code, caught.value.permanent) == ("timeout", False)
    assert len(world.fake.calls("calendarView")) == 0


def at_once(count, act):
    """What so many threads got that began together: a result, or the code of an AdapterError."""
    ended, gate = [], threading.Barrier(count)

    def run():
        gate.wait()
        try:
            ended.append(act())
        except AdapterError as fault:
            ended.append(fault.code)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return ended
