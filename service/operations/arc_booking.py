"""An arc as a whole: the best time for each of its parts that do not stand yet, and booking them together or not at
all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from service.domain.slots import Slot
from service.operations import arcs, booking
from service.operations.arcs import ArcLine
from service.operations.booking import BookingInput
from service.operations.offering import SlotQuery, offer
from service.store import claims
from service.store.tables import CriticalDate, Meeting


@dataclass(frozen=True, slots=True)
class PartOffer:
    """A part of the arc, and the time proposed for it: None where it stands already, is no meeting, or nothing suits
    both. `nearby`: its days have no time, and this is the best of the others."""

    line: ArcLine
    slot: Slot | None
    nearby: bool = False


def offers_of(session: Session, now: datetime, max_age: timedelta, critical: CriticalDate) -> list[PartOffer]:
    """The parts in their order; a part begins after the one before it has ended. Only reads."""
    told, free_from = [], now
    for line in arcs.arc_of(session, now, critical):
        found = PartOffer(line, None)
        if line.meeting is not None:
            free_from = max(free_from, line.meeting.ends_at)
        elif line.part.session is not None and line.part.note != "too_late":
            found = _offer(session, now, max_age, critical, line, free_from)
            free_from = max(free_from, found.slot.end) if found.slot is not None else free_from
        told.append(found)
    return told


def _offer(
    session: Session, now: datetime, max_age: timedelta, critical: CriticalDate, line: ArcLine, free_from: datetime
) -> PartOffer:
    assert line.part.session is not None
    found = offer(session, now, max_age, SlotQuery(critical.pair_id, line.part.session, critical.id))
    for slots, nearby in ((found.proposals.slots, False), (found.nearest.slots if found.nearest else [], True)):
        later = [slot for slot in slots if slot.start >= free_from]
        if later:
            return PartOffer(line, later[0], nearby)
    return PartOffer(line, None)


def book_arc(
    session: Session,
    now: datetime,
    max_age: timedelta,
    critical: CriticalDate,
    by_id: int,
    starts: Mapping[str, datetime],
    shadow: str | None = None,
) -> list[Meeting]:
    """A meeting for each session type that has a start: all of them, or none, for what one raises undoes the others.
    Raises what `booking.book` raises. A part that stands already is left as it is, so it may be repeated."""
    claims.take_turns_of(session, critical.pair_id)
    booked = []
    for line in arcs.arc_of(session, now, critical):
        key = line.part.session
        if key is not None and key in starts and line.meeting is None:
            query = SlotQuery(critical.pair_id, key, critical.id)
            wanted = BookingInput(starts[key], by_id, shadow=shadow)
            booked.append(booking.book(session, now, max_age, query, wanted))
    return booked
