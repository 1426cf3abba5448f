"""A pair's key, and how every text of the pair comes to be sealed with it when its row is written."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, ForeignKey, bindparam, event, insert, inspect, select
from sqlalchemy.orm import Mapped, Mapper, Session, mapped_column

from service.store.pair_text import EncryptedOfPair, PairText, new_key, with_key
from service.store.tables.agreements import Agreement
from service.store.tables.base import Base
from service.store.tables.meetings import Meeting
from service.store.tables.people import Pair
from service.store.types import EncryptedBytes


class PairKey(Base):
    """Made with the pair. Without it nothing more can be sealed; what is sealed carries it along."""

    __tablename__ = "pair_keys"
    pair_id: Mapped[int] = mapped_column(ForeignKey("pairs.id"), primary_key=True)
    key: Mapped[bytes] = mapped_column(EncryptedBytes("pair_keys.key"))


_FIRST = "first key"
_KEY = select(PairKey.key).where(PairKey.pair_id == bindparam("id"))
# How a row tells which pair it belongs to, in this order: some have both.
_PAIR_BY = {
    "pair_id": None,
    "meeting_id": select(Meeting.pair_id).where(Meeting.id == bindparam("id")),
    "agreement_id": select(Agreement.pair_id).where(Agreement.id == bindparam("id")),
}


def pair_key(connection: Connection, pair_id: int) -> bytes:
    key: bytes = connection.execute(_KEY, {"id": pair_id}).scalar_one()
    return key


def keyed_text(session: Session, pair_id: int, text: str) -> PairText:
    """The text with its pair's key, for a statement that writes it into many rows at once."""
    return with_key(text, pair_key(session.connection(), pair_id))


def texts_of(mapper: Mapper[Any]) -> list[str]:
    """The attributes of a kind of row that hold text of a pair."""
    return [name for name, column in mapper.columns.items() if isinstance(column.type, EncryptedOfPair)]


@event.listens_for(Base, "before_insert", propagate=True)
@event.listens_for(Base, "before_update", propagate=True)
def _give_key(mapper: Mapper[Any], connection: Connection, row: Any) -> None:
    state = inspect(row)
    new = [name for name in texts_of(mapper) if any(text is not None for text in state.attrs[name].history.added or ())]
    if new:
        key = _key_of(row, connection)
        for name in new:
            setattr(row, name, with_key(getattr(row, name), key))


def _key_of(row: Any, connection: Connection) -> bytes:
    if isinstance(row, Pair):
        return pair_key(connection, row.id) if row.id else _first_key(row)
    by = next(name for name in _PAIR_BY if hasattr(row, name))
    pair_of, owner = _PAIR_BY[by], getattr(row, by)
    return pair_key(connection, owner if pair_of is None else connection.execute(pair_of, {"id": owner}).scalar_one())


def _first_key(pair: Pair) -> bytes:
    """A pair that is written for the first time has no number yet: its key waits on it until it has."""
    made: bytes = inspect(pair).info.setdefault(_FIRST, new_key())
    return made


@event.listens_for(Pair, "after_insert")
def _keep_first_key(_mapper: Mapper[Any], connection: Connection, pair: Pair) -> None:
    key = inspect(pair).info.pop(_FIRST, None) or new_key()
    connection.execute(insert(PairKey), {"pair_id": pair.id, "key": key})
