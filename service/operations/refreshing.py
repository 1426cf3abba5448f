"""Reading calendars afresh: a plan from the database, a read with no session open, what came of it kept."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from service.domain import turns
from service.domain.availability import DEFAULT, from_json
from service.domain.errors import AdapterError
from service.domain.followup import waking
from service.domain.interval import Interval, floor_epoch, pack
from service.domain.turns import LONGEST_HOLD, spread
from service.operations import sightings
from service.operations.changes import notice
from service.operations.turns import hold, host_hash
from service.ports import BusyCalendar, BusyReading, CalendarFactory, CalendarRef, ReadRequest, SyncMark
from service.store import outbox, writes
from service.store.database import load_row
from service.store.tables import Calendar, Connection, Meeting, Pair, Person

BEHIND = timedelta(days=1)
BEYOND_HORIZON = timedelta(days=33)  # so that a copy of yesterday still reaches to the horizon, and caps over a month
TELL_AFTER_POLLS = 2  # one failed read may be anybody's bad minute
TELL_AGAIN = timedelta(days=1)
PASSING = {"forbidden", "not_found"}  # servers that limit how often they are asked say these now and then
GRACE = timedelta(milliseconds=300)  # for an adapter that notices its deadline itself
UIDS_SINCE = timedelta(days=2)
NOTICE_PAUSE = timedelta(seconds=5)  # between two reads for notices: somebody who edits an event makes many


@dataclass(frozen=True, slots=True)
class KnownCalendar:
    """A stored calendar as the next read needs it; `mark` only while the stored window is the one to be read. `read`
    is the number of the read that the record is from."""

    ref: CalendarRef
    mark: SyncMark | None
    read: int


@dataclass(frozen=True, slots=True)
class RefreshPlan:
    """Everything a read needs, so that it can run with no session open. Holds credentials: never logged or queued.

    `number`: the how manieth read of this connection it is, by when they began; see `begin_read`.
    """

    connection_id: int
    number: int
    person_id: int
    provider: str
    url: str
    username: str | None
    password: str | None
    calendars: tuple[KnownCalendar, ...]
    request: ReadRequest


@dataclass(frozen=True, slots=True)
class RefreshResult:
    """What came of a read. A reading of None: unchanged. `error`: the first calendar that could not be read."""

    plan: RefreshPlan
    readings: tuple[tuple[CalendarRef, BusyReading | None], ...]
    error: AdapterError | None

    @property
    def failed(self) -> bool:
        return self.error is not None


def request_for(session: Session, now: datetime, person: Person) -> ReadRequest:
    """The window begins and ends at midnight UTC, so that it stays the same all day and `unchanged` can be believed."""
    midnight = datetime.combine(now.astimezone(UTC).date(), clock_time.min, UTC)
    availability = from_json(person.availability) if person.availability else DEFAULT
    uids = session.scalars(
        select(Meeting.uid)
        .join(Pair, Meeting.pair_id == Pair.id)
        .where((Pair.mentee_id == person.id) | (Pair.mentor_id == person.id), Meeting.ends_at > now - UIDS_SINCE)
    )
    return ReadRequest(
        window=Interval(midnight - BEHIND, midnight + availability.horizon + BEYOND_HORIZON),
        zone=ZoneInfo(person.zone),
        addresses=frozenset({person.email}),
        our_uids=frozenset([*uids, *writes.aliases(session, person.id, now - UIDS_SINCE)]),
    )


def plan_refresh(session: Session, now: datetime, connection_id: int) -> RefreshPlan | None:
    """For a look whose result is not kept. None when the connection is gone or switched off."""
    connection = _load(session, connection_id)
    return _plan(session, now, connection) if connection is not None and connection.state != "off" else None


def begin_read(session: Session, now: datetime, connection_id: int) -> RefreshPlan | None:
    """The plan of a read that is to be kept, numbered in the order in which reads begin: of two at the same time the
    one that began later holds, whichever ends first. Clocks are not asked, since they may be set back.

    None when the connection is gone or switched off.
    """
    connection = _load(session, connection_id)
    if connection is None or connection.state == "off":
        return None
    connection.reads += 1
    connection.host_hash = host_hash(connection.provider, connection.url)
    return _plan(session, now, connection)


def _load(session: Session, connection_id: int) -> Connection | None:
    """With its calendars. In a transaction that writes, of several load the smallest id first: it is locked."""
    return load_row(session, Connection, connection_id, [selectinload(Connection.calendars)])


def _plan(session: Session, now: datetime, connection: Connection) -> RefreshPlan:
    person = session.get_one(Person, connection.person_id)
    request = request_for(session, now, person)
    return RefreshPlan(
        connection_id=connection.id,
        number=connection.reads,
        person_id=person.id,
        provider=connection.provider,
        url=connection.url,
        username=connection.username,
        password=connection.password,
        calendars=tuple(_known(calendar, request) for calendar in connection.calendars if calendar.counts),
        request=request,
    )


def begin_live_reads(session: Session, now: datetime, pair: Pair) -> list[RefreshPlan]:
    """A plan for every calendar of the two that counts: read just before a time is confirmed."""
    ids = session.scalars(
        select(Connection.id)
        .where(Connection.person_id.in_((pair.mentee_id, pair.mentor_id)), Connection.state != "off")
        .order_by(Connection.id)
    ).all()
    plans = [begin_read(session, now, connection_id) for connection_id in ids]
    return [
        replace(plan, request=replace(plan.request, live=True)) for plan in plans if plan is not None and plan.calendars
    ]


def read(plan: RefreshPlan, factory: CalendarFactory, timeout: timedelta) -> RefreshResult:
    """Asks the calendar server; `timeout` is for all of the connection's calendars together. Never raises."""
    readings: list[tuple[CalendarRef, BusyReading | None]] = []
    faults: list[AdapterError] = []
    adapter: BusyCalendar = factory(plan.provider, plan.url, plan.username, plan.password, plan.connection_id)
    outcomes = adapter.fetch_all([(known.ref, known.mark) for known in plan.calendars], plan.request, timeout)
    for known, outcome in zip(plan.calendars, outcomes, strict=True):
        if isinstance(outcome, AdapterError):
            faults.append(outcome)
        else:
            readings.append((known.ref, outcome))
    faults.sort(key=lambda fault: fault.retry_after is None)  # a pause that was asked for is what matters most
    return RefreshResult(plan, tuple(readings), faults[0] if faults else None)


