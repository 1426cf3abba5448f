"""The word the day before: if the mentee allowed it, the mentor hears in one line that a date of theirs is tomorrow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.access import Action, Thing, may
from service.domain.terms import terms_of
from service.messages.drafts import word
from service.messages.view import View, Who
from service.operations import arcs, sweeps
from service.operations.mail_context import Context
from service.operations.sweeps import AT_ONCE, PUT_OFF
from service.store import outbox
from service.store.tables import CriticalDate, Pair


def run_due(session: Session, now: datetime, limit: int = AT_ONCE, *, put_off: bool = True) -> int:
    """Writes the mails of dates whose moment has come, and returns how many it looked at. What was moved, dropped, not
    shared or not allowed says nothing. A date that cannot be looked at is put off by an hour, or for good, and the
    others go on. Repeatable, and safe beside another sweep."""
    due = (
        select(CriticalDate.id)
        .where(CriticalDate.word_at <= now)
        .order_by(CriticalDate.word_at)
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True)
    )
    return sweeps.run(session, now, due, _look_at, CriticalDate.word_at, now + PUT_OFF if put_off else None)


def _look_at(session: Session, now: datetime, ids: Sequence[int]) -> None:
    for critical in session.scalars(
        select(CriticalDate).where(CriticalDate.id.in_(ids)).order_by(CriticalDate.id)
    ).all():
        critical.word_at = None
        pair = session.get_one(Pair, critical.pair_id)
        if is_wanted(critical, pair, now):
            dedup = f"d{critical.id}:word:{int(critical.starts_at.timestamp())}"
            outbox.add(session, now, "day-word", pair.mentor_id, dedup=dedup, pair_id=pair.id, date_id=critical.id)


def is_wanted(critical: CriticalDate, pair: Pair, now: datetime) -> bool:
    """Whether the mentor may hear of it: shared with them, and the clause that says so signed."""
    role = arcs.role_in(pair, pair.mentor_id)
    return (
        pair.ended_at is None
        and critical.dropped_at is None
        and now < critical.starts_at
        and terms_of(pair.terms).day_word
        and may(role, Thing.DATE, Action.READ, *arcs.given_of(critical))
    )


def view_of(context: Context, base: View) -> View | None:
    """Kind and time, and a draft in the mentor's own program; None when it is no longer so."""
    critical = context.session.get(CriticalDate, context.row.date_id) if context.row.date_id is not None else None
    pair = context.session.get(Pair, critical.pair_id) if critical is not None else None
    if critical is None or pair is None or not is_wanted(critical, pair, context.now):
        return None
    zone = ZoneInfo(critical.zone)
    tomorrow = (critical.starts_at.astimezone(zone).date() - context.now.astimezone(zone).date()).days
    if tomorrow != 1:  # it was moved since
        return None
    return replace(
        base,
        other=Who(pair.mentee.first_name, zone),
        mentee=False,
        date_kind=critical.kind,
        date_at=critical.starts_at,
        draft=word(base.words, pair.mentee.first_name, pair.mentee.email),
    )
