"""Which columns are sealed, and with which keys; sealing them anew."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, ColumnElement, LargeBinary, Table, func, or_, select, type_coerce, update
from sqlalchemy.orm import Session

from service.store.pair_text import EncryptedOfPair
from service.store.tables import Base
from service.store.types import EncryptedBytes, EncryptedOfRow, EncryptedText, KeyMissing, keyring_of

RESEALED_AT_ONCE = 200
_SEALED = EncryptedText | EncryptedBytes | EncryptedOfRow | EncryptedOfPair


def sealed_columns(table: Table) -> list[Column[Any]]:
    return [column for column in table.columns if isinstance(column.type, _SEALED)]


def used_keys(session: Session) -> set[str]:
    """The ids of every key that some value needs: its first octets name it."""
    used: set[str] = set()
    for table in Base.metadata.sorted_tables:
        for column in sealed_columns(table):
            found = session.scalars(select(_key_of(column)).where(column.is_not(None)).distinct())
            used |= {bytes(key).hex() for key in found}
    return used


def _key_of(column: Column[Any]) -> ColumnElement[bytes]:
    return func.substr(type_coerce(column, LargeBinary), 1, 4, type_=LargeBinary)


def reseal(session: Session, limit: int = RESEALED_AT_ONCE) -> int:
    """Seals up to `limit` rows of one table anew whose key is not the newest; returns how many, so 0 when all is done.

    Rows are locked first: what somebody writes meanwhile is not written over. To be repeated, each time in a
    transaction of its own, so that nobody waits long.
    """
    newest = bytes.fromhex(keyring_of(session.get_bind().dialect).newest)
    for table in Base.metadata.sorted_tables:
        sealed = sealed_columns(table)
        if not sealed:
            continue
        keys = list(table.primary_key.columns)
        old = or_(*(_key_of(column) != newest for column in sealed))  # NULL is never old
        rows = session.execute(select(*keys, *sealed).where(old).limit(limit).with_for_update()).mappings().all()
        for row in rows:
            which = [column == row[column] for column in keys]
            session.execute(update(table).where(*which).values({column.name: row[column] for column in sealed}))
        if rows:
            return len(rows)
    return 0


def missing_keys(session: Session) -> list[str]:
    """The ids of keys that values need and the session's database was not given."""
    return sorted(used_keys(session) - keyring_of(session.get_bind().dialect).ids)


def closed_columns(session: Session) -> list[str]:
    """Columns with a value that its key does not open, as far as one value of each tells."""
    return [
        str(column)
        for table in Base.metadata.sorted_tables
        for column in sealed_columns(table)
        if not _opens(session, column)
    ]


def _opens(session: Session, column: Column[Any]) -> bool:
    try:
        session.scalars(select(column).where(column.is_not(None)).limit(1)).first()
    except KeyMissing:
        return False
    return True
