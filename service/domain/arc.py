"""A critical date's arc: the windows of what comes before it and after it, counted in days of the date's own zone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from service.domain.interval import Interval
from service.domain.sessions import KINDS, Window, practice_duration
from service.domain.wall import midnight

Note = Literal["passed", "shrunk", "too_late"]

# A date longer than this (a conference) has room for meetings in it; a shorter one is as good as a busy time.
LONGEST_HELD = timedelta(hours=12)
WORD_AT = time(9)  # early enough to be read, and written, on that day
_DAY = timedelta(days=1)
_QUARTER = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class ArcPart:
    """One step of the arc. `window` is where its meeting may start, None when there is no time left for it; `note`
    says why it is not the usual one: its days have passed, lead time was short and it takes the nearest day there is,
    or it is too late. `prefer_on` is the best day. `session` None is a written word, no meeting."""

    role: str
    session: str | None
    window: Interval | None
    prefer_on: date | None
    duration: timedelta
    note: Note | None
    kind: str
    zone: ZoneInfo
    date_at: Interval  # the date itself, never empty

    @property
    def day0(self) -> date:
        """The day that this part's days are counted from: the date's first, for what follows it its last."""
        moment = self.date_at.end - timedelta(microseconds=1) if self.role == "debrief" else self.date_at.start
        return moment.astimezone(self.zone).date()


@dataclass(frozen=True, slots=True)
class Target:
    """What scoring and the slot rule need of a part. `held`: the date's own time, in which nothing can be booked."""

    role: str
    kind: str
    day0: date
    prefer_on: date | None
    zone: ZoneInfo
    minute: int  # of the local day at which the date begins
    held: Interval | None


def word_at(kind: str, starts_at: datetime, zone: ZoneInfo, mentor_zone: ZoneInfo, now: datetime) -> datetime | None:
    """When the mentor may hear of it: at nine on their clock, the day before it in the date's zone. None where no word
    belongs to the kind, or the day has passed."""
    if not any(window.role == "word" and window.prefer == -1 for window in KINDS[kind].windows):
        return None
    eve = starts_at.astimezone(zone).date() - _DAY
    if now.astimezone(zone).date() > eve:
        return None
    return max(datetime.combine(eve, WORD_AT, mentor_zone).astimezone(UTC), now)


def arc(
    kind: str, starts_at: datetime, ends_at: datetime | None, zone: ZoneInfo, run: timedelta | None, now: datetime
) -> tuple[ArcPart, ...]:
    """The parts in their order. Raises KeyError for an unknown kind."""
    return tuple(parts(kind, starts_at, ends_at, zone, run, now))


def parts(
    kind: str, starts_at: datetime, ends_at: datetime | None, zone: ZoneInfo, run: timedelta | None, now: datetime
) -> Iterator[ArcPart]:
    """As `arc`, one at a time."""
    end = max(ends_at or starts_at + (run or _QUARTER), starts_at + timedelta(minutes=1))
    date_at = Interval(starts_at, end)
    windows = KINDS[kind].windows
    main = next((role for role in ("practice", "shape") if any(window.role == role for window in windows)), None)
    for window in windows:
        yield _part(kind, window, window.role == main, date_at, zone, run, now)


def target(part: ArcPart) -> Target:
    start = part.date_at.start.astimezone(part.zone)
    return Target(
        role=part.role,
        kind=part.kind,
        day0=part.day0,
        prefer_on=part.prefer_on,
        zone=part.zone,
        minute=start.hour * 60 + start.minute,
        held=part.date_at if part.date_at.duration <= LONGEST_HELD else None,
    )


def _part(
    kind: str, rule: Window, main: bool, date_at: Interval, zone: ZoneInfo, run: timedelta | None, now: datetime
) -> ArcPart:
    duration = practice_duration(run, rule) if rule.role == "practice" else rule.duration
    blank = ArcPart(rule.role, rule.session, None, None, duration, None, kind, zone, date_at)
    day0, now = blank.day0, now.astimezone(UTC)
    start = midnight(day0 + rule.first * _DAY, zone).astimezone(UTC)
    end = midnight(day0 + (rule.last + 1) * _DAY, zone).astimezone(UTC)
    if rule.role == "debrief":
        start = max(start, date_at.end + rule.after_end)
    elif rule.session is not None:
        end = min(end, date_at.start)
    note: Note | None = None
    prefer_on = day0 + rule.prefer * _DAY
    today = now.astimezone(zone).date()
    if main and today > prefer_on:  # short lead: what is left, and the nearest day of it
        note, prefer_on = "shrunk", today
        if end <= now:
            end = date_at.start
        if now + duration > date_at.start:
            return replace(blank, note="too_late")
    start = max(start, now)
    if end <= start:
        return replace(blank, note="passed")
    prefer_on = max(prefer_on, start.astimezone(zone).date())
    return replace(blank, window=Interval(start, end), prefer_on=prefer_on, note=note)
