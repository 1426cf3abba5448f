"""What lies in a database, as somebody would find it who has the database and no key."""

from sqlalchemy import Engine, inspect, text


def dump(engine: Engine) -> list[str]:
    """Every row of every table, in no one's order, as the database tells it: what is sealed as its octets."""
    names = inspect(engine).get_table_names()
    with engine.connect() as connection:
        rows = ((name, row) for name in names for row in connection.execute(text(f'SELECT * FROM "{name}"')))
        return sorted(f"{name} {tuple(row)}" for name, row in rows)
