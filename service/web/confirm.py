"""Confirming a time, for pages and API alike: a live read outside any transaction, then one short transaction."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session

from service.domain.errors import CalendarUnreadable
from service.operations import booking, proposing, refreshing
from service.operations.booking import BookingInput
from service.operations.meetings import load_meeting
from service.operations.offering import SlotQuery
from service.operations.proposing import ProposalInput
from service.store import claims
from service.store.tables import Meeting, Pair
from service.wiring import Services


def book(services: Services, query: SlotQuery, wanted: BookingInput) -> int:
    """The id of the meeting that stands. Raises what `booking.book` raises; a failed live read books nothing."""
    with services.database.read() as session:
        again = booking.replayed(session, wanted.by_id, wanted.key, wanted.body_hash)
        if again is not None:
            return again.id
    read_live(services, query.pair_id)
    with services.database.write() as session:
        return booking.book(session, services.clock(), services.settings.busy_max_age, query, wanted).id


def reschedule(
    services: Services,
    meeting_id: int,
    person_id: int,
    start: datetime,
    *,
    reason: str | None = None,
    minutes: int | None = None,
    also: Callable[[Session, Meeting], None] | None = None,
) -> None:
    """Moves the meeting for somebody who is in it, and does what else was asked for in the same transaction, or
    nothing at all. Raises what `booking.reschedule` and `also` raise."""
    with services.database.read() as session:
        pair_id = load_meeting(session, meeting_id, person_id).pair_id
    read_live(services, pair_id)
    with services.database.write() as session:
        claims.take_turns_of(session, pair_id)
        meeting = load_meeting(session, meeting_id, person_id)
        booking.reschedule(
            session,
            services.clock(),
            services.settings.busy_max_age,
            meeting,
            start,
            person_id,
            reason=reason,
            minutes=minutes,
        )
        if also is not None:
            also(session, meeting)


def propose(services: Services, query: SlotQuery, wanted: ProposalInput) -> int:
    """The id of the proposal that stands. Raises what `proposing.propose` raises; a failed live read holds nothing."""
    read_live(services, query.pair_id)
    with services.database.write() as session:
        return proposing.propose(session, services.clock(), services.settings.busy_max_age, query, wanted).id


def take(services: Services, pair_id: int, time_id: int, person_id: int) -> int:
    """The id of the meeting that stands at this time. Raises what `proposing.take` raises; a failed live read books
    nothing."""
    read_live(services, pair_id)
    with services.database.write() as session:
        return proposing.take(session, services.clock(), services.settings.busy_max_age, time_id, person_id).id


def read_live(services: Services, pair_id: int) -> None:
    """Reads both people's calendars now, in parallel, and keeps what came. Raises CalendarUnreadable with the names of
    those whose calendar did not answer; what did is kept all the same."""
    with services.database.write() as session:
        pair = session.get(Pair, pair_id)
        plans = refreshing.begin_live_reads(session, services.clock(), pair) if pair is not None else []
        names = {person.id: person.name for person in (pair.mentee, pair.mentor)} if pair is not None else {}
    if not plans:
        return
    results = refreshing.read_live(plans, services.calendars, services.settings.live_read)
    with services.database.write() as session:
        for result in results:
            refreshing.store_refresh(session, services.clock(), result, services.settings.poll)
    failed = sorted({names[result.plan.person_id] for result in results if result.failed})
    if failed:
        raise CalendarUnreadable(tuple(failed))
