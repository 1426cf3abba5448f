"""Whoever finds the times is asked to, when it is time and nothing is booked; and pauses from that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from service.domain import cadence
from service.domain.errors import InvalidInput
from service.domain.followup import waking
from service.domain.meeting import LIVE, Phase
from service.domain.terms import terms_of
from service.operations import pulses, sweeps
from service.operations.sweeps import AT_ONCE, PUT_OFF
from service.store import outbox
from service.store.tables import Meeting, Pair, Person

NUDGES = ("action-nudge", "book-nudge", "midpoint")
LONGEST_PAUSE = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Look:
    """How a pair stands, and what comes of it; `owner` finds the times."""

    plan: cadence.Plan
    owner: Person
    since: datetime | None
    met: bool
    waits: bool  # for a meeting that is booked, for the end of a pause, or for nothing


def wake(session: Session, now: datetime, pair_id: int) -> None:
    """Something changed that decides when they are asked: the next sweep looks."""
    session.execute(update(Pair).where(Pair.id == pair_id).values(due_at=now))


def pause(session: Session, now: datetime, pair: Pair, until: datetime | None) -> None:
    """Nobody is asked to find a time until then; None ends the pause. What is booked stands. Raises InvalidInput."""
    if until is not None and not now < until <= now + LONGEST_PAUSE:
        raise InvalidInput.of("until", "bad_pause")
    pair.paused_until = until
    wake(session, now, pair.id)


def run_due(session: Session, now: datetime, limit: int = AT_ONCE, *, put_off: bool = True) -> int:
    """Asks the owners of pairs whose timer has run out, and sets the timers anew; returns how many it looked at. A pair
    that cannot be looked at is put off by an hour, or until somebody wakes it, and the others go on. Repeatable, and
    safe beside another sweep."""
    due = (
        select(Pair.id)
        .where(Pair.due_at <= now)
        .order_by(Pair.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True)
    )
    return sweeps.run(session, now, due, _look_at, Pair.due_at, now + PUT_OFF if put_off else None)


def _look_at(session: Session, now: datetime, ids: Sequence[int]) -> None:
    pairs = session.scalars(select(Pair).where(Pair.id.in_(ids)).order_by(Pair.due_at)).all()
    mails: list[outbox.NewMail] = []
    half_ways = pulses.half_ways(session, pairs)
    for pair, look in zip(pairs, looks(session, now, pairs), strict=True):
        asked, ask_at = pulses.ask(now, pair, half_ways.get(pair.id))
        mails += asked
        pair.due_at = min(filter(None, (look.plan.look_again_at, ask_at)), default=None)
        if look.plan.nth is not None and look.since is not None:
            # By the last meeting and not by the moment: a cadence that changes does not ask the same thing again.
            dedup = f"p{pair.id}:book-nudge:{int(look.since.timestamp())}:{look.plan.nth}"
            mails.append(outbox.NewMail("book-nudge", look.owner.id, dedup, pair_id=pair.id))
    people = {person.id: person for pair in pairs for person in (pair.mentee, pair.mentor)}
    outbox.add_all(session, now, _one_a_day(session, now, mails, people))


def _one_a_day(
    session: Session, now: datetime, mails: Sequence[outbox.NewMail], people: Mapping[int, Person]
) -> list[outbox.NewMail]:
    """What we ask of somebody by ourselves comes on a day of its own: it waits for the morning after the last."""
    known, last = outbox.written(session, {mail.person_id for mail in mails}, NUDGES)
    spread = []
    for mail in mails:
        if mail.dedup in known:
            continue
        zone, due_at = ZoneInfo(people[mail.person_id].zone), mail.due_at or now
        if mail.person_id in last:
            next_day = last[mail.person_id].astimezone(zone).date() + timedelta(days=1)
            due_at = waking(max(due_at, datetime.combine(next_day, time(), zone)), zone)
        last[mail.person_id] = due_at
        spread.append(replace(mail, due_at=due_at))
    return spread


def looks(session: Session, now: datetime, pairs: Sequence[Pair]) -> list[Look]:
    """How each pair stands at this moment."""
    ids = [pair.id for pair in pairs]
    ahead, last = _ahead(session, now, ids), _last(session, now, ids)
    return [_look(pair, now, ahead.get(pair.id), last.get(pair.id)) for pair in pairs]


def _look(pair: Pair, now: datetime, ahead: datetime | None, last: tuple[datetime, bool | None] | None) -> Look:
    terms = terms_of(pair.terms)
    owner = pair.mentor if terms.scheduler == "mentor" else pair.mentee
    since = last[0] if last is not None else _introduced_at(pair, owner)
    facts = cadence.Facts(
        since=since,
        met=last is not None,
        missed=last is not None and last[1] is False,
        gap=terms.gap,
        booked_until=ahead,
        paused_until=pair.paused_until,
        zone=ZoneInfo(owner.zone),
    )
    plan = cadence.plan(facts, now) if pair.ended_at is None else cadence.Plan(None, None)
    paused = pair.paused_until is not None and now < pair.paused_until
    return Look(plan, owner, since, facts.met, waits=ahead is not None or paused or pair.ended_at is not None)


def _introduced_at(pair: Pair, owner: Person) -> datetime | None:
    """None when they were not: the first mail that somebody gets from us is no request."""
    return max(pair.created_at, owner.welcomed_at) if owner.welcomed_at is not None else None


def _ahead(session: Session, now: datetime, ids: Iterable[int]) -> dict[int, datetime]:
    wanted = select(Meeting.pair_id, func.min(Meeting.ends_at)).where(
        Meeting.pair_id.in_(ids), Meeting.phase.in_(LIVE), Meeting.ends_at > now
    )
    return dict(session.execute(wanted.group_by(Meeting.pair_id)).all())


def _last(session: Session, now: datetime, ids: Iterable[int]) -> dict[int, tuple[datetime, bool | None]]:
    """When each pair's last meeting ended, and whether it took place, as far as anybody said."""
    over = Meeting.phase.in_((Phase.BOOKED, Phase.ENDED, Phase.CLOSED)) & (Meeting.ends_at <= now)
    newest = (
        select(Meeting.pair_id, func.max(Meeting.ends_at).label("ended_at"))
        .where(Meeting.pair_id.in_(ids), over)
        .group_by(Meeting.pair_id)
        .subquery()
    )
    wanted = select(Meeting.pair_id, Meeting.ends_at, Meeting.happened).join(
        newest, (newest.c.pair_id == Meeting.pair_id) & (newest.c.ended_at == Meeting.ends_at)
    )
    return {pair_id: (ended_at, happened) for pair_id, ended_at, happened in session.execute(wanted.where(over))}
