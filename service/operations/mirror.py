"""The mirror, for the mentor alone: how much time they have open for the next four weeks, beside what was agreed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from service.domain.availability import open_spans
from service.domain.interval import Interval, merge, subtract
from service.domain.sessions import SESSIONS
from service.domain.terms import terms_of
from service.operations.offering import ORDINARY
from service.operations.times import times_of_pair
from service.store import pair_rows
from service.store.tables import Pair

AHEAD = timedelta(weeks=4)


@dataclass(frozen=True, slots=True)
class Mirror:
    """In minutes."""

    open: int
    agreed: int


def mirror_of(session: Session, now: datetime, max_age: timedelta, pair: Pair) -> Mirror | None:
    """None while what is open is enough, where nothing regular was agreed, or where a calendar cannot be read. What is
    booked already counts as open: it was given."""
    terms, row = terms_of(pair.terms), pair_rows.load_pair(session, pair.id)
    if terms.gap is None or row is None:
        return None
    _, mentor, _ = times_of_pair(session, now, row, max_age)
    if mentor.unreadable:
        return None
    length = terms.length or SESSIONS[ORDINARY].duration
    agreed = max(1, AHEAD // terms.gap) * length
    window = Interval(now, now + AHEAD)
    free = subtract(open_spans(mentor.availability, mentor.zone, window), merge(mentor.busy))
    found = timedelta(seconds=sum(end - start for start, end in free))
    if found >= agreed:
        return None
    return Mirror(found // timedelta(minutes=1), agreed // timedelta(minutes=1))
