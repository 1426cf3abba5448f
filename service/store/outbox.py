"""The outbox: what is to be mailed, as rows. The row is the truth; the queue only wakes somebody to look at it."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, Select, bindparam, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, undefer

from service.domain.retries import Failure, back_off, given_up
from service.store.tables import OutboxRow

QUEUED_LEASE = timedelta(minutes=5)  # longer than a batch waits for a worker
SENDING_LEASE = timedelta(minutes=2)  # longer than the mail server may take to answer
OVERDUE = timedelta(minutes=2)  # longer than any healthy dispatcher and queue take
STATES = ("pending", "queued", "sending", "uncertain", "dead", "sent", "cancelled")
UNSENT = ("pending", "queued")
OUT = ("sent", "sending", "uncertain")  # the reader has it, or may have it
HELD = (OutboxRow.state == "pending") & OutboxRow.held_at.is_not(None)
WAITING = OutboxRow.state.in_(UNSENT) & OutboxRow.held_at.is_(None)
# The two writes of every mail, made once: to build them anew takes longer than to run them.
_MINE = update(OutboxRow).where(OutboxRow.id == bindparam("row_id"), OutboxRow.token == bindparam("job"))
_START_SENDING = _MINE.where(OutboxRow.state == "queued", OutboxRow.lease_until > bindparam("now")).values(
    state="sending", octets=bindparam("seen"), lease_until=bindparam("until"), attempts=OutboxRow.attempts + 1
)
_SETTLE_SENT = _MINE.where(OutboxRow.state.in_(("sending", "uncertain"))).values(
    state="sent", sent_at=bindparam("now"), lease_until=None, token=None, last_error=None
)


@dataclass(frozen=True, slots=True)
class NewMail:
    """One mail to come: of which kind, to whom, about what. Two with one `dedup` are the same mail. `sequence` is the
    meeting's; without `due_at` it may leave at once."""

    kind: str
    person_id: int
    dedup: str
    due_at: datetime | None = None
    pair_id: int | None = None
    meeting_id: int | None = None
    date_id: int | None = None
    connection_id: int | None = None
    sequence: int | None = None


def add(session: Session, now: datetime, kind: str, person_id: int, *, dedup: str, **about: Any) -> bool:
    """Writes the row of one NewMail; False when a row with this key stands already. The Message-ID is fixed here.

    A row that was taken back before it left comes back to life: what it says is so again. One that was held once does
    not: the reader may have it.
    """
    row = _row(now, NewMail(kind, person_id, dedup, **about))
    return session.scalar(_upsert(session).values(**row).returning(OutboxRow.id)) is not None


def add_all(session: Session, now: datetime, mails: Sequence[NewMail]) -> None:
    """As `add`, for many at once."""
    if mails:
        session.execute(_upsert(session), [_row(now, mail) for mail in mails])


def _row(now: datetime, mail: NewMail) -> dict[str, Any]:
    return {
        "dedup_key": mail.dedup, "kind": mail.kind, "person_id": mail.person_id, "pair_id": mail.pair_id,
        "meeting_id": mail.meeting_id, "date_id": mail.date_id, "connection_id": mail.connection_id,
        "sequence": mail.sequence, "due_at": mail.due_at or now, "state": "pending", "message_id": str(uuid.uuid4()),
        "created_at": now,
    }  # fmt: skip


def _upsert(session: Session) -> postgresql.Insert | sqlite.Insert:
    on_postgresql = session.get_bind().dialect.name == "postgresql"
    insert = postgresql.insert(OutboxRow) if on_postgresql else sqlite.insert(OutboxRow)
    return insert.on_conflict_do_update(
        index_elements=["dedup_key"],
        set_={"state": "pending", "due_at": insert.excluded.due_at},
        where=(OutboxRow.state == "cancelled") & OutboxRow.sent_at.is_(None) & OutboxRow.held_at.is_(None),
    )


def withdraw(session: Session, *, meeting_id: int, kinds: Sequence[str]) -> int:
    """Takes back what has not left; the wiped token makes a job that is already queued do nothing. Returns how many."""
    return _withdraw(session, OutboxRow.meeting_id == meeting_id, OutboxRow.kind.in_(kinds))


def withdraw_one(session: Session, dedup: str) -> int:
    """As `withdraw`, for the mail with this key."""
    return _withdraw(session, OutboxRow.dedup_key == dedup)


def _withdraw(session: Session, *which: ColumnElement[bool]) -> int:
    taken_back = update(OutboxRow).where(*which, OutboxRow.state.in_(UNSENT))
    return _count(session.execute(taken_back.values(state="cancelled", token=None, lease_until=None)))


