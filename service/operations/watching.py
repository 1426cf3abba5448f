"""Being told of changes, so that a calendar is read within seconds of one: which calendars to have watched, which
watches to end, and what a notice does.

A watch cannot be made longer. At half its life a new one is asked for, and the old one is stopped only once the new one
stands. Calendars are polled as if nobody told us anything: a notice that is lost costs one interval.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.orm import Session, selectinload

from service.domain.errors import AdapterError
from service.domain.turns import spread
from service.operations.refreshing import NOTICE_PAUSE
from service.ports import CalendarRef
from service.store.database import load_row
from service.store.tables import Calendar, CalendarWatch, Connection
from service.store.types import fingerprint
from service.watcher import Watch, Watcher

RETRY, RETRY_REFUSED = timedelta(hours=1), timedelta(days=1)
NOT_ENOUGH = frozenset({"forbidden", "consent_partial"})  # what the owner gave does not reach: that seldom changes
DOWN = frozenset({"off", "reconnect"})


@dataclass(frozen=True, slots=True)
class Spent:
    """A watch that is to end."""

    row_id: int
    calendar_id: int | None
    watch: Watch


@dataclass(frozen=True, slots=True)
class WatchPlan:
    """What one connection needs: calendars to be watched anew, and watches to be stopped as things stand."""

    connection_id: int
    provider: str
    url: str
    wanted: tuple[tuple[int, CalendarRef], ...]
    spent: tuple[Spent, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of asking for one calendar, and the token that its notices would bring."""

    calendar_id: int
    token: str
    outcome: Watch | AdapterError


def plan(session: Session, now: datetime, connection_id: int, *, reachable: bool) -> WatchPlan | None:
    """None when the connection is gone, or could not be read just now: a provider in trouble is left alone.
    `reachable`: whether providers can reach us; else nothing is watched."""
    connection = session.get(Connection, connection_id, options=[selectinload(Connection.calendars)])
    if connection is None or connection.state == "stale":
        return None
    watches = reachable and connection.state not in DOWN
    due = [each for each in connection.calendars if each.counts and (each.watch_at is None or each.watch_at <= now)]
    return WatchPlan(
        connection_id=connection.id,
        provider=connection.provider,
        url=connection.url,
        wanted=tuple((each.id, CalendarRef(each.key, each.name, each.counts)) for each in due if watches),
        spent=tuple(_spent(session, now, connection, watches=watches)),
    )


def all_of(session: Session, connection: Connection) -> WatchPlan:
    """To end every watch of a connection that is about to be removed, or was switched off."""
    spent = tuple(_as_spent(row) for row in _rows(session, connection.id))
    return WatchPlan(connection.id, connection.provider, connection.url, (), spent)


def ask(plan: WatchPlan, watcher: Watcher, address: str, timeout: timedelta) -> list[Asked]:
    """Asks the provider, with no session open; `timeout` is for all calendars together. Never raises AdapterError."""
    deadline = time.monotonic() + timeout.total_seconds()
    answers: list[Asked] = []
    for calendar_id, ref in plan.wanted:
        token = secrets.token_urlsafe(32)
        try:
            answers.append(Asked(calendar_id, token, watcher.watch(ref, address, token, _left(deadline))))
        except AdapterError as fault:
            answers.append(Asked(calendar_id, token, fault))
            if fault.retry_after is not None:  # the others are at the same provider, which wants to be left alone
                break
    return answers


def keep(session: Session, now: datetime, plan: WatchPlan, answers: Iterable[Asked], *, reachable: bool) -> list[Spent]:
    """Keeps the new watches; returns those that are to be stopped now: the ones that they replace, and all of them if
    the connection was switched off meanwhile."""
    connection = load_row(session, Connection, plan.connection_id, [selectinload(Connection.calendars)])
    if connection is None:
        return []
    calendars = {calendar.id: calendar for calendar in connection.calendars}
    for answer in answers:
        calendar = calendars.get(answer.calendar_id)
        watch = answer.outcome
        if isinstance(watch, Watch):
            session.add(
                CalendarWatch(
                    connection_id=connection.id, calendar_id=calendar.id if calendar else None, channel=watch.id,
                    token_hash=fingerprint(answer.token), resource=watch.resource, expires_at=watch.expires_at,
                )
            )  # fmt: skip
        if calendar is not None:
            calendar.watch_at = _again(now, connection.id, answer.outcome)
            calendar.watch_fault = None if isinstance(watch, Watch) else watch.code
    session.flush()
    return _spent(session, now, connection, watches=reachable and connection.state not in DOWN)


def _again(now: datetime, connection_id: int, outcome: Watch | AdapterError) -> datetime:
    """Half a life on, spread so that those of one import are not renewed in one minute."""
    if isinstance(outcome, Watch):
        return now + spread(connection_id, (outcome.expires_at - now) / 2)
    if outcome.code in NOT_ENOUGH:
        return now + RETRY_REFUSED
    return now + max(RETRY, outcome.retry_after or RETRY)


