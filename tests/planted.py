"""A different secret in every sealed value of a database, and what is known of each: of which thing, and whose."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Table, select, update
from sqlalchemy.orm import Session

from service.domain.access import MENTEES, TABLES, Action, Role, Thing, When, may, role_of
from service.store.pair_text import EncryptedOfPair, with_key
from service.store.sealed_columns import sealed_columns
from service.store.tables import Base, Connection, Pair
from service.store.types import EncryptedBytes, EncryptedOfRow, OfRow

LEFT = {"links.token", "pair_keys.key"}  # the way in of everybody who looks, and what opens their words
WORDS = ("ANAS-", "BENS-")  # how the lines begin that tests.lived has in documents


@dataclass(frozen=True)
class Secret:
    text: str
    column: str
    thing: Thing
    author_id: int | None
    given: tuple[When, ...]

    def open_to(self, role: Role, action: Action = Action.READ) -> bool:
        return may(role, self.thing, action, *self.given)

    def role_of(self, person_id: int, pair: Pair) -> Role:
        return role_of(person_id, self.author_id, (pair.mentee_id, pair.mentor_id))


def plant(session: Session, pair: Pair) -> list[Secret]:
    """Writes over everything that is sealed, in whatever tables there are."""
    planted: list[Secret] = []
    for table in Base.metadata.sorted_tables:
        keys = list(table.primary_key.columns)
        for column in sealed_columns(table):
            if str(column) in LEFT:
                continue
            for row in session.execute(select(table).where(column.is_not(None))).mappings().all():

                def fresh(row: Any = row, table: Table = table, column: Column[Any] = column) -> str:
                    text = f"zq{len(planted):03}qz"
                    planted.append(_known(session, pair, table, column, row, text))
                    return text

                value = _instead(column, row[column.name], fresh)
                if isinstance(column.type, EncryptedOfPair):
                    value = with_key(value, row[column.name].key)
                which = [key == row[key.name] for key in keys]
                session.execute(update(table).where(*which).values({column.name: value}))
    session.expire_all()
    return planted


def _known(session: Session, pair: Pair, table: Table, column: Column[Any], row: Any, text: str) -> Secret:
    kept = TABLES[table.name]
    thing = kept.of(column.name)
    author = row[kept.whose] if kept.whose else None
    if kept.whose == "connection_id":
        author = session.get_one(Connection, author).person_id
    given = [When.BOTH]  # both have answered in tests.lived
    if row.get("shared_at") is not None:
        given.append(When.SHARED)
    if not row.get("hidden"):
        given.append(When.LEVEL)
    return Secret(text, str(column), thing, pair.mentee_id if thing in MENTEES else author, tuple(given))


def _instead(column: Column[Any], value: Any, fresh: Callable[[], str]) -> Any:
    """Of a document the lines that somebody typed; of anything else all of it."""
    if isinstance(column.type, EncryptedOfRow):
        return OfRow(value.row_id, fresh())
    if isinstance(column.type, EncryptedBytes):
        return fresh().encode()
    try:
        held = json.loads(value)
    except ValueError:
        return fresh()
    return json.dumps({key: fresh() if str(line).startswith(WORDS) else line for key, line in held.items()})