def read_live(plans: list[RefreshPlan], factory: CalendarFactory, timeout: timedelta) -> list[RefreshResult]:
    """All at once, each within `timeout`; in the order of the plans. One that still has not answered then is given up,
    not waited for."""
    if not plans:
        return []
    pool = ThreadPoolExecutor(max_workers=len(plans), thread_name_prefix="live-read")
    waiting = [pool.submit(read, plan, factory, timeout) for plan in plans]
    done, _ = wait(waiting, timeout=(timeout + GRACE).total_seconds())
    pool.shutdown(wait=False, cancel_futures=True)
    return [each.result() if each in done else _given_up(plan) for each, plan in zip(waiting, plans, strict=True)]


def _given_up(plan: RefreshPlan) -> RefreshResult:
    return RefreshResult(
        plan, (), AdapterError("timeout", permanent=False, host=turns.host_of(plan.url) or plan.provider)
    )


def store_refresh(session: Session, now: datetime, result: RefreshResult, poll: timedelta) -> None:
    """Keeps what was read, unless a read that began later has been kept. After a failure the last good copy stays
    until it is too old; its owner is told once: at once when only they can mend it, else after two polls in vain.
    Repeatable. Several in one transaction: the smallest connection first."""
    plan = result.plan
    connection = _load(session, plan.connection_id)
    if connection is None:
        return
    connection.leased_until = None
    if connection.state == "off":
        return
    calendars = {calendar.key: calendar for calendar in connection.calendars}
    kept = [
        _store_reading(calendars[ref.key], plan, reading, now)
        for ref, reading in result.readings
        if ref.key in calendars
    ]
    if result.error is not None and result.error.retry_after is not None and connection.host_hash is not None:
        hold(session, now, connection.host_hash, result.error.retry_after)
    if plan.number < connection.settled:
        return
    connection.settled = plan.number
    if result.error is None:
        note_success(connection, now, poll)
    else:
        _note_failure(session, connection, now, result.error, poll)
    notice(session, now, connection.id, result.readings)
    sightings.notice(session, now, connection, plan.request.window, result.readings)
    planned = {known.ref.key for known in plan.calendars}
    if not all(kept) or any(calendar.counts and calendar.key not in planned for calendar in connection.calendars):
        connection.due_at = now  # of something that counts nothing is known yet
    elif plan.number <= connection.noticed:
        connection.due_at = min(connection.due_at or now, now + NOTICE_PAUSE)  # it may have changed after we looked