def hasten(session: Session, now: datetime, meeting_id: int, kind: str) -> None:
    """What waited for something may leave at once."""
    session.execute(
        update(OutboxRow)
        .where(OutboxRow.meeting_id == meeting_id, OutboxRow.kind == kind, OutboxRow.state == "pending")
        .values(due_at=now)
    )


def announced(session: Session, meeting_id: int) -> dict[int, int]:
    """Who has, or may have, an invitation to this meeting: person id -> the highest sequence."""
    rows = session.execute(
        select(OutboxRow.person_id, func.max(OutboxRow.sequence))
        .where(
            OutboxRow.meeting_id == meeting_id,
            OutboxRow.kind == "invitation",
            OutboxRow.state.in_(OUT) | OutboxRow.held_at.is_not(None),
        )
        .group_by(OutboxRow.person_id)
    )
    return {person_id: sequence or 0 for person_id, sequence in rows}


def kinds_of(session: Session, meeting_ids: Collection[int]) -> dict[int | None, set[str]]:
    """By meeting: the kinds of all its rows that were not taken back, or were held once."""
    rows = session.execute(
        select(OutboxRow.meeting_id, OutboxRow.kind).where(
            OutboxRow.meeting_id.in_(meeting_ids), (OutboxRow.state != "cancelled") | OutboxRow.held_at.is_not(None)
        )
    )
    found: dict[int | None, set[str]] = {meeting_id: set() for meeting_id in meeting_ids}
    for meeting_id, kind in rows:
        found[meeting_id].add(kind)
    return found


def reap(session: Session, now: datetime) -> None:
    """Rows whose lease ran out: queued ones go back (nothing was sent), sending ones are uncertain (nobody knows)."""
    expired = OutboxRow.lease_until <= now
    outcomes: dict[str, dict[str, object]] = {
        "queued": {"state": "pending", "token": None, "lease_until": None},
        "sending": {"state": "uncertain", "lease_until": None, "last_error": "answer_lost"},
    }
    for state, outcome in outcomes.items():
        # Rows that somebody else has in their hands are left for the next round: to wait for several of them in no
        # order of theirs would be a deadlock one day.
        late = select(OutboxRow.id).where(OutboxRow.state == state, expired).with_for_update(skip_locked=True)
        session.execute(update(OutboxRow).where(OutboxRow.id.in_(late)).values(**outcome))


def claim_batch(session: Session, now: datetime, limit: int) -> tuple[str, list[int]]:
    """Takes up to `limit` due rows for one job: a fresh token, and their ids in the order of their due moments.

    On PostgreSQL several dispatchers pass each other by SKIP LOCKED; on SQLite the write session is alone.
    """
    token = str(uuid.uuid4())
    ids = list(session.scalars(due_rows(now, limit)))
    if ids:
        session.execute(
            update(OutboxRow)
            .where(OutboxRow.id.in_(ids))
            .values(state="queued", token=token, lease_until=now + QUEUED_LEASE)
        )
    return token, ids


