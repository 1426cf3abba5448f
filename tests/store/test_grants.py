"""Tokens at rest: one process renews at a time, and a secret belongs to its row."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import text, update

from service.domain.errors import AdapterError
from service.store.grants import LEASE, SenderTokens, StoredTokens
from service.store.sealed_columns import used_keys
from service.store.tables import Grant, SendingGrant
from service.store.types import KeyMissing, OfRow
from service.wiring import utc_now
from tests import cast
from tests.fakes import SetClock

PUT = "UPDATE grants SET tokens = :s WHERE connection_id = :b"
pytestmark = pytest.mark.databases
SOON, AT_ONCE = timedelta(seconds=20), timedelta(0)
HOST = "oauth2.googleapis.com"
US = "us@example.org"


@pytest.fixture
def connection_id(database):
    now = utc_now()
    with database.write() as session:
        made = cast.broken_calendar(session, now, cast.person(session, now, "ben").id)
        session.add(
            Grant(connection_id=made.id, account_hash="h", account="ben@example.org", scopes="busy",
                  tokens=OfRow(made.id, "old"), granted_at=now)
        )  # fmt: skip
        return made.id


def test_of_many_that_renew_one_does_and_the_others_take_what_it_got(database, connection_id):
    renewed, used = [], []

    def work():
        box = StoredTokens(database, connection_id, utc_now)
        with box.renewing(SOON, HOST) as tokens:
            if tokens == "old":
                renewed.append(tokens)
                box.save("new")
        used.append(box.load())

    workers = [threading.Thread(target=work) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert (renewed, used) == (["old"], ["new"] * 6)


def test_who_waits_too_long_is_told_and_a_lost_lease_is_taken_over(database, connection_id):
    clock = SetClock()
    first, second = (StoredTokens(database, connection_id, clock) for _ in range(2))
    with first.renewing(SOON, HOST):
        with pytest.raises(AdapterError) as raised, second.renewing(AT_ONCE, HOST):
            pass
        assert (raised.value.code, raised.value.params) == ("timeout", {"host": HOST})
        clock.now += LEASE
        with second.renewing(AT_ONCE, HOST):
            second.save("the second's")
            with pytest.raises(AdapterError):
                first.save("the first's")
    assert first.load() == "the second's"


def test_tokens_that_are_gone_need_their_owner(database, connection_id):
    with database.write() as session:
        session.execute(update(Grant).values(tokens=None))
    for box in (StoredTokens(database, connection_id, utc_now), StoredTokens(database, 4711, utc_now)):
        with pytest.raises(AdapterError) as raised, box.renewing(AT_ONCE, HOST):
            pass
        assert (raised.value.code, raised.value.permanent) == ("reconnect", True)


def test_a_secret_copied_into_another_row_is_nobodys(database, connection_id):
    now = utc_now()
    with database.write() as session:
        other = cast.broken_calendar(session, now, cast.person(session, now, "ana").id)
        session.add(Grant(connection_id=other.id, account_hash="h", account="a@b", scopes="", granted_at=now))
        session.flush()
        copy = text(
            "UPDATE grants SET tokens = (SELECT tokens FROM grants WHERE connection_id = :a) WHERE connection_id = :b"
        )
        session.execute(copy, {"a": connection_id, "b": other.id})
        other_id = other.id
    with pytest.raises(AdapterError):
        StoredTokens(database, other_id, utc_now).load()
    with database.write() as session:
        sealed = session.execute(
            text("SELECT tokens FROM grants WHERE connection_id = :a"), {"a": connection_id}
        ).scalar_one()
        assert b"old" not in bytes(sealed)
        forged = bytes(sealed)[:-8] + other_id.to_bytes(8, "big")
        session.execute(text("UPDATE grants SET tokens = :s WHERE connection_id = :b"), {"s": forged, "b": other_id})
    with pytest.raises(KeyMissing):
        StoredTokens(database, other_id, utc_now).load()
    with database.read() as session:
        assert len(used_keys(session)) == 1


def test_the_sending_accounts_tokens_are_kept_like_a_connections_and_never_one_of_them(database, connection_id):
    now = utc_now()
    with database.write() as session:
        tokens = OfRow(SendingGrant.THE_ONE, "ours")
        session.add(SendingGrant(id=1, provider="google", account=US, scopes="send", tokens=tokens, granted_at=now))
    ours, his = SenderTokens(database, "google", US, utc_now), StoredTokens(database, connection_id, utc_now)
    with ours.renewing(SOON, HOST) as kept:
        ours.save(f"{kept} anew")
        with pytest.raises(AdapterError), SenderTokens(database, "google", US, utc_now).renewing(AT_ONCE, HOST):
            pass
        with his.renewing(AT_ONCE, HOST):
            his.save("his")
    assert (ours.load(), his.load()) == ("ours anew", "his")
    assert SenderTokens(database, "google", US.upper(), utc_now).load() == "ours anew"
    for provider, address in (("microsoft", US), ("google", "others@example.org")):
        with pytest.raises(AdapterError) as another:
            SenderTokens(database, provider, address, utc_now).load()
        assert another.value.code == "reconnect"
    ours = SenderTokens(database, "google", US, lambda: now)
    for hours in (1, 3, 2):
        ours.leave_alone(timedelta(hours=hours))
    with pytest.raises(AdapterError) as waiting:
        ours.load()
    assert (waiting.value.code, waiting.value.retry_after) == ("sender_throttled", timedelta(hours=3))
