"""What becomes of an ended pair: both are told until when it stays, what they said goes, and later that they met."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, Table, delete, or_, select, true, update
from sqlalchemy.orm import Session

from service.domain.followup import waking
from service.domain.retention import PERIODS, TABLES, THEIR_CHOICE, Period, Stage, step
from service.domain.terms import terms_of
from service.operations import sweeps
from service.operations.sweeps import AT_ONCE, PUT_OFF
from service.store import outbox
from service.store.tables import (
    Agreement,
    Base,
    CriticalDate,
    Inbound,
    Meeting,
    Note,
    OutboxRow,
    Pair,
    Person,
    Proposal,
    ProposedTime,
    Reflection,
)

ORDINARY = "check-in"
NOTICE = "purge-14"
IN_TIME = timedelta(days=1)  # a mail that leaves later than this after it was written moves the day that it names
UNTOLD = timedelta(days=60)  # no longer does a mail that cannot leave keep what the two agreed to have cleared


def run_due(session: Session, now: datetime, limit: int = AT_ONCE, *, put_off: bool = True) -> int:
    """Takes ended pairs a step further; returns how many. One that cannot be looked at is put off by an hour, or until
    somebody wakes it. Repeatable, and safe beside another sweep."""
    due = (
        select(Pair.id)
        .where(Pair.clear_at <= now)
        .order_by(Pair.clear_at)
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True)
    )
    return sweeps.run(session, now, due, _look_at, Pair.clear_at, now + PUT_OFF if put_off else None)


def _look_at(session: Session, now: datetime, ids: Sequence[int]) -> None:
    for pair in session.scalars(select(Pair).where(Pair.id.in_(ids)).order_by(Pair.clear_at)).all():
        if pair.ended_at is None:  # paired anew
            pair.clear_at = pair.stage = None
            continue
        if pair.stage == Stage.TOLD and (later := _noticed(session, now, pair)) > now:
            pair.clear_at = later
            continue
        keep = terms_of(pair.terms).keep
        due = step(pair.ended_at, keep, Stage(pair.stage) if pair.stage is not None else None, now)
        pair.stage, pair.clear_at = due.stage, due.look_again_at
        if due.mail is not None:
            _tell(session, now, pair, due.mail)
        if due.stage in {Stage.CLEARED, Stage.GONE}:
            clear(session, pair)
        if due.stage is Stage.GONE:
            _leave(session, pair)


def goes_at(pair: Pair) -> datetime | None:
    """When what an ended pair said is taken away; None once it is."""
    if pair.ended_at is None or pair.stage in {Stage.CLEARED, Stage.GONE}:
        return None
    told = pair.clear_at if pair.stage == Stage.TOLD else None
    return told or pair.ended_at + terms_of(pair.terms).keep


def _tell(session: Session, now: datetime, pair: Pair, kind: str) -> None:
    """Once for each end: a pair may be paired anew, and end again."""
    for person in (pair.mentee, pair.mentor):
        key = _key(pair, kind, person)
        due_at = waking(now, ZoneInfo(person.zone))
        outbox.add(session, now, kind, person.id, dedup=key, due_at=due_at, pair_id=pair.id)


def _key(pair: Pair, kind: str, person: Person) -> str:
    assert pair.ended_at is not None
    return f"p{pair.id}:{kind}:{int(pair.ended_at.timestamp())}:{person.id}"


def _noticed(session: Session, now: datetime, pair: Pair) -> datetime:
    """From when on both have known long enough that it goes; tomorrow, to be asked again, as long as a mail that tells
    has not left. Whom no mail of ours reaches is not waited for."""
    reached = [each for each in (pair.mentee, pair.mentor) if each.refused_at is None and each.mails != "none"]
    keys = [_key(pair, NOTICE, each) for each in reached]
    rows = session.scalars(select(OutboxRow).where(OutboxRow.dedup_key.in_(keys))).all()
    return max((_known(now, row) for row in rows), default=now)


def _known(now: datetime, row: OutboxRow) -> datetime:
    if row.sent_at is not None:
        return now if row.sent_at < row.created_at + IN_TIME else row.sent_at + PERIODS[Period.NOTICE]
    waits = row.state != "cancelled" and now < row.created_at + PERIODS[Period.NOTICE] + UNTOLD
    return now + IN_TIME if waits else now


def clear(session: Session, pair: Pair) -> None:
    """Everything that either of them said in this pair, but what somebody wrote for themselves and wants to keep: that
    is nobody else's any more. Repeatable."""
    pair.place, pair.terms, pair.paused_until, pair.due_at = None, None, None, None
    of_pair = Meeting.pair_id == pair.id
    meetings = select(Meeting.id).where(of_pair)
    session.execute(update(OutboxRow).where(OutboxRow.date_id.in_(_dates(pair))).values(date_id=None))
    mails = OutboxRow.meeting_id.in_(meetings) | (OutboxRow.pair_id == pair.id)
    session.execute(update(OutboxRow).where(mails, OutboxRow.octets.is_not(None)).values(octets=None))
    session.execute(update(Inbound).where(Inbound.meeting_id.in_(meetings)).values(raw=b"", sender=None))
    # Of what kind a meeting was is telling, too, and who moved or declined it.
    gone = ("place", "ask", "shadow", "reason", "date_id", "card", "changed_by", "declined_by", "agreed_at")
    nothing = dict.fromkeys(gone) | {"session": ORDINARY}
    session.execute(update(Meeting).where(of_pair).values(nothing))
    keepers = select(Person.id).where(Person.id.in_((pair.mentee_id, pair.mentor_id)), Person.keeps_notes)
    session.execute(update(Note).where(Note.pair_id == pair.id, Note.person_id.in_(keepers)).values(shared_at=None))
    for table in reversed(Base.metadata.sorted_tables):  # whatever refers to a row goes before it
        if Period.CONTENT in TABLES[table.name]:
            mine = table.c.person_id.not_in(keepers) if table.name in THEIR_CHOICE else true()
            session.execute(delete(table).where(_of(table, pair), mine))
    session.flush()
    session.expire_all()  # nothing of what went is in anybody's hands


