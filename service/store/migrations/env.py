"""Alembic's entry: runs the revisions on the connection that service.store.migrate hands over."""

from typing import Any, Literal

from alembic import context
from sqlalchemy.types import TypeDecorator

from service.store.tables import Base


def render_item(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """A revision names plain column types: our own may change later, and what it made must not."""
    if kind == "type" and isinstance(item, TypeDecorator):
        return f"sa.{item.impl_instance!r}"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite alters a table by writing it anew
    render_item=render_item,
)
with context.begin_transaction():
    context.run_migrations()
