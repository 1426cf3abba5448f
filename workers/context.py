"""The services of this worker process: built once before forking, so that each job starts with everything imported."""

from __future__ import annotations

from functools import cache

from service import settings, wiring
from service.wiring import Services


@cache
def services() -> Services:
    """Of the environment. A forked job inherits them; its database connections are its own (see `after_fork`)."""
    return wiring.build(settings.load())


def after_fork() -> None:
    """Connections that the parent opened must not be used by two processes: SQLAlchemy's pool is emptied, not
    closed."""
    services().database.engine.dispose(close=False)
