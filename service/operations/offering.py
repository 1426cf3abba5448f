"""Which times a pair is offered: the window, both people's times as they stand, and what the slot rule makes of
them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from service.domain import arc, slots
from service.domain.errors import InvalidInput, NotAllowed, NotFound
from service.domain.interval import Interval
from service.domain.sessions import SESSIONS, SessionType
from service.domain.terms import terms_of
from service.operations.times import Source, times_of_pair
from service.store import pair_rows
from service.store.pair_rows import DateRow, PairRow, Reads
from service.store.tables import Meeting

LONGEST_MEETING = timedelta(hours=12)
ORDINARY = "check-in"  # the session type whose length the two may agree on


@dataclass(frozen=True, slots=True)
class SlotQuery:
    """What somebody asks for. `first` and `last` are days in the mentee's zone, `last` not included; without them it is
    the arc's window around the date, or everything up to the horizon. `moving` is the meeting whose own time is
    free."""

    pair_id: int
    session: str
    date_id: int | None = None
    minutes: int | None = None
    first: date | None = None
    last: date | None = None
    moving: int | None = None
    reader: slots.Reader = "mentee"


@dataclass(frozen=True, slots=True)
class Frame:
    """The question in full: what `slots` is asked, and from which sources the answer comes."""

    query: SlotQuery
    pair: PairRow
    date: DateRow | None
    session_type: SessionType
    duration: timedelta
    part: arc.ArcPart | None
    ask: slots.Ask
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """Every bookable start, best first. `nearest`: when the arc's window has none, what is possible before the date
    (after it, for a debrief)."""

    frame: Frame
    proposals: slots.Proposals
    nearest: slots.Proposals | None


def frame(session: Reads, now: datetime, max_age: timedelta, query: SlotQuery, pair: PairRow | None = None) -> Frame:
    """`pair`: as the caller has just read it. Raises NotFound for an unknown pair or date, NotAllowed for a pair that
    has ended, InvalidInput for an unknown session or an impossible length."""
    pair = pair or pair_rows.load_pair(session, query.pair_id)
    if pair is None:
        raise NotFound("no_such_pair")
    session_type = SESSIONS.get(query.session)
    if session_type is None:
        raise InvalidInput.of("session", "unknown_session", known=", ".join(SESSIONS))
    if pair.ended_at is not None:
        raise NotAllowed("pair_ended")
    critical = load_date(session, query) if query.date_id is not None else None
    part = part_of(critical, query.session, now) if critical else None
    duration = _duration(query, session_type, part, terms_of(pair.terms).length)
    mentee, mentor, sources = times_of_pair(session, now, pair, max_age)
    ask = slots.Ask(
        session=query.session,
        duration=duration,
        window=_window(query, now, ZoneInfo(pair.mentee.zone), part, mentee, mentor),
        mentee=mentee,
        mentor=mentor,
        now=now,
        moving=query.moving,
        target=arc.target(part) if part is not None else None,
    )
    return Frame(query, pair, critical, session_type, duration, part, ask, sources)


def offer(session: Reads, now: datetime, max_age: timedelta, query: SlotQuery, pair: PairRow | None = None) -> Offer:
    """Raises what `frame` raises. An unreadable calendar is no error here: nothing is offered, and the sources say
    why."""
    framed = frame(session, now, max_age, query, pair)
    by_arc = framed.part is not None and query.first is None and query.last is None
    if by_arc and framed.part is not None and framed.part.window is None:
        proposals = slots.Proposals([])
    else:
        proposals = slots.propose(framed.ask, query.reader)
    nearest = None
    if by_arc and not proposals.slots:
        nearest = slots.propose(replace(framed.ask, window=_around(framed, now)), query.reader)
    return Offer(framed, proposals, nearest)


def offer_move(session: Session, now: datetime, max_age: timedelta, query: SlotQuery, meeting: Meeting) -> Offer:
    """Where the meeting may move, not where it is: in the days of its arc while those have a time, else any time that
    can be booked. Raises what `frame` raises."""
    around = _in_arc(session, now, max_age, query, meeting.date_id)
    found = around or offer(session, now, max_age, query)
    elsewhere = [slot for slot in found.proposals.slots if slot.start != meeting.starts_at]
    return replace(found, proposals=replace(found.proposals, slots=elsewhere))


def _in_arc(session: Session, now: datetime, max_age: timedelta, query: SlotQuery, date_id: int | None) -> Offer | None:
    around = replace(query, date_id=date_id)
    try:
        critical = load_date(session, around)
    except NotFound:  # it was about no date, or that was dropped since
        return None
    if part_of(critical, query.session, now) is None:
        return None
    found = offer(session, now, max_age, around)
    return found if len(found.proposals.slots) > 1 or (found.nearest is not None and found.nearest.slots) else None


def refusal_of(framed: Frame, start: datetime) -> slots.Refusal | None:
    """Why this start cannot be booked, as far as the reader may know; None when it can. The rule that offers."""
    return slots.refusal(framed.ask, start, reader=framed.query.reader)


def load_date(session: Reads, query: SlotQuery) -> DateRow:
    """Raises NotFound for a date that is not this pair's, or that the mentor may not know of."""
    found = pair_rows.load_date(session, query.date_id) if query.date_id is not None else None
    if found is None or found.pair_id != query.pair_id or found.dropped_at is not None:
        raise NotFound("no_such_date")
    if query.reader == "mentor" and found.shared_at is None:
        raise NotFound("no_such_date")
    return found


def part_of(critical: DateRow, session_key: str, now: datetime) -> arc.ArcPart | None:
    """The part of the date's arc that this session type is for."""
    run = timedelta(minutes=critical.run_minutes) if critical.run_minutes else None
    parts = arc.parts(critical.kind, critical.starts_at, critical.ends_at, ZoneInfo(critical.zone), run, now)
    return next((part for part in parts if part.session == session_key), None)


def _duration(
    query: SlotQuery, session_type: SessionType, part: arc.ArcPart | None, agreed: timedelta | None
) -> timedelta:
    if query.minutes is None:
        usual = agreed if agreed is not None and session_type.key == ORDINARY else session_type.duration
        return part.duration if part is not None else usual
    asked = timedelta(minutes=query.minutes)
    if not timedelta(minutes=5) <= asked <= LONGEST_MEETING:
        raise InvalidInput.of("minutes", "minutes")
    return asked


def _window(
    query: SlotQuery,
    now: datetime,
    zone: ZoneInfo,
    part: arc.ArcPart | None,
    mentee: slots.PersonTimes,
    mentor: slots.PersonTimes,
) -> Interval:
    horizon = min(mentee.availability.horizon, mentor.availability.horizon)
    everything = Interval(now, now + horizon + timedelta(days=1))
    if query.first is None and query.last is None:
        return part.window if part is not None and part.window is not None else everything
    start = _midnight(query.first, zone) if query.first else everything.start
    end = _midnight(query.last, zone) if query.last else everything.end
    if query.first and query.last is None:
        end = max(end, start + timedelta(days=1))
    if end <= start:
        raise InvalidInput.of("to", "not_after_from")
    return Interval(start, end)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, zone)


def _around(framed: Frame, now: datetime) -> Interval:
    """Where to look when the arc's own window has nothing: before the date, or for a debrief up to three weeks
    after."""
    assert framed.date is not None
    assert framed.part is not None
    if framed.part.role == "debrief":
        start = max(now, framed.date.ends_at or framed.date.starts_at)
        return Interval(start, start + timedelta(days=21))
    return Interval(now, max(framed.date.starts_at, now + timedelta(minutes=1)))
