"""All rows as lines of JSON that no database is particular about, and back. What is sealed stays sealed.

A line that is an object begins a table (`{"table": "people", "columns": ["id", ...]}`), a line that is an array is one
of its rows, and `{"end": 1234}` with the number of rows comes last. Octets are base64, instants and days as RFC 3339
writes them. Columns are asked of the database and not of the tables: a backup of an earlier version is read into the
tables of that version.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import JSON, Connection, Date, DateTime, Inspector, LargeBinary, column, func, inspect, select, text
from sqlalchemy import table as table_of
from sqlalchemy.sql.expression import TableClause
from sqlalchemy.types import TypeEngine

from service.domain.errors import GreenroomError

REVISION_TABLE = "alembic_version"
OF_THE_MOMENT = ("heartbeats",)  # true of the processes that ran then, and of nobody after a restore
AT_ONCE = 200  # rows in memory; a rendered mail may have a hundred kilobytes


class NotRows(GreenroomError):
    """These lines are not what `dump` writes, or not all of it."""

    code = "backup_damaged"


@dataclass(frozen=True, slots=True)
class _Shape:
    """A table's columns, without those that the database works out by itself."""

    clause: TableClause
    keys: tuple[str, ...]
    kinds: dict[str, TypeEngine[Any]]


def tables(inspector: Inspector) -> list[str]:
    """Every table of ours, each after those that it refers to."""
    ordered = [name for name, _ in inspector.get_sorted_table_and_fkc_names() if name is not None]
    return [name for name in ordered if name != REVISION_TABLE]


def dump(connection: Connection) -> Iterator[str]:
    """Every row that outlives the moment. They are of one moment when the connection's transaction shows one."""
    inspector = inspect(connection)
    count = 0
    for name in tables(inspector):
        if name in OF_THE_MOMENT:
            continue
        shape = _shape(inspector, name)
        yield _line({"table": name, "columns": list(shape.kinds)})
        writers = [_writer(kind) for kind in shape.kinds.values()]
        rows = connection.execute(
            select(*shape.clause.c).order_by(*(shape.clause.c[key] for key in shape.keys)),
            execution_options={"yield_per": AT_ONCE},
        )
        for row in rows:
            yield _line([value if value is None else write(value) for write, value in zip(writers, row, strict=True)])
            count += 1
    yield _line({"end": count})


def load(connection: Connection, lines: Iterable[str]) -> int:
    """Writes rows into tables that are empty; returns how many. Raises NotRows when something is missing."""
    inspector = inspect(connection)
    known = tables(inspector)
    shape: _Shape | None = None
    waiting: list[dict[str, Any]] = []
    count = 0
    for line in lines:
        value = _value(line)
        if shape is not None and waiting and (len(waiting) == AT_ONCE or not isinstance(value, list)):
            connection.execute(shape.clause.insert(), waiting)
            waiting = []
        match value:
            case list():
                waiting.append(_row(shape, value))
                count += 1
            case {"table": str(name), "columns": list(columns)} if name in known:
                shape = _shape(inspector, name)
                if list(shape.kinds) != columns:
                    raise NotRows
            case {"end": int(total)} if total == count and next(iter(lines), None) is None:  # read to the very end
                for moment in OF_THE_MOMENT:  # earlier versions kept them
                    connection.execute(table_of(moment).delete())
                _set_sequences(connection, inspector, known)
                return count
            case _:
                raise NotRows
    raise NotRows


def _row(shape: _Shape | None, values: list[Any]) -> dict[str, Any]:
    if shape is None or len(values) != len(shape.kinds):
        raise NotRows
    return {
        name: value if value is None else _reader(kind)(value)
        for (name, kind), value in zip(shape.kinds.items(), values, strict=True)
    }


def _shape(inspector: Inspector, name: str) -> _Shape:
    """Columns in the order of their names: a migration leaves another order behind than a fresh table has."""
    kinds: dict[str, TypeEngine[Any]] = {
        each["name"]: JSON(none_as_null=True) if isinstance(each["type"], JSON) else each["type"]
        for each in sorted(inspector.get_columns(name), key=lambda each: each["name"])
        if not each.get("computed")
    }
    keys = tuple(inspector.get_pk_constraint(name)["constrained_columns"])
    return _Shape(table_of(name, *(column(key, kind) for key, kind in kinds.items())), keys, kinds)


def _set_sequences(connection: Connection, inspector: Inspector, names: list[str]) -> None:
    """PostgreSQL numbers on from what it has given out itself, and these rows brought their numbers along."""
    if connection.dialect.name != "postgresql":
        return
    for name in names:
        shape = _shape(inspector, name)
        if shape.keys != ("id",):
            continue
        highest = connection.scalar(select(func.max(shape.clause.c.id)))
        if highest is not None:
            connection.execute(
                text("SELECT setval(pg_get_serial_sequence(:name, 'id'), :highest)"), {"name": name, "highest": highest}
            )


def _writer(kind: TypeEngine[Any]) -> Callable[[Any], Any]:
    if isinstance(kind, LargeBinary):
        return lambda octets: base64.b64encode(octets).decode()
    if isinstance(kind, DateTime):
        return _instant
    if isinstance(kind, Date):
        return date.isoformat
    return lambda value: value


def _instant(moment: datetime) -> str:
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)  # SQLite keeps no zone
    return aware.isoformat()


def _reader(kind: TypeEngine[Any]) -> Callable[[Any], Any]:
    if isinstance(kind, LargeBinary):
        return base64.b64decode
    if isinstance(kind, DateTime):
        return datetime.fromisoformat
    if isinstance(kind, Date):
        return date.fromisoformat
    return lambda value: value


def _line(value: Any) -> str:
    return json.dumps(value, separators=(",", ":")) + "\n"


def _value(line: str) -> Any:
    try:
        return json.loads(line)
    except json.JSONDecodeError:
        raise NotRows from None