def due_rows(now: datetime, limit: int) -> Select[int]:
    return (
        select(OutboxRow.id)
        .where(OutboxRow.state == "pending", OutboxRow.held_at.is_(None), OutboxRow.due_at <= now)
        .order_by(OutboxRow.due_at, OutboxRow.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )


def give_back(session: Session, token: str, due_at: datetime | None = None) -> None:
    """Rows of a token that nobody started become pending again, due as before or at `due_at`: the queue did not take
    the job, or it was left undone."""
    later = {} if due_at is None else {"due_at": due_at}
    session.execute(
        update(OutboxRow)
        .where(OutboxRow.token == token, OutboxRow.state == "queued")
        .values(state="pending", token=None, lease_until=None, **later)
    )


def readers(session: Session, token: str, row_ids: Sequence[int]) -> dict[int, int]:
    """Row id -> person id of those that are this job's to send, in the given order."""
    rows = session.execute(
        select(OutboxRow.id, OutboxRow.person_id).where(
            OutboxRow.id.in_(row_ids), OutboxRow.token == token, OutboxRow.state == "queued"
        )
    )
    found: dict[int, int] = dict(rows.all())
    return {row_id: found[row_id] for row_id in row_ids if row_id in found}


def load_mine(session: Session, token: str, row_ids: Sequence[int]) -> list[OutboxRow]:
    """The rows that are still this job's to send, with the octets that a server may have seen, in the given order."""
    rows = session.scalars(
        select(OutboxRow)
        .where(OutboxRow.id.in_(row_ids), OutboxRow.token == token, OutboxRow.state == "queued")
        .options(undefer(OutboxRow.octets))
    )
    return sorted(rows, key=lambda row: row_ids.index(row.id))


def gone_out(session: Session, meeting_ids: Collection[int]) -> list[OutboxRow]:
    """Every mail about these meetings that its reader has, or may have; the oldest first."""
    return list(
        session.scalars(
            select(OutboxRow)
            .where(OutboxRow.meeting_id.in_(meeting_ids), OutboxRow.state.in_(OUT))
            .order_by(OutboxRow.id)
        )
    )


def written(
    session: Session, person_ids: Collection[int], kinds: Collection[str]
) -> tuple[set[str], dict[int, datetime]]:
    """The keys of these people's mails of these kinds, and when the last of each leaves or left; less what was
    dropped."""
    rows = session.execute(
        select(OutboxRow.dedup_key, OutboxRow.person_id, OutboxRow.due_at)
        .where(OutboxRow.person_id.in_(person_ids), OutboxRow.kind.in_(kinds), OutboxRow.state != "cancelled")
        .order_by(OutboxRow.due_at)
    ).all()
    return {key for key, _, _ in rows}, {person_id: due_at for _, person_id, due_at in rows}


def people_who_heard(session: Session, person_ids: Collection[int]) -> set[int]:
    """Those of them who have, or may have, any mail of ours."""
    return set(
        session.scalars(
            select(OutboxRow.person_id).where(OutboxRow.person_id.in_(person_ids), OutboxRow.state.in_(OUT)).distinct()
        )
    )


def start_sending(session: Session, now: datetime, row_id: int, token: str, octets: bytes) -> bool:
    """The mark right before DATA; only with it may the octets go out, and they are kept: from here on a server may
    have seen them. False: it was withdrawn, or the lease is over."""
    values = {"row_id": row_id, "job": token, "now": now, "seen": octets, "until": now + SENDING_LEASE}
    return _count(session.connection().execute(_START_SENDING, values)) == 1


def settle_sent(session: Session, now: datetime, row_id: int, token: str) -> bool:
    """The server said 250. Also turns an `uncertain` row of this token into sent: the late worker knows better."""
    values = {"row_id": row_id, "job": token, "now": now}
    return _count(session.connection().execute(_SETTLE_SENT, values)) == 1


def settle_failed(session: Session, now: datetime, row_id: int, token: str, fault: Failure) -> str:
    """What came instead of a 250: pending again with back-off, dead, or uncertain. Returns the state."""
    row = session.scalars(
        select(OutboxRow)
        .where(OutboxRow.id == row_id, OutboxRow.token == token, OutboxRow.state.in_(("queued", "sending")))
        .with_for_update()
    ).one_or_none()
    if row is None:
        return "gone"
    if row.state == "queued":
        row.attempts += 1
    if fault.unknown:
        row.state = "uncertain"
    elif given_up(fault, row.attempts, now - row.created_at):
        row.state = "dead"
    else:
        row.state, row.due_at = "pending", now + (fault.retry_after or back_off(row.attempts, fault.jitter))
    if row.state != "uncertain":
        row.token = None
    row.lease_until, row.last_error = None, fault.code
    return row.state


def drop(session: Session, token: str, row_ids: Sequence[int]) -> None:
    """What these rows of the job say is no longer so: they are not sent."""
    session.execute(
        update(OutboxRow)
        .where(OutboxRow.id.in_(row_ids), OutboxRow.token == token, OutboxRow.state == "queued")
        .values(state="cancelled", token=None, lease_until=None)
    )


def counts(session: Session) -> dict[str, int]:
    return dict(session.execute(select(OutboxRow.state, func.count()).group_by(OutboxRow.state)).all())


def oldest_overdue(session: Session, now: datetime) -> timedelta:
    """How long the oldest due row has waited: the one figure that shows every failure."""
    due_at: datetime | None = session.scalar(select(func.min(OutboxRow.due_at)).where(WAITING))
    return max(timedelta(0), now - due_at) if due_at else timedelta(0)


def next_due(session: Session) -> datetime | None:
    return session.scalar(select(func.min(OutboxRow.due_at)).where(OutboxRow.state == "pending", WAITING))


def listing(session: Session, state: str | None = None, limit: int = 200) -> list[OutboxRow]:
    """Newest first. `state` may be held, too: pending, and waiting for a person."""
    wanted = select(OutboxRow).order_by(OutboxRow.id.desc()).limit(limit)
    if state is not None:
        wanted = wanted.where(HELD if state == "held" else OutboxRow.state == state)
    return list(session.scalars(wanted))


def _count(result: object) -> int:
    assert isinstance(result, CursorResult)
    return int(result.rowcount)
