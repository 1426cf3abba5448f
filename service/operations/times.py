"""Both people's times as the slot rule needs them, from stored records alone: a few selects, no ORM on this path."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, func, or_, select

from service.domain.availability import DEFAULT, Availability, from_json
from service.domain.interval import Spans, floor_epoch, merge, unpack
from service.domain.slots import OwnClaim, PersonTimes
from service.domain.terms import terms_of
from service.operations.pledges import with_what_is_left
from service.store.pair_rows import PairRow, PersonRow, Reads
from service.store.tables import Claim, Person, Proposal, ProposedTime

BEYOND = 2 * 86400  # the last day of a horizon is offered whole
CAPS_REACH_BACK = timedelta(days=35)  # a cap of this month counts meetings that are over


# Built once, over tables: building it and passing it through the ORM takes five times as long as SQLite's answer.
_claims, _times, _proposals = Claim.__table__.c, ProposedTime.__table__.c, Proposal.__table__.c
_CLAIMS = (
    select(
        _claims.person_id, _claims.starts_at, _claims.guarded_until, _claims.ends_at,
        func.coalesce(_claims.meeting_id, _proposals.meeting_id), _proposals.id,
    )
    .join(ProposedTime.__table__, _claims.time_id == _times.id, isouter=True)
    .join(Proposal.__table__, _times.proposal_id == _proposals.id, isouter=True)
    .where(
        _claims.person_id.in_((bindparam("mentee"), bindparam("mentor"))),
        _claims.ends_at > bindparam("since"),
        or_(_claims.lapses_at.is_(None), _claims.lapses_at > bindparam("now")),
    )
    .order_by(_claims.starts_at)
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Source:
    """Where a person's times come from. Provider `hours`: no calendar counts, their usual hours are all that is known.

    `verified_at` is the oldest of the calendars that count."""

    person_id: int
    name: str
    provider: str
    state: str
    verified_at: datetime | None


def availability_of(person: Person | PersonRow) -> Availability:
    """What the person set, else the defaults (shown as assumed)."""
    return from_json(person.availability) if person.availability else DEFAULT


def times_of_pair(
    session: Reads, now: datetime, pair: PairRow, max_age: timedelta
) -> tuple[PersonTimes, PersonTimes, tuple[Source, ...]]:
    """The mentee's times, the mentor's, and where both come from.

    A calendar that counts and was last verified longer ago than `max_age` makes its owner unreadable: unknown is never
    free. One that its owner switched off does not count.
    """
    people = (pair.mentee, pair.mentor)
    offered = {person.id: availability_of(person) for person in people}
    pledge = terms_of(pair.terms).pledge
    if pledge is not None and offered[pair.mentor_id].pledge is None:  # what they set for everybody goes before
        offered[pair.mentor_id] = replace(offered[pair.mentor_id], pledge=pledge)
    mentor_zone = ZoneInfo(pair.mentor.zone)
    offered[pair.mentor_id] = with_what_is_left(session, now, pair.mentor_id, mentor_zone, offered[pair.mentor_id])
    reach = {person_id: now + availability.horizon for person_id, availability in offered.items()}
    busy, unreadable, sources = _busy(now, pair, max_age, reach)
    own = _own(session, now, pair)
    mentee, mentor = (
        PersonTimes(
            person_id=person.id,
            name=person.name,
            zone=ZoneInfo(person.zone),
            availability=offered[person.id],
            busy=busy.get(person.id, ()),
            unreadable=person.id in unreadable,
            own=own[person.id],
        )
        for person in people
    )
    return mentee, mentor, sources


def _busy(
    now: datetime, pair: PairRow, max_age: timedelta, reach: dict[int, datetime]
) -> tuple[dict[int, Spans], set[int], tuple[Source, ...]]:
    names = {pair.mentee_id: pair.mentee.name, pair.mentor_id: pair.mentor.name}
    busy: dict[int, Spans] = {}
    unreadable: set[int] = set()
    found: dict[int, Source] = {}
    for person_id, connection_id, provider, state, counts, blob, until, verified_at in pair.calendars:
        if not counts:
            continue
        too_old = blob is None or verified_at is None or now - verified_at > max_age
        if too_old:
            unreadable.add(person_id)
        if blob is not None:
            spans: Spans = unpack(blob)
            if until is not None and until < reach[person_id]:  # the horizon has grown since: unknown is never free
                spans = [*spans, (floor_epoch(until), floor_epoch(reach[person_id]) + BEYOND)]
            busy[person_id] = merge([*busy[person_id], *spans]) if person_id in busy else spans
        known = found.get(connection_id)
        oldest = verified_at if known is None else _older(known.verified_at, verified_at)
        stale = (too_old and state != "reconnect") or (known is not None and known.state == "stale")
        said = "stale" if stale else state  # also when nothing runs that would have noticed
        found[connection_id] = Source(person_id, names[person_id], provider, said, oldest)
    sources: list[Source] = []
    for person, name in names.items():
        theirs = [source for source in found.values() if source.person_id == person]
        sources += theirs or [Source(person, name, "hours", "connected", None)]
    return busy, unreadable, tuple(sources)


def _older(one: datetime | None, other: datetime | None) -> datetime | None:
    return None if one is None or other is None else min(one, other)


def _own(session: Reads, now: datetime, pair: PairRow) -> dict[int, list[OwnClaim]]:
    asked = {"mentee": pair.mentee_id, "mentor": pair.mentor_id, "since": now - CAPS_REACH_BACK, "now": now}
    rows = session.execute(_CLAIMS, asked)
    own: dict[int, list[OwnClaim]] = defaultdict(list)
    for person_id, starts_at, guarded_until, ends_at, meeting_id, proposal_id in rows:
        own[person_id].append(
            OwnClaim(floor_epoch(starts_at), floor_epoch(guarded_until), floor_epoch(ends_at), meeting_id, proposal_id)
        )
    return own
