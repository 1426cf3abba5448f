"""Which columns are sealed, and with which keys."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, LargeBinary, Table, func, select, type_coerce
from sqlalchemy.orm import Session

from service.store.tables import Base
from service.store.types import EncryptedBytes, EncryptedText, KeyMissing, keyring_of


def sealed_columns(table: Table) -> list[Column[Any]]:
    return [column for column in table.columns if isinstance(column.type, EncryptedText | EncryptedBytes)]


def used_keys(session: Session) -> set[str]:
    """The ids of every key that some value needs: its first octets name it."""
    used: set[str] = set()
    for table in Base.metadata.sorted_tables:
        for column in sealed_columns(table):
            name = func.substr(type_coerce(column, LargeBinary), 1, 4, type_=LargeBinary)
            used |= {bytes(key).hex() for key in session.scalars(select(name).where(column.is_not(None)).distinct())}
    return used


def check_keys(session: Session) -> None:
    """Raises KeyMissing for a key that values need and the session's database was not given."""
    for missing in sorted(used_keys(session) - keyring_of(session.get_bind().dialect).ids):
        raise KeyMissing(missing)


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
