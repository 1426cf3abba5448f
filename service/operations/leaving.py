"""Who let us see a calendar for a pair and is in none any more, or was erased."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.domain.retention import PERIODS, Period
from service.store.tables import CalendarWrite, Connection, Pair, Person


def due(session: Session, now: datetime, limit: int) -> Sequence[int]:
    """The ids of people whose pairs have all ended, or who were erased without ever having been in one, and whose
    calendars hold nothing that has to leave them. A calendar that does not let go of it is waited for no longer than
    `Period.LAST_WRITES`."""
    theirs = (Pair.mentee_id == Connection.person_id) | (Pair.mentor_id == Connection.person_id)
    writing = select(CalendarWrite.id).where(
        CalendarWrite.person_id == Connection.person_id, CalendarWrite.due_at.is_not(None)
    )
    over = (
        select(Connection.person_id, func.coalesce(func.max(Pair.ended_at), Person.erased_at).label("ended_at"))
        .join(Person, Person.id == Connection.person_id)
        .outerjoin(Pair, theirs)
        .group_by(Connection.person_id, Person.erased_at)
        .having(func.count(Pair.id) == func.count(Pair.ended_at))
        .having((func.count(Pair.id) > 0) | Person.erased_at.is_not(None))
        .subquery()
    )
    waited = over.c.ended_at <= now - PERIODS[Period.ACCESS] - PERIODS[Period.LAST_WRITES]
    wanted = (
        select(Connection.person_id)
        .join(over, over.c.person_id == Connection.person_id)
        .where(waited | ~writing.exists())
        .distinct()
        .limit(limit)
    )
    return session.scalars(wanted).all()