def stop(spent: Iterable[Spent], watcher: Watcher, timeout: timedelta) -> list[Spent]:
    """Those that are over, with no session open; `timeout` is for all. One that could not be stopped for a while is to
    be tried again; where our tokens are no longer taken nothing can be done, and it ends by itself."""
    deadline = time.monotonic() + timeout.total_seconds()
    over = []
    for each in spent:
        try:
            watcher.stop(each.watch, _left(deadline))
        except AdapterError as fault:
            if not fault.permanent:
                continue
        over.append(each)
    return over


def drop(session: Session, now: datetime, over: Iterable[Spent]) -> None:
    """Forgets watches; a calendar whose last one was stopped may be watched again at once. Repeatable."""
    over = list(over)
    session.execute(delete(CalendarWatch).where(CalendarWatch.id.in_([each.row_id for each in over])))
    watched = select(CalendarWatch.calendar_id).where(CalendarWatch.calendar_id == Calendar.id)
    stopped = [each for each in over if each.watch.expires_at > now]
    of_calendars = [each.calendar_id for each in stopped if each.calendar_id is not None]
    session.execute(
        update(Calendar)
        .where(Calendar.id.in_(of_calendars), ~watched.exists())
        .values(watch_at=None)
        .execution_options(synchronize_session=False)
    )


def told(session: Session, notices: Iterable[tuple[str, str]]) -> dict[str, int]:
    """The channels and connections that notices are about, each a channel and the token that came with it. A forged one
    is about none."""
    tokens = dict(notices)
    rows = session.execute(
        select(CalendarWatch.channel, CalendarWatch.token_hash, CalendarWatch.connection_id).where(
            CalendarWatch.channel.in_(tokens)
        )
    )
    return {row.channel: row.connection_id for row in rows if _ours(tokens[row.channel], row.token_hash)}


def _ours(token: str, token_hash: str) -> bool:
    return hmac.compare_digest(fingerprint(token), token_hash)


def end_early(session: Session, channels: Iterable[str]) -> None:
    """The provider says that these watches will end early, or have ended: the next read asks for new ones."""
    of_calendars = select(CalendarWatch.calendar_id).where(CalendarWatch.channel.in_(list(channels)))
    session.execute(update(Calendar).where(Calendar.id.in_(of_calendars)).values(watch_at=None))


def note(session: Session, now: datetime, connection_ids: Iterable[int]) -> None:
    """Makes these connections due, the smallest first; a notice is a hint, and what changed is read in its turn. A read
    that is under way may have begun before the change: another one follows it."""
    for connection_id in sorted(set(connection_ids)):
        connection = load_row(session, Connection, connection_id)
        if connection is None or connection.due_at is None:
            continue
        connection.noticed = connection.reads
        rested = connection.checked_at is None or now - connection.checked_at >= NOTICE_PAUSE
        connection.due_at = min(connection.due_at, now if rested else now + NOTICE_PAUSE)


@dataclass(frozen=True, slots=True)
class Watched:
    """Calendars of providers that tell of changes: those watched, all of them, and those that are not watched because
    what their owners gave does not reach that far."""

    told: int
    could: int
    refused: int


def watched(session: Session, now: datetime, providers: Iterable[str]) -> Watched:
    watches = exists().where(CalendarWatch.calendar_id == Calendar.id, CalendarWatch.expires_at > now)
    could = (
        select(func.count(Calendar.id))
        .join(Connection, Connection.id == Calendar.connection_id)
        .where(Connection.provider.in_(list(providers)), Connection.state.not_in(DOWN), Calendar.counts)
    )
    refused = could.where(~watches, Calendar.watch_fault.in_(NOT_ENOUGH))
    return Watched(*(session.scalar(counted) or 0 for counted in (could.where(watches), could, refused)))


def _spent(session: Session, now: datetime, connection: Connection, *, watches: bool) -> list[Spent]:
    """All but the newest of each calendar that counts."""
    counted = {calendar.id for calendar in connection.calendars if calendar.counts} if watches else set()
    newest = dict(
        session.execute(
            select(CalendarWatch.calendar_id, func.max(CalendarWatch.id))
            .where(CalendarWatch.connection_id == connection.id)
            .group_by(CalendarWatch.calendar_id)
        ).all()
    )
    needed = {row_id for calendar_id, row_id in newest.items() if calendar_id in counted}
    rows = _rows(session, connection.id)
    return [_as_spent(row) for row in rows if row.id not in needed or row.expires_at <= now]


def _rows(session: Session, connection_id: int) -> list[CalendarWatch]:
    of_connection = select(CalendarWatch).where(CalendarWatch.connection_id == connection_id)
    return list(session.scalars(of_connection.order_by(CalendarWatch.id)))


def _as_spent(row: CalendarWatch) -> Spent:
    return Spent(row.id, row.calendar_id, Watch(row.channel, row.resource, row.expires_at))


def _left(deadline: float) -> timedelta:
    return timedelta(seconds=max(0.01, deadline - time.monotonic()))
