"""The boundary of each row that a sweep looks at: what is wrong with one of them holds up no other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import Select, Update, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from service import logs
from service.store.database import AWAY

AT_ONCE = 100  # rows in one transaction
PUT_OFF = timedelta(hours=1)  # somebody has to mend what is wrong with a row, and nobody is sooner by trying

Timer = InstrumentedAttribute[datetime | None] | InstrumentedAttribute[date | None]
LookAt = Callable[[Session, datetime, Sequence[int]], None]

log = logging.getLogger(__name__)


def run(
    session: Session, now: datetime, due: Select[int], look_at: LookAt, timer: Timer, again: datetime | date | None
) -> int:
    """Looks at the rows whose ids `due` selects, and returns how many they are. Ids only: a row that cannot be read
    must not keep the others from being read. The timer of one that cannot be looked at is set to `again`; None leaves
    it alone until somebody changes it. Repeatable, and safe beside another sweep if `due` passes by what is locked."""
    ids = session.scalars(due).all()
    try:
        with session.begin_nested():
            look_at(session, now, ids)
    except AWAY:  # the database is away or in a hurry: nothing of one row's
        raise
    except Exception:  # of one of them; which, each shows by itself
        for row_id in ids:
            _attempt(session, now, row_id, look_at, timer, again)
    return len(ids)


def _attempt(
    session: Session, now: datetime, row_id: int, look_at: LookAt, timer: Timer, again: datetime | date | None
) -> None:
    table = timer.class_
    put_off = update(table).where(table.id == row_id).values({timer.key: again})
    alone(session, lambda: look_at(session, now, [row_id]), put_off, table.__tablename__, row_id)


def alone(session: Session, look: Callable[[], object], put_off: Update, table: str, row: object) -> None:
    """The boundary of one row: what is wrong with it is logged, undone and put off."""
    try:
        with session.begin_nested():
            look()
    except AWAY:
        raise
    except Exception as fault:  # a mistake in one row must not keep mails from the others
        logs.mistake(log, "a row cannot be looked at", fault, table=table, row=row)
        session.execute(put_off, execution_options={"synchronize_session": False})
