"""Migrates the database of its first argument and prints how many statements changed it.

With a second argument it dies on the spot when it has said the statement that begins with it.
"""

import os
import signal
import sys

from sqlalchemy import event

from service.store.database import connect
from service.store.migrate import migrate
from service.store.types import Keyring

CHANGES = ("CREATE", "ALTER", "INSERT", "UPDATE")


def main(url: str, killed_at: str | None = None) -> None:
    engine = connect(url, Keyring(("k" * 48,)))
    said = []

    def note(_connection, _cursor, statement, *_rest):
        said.append(statement.strip())
        if killed_at and said[-1].startswith(killed_at):
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(engine, "after_cursor_execute", note)
    migrate(engine)
    print(sum(statement.startswith(CHANGES) for statement in said))  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
