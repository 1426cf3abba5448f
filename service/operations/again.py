"""Ways on after a meeting that was declined: a time by one button, and something gentler the second time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.catalogue import Words
from service.domain.interval import Interval
from service.domain.meeting import Phase
from service.messages.view import Choice
from service.store.tables import CriticalDate, Meeting

GENTLER_FROM = 2  # the second time the same again would be no help
SHORTEST = 15  # minutes
LATER = timedelta(days=7)


def choices(schedule: str, times: Sequence[Interval]) -> tuple[Choice, ...]:
    """Each time with the page that asks once more; nothing is held. The link knows what for."""
    return tuple(Choice(time, f"{schedule}/time?start={time.start:%Y-%m-%dT%H:%M:%SZ}") for time in times)


def is_repeated(session: Session, meeting: Meeting) -> bool:
    """Whether this kind of meeting was declined before as well, since the two last met."""
    met = session.scalar(
        select(func.max(Meeting.starts_at)).where(
            Meeting.pair_id == meeting.pair_id, Meeting.phase.in_((Phase.ENDED, Phase.CLOSED))
        )
    )
    declined = select(func.count(Meeting.id)).where(
        Meeting.pair_id == meeting.pair_id, Meeting.session == meeting.session, Meeting.declined_by.is_not(None)
    )
    if met is not None:
        declined = declined.where(Meeting.created_at > met)
    return (session.scalar(declined) or 0) >= GENTLER_FROM


def gentler(
    words: Words, now: datetime, zone: ZoneInfo, schedule: str, meeting: Meeting, critical: CriticalDate | None
) -> tuple[tuple[str, str], ...]:
    """A shorter talk, and another week where the date leaves one; each with its page."""
    length = (meeting.ends_at - meeting.starts_at) // timedelta(minutes=1)
    shorter, later = max(SHORTEST, length // 10 * 5), max(now, meeting.starts_at) + LATER
    ways = []
    if shorter < length:
        ways.append((words("mail.way.shorter", minutes=shorter), f"{schedule}?minutes={shorter}"))
    if critical is None or later < critical.starts_at or meeting.session == "debrief":
        first = later.astimezone(zone).date()
        ways.append((words("mail.way.later", day=words.day(first)), f"{schedule}?from={first.isoformat()}"))
    return tuple(ways)
