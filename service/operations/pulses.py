"""Half-way, what each of the two would have more of, less of, and keep: told to the two of them and nobody else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from service.domain.access import Action, Thing, When, check, may
from service.domain.errors import InvalidInput, NotAllowed
from service.domain.followup import waking
from service.domain.midpoint import ASKED_UNTIL
from service.domain.reflection import LONGEST
from service.domain.terms import terms_of
from service.domain.typed import typed
from service.operations.meetings import check_lives, role_in
from service.store import outbox
from service.store.tables import Agreement, Pair, Pulse

LINES = ("more", "less", "keep")


@dataclass(frozen=True, slots=True)
class Pulses:
    """For one of the two: `theirs` is None as long as it is not in or not to be read."""

    own: Pulse | None
    theirs: Pulse | None
    open: bool


def pulses_of(session: Session, pair: Pair, person_id: int) -> Pulses:
    rows = {row.person_id: row for row in session.scalars(select(Pulse).where(Pulse.pair_id == pair.id))}
    is_open = len(rows) == 2 or (pair.mentee_id in rows and is_passed(rows[pair.mentee_id]))
    theirs = rows.get(pair.other(person_id).id)
    given = (When.BOTH,) if is_open else ()
    if theirs is None or not may(role_in(pair, person_id, theirs.person_id), Thing.PULSE, Action.READ, *given):
        theirs = None
    return Pulses(rows.get(person_id), theirs, is_open)


def is_passed(pulse: Pulse) -> bool:
    return not any(getattr(pulse, line) for line in LINES)


def write(
    session: Session, now: datetime, pair: Pair, by_id: int, said: Mapping[str, str | None], *, skip: bool = False
) -> None:
    """One's own; once they are open they stay as they are, so that nobody answers the other's. Only the mentee may
    pass. Repeatable. Raises InvalidInput, NotAllowed."""
    check(role_in(pair, by_id, by_id), Thing.PULSE, Action.WRITE)
    check_lives(pair)
    if skip and by_id != pair.mentee_id:
        raise NotAllowed
    lines = {line: None if skip else typed(line, said.get(line), LONGEST) for line in LINES}
    if not skip and not any(lines.values()):
        raise InvalidInput.of("more", "empty")
    held = pulses_of(session, pair, by_id)
    if held.own is None:
        session.add(Pulse(pair_id=pair.id, person_id=by_id, created_at=now, **lines))
    elif not held.open:
        held.own.more, held.own.less, held.own.keep = (lines[line] for line in LINES)


def half_ways(session: Session, pairs: Sequence[Pair]) -> dict[int, datetime]:
    """When each pair is half-way through what they signed; a pair that signed nothing is not in it."""
    ids = [pair.id for pair in pairs]
    signed = select(Agreement.pair_id, func.min(Agreement.signed_at)).where(
        Agreement.pair_id.in_(ids), Agreement.signed_at.is_not(None)
    )
    first = {pair_id: at for pair_id, at in session.execute(signed.group_by(Agreement.pair_id)) if at is not None}
    return {pair.id: first[pair.id] + terms_of(pair.terms).half_way for pair in pairs if pair.id in first}


def ask(now: datetime, pair: Pair, half_way: datetime | None) -> tuple[list[outbox.NewMail], datetime | None]:
    """The mails that ask both, each once, and when to look again: not during a pause, and not long after."""
    if half_way is None or pair.ended_at is not None:
        return [], None
    at = max(half_way, pair.paused_until or half_way)
    if now < at:
        return [], at
    if now >= at + ASKED_UNTIL:
        return [], None
    mails = [
        outbox.NewMail(
            "midpoint",
            person.id,
            dedup=f"p{pair.id}:midpoint:{int(half_way.timestamp())}:{person.id}",
            due_at=waking(now, ZoneInfo(person.zone)),
            pair_id=pair.id,
        )
        for person in (pair.mentee, pair.mentor)
    ]
    return mails, None


def is_due(session: Session, now: datetime, pair: Pair) -> bool:
    """Whether the two are half-way, or were a moment ago."""
    half_way = half_ways(session, [pair]).get(pair.id)
    return half_way is not None and half_way <= now < half_way + ASKED_UNTIL


def erase(session: Session, pair: Pair, person_id: int, removed: str) -> None:
    """What they wrote; where the other may have read it, that it was removed."""
    for line in LINES:
        field = getattr(Pulse, line)
        mine = update(Pulse).where(Pulse.pair_id == pair.id, Pulse.person_id == person_id, field.is_not(None))
        session.execute(mine.values({field: removed}))
