"""The rows of a database of any version, with what is sealed in them opened: what they say, however it is kept."""

from sqlalchemy import MetaData

from service.store.pair_text import unseal
from service.store.tables import Base
from service.store.types import KeyMissing, Keyring
from tests.conftest import KEYS

KEYRING = Keyring(KEYS)


def bound_to(column):
    """What its sealed values say that they belong to; one column's were moved here from another table."""
    table, _, name = str(column).partition(".")
    known = Base.metadata.tables.get(table)
    kind = known.c[name].type if known is not None and name in known.c else None
    return getattr(kind, "bound_to", str(column)).encode()


def opened(value, bound_to):
    """What is sealed, in whichever way, as what was typed."""
    if not isinstance(value, bytes):
        return value
    try:
        return KEYRING.open(value, bound_to)
    except KeyMissing:
        pass
    try:
        return unseal(value, bound_to, KEYRING).encode()
    except KeyMissing:
        return value  # not sealed at all


def everything(engine, columns=None):
    """Table -> its rows, with what is sealed opened; only `columns` where they are given."""
    found = MetaData()
    found.reflect(engine)
    with engine.connect() as connection:
        return {
            table.name: [
                {
                    name: opened(value, bound_to(table.c[name]))
                    for name, value in row.items()
                    if columns is None or name in columns[table.name]
                }
                for row in connection.execute(table.select().order_by(*table.primary_key)).mappings()
            ]
            for table in found.sorted_tables
            if table.name != "alembic_version" and (columns is None or table.name in columns)
        }
