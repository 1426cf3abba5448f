"""Which starts may be booked, minute by minute and with no interval arithmetic: what the slot rule must equal."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from service.domain.slots import GRID, Ask, PersonTimes

MINUTE = 60


class Minutes:
    """One person's minutes, each looked at on its own. All edges in the data must be whole minutes."""

    def __init__(self, person: PersonTimes, moving: int | None = None) -> None:
        self.person = person
        self.gap = int(person.availability.gap.total_seconds())
        self.busy = _minutes((start, end) for start, end in person.busy)
        self.own = [claim for claim in person.own if claim.meeting_id != moving]
        self.guarded = _minutes((claim.start, claim.guarded_until) for claim in self.own)
        self.known: dict[int, bool] = {}

    def local(self, epoch: int) -> datetime:
        return datetime.fromtimestamp(epoch, self.person.zone)

    def offers(self, epoch: int) -> bool:
        if epoch not in self.known:
            local = self.local(epoch)
            availability = self.person.availability
            ranges = availability.overrides.get(local.date(), availability.weekly.get(local.weekday(), ()))
            if any(first <= local.date() <= last for first, last in availability.off):
                ranges = ()
            minute = local.hour * 60 + local.minute
            self.known[epoch] = any(start <= minute < end for start, end in ranges)
        return self.known[epoch]

    def full(self, epoch: int) -> bool:
        """Whether a cap of the local day, ISO week or month at this instant is reached."""
        availability, then = self.person.availability, self.local(epoch)
        days = [self.local(claim.start) for claim in self.own]
        counts = (
            sum(day.date() == then.date() for day in days),
            sum(day.isocalendar()[:2] == then.isocalendar()[:2] for day in days),
            sum((day.year, day.month) == (then.year, then.month) for day in days),
        )
        caps = (availability.cap_day, availability.cap_week, availability.cap_month)
        return any(cap is not None and count >= cap for count, cap in zip(counts, caps, strict=True))

    def takes(self, start: int, end: int) -> bool:
        return (
            not self.person.unreadable
            and all(self.offers(minute) for minute in range(start, end, MINUTE))
            and not any(minute in self.busy for minute in range(start - self.gap, end + self.gap, MINUTE))
            and not any(minute in self.guarded for minute in range(start, end + self.gap, MINUTE))
            and not self.full(start)
        )


def bookable(ask: Ask) -> list[int]:
    """The starts, for an ask without a target."""
    both = [Minutes(ask.mentee, ask.moving), Minutes(ask.mentor, ask.moving)]
    length = int(ask.duration.total_seconds())
    notice = max(person.availability.notice for person in (ask.mentee, ask.mentor))
    horizon = min(person.availability.horizon for person in (ask.mentee, ask.mentor))
    found = []
    first = int(ask.window.start.timestamp()) // GRID * GRID
    for epoch in range(first, int(ask.window.end.timestamp()) + GRID, GRID):
        start = datetime.fromtimestamp(epoch, UTC)
        if not ask.window.start <= start < ask.window.end:
            continue
        if not ask.now + max(notice, timedelta(0)) <= start <= ask.now + horizon:
            continue
        if all(minutes.takes(epoch, epoch + length) for minutes in both):
            found.append(epoch)
    return found


def _minutes(spans: Iterable[tuple[int, int]]) -> set[int]:
    return {minute for start, end in spans for minute in range(start, end, MINUTE)}
