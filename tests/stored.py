"""What lies in a database, as somebody would find it who has the database and no key."""

from sqlalchemy import Engine, MetaData


def dump(engine: Engine) -> list[str]:
    """Every row of every table, in no one's order, what is sealed as its octets."""
    found = MetaData()
    found.reflect(engine)
    with engine.connect() as connection:
        rows = ((name, row) for name, table in found.tables.items() for row in connection.execute(table.select()))
        return sorted(f"{name} {tuple(row)}" for name, row in rows)
