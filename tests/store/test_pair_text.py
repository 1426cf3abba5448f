"""What is typed within a pair is sealed with that pair's key, whichever way it is written."""

import pytest
from sqlalchemy import LargeBinary, select, type_coerce, update
from sqlalchemy.exc import StatementError

from service.store.pair_text import EncryptedOfPair, opened, seal, unseal
from service.store.sealed_columns import sealed_columns
from service.store.tables import Base, Goal, Pair, PairKey
from service.store.tables.sealing import keyed_text, pair_key
from service.store.types import KeyMissing, Keyring
from tests import cast
from tests.conftest import KEYS
from tests.lived import NOW

pytestmark = pytest.mark.databases
# Sealed as well, and nothing that two people say to each other: ways in, addresses, mails on their way.
OF_NO_PAIR = {"links", "outbox", "inbound", "calendar_writes", "pair_keys"}


def two_pairs(session):
    first = cast.pair(session, NOW)
    return first, cast.other_mentee(session, NOW, first.mentor_id)


def octets(session, column):
    return session.scalars(select(type_coerce(column, LargeBinary)).where(column.is_not(None))).all()


def test_every_text_that_belongs_to_a_pair_has_its_key():
    of_pairs = [table for table in Base.metadata.sorted_tables if {"pair_id", "meeting_id"} & set(table.c.keys())]
    others = {
        str(column)
        for table in of_pairs
        if table.name not in OF_NO_PAIR
        for column in sealed_columns(table)
        if not isinstance(column.type, EncryptedOfPair)
    }
    assert others == set()


def test_the_same_words_of_two_pairs_have_two_keys(services):
    with services.database.write() as session:
        pairs = two_pairs(session)
        for pair in pairs:
            pair.place = "Room 4"
            session.add(Goal(pair_id=pair.id, text="SAME-WORDS", state="open", created_at=NOW))
        session.flush()
        kept = [pair_key(session.connection(), pair.id) for pair in pairs]
    with services.database.read() as session:
        assert [each.key for each in session.scalars(select(Goal.text).order_by(Goal.pair_id))] == kept
        assert [each.key for each in session.scalars(select(Pair.place).order_by(Pair.id))] == kept
        assert kept[0] != kept[1]
        for value in octets(session, Goal.text):
            with pytest.raises(KeyMissing):
                unseal(value, b"goals.worked_when", Keyring(KEYS))
            with pytest.raises(KeyMissing):
                unseal(value, b"goals.text", Keyring(("o" * 48,)))


def test_a_pair_that_is_made_with_a_place_keeps_the_key_of_it(services):
    with services.database.write() as session:
        pair = cast.pair(session, NOW, place="Room 4")
        session.flush()
        assert session.scalar(select(PairKey.key)) == session.scalar(select(Pair.place)).key
        pair.place = "Room 5"
        session.flush()
        assert session.scalar(select(PairKey.key)) == session.scalar(select(Pair.place)).key


def test_a_pair_has_its_key_before_anything_is_written(services):
    """Made at the first text, two who write at once would wait for each other: one holds the pair, one its key."""
    with services.database.write() as session:
        pair = cast.pair(session, NOW)
        session.flush()
        assert session.scalar(select(PairKey.pair_id)) == pair.id


def test_a_statement_needs_the_key_or_is_refused(services):
    with services.database.write() as session:
        pair = cast.pair(session, NOW)
        with pytest.raises(StatementError, match="write it through a row"):
            session.execute(update(Pair).values(place="nobody's"))
        session.execute(update(Pair).values(place=keyed_text(session, pair.id, "theirs")))
        assert session.scalar(select(Pair.place)) == "theirs"
        session.execute(update(Pair).values(place=None))
        assert session.scalar(select(Pair.place)) is None


def test_what_was_sealed_before_pairs_had_keys_is_read_and_sealed_anew():
    old, new = Keyring(("o" * 48,)), Keyring(("n" * 48, "o" * 48))
    found = opened(old.seal(b"typed", b"goals.text"), b"goals.text", new)
    assert found == "typed"
    assert unseal(seal(found, b"goals.text", new), b"goals.text", Keyring(("n" * 48,))) == "typed"
    with pytest.raises(KeyMissing, match=Keyring.key_id("o" * 48)):
        opened(old.seal(b"typed", b"goals.text"), b"goals.text", Keyring(("n" * 48,)))