def _store_reading(calendar: Calendar, plan: RefreshPlan, reading: BusyReading | None, now: datetime) -> bool:
    """False when it has to be read again, whole: it has not changed since a record that another read has replaced."""
    if calendar.read >= plan.number:
        return True
    if reading is not None:
        keep_reading(calendar, reading, plan.request, now, plan.number)
        return True
    same = any(known.ref.key == calendar.key and known.read == calendar.read for known in plan.calendars)
    if same:
        calendar.verified_at, calendar.read = now, plan.number
    else:
        calendar.mark = None
    return same


def _known(calendar: Calendar, request: ReadRequest) -> KnownCalendar:
    same_window = (calendar.window_from, calendar.window_until) == (request.window.start, request.window.end)
    mark = SyncMark(**calendar.mark) if calendar.mark and same_window and not calendar.partial else None
    return KnownCalendar(CalendarRef(calendar.key, calendar.name, calendar.counts), mark, calendar.read)


def keep_reading(calendar: Calendar, reading: BusyReading, request: ReadRequest, now: datetime, number: int) -> None:
    """Start and end of what is busy, and what lets the next read ask only for changes; nothing else is kept."""
    calendar.busy = pack(reading.spans)
    calendar.window_from, calendar.window_until = request.window.start, request.window.end
    calendar.partial = reading.partial
    calendar.mark = asdict(reading.mark)
    calendar.verified_at, calendar.read = now, number


def note_success(connection: Connection, now: datetime, poll: timedelta) -> None:
    """The incident, if there was one, is over. When it was told stays: a calendar that fails now and then is one
    trouble."""
    partial = any(calendar.counts and calendar.partial for calendar in connection.calendars)
    connection.state = "partial" if partial else "connected"
    connection.fault = connection.failed_at = None
    connection.checked_at, connection.due_at = now, now + spread(connection.id, poll)


def _note_failure(
    session: Session, connection: Connection, now: datetime, error: AdapterError, poll: timedelta
) -> None:
    connection.state = "reconnect" if error.permanent else "stale"
    connection.fault = error.code
    connection.failed_at = connection.failed_at or now
    connection.checked_at = now
    connection.due_at = now + max(spread(connection.id, poll), min(error.retry_after or timedelta(0), LONGEST_HOLD))
    lasting = now - connection.failed_at >= poll * TELL_AFTER_POLLS
    at_once = error.permanent and error.code not in PASSING
    told = connection.told_at
    if (at_once or lasting) and (told is None or (told < connection.failed_at and now - told >= TELL_AGAIN)):
        connection.told_at = now
        outbox.add(
            session,
            now,
            "calendar-broken",
            connection.person_id,
            due_at=waking(now, ZoneInfo(session.get_one(Person, connection.person_id).zone)),
            dedup=f"c{connection.id}:broken:{floor_epoch(connection.failed_at)}",
            connection_id=connection.id,
        )
