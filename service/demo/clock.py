"""The demo's clock: moving it from one due moment to the next, so that each mail leaves at its own time."""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from service import wiring
from service.domain.errors import GreenroomError, InvalidInput
from service.domain.followup import ASK_BEFORE, BRIEF_BEFORE, FOLLOWUP_AFTER, LIST_AFTER, waking
from service.domain.meeting import Phase
from service.operations import followup, refreshing
from service.settings import Settings
from service.store import outbox
from service.store.tables import Connection, Link, Meeting, OutboxRow
from service.wiring import Services

MARK = "demo.json"  # what a folder of the demo holds
CLOCK = "clock"  # in the data folder: how many seconds the demo is ahead of the machine
SETTLE_SECONDS = 60.0
LOOK_SECONDS = 0.05
LOOK_BACK = timedelta(days=7)  # further back no moment of a meeting is still ahead
READ_TIMEOUT = timedelta(seconds=4)
UNITS = {"d": "days", "h": "hours", "m": "minutes"}

JUMPS = ("three-days-before", "day-before", "hour-after", "next-morning")
Settle = Callable[[Services], None]


class NotInDemo(GreenroomError):
    """Only the demo's clock can be moved, and only on this machine."""

    code = "not_in_demo"


class StillSending(GreenroomError):
    """Mail that was due has not left in time; a clock moved now would leave its fate unknown. Try again."""

    code = "still_sending"


def clock_move(settings: Settings, spec: str) -> datetime:
    """The demo's new time, after all that fell due on the way was queued and left. `spec`: +2d, +5h, +30m, next, reset.

    Raises NotInDemo, StillSending, or InvalidInput for another `spec`.
    """
    _check(settings)
    services = wiring.build(settings)
    if spec == "reset":
        set_back(services)
        return services.clock()
    target = _next_moment(services, services.clock()) if spec == "next" else services.clock() + _span(spec)
    if target is not None:
        move_to(services, target)
    return services.clock()


def jump_to(services: Services, jump: str, settle: Settle | None = None) -> bool:
    """Moves the demo to the next such moment in any meeting's life; False when there is none ahead.

    Raises NotInDemo or StillSending.
    """
    _check(services.settings)
    now = services.clock()
    with services.database.read() as session:
        near = session.scalars(
            select(Meeting).where(Meeting.phase.in_((Phase.BOOKED, Phase.ENDED)), Meeting.ends_at > now - LOOK_BACK)
        ).all()
        ahead = [moment for each in near if (moment := moment_of(each, jump)) > now]
    if not ahead:
        return False
    move_to(services, min(ahead), settle)
    return True


def moment_of(meeting: Meeting, jump: str) -> datetime:
    """When what the jump is named for has happened: the mails of that moment wait for their readers' waking hours."""
    mentee, mentor = ZoneInfo(meeting.pair.mentee.zone), ZoneInfo(meeting.pair.mentor.zone)
    before = meeting.starts_at - BRIEF_BEFORE
    moments = {
        "three-days-before": waking(meeting.starts_at - ASK_BEFORE, mentee),
        "day-before": max(waking(before, mentee), waking(before, mentor)),
        "hour-after": waking(meeting.ends_at + FOLLOWUP_AFTER, mentee),
        "next-morning": waking(meeting.ends_at + LIST_AFTER, mentor),
    }
    return moments[jump] + timedelta(seconds=1)


def move_to(services: Services, target: datetime, settle: Settle | None = None) -> None:
    """Moves the clock on to `target`, stopping at every due moment until what was due then has left. The calendars are
    read for each of these, so that mails and pages can offer times. Links grow older only by the real clock.

    `settle` sends what is due; without it the running workers do, and this waits for them.
    """
    settle = settle or wait_until_sent
    with _alone(services.settings.data_dir):
        settle(services)
        while (now := services.clock()) < target:
            moment = min(_next_moment(services, now) or target, target)
            shift = moment - now
            read_calendars(services, moment)  # as they stand then, before anybody's clock gets there
            set_offset(services.settings.data_dir, offset(services.settings.data_dir) + shift)
            with services.database.write() as session:
                _keep_links(session, now, shift)
                followup.run_due(session, moment)
            settle(services)
        settle(services)


def set_back(services: Services) -> None:
    """To the machine's own time. The calendars are read anew: what was read on later days says nothing about these, and
    would not be read again before those days come."""
    with _alone(services.settings.data_dir):
        set_offset(services.settings.data_dir, timedelta())
        read_calendars(services, services.clock())


def wait_until_sent(services: Services) -> None:
    """Returns when no mail that is due is still to leave. Raises StillSending after a minute."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while _unsent(services):
        if time.monotonic() > deadline:
            raise StillSending
        time.sleep(LOOK_SECONDS)


def read_calendars(services: Services, now: datetime) -> None:
    """Reads every connected calendar as of `now`. No transaction is open meanwhile."""
    with services.database.write() as session:
        ids = session.scalars(select(Connection.id).where(Connection.state != "off").order_by(Connection.id)).all()
        plans = [plan for each in ids if (plan := refreshing.begin_read(session, now, each)) is not None]
    results = refreshing.read_live(plans, services.calendars, READ_TIMEOUT)
    with services.database.write() as session:
        for result in results:
            refreshing.store_refresh(session, now, result, services.settings.poll)


def offset(data_dir: Path) -> timedelta:
    try:
        return timedelta(seconds=float((data_dir / CLOCK).read_text(encoding="ascii")))
    except FileNotFoundError:
        return timedelta()


def set_offset(data_dir: Path, ahead: timedelta) -> None:
    """Takes effect at once in every process: the file is replaced, never half written."""
    fresh = data_dir / f"{CLOCK}.{os.getpid()}"
    fresh.write_text(f"{ahead.total_seconds():.6f}", encoding="ascii")
    fresh.replace(data_dir / CLOCK)


def _check(settings: Settings) -> None:
    if not settings.demo or not settings.loopback or not (settings.data_dir / MARK).is_file():
        raise NotInDemo


def _span(spec: str) -> timedelta:
    match = re.fullmatch(r"\+(\d{1,4})([dhm])", spec)
    if match is None:
        raise InvalidInput.of("clock", "clock_spec")
    return timedelta(**{UNITS[match[2]]: int(match[1])})


def _next_moment(services: Services, now: datetime) -> datetime | None:
    """The earliest moment after now at which a meeting's timer runs out or a mail is due."""
    with services.database.read() as session:
        moments = (
            session.scalar(select(func.min(Meeting.due_at)).where(Meeting.due_at > now)),
            session.scalar(
                select(func.min(OutboxRow.due_at)).where(
                    OutboxRow.state == "pending", outbox.WAITING, OutboxRow.due_at > now
                )
            ),
        )
    return min((moment for moment in moments if moment is not None), default=None)


def _unsent(services: Services) -> bool:
    now = services.clock()
    waiting = or_(
        OutboxRow.state.in_(("queued", "sending")),
        (OutboxRow.state == "pending") & outbox.WAITING & (OutboxRow.due_at <= now),
    )
    with services.database.read() as session:
        return session.scalar(select(OutboxRow.id).where(waiting).limit(1)) is not None


def _keep_links(session: Session, now: datetime, shift: timedelta) -> None:
    for link in session.scalars(select(Link).where(Link.revoked_at.is_(None), Link.expires_at > now)):
        link.expires_at += shift


@contextmanager
def _alone(data_dir: Path) -> Iterator[None]:
    """One mover at a time: two would each wait for mails of a moment that the other has left."""
    with (data_dir / f"{CLOCK}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def machine_now() -> datetime:
    return datetime.now(UTC)
