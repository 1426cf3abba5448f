"""What the database holds and says: itself, the keys, the parts that live, the outbox."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from service import data_folder
from service.doctor.rows import WORDS, Row
from service.operations.bounces import count_unreachable, unreachable
from service.store import heartbeats, held, outbox, writes
from service.store.migrate import is_current
from service.store.sealed_columns import closed_columns, used_keys
from service.store.types import Keyring
from service.wiring import Services

MOST_NAMED = 5


def database(services: Services) -> Iterator[Row]:
    try:
        current = is_current(services.database.engine)
        kind = _kind(services)
    except DBAPIError:
        yield Row("database", "broken", WORDS("doctor.database.unreachable"))
        return
    yield Row("database", "well", kind) if current else Row("database", "broken", WORDS("doctor.database.pending"))


def _kind(services: Services) -> str:
    """Its name and version, as the server says them."""
    postgresql = services.database.engine.dialect.name == "postgresql"
    asked = func.current_setting("server_version") if postgresql else func.sqlite_version()
    with services.database.read() as session:
        return f"{'PostgreSQL' if postgresql else 'SQLite'} {session.scalar(select(asked))}"


def keys(services: Services) -> Iterator[Row]:
    """Whether every stored value has its key here, and whether keys open what they name."""
    here = {Keyring.key_id(key) for key in data_folder.with_keys(services.settings).secret_keys}
    with services.database.read() as session:
        missing = sorted(used_keys(session) - here)
        closed = [] if missing else closed_columns(session)
    if missing:
        yield Row("keys", "broken", WORDS("doctor.keys.missing", keys=WORDS.items(missing)))
    elif closed:
        yield Row("keys", "broken", WORDS("doctor.keys.damaged", columns=WORDS.items(closed)))
    else:
        yield Row("keys", "well", WORDS("doctor.keys.here", n=len(here)))


def parts(services: Services) -> Iterator[Row]:
    with services.database.read() as session:
        alive = heartbeats.alive(session, services.machine_clock())
    for part in heartbeats.PARTS:
        if part in alive:
            yield Row(part, "well")
        else:
            yield Row(part, "broken" if alive else "off", WORDS("doctor.part.silent"))


def mails(services: Services) -> Iterator[Row]:
    with services.database.read() as session:
        states = outbox.counts(session)
        overdue = outbox.oldest_overdue(session, services.clock())
        states["held"] = held.count(session)
    wrong = [state for state in ("held", "uncertain", "dead") if states.get(state)]
    said = [WORDS(f"doctor.outbox.{state}", n=states[state]) for state in wrong]
    if overdue > outbox.OVERDUE:
        said.insert(0, WORDS("doctor.outbox.overdue", minutes=int(overdue.total_seconds() // 60)))
    yield Row("outbox", "look" if said else "well", " ".join(said))


def addresses(services: Services) -> Iterator[Row]:
    """Those that send mails back, the first of them by name; all well is not worth a row."""
    with services.database.read() as session:
        count = count_unreachable(session)
        who = [each.email for each in unreachable(session)[:MOST_NAMED]]
    if count > len(who):
        who.append(WORDS("doctor.addresses.rest", n=count - len(who)))
    if count:
        yield Row("addresses", "look", WORDS("doctor.addresses", n=count, who=WORDS.items(who)))


def entries(services: Services) -> Iterator[Row]:
    """Meetings ahead that people's own calendars were to hold."""
    with services.database.read() as session:
        failed = writes.failed_ahead(session, services.clock())
        overdue = writes.oldest_overdue(session, services.clock())
    said = [WORDS("doctor.entries.failed", n=failed)] if failed else []
    if overdue > outbox.OVERDUE:
        said.insert(0, WORDS("doctor.entries.overdue", minutes=int(overdue.total_seconds() // 60)))
    yield Row("entries", "look" if said else "well", " ".join(said))