def _dates(pair: Pair) -> Select[int]:
    return select(CriticalDate.id).where(CriticalDate.pair_id == pair.id)


def _of(table: Table, pair: Pair) -> ColumnElement[bool]:
    """The rows of a table that belong to a pair, by whatever leads there from them."""
    meetings = select(Meeting.id).where(Meeting.pair_id == pair.id)
    offers = select(Proposal.id).where(Proposal.pair_id == pair.id)
    ways = {
        "meeting_id": meetings,
        "date_id": _dates(pair),
        "agreement_id": select(Agreement.id).where(Agreement.pair_id == pair.id),
        "proposal_id": offers,
        "time_id": select(ProposedTime.id).where(ProposedTime.proposal_id.in_(offers)),
    }
    found = [table.c[name].in_(rows) for name, rows in ways.items() if name in table.c]
    return or_(*found, *([table.c.pair_id == pair.id] if "pair_id" in table.c else ()))


def _leave(session: Session, pair: Pair) -> None:
    """Not even that they were a pair is left, as long as neither keeps notes from it."""
    meetings = select(Meeting.id).where(Meeting.pair_id == pair.id)
    kept = [
        select(Note.id).where(Note.pair_id == pair.id),
        select(Reflection.person_id).where(Reflection.meeting_id.in_(meetings)),
    ]
    if any(session.scalars(each.limit(1)).first() is not None for each in kept):
        return
    mails = OutboxRow.meeting_id.in_(meetings) | (OutboxRow.pair_id == pair.id)
    session.execute(delete(OutboxRow).where(mails))
    session.execute(update(Inbound).where(Inbound.meeting_id.in_(meetings)).values(meeting_id=None))
    session.execute(delete(Meeting).where(Meeting.pair_id == pair.id))
    session.delete(pair)
