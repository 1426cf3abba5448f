"""The day before a day that somebody chose for what they agreed to: one mail to them, with the honest answers.

What follows the next meeting comes back with that meeting's own mails, and is not asked about twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain import followup
from service.domain.commitments import nudge_key
from service.messages.view import View, Who
from service.operations import sweeps
from service.operations.mail_context import Context
from service.operations.promises_view import own_of
from service.operations.sweeps import AT_ONCE
from service.store import outbox
from service.store.tables import Commitment, Pair

DAY = timedelta(days=1)
PUT_OFF = DAY  # the timer is a day
JUST_SAID = DAY  # whoever wrote or answered it since then has it in mind


def run_due(session: Session, now: datetime, limit: int = AT_ONCE, *, put_off: bool = True) -> int:
    """Writes one mail a person, pair and day for what is due on the next, and returns how many lines it looked at. A
    line that cannot be looked at is put off by a day, or for good, and the others go on. Repeatable, and safe beside
    another sweep."""
    today = now.date()
    due = (
        select(Commitment.id)
        .where(Commitment.nudge_on <= today)
        .order_by(Commitment.nudge_on)
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True)
    )
    return sweeps.run(session, now, due, _look_at, Commitment.nudge_on, today + PUT_OFF if put_off else None)


def _look_at(session: Session, now: datetime, ids: Sequence[int]) -> None:
    for line in session.scalars(select(Commitment).where(Commitment.id.in_(ids)).order_by(Commitment.id)).all():
        line.nudge_on = None
        pair = session.get_one(Pair, line.pair_id)
        if line.owner_id is None or line.due_on is None or not is_wanted(line, pair, now):
            continue
        morning = _morning(line.due_on - DAY, ZoneInfo(pair.me(line.owner_id).zone))
        outbox.add(
            session, now, "action-nudge", line.owner_id, dedup=nudge_key(pair.id, line.owner_id, line.due_on),
            pair_id=pair.id, meeting_id=line.meeting_id, due_at=max(now, morning),
        )  # fmt: skip


def is_wanted(line: Commitment, pair: Pair, now: datetime) -> bool:
    """Whether its owner may be asked: it has its own day, is not done, and nobody has just spoken of it."""
    said_at = max(line.created_at, line.answered_at or line.created_at)
    paused = pair.paused_until is not None and now < pair.paused_until
    return line.pinned and line.state != "done" and pair.ended_at is None and not paused and said_at <= now - JUST_SAID


def _morning(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, followup.WAKING[0] + 1, tzinfo=zone)


def view_of(context: Context, base: View) -> View | None:
    """What is still so; None when every line was answered, moved or has passed."""
    pair = context.session.get(Pair, context.row.pair_id) if context.row.pair_id is not None else None
    if pair is None:
        return None
    today = context.now.astimezone(ZoneInfo(context.reader.zone)).date()
    soon = select(Commitment).where(
        Commitment.pair_id == pair.id,
        Commitment.owner_id == context.reader.id,
        Commitment.due_on.between(today, today + DAY),
    )
    lines = [
        line for line in context.session.scalars(soon.order_by(Commitment.id)) if is_wanted(line, pair, context.now)
    ]
    if not lines:
        return None
    other = pair.other(context.reader.id)
    return replace(
        base,
        other=Who(other.first_name, ZoneInfo(other.zone)),
        mentee=context.reader.id == pair.mentee_id,
        own=own_of(context, base.words, pair, lines),
    )
