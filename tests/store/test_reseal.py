"""New keys take over every stored value while people go on writing, and the old key is needed no more."""

import threading
from contextlib import closing
from dataclasses import replace

import pytest
from sqlalchemy import select

from service.store.database import Database, connect
from service.store.sealed_columns import missing_keys, reseal, used_keys
from service.store.tables import Meeting
from service.store.types import KeyMissing, Keyring
from tests.conftest import KEYS
from tests.lived import everything, lived_in

pytestmark = pytest.mark.databases
NEW = "n" * 48


@pytest.fixture
def rotated(services, database_url):
    """The same database for whoever has the new key before the old one."""
    lived_in(services)
    made = Database(connect(database_url, Keyring((NEW, *KEYS))))
    yield made
    made.close()


def rotate(database, limit=3):
    count, changed = 0, 1
    while changed:
        with database.write() as session:
            changed = reseal(session, limit)
        count += changed
    return count


def test_all_is_sealed_anew_and_says_the_same(services, rotated, database_url):
    said = everything(services)
    assert rotate(rotated) > 5
    assert rotate(rotated) == 0
    only_new = Database(connect(database_url, Keyring((NEW,))))
    with only_new.read() as session:
        assert used_keys(session) == {Keyring.key_id(NEW)}
        assert missing_keys(session) == []
    assert sorted(everything(replace(services, database=only_new)).splitlines()) == sorted(said.splitlines())
    only_new.close()
    with services.database.read() as session:
        assert missing_keys(session) == [Keyring.key_id(NEW)]


def test_what_is_written_meanwhile_stays(rotated, database_url):
    """Somebody goes on typing into the very row that is sealed anew, with the old key first: as in a process that was
    started before."""
    asks, stopped, faults = ["ANAS-ASK"], threading.Event(), []
    typists = Database(connect(database_url, Keyring((*KEYS, NEW))))

    def type_on():
        try:
            while not stopped.is_set():
                with typists.write() as session:
                    assert session.scalar(select(Meeting.ask).where(Meeting.id == 1)) == asks[-1]
                    session.get_one(Meeting, 1).ask = str(len(asks))
                asks.append(str(len(asks)))
        except (AssertionError, KeyMissing) as fault:
            faults.append(fault)

    with closing(typists):
        typing = threading.Thread(target=type_on)
        typing.start()
        while typing.is_alive() and len(asks) < 40:
            with rotated.write() as session:
                reseal(session)
            stopped.wait(0.002)  # SQLite lets in whoever asks first, and here that was always the same one
        stopped.set()
        typing.join()
    assert faults == []
