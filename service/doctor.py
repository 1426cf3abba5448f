"""Is all well? Each part, how it is, and what to do about it. Looks at everything and changes nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from redis.exceptions import RedisError
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from service import wiring
from service.catalogue import Words
from service.domain.errors import AdapterError
from service.operations import refreshing
from service.settings import SettingFault, Settings
from service.store import heartbeats, outbox
from service.store.migrate import is_current
from service.store.sealed_columns import used_keys
from service.store.tables import Connection, Heartbeat, OutboxRow, Person
from service.store.types import Keyring
from service.trial import send_trial
from service.wiring import Services, utc_now

WORDS = Words.of("en")
ENOUGH_SPACE = 500 * 1024 * 1024  # bytes: the database writes twice what it keeps for a moment
READ_TIMEOUT = timedelta(seconds=10)
CLOCK_OFF = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Row:
    """One part. `state`: well, look (works, but somebody should know), broken, off (not used, or not running)."""

    part: str
    state: str
    advice: str = ""


def check(settings: Settings, address: str | None = None) -> list[Row]:
    """Every part in the order in which they need each other; what hangs on something broken is left out.

    With an `address` a real invitation goes there, and a minute later its cancellation.
    """
    if settings.database_url is None and not (settings.data_dir / wiring.DATABASE_FILE).exists():
        return [Row("database", "off", WORDS("doctor.database.none", folder=settings.data_dir))]
    try:
        services = wiring.build(settings)
    except SettingFault as fault:
        return [Row("keys", "broken", str(fault))]
    try:
        rows = [*_address(settings), *_disk(settings), *_database(services)]
        if rows[-1].state != "broken":
            rows += [*_keys(services), *_parts(services), *_time(services), *_outbox(services)]
            if not any(row.part == "keys" and row.state == "broken" for row in rows):
                rows += _calendars(services)
        rows += [*_broker(settings), *_mail(services)]
        if address is not None and rows[-1].state != "broken":
            rows += _trial(services, address)
        return rows
    finally:
        services.database.close()


def _address(settings: Settings) -> Iterator[Row]:
    if settings.smtp is not None and settings.loopback:
        yield Row("address", "broken", WORDS("doctor.address.loopback", url=settings.base_url))
    else:
        yield Row("address", "well", settings.base_url)


def _disk(settings: Settings) -> Iterator[Row]:
    free = shutil.disk_usage(settings.data_dir).free
    state = "well" if free >= ENOUGH_SPACE else "look"
    yield Row("disk", state, WORDS("doctor.disk", megabytes=free // 1024**2, folder=settings.data_dir))


def _database(services: Services) -> Iterator[Row]:
    try:
        current = is_current(services.database.engine)
    except DBAPIError:
        yield Row("database", "broken", WORDS("doctor.database.unreachable"))
        return
    kind = services.database.engine.dialect.name
    yield Row("database", "well", kind) if current else Row("database", "broken", WORDS("doctor.database.pending"))


def _keys(services: Services) -> Iterator[Row]:
    """Whether every stored value has its key here."""
    here = {Keyring.key_id(key) for key in wiring.with_keys(services.settings).secret_keys}
    with services.database.read() as session:
        missing = sorted(used_keys(session) - here)
    if missing:
        yield Row("keys", "broken", WORDS("doctor.keys.missing", keys=WORDS.items(missing)))
    else:
        yield Row("keys", "well", WORDS("doctor.keys.here", n=len(here)))


def _parts(services: Services) -> Iterator[Row]:
    with services.database.read() as session:
        alive = heartbeats.alive(session, utc_now())
    for part in heartbeats.PARTS:
        if part in alive:
            yield Row(part, "well")
        else:
            yield Row(part, "broken" if alive else "off", WORDS("doctor.part.silent"))


def _time(services: Services) -> Iterator[Row]:
    """A clock that was set back shows in rows that were written later than now."""
    if services.settings.demo:
        return
    with services.database.read() as session:
        seen = [
            moment
            for latest in (func.max(OutboxRow.created_at), func.max(Heartbeat.at))
            if (moment := session.scalar(select(latest))) is not None
        ]
    ahead = max(seen, default=utc_now()) - utc_now()
    if ahead > CLOCK_OFF:
        yield Row("time", "broken", WORDS("doctor.time.behind", minutes=int(ahead.total_seconds() // 60)))
    else:
        yield Row("time", "well", f"{utc_now():%Y-%m-%d %H:%M} UTC")


def _outbox(services: Services) -> Iterator[Row]:
    with services.database.read() as session:
        states = outbox.counts(session)
        overdue = outbox.oldest_overdue(session, services.clock())
    said = [WORDS(f"doctor.outbox.{state}", n=states[state]) for state in ("uncertain", "dead") if states.get(state)]
    if overdue > outbox.OVERDUE:
        said.insert(0, WORDS("doctor.outbox.overdue", minutes=int(overdue.total_seconds() // 60)))
    yield Row("outbox", "look" if said else "well", " ".join(said))


def _calendars(services: Services) -> Iterator[Row]:
    """A real read of every connection, all at once; what came is not kept."""
    with services.database.read() as session:
        connections = session.execute(
            select(Connection.id, Connection.state, Person.email)
            .join(Person, Person.id == Connection.person_id)
            .order_by(Connection.id)
        ).all()
        plans = [refreshing.plan_refresh(session, services.clock(), row.id) for row in connections]
    results = refreshing.read_live([plan for plan in plans if plan is not None], services.calendars, READ_TIMEOUT)
    faults = {result.plan.connection_id: result.error for result in results}
    for connection_id, state, email in connections:
        part = f"calendar {connection_id}"
        fault = faults.get(connection_id)
        if state == "off":
            yield Row(part, "off", email)
        elif fault is not None:
            yield Row(part, "broken", WORDS("doctor.calendar", email=email, fault=_sentence(fault)))
        elif state == "partial":
            yield Row(part, "look", WORDS("doctor.calendar.partial", email=email))
        else:
            yield Row(part, "well", email)


def _broker(settings: Settings) -> Iterator[Row]:
    try:
        with wiring.connect_broker(settings, socket_timeout=5, socket_connect_timeout=5) as client:
            client.ping()
    except (RedisError, OSError):
        if settings.redis_url is None:
            yield Row("broker", "off", WORDS("doctor.broker.off"))
        else:
            yield Row("broker", "broken", WORDS("doctor.broker.unreachable"))
    else:
        yield Row("broker", "well")


def _mail(services: Services) -> Iterator[Row]:
    """Connects and, where it must, logs in; sends nothing."""
    if services.settings.smtp is None:
        yield Row("mail", "look", WORDS("doctor.mail.local"))
        return
    try:
        with services.mailer.session():
            pass
    except AdapterError as fault:
        yield Row("mail", "broken", _sentence(fault))
    else:
        yield Row("mail", "well", services.settings.smtp.host)


def _trial(services: Services, address: str) -> Iterator[Row]:
    try:
        send_trial(services, address)
    except AdapterError as fault:
        yield Row("trial", "broken", _sentence(fault))
    else:
        yield Row("trial", "look", WORDS("doctor.trial", address=address))


def _sentence(fault: AdapterError) -> str:
    key = f"adapter.{fault.code}"
    return WORDS(key, **fault.params) if WORDS.has(key) else fault.code
