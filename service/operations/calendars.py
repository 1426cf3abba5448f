"""A person's calendars: connecting them after a real read, which of them count, switching them off."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session, selectinload

from service.domain.errors import AdapterError, InvalidInput, NotFound
from service.domain.interval import Interval, Span, floor_epoch, unpack
from service.domain.turns import first_look
from service.operations.refreshing import keep_reading, note_success, request_for
from service.operations.turns import host_hash
from service.ports import BusyCalendar, BusyReading, CalendarFactory, CalendarRef, ReadRequest
from service.store.database import load_row
from service.store.tables import Calendar, Connection, Link, Person
from service.store.types import fingerprint

PROVIDERS = ("caldav", "ics")


@dataclass(frozen=True, slots=True)
class NewConnection:
    """What a person gives to connect a calendar."""

    provider: str
    url: str
    username: str | None = None
    password: str | None = None


def probe(
    factory: CalendarFactory, wanted: NewConnection, request: ReadRequest, timeout: timedelta
) -> tuple[tuple[CalendarRef, BusyReading | None], ...]:
    """A real read of a calendar that somebody wants to connect, with no session open. Raises InvalidInput or
    AdapterError with what is wrong; nothing is stored. `timeout` is for all of it together."""
    if wanted.provider not in PROVIDERS:
        raise InvalidInput.of("provider", "unknown_provider", known=", ".join(PROVIDERS))
    if not wanted.url.strip():
        raise InvalidInput.of("url", "empty")
    return read_all(factory(wanted.provider, wanted.url.strip(), wanted.username, wanted.password), request, timeout)


def read_all(
    adapter: BusyCalendar, request: ReadRequest, timeout: timedelta
) -> tuple[tuple[CalendarRef, BusyReading | None], ...]:
    """Which calendars there are, and those that count read. Raises AdapterError. `timeout` is for all of it."""
    deadline = time.monotonic() + timeout.total_seconds()
    refs = adapter.discover(timeout)
    counted = [ref for ref in refs if ref.counts]
    left = timedelta(seconds=max(0.01, deadline - time.monotonic()))
    readings: dict[str, BusyReading | None] = {}
    for ref, outcome in zip(counted, adapter.fetch_all([(ref, None) for ref in counted], request, left), strict=True):
        if isinstance(outcome, AdapterError):
            raise outcome
        readings[ref.key] = outcome
    return tuple((ref, readings.get(ref.key)) for ref in refs)


def add_connection(
    session: Session,
    now: datetime,
    person: Person,
    wanted: NewConnection,
    readings: Iterable[tuple[CalendarRef, BusyReading | None]],
    poll: timedelta,
) -> Connection:
    """The connection with what `probe` read. The same address again takes over the connection that stands: its
    calendars keep which of them count."""
    url = wanted.url.strip()
    same = (row for row in connections_of(session, person.id) if (row.provider, row.url) == (wanted.provider, url))
    connection = next(same, None)
    if connection is None:
        connection = Connection(person_id=person.id, provider=wanted.provider, url=url, created_at=now, calendars=[])
        session.add(connection)
    connection.username, connection.password = wanted.username, wanted.password
    connection.host_hash = host_hash(wanted.provider, url)
    session.flush()
    settle(session, now, connection, readings, poll)
    return connection


def settle(
    session: Session,
    now: datetime,
    connection: Connection,
    readings: Iterable[tuple[CalendarRef, BusyReading | None]],
    poll: timedelta,
) -> None:
    """The connection with what `read_all` read: it is on, and its next read is due. Calendars that the server no
    longer names are gone, since each read of them would fail."""
    request = request_for(session, now, session.get_one(Person, connection.person_id))
    connection.reads += 1
    connection.settled = connection.reads
    known = {calendar.key: calendar for calendar in connection.calendars}
    named = set()
    for ref, reading in readings:
        named.add(ref.key)
        calendar = known.get(ref.key)
        if calendar is None:
            calendar = Calendar(key=ref.key, key_hash=fingerprint(ref.key), name=ref.name, counts=ref.counts)
            connection.calendars.append(calendar)
        calendar.name, calendar.video = ref.name, ref.video
        if reading is not None:
            keep_reading(calendar, reading, request, now, connection.reads)
    connection.calendars[:] = [calendar for calendar in connection.calendars if calendar.key in named]
    note_success(connection, now, poll)
    connection.told_at = None  # its owner has mended it: what fails from here on is news
    connection.due_at = now + first_look(connection.id, poll)
    session.flush()


def providers_in_use(session: Session) -> frozenset[str]:
    """Whose calendars anybody here has."""
    return frozenset(session.scalars(select(Connection.provider).distinct()))


def connections_of(session: Session, person_id: int) -> list[Connection]:
    return list(
        session.scalars(
            select(Connection)
            .where(Connection.person_id == person_id)
            .options(selectinload(Connection.calendars))
            .order_by(Connection.id)
        )
    )


def verified(connection: Connection) -> datetime | None:
    """When the oldest of its copies that count was known to be right; None while one is missing."""
    moments = [calendar.verified_at for calendar in connection.calendars if calendar.counts]
    known = [each for each in moments if each is not None]
    return min(known, default=None) if len(known) == len(moments) else None


def load_connection(session: Session, connection_id: int, person_id: int) -> Connection:
    connection = load_row(session, Connection, connection_id)
    if connection is None or connection.person_id != person_id:
        raise NotFound
    return connection


def remove_connection(session: Session, connection: Connection) -> None:
    """Its calendars and credentials go with it, none of them opened; the person's meetings stay, and their links lead
    to their page."""
    session.execute(update(Link).where(Link.connection_id == connection.id).values(connection_id=None))
    session.execute(delete(Connection).where(Connection.id == connection.id))


def switch_off(connection: Connection) -> None:
    """The calendar no longer counts; the person counts by hours alone. Repeatable."""
    connection.state, connection.due_at = "off", None


def switch_on(connection: Connection, now: datetime) -> None:
    """It is read again at once, and is unreadable until that has worked."""
    if connection.state == "off":
        connection.state, connection.due_at, connection.leased_until = "stale", now, None


def set_counts(connection: Connection, calendar_id: int, counts: bool, now: datetime) -> None:
    """Which calendars count; one that begins to count is read at once, and until then nothing is taken for free."""
    calendar = next((calendar for calendar in connection.calendars if calendar.id == calendar_id), None)
    if calendar is None:
        raise NotFound
    calendar.counts = counts
    if counts and connection.state != "off":
        connection.due_at = now


def next_busy(connection: Connection, now: datetime, count: int = 3) -> list[Interval]:
    """The next busy times as we see them: all that is kept of a calendar, shown to its owner."""
    spans: list[Span] = []
    for calendar in connection.calendars:
        if calendar.counts and calendar.busy:
            spans.extend(span for span in unpack(calendar.busy) if span[1] > floor_epoch(now))
    return [Interval.of(span) for span in sorted(spans)[:count]]
