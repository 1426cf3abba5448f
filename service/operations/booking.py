"""Booking, moving and calling off: decided by the slot rule and one claim, told to both in the same transaction."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.access import Action, Thing, may
from service.domain.agenda import AgendaDraft, checked, skeleton
from service.domain.errors import (
    CalendarUnreadable,
    InvalidInput,
    KeyReused,
    MoveNotAllowed,
    RuleBroken,
    SlotTaken,
)
from service.domain.interval import Interval
from service.domain.meeting import Phase
from service.domain.shadowing import terms_for
from service.domain.typed import LONGEST_PLACE, typed
from service.operations import agendas, agreements, cadence, video
from service.operations.commitments import follow_next
from service.operations.events import want
from service.operations.followup import queue_about
from service.operations.meetings import (
    advance,
    check_lives,
    check_may_move,
    commitments_of,
    interval_of,
    look_again,
    may_cancel,
    put_agenda,
    role_in,
)
from service.operations.offering import Frame, SlotQuery, frame, refusal_of
from service.store import claims, outbox, proposals, writes
from service.store.tables import Attendance, Claim, CriticalDate, IdempotencyKey, Meeting, Pair

LONGEST_ASK = 4_000
LONGEST_REASON = 500
ABOUT_A_MEETING = ("invitation", "agenda-ask", "reminder", "brief", "followup", "list", "date-moved")
GONE = frozenset({"busy", "held", "unavailable"})  # somebody's time went; which kind of reason is not told


@dataclass(frozen=True, slots=True)
class BookingInput:
    """What a booking says besides its slot. `agenda` None takes the session type's skeleton. `key` is the
    Idempotency-Key, `body_hash` what came with it. `video`, meet or teams: the calendar of whoever books makes a link,
    which becomes the place."""

    start: datetime
    by_id: int
    place: str | None = None
    shadow: str | None = None
    ask: str | None = None
    agenda: tuple[AgendaDraft, ...] | None = None
    invite_by: str = "mail"
    video: str | None = None
    key: str | None = None
    body_hash: str | None = None


def replayed(session: Session, by_id: int, key: str | None, body_hash: str | None) -> Meeting | None:
    """The meeting that this Idempotency-Key made before; raises KeyReused when it came with another body."""
    kept = session.get(IdempotencyKey, (by_id, key)) if key else None
    if kept is None:
        return None
    if kept.body_hash != (body_hash or ""):
        raise KeyReused
    return session.get(Meeting, kept.meeting_id)


def book(session: Session, now: datetime, max_age: timedelta, query: SlotQuery, wanted: BookingInput) -> Meeting:
    """The booked meeting, its agenda and both invitations, or nothing.

    Call it after the live re-read was stored. Raises SlotTaken, RuleBroken, CalendarUnreadable, InvalidInput,
    NotAllowed (the pair has ended) or KeyReused. With a key it may be repeated.
    """
    claims.take_turns_of(session, query.pair_id)  # before caps are read: two at once would each see one place left
    again = replayed(session, wanted.by_id, wanted.key, wanted.body_hash)
    if again is not None:
        return again
    framed = frame(session, now, max_age, query)
    pair = session.get_one(Pair, query.pair_id)
    check_lives(pair)
    place, ask = typed("place", wanted.place, LONGEST_PLACE), typed("ask", wanted.ask, LONGEST_ASK)
    drafts = checked(wanted.agenda) if wanted.agenda is not None else default_agenda(session, framed)
    refuse(framed, wanted.start)
    matter = proposals.for_a_new_one(pair.id, query.session, query.date_id)
    proposals.end(session, now, proposals.open_ones(session, *matter), "over")
    meeting = _new_meeting(framed, pair, now, wanted, place or pair.place, ask)
    meeting.shadow = terms_for(meeting.session, wanted.shadow)
    session.add(meeting)
    session.flush()
    _claim(session, now, framed, meeting, interval_of(meeting))
    put_agenda(session, meeting, wanted.by_id, drafts)
    agendas.bring_back(session, [meeting])
    if meeting.session == agendas.KICK_OFF:
        agendas.list_to_settle(session, pair, agreements.open_clauses(session, pair))
    session.add_all(Attendance(meeting_id=meeting.id, person_id=person.id) for person in (pair.mentee, pair.mentor))
    if wanted.agenda is not None and drafts != default_agenda(session, framed):
        meeting.agenda_touched_at = now
    if place and not pair.place:
        pair.place = place  # an empty usual place was asked for; it is kept for the next time
    if framed.date is not None and framed.date.shared_at is None:
        session.get_one(CriticalDate, framed.date.id).shared_at = now
    if wanted.key:
        session.add(
            IdempotencyKey(
                person_id=wanted.by_id,
                key=wanted.key,
                body_hash=wanted.body_hash or "",
                meeting_id=meeting.id,
                created_at=now,
            )
        )
    want(session, now, meeting)
    if wanted.video is not None:
        video.ask(session, meeting, wanted.by_id, wanted.video)
    _invite(session, now, meeting)
    return meeting


def reschedule(
    session: Session,
    now: datetime,
    max_age: timedelta,
    meeting: Meeting,
    start: datetime,
    by_id: int,
    *,
    reason: str | None = None,
    minutes: int | None = None,
    heard: int | None = None,
) -> Meeting:
    """The meeting at its new time, both told, but for `heard`: who learns it from the calendar that invited them.
    Checked like a booking, its own old time being free. Moving it to where it is changes nothing. Raises MoveNotAllowed
    after the cut-off, else what `book` raises."""
    claims.take_turns_of(session, meeting.pair_id)
    framed = frame(session, now, max_age, moving_query(meeting, by_id, minutes))
    if start == meeting.starts_at and framed.duration == meeting.ends_at - meeting.starts_at:
        return meeting
    check_may_move(meeting, now)
    said = typed("reason", reason, LONGEST_REASON)
    refuse(framed, start)
    advance(meeting, "reschedule")
    proposals.end(session, now, proposals.open_ones(session, proposals.about(meeting.id)), "over")
    interval = Interval.lasting(start, framed.duration)
    _claim(session, now, framed, meeting, interval)
    meeting.starts_at, meeting.ends_at = interval.start, interval.end
    meeting.fixed_at, meeting.reason = now, said
    follow_next(session, now, meeting.pair)
    announce_change(session, now, meeting, by_id, heard)
    for attendance in session.scalars(select(Attendance).where(Attendance.meeting_id == meeting.id)):
        attendance.partstat = "NEEDS-ACTION"  # a new time asks everybody again
    look_again(session, now, meeting)
    return meeting


def moving_query(meeting: Meeting, by_id: int, minutes: int | None = None) -> SlotQuery:
    """The question that a move asks: everything up to the horizon, at the meeting's own length unless told
    otherwise."""
    length = int((meeting.ends_at - meeting.starts_at).total_seconds() // 60)
    return SlotQuery(
        pair_id=meeting.pair_id,
        session=meeting.session,
        minutes=minutes or length,
        moving=meeting.id,
        reader="mentee" if by_id == meeting.pair.mentee_id else "mentor",
    )


def cancel(session: Session, now: datetime, meeting: Meeting, by_id: int | None, reason: str | None = None) -> Meeting:
    """Frees the time, stops whatever was due, and tells those who had been invited. A cancelled meeting stays as it
    is."""
    if meeting.phase == Phase.CANCELLED:
        return meeting
    if not may_cancel(meeting, now):
        raise MoveNotAllowed("too_late_to_cancel", phase=meeting.phase)
    meeting.reason = typed("reason", reason, LONGEST_REASON)
    _stop(session, now, meeting, "cancel", by_id)
    for person_id in outbox.announced(session, meeting.id):
        queue_about(session, now, meeting, "cancellation", person_id)
    return meeting


def decline(session: Session, now: datetime, meeting: Meeting, by_id: int) -> Meeting:
    """One of the two cannot come: the time is free again, what was due stops, both get a way to another time."""
    if meeting.phase == Phase.CANCELLED:
        return meeting
    if not may_cancel(meeting, now):
        raise MoveNotAllowed("too_late_to_cancel", phase=meeting.phase)
    session.get_one(Attendance, (meeting.id, by_id)).partstat = "DECLINED"
    meeting.declined_by = by_id
    _stop(session, now, meeting, "decline", by_id)
    for person_id in outbox.announced(session, meeting.id):
        queue_about(session, now, meeting, "declined", person_id)
    return meeting


def default_agenda(session: Session, framed: Frame) -> tuple[AgendaDraft, ...]:
    """The session type's points fitted to this meeting, with one for what is still open between the two."""
    run = timedelta(minutes=framed.date.run_minutes) if framed.date and framed.date.run_minutes else None
    carry = bool(commitments_of(session, framed.pair.id, open_only=True))
    return skeleton(framed.session_type, framed.duration, run, carry=carry)


def refuse(framed: Frame, start: datetime) -> None:
    """Raises what stands in the way of this start. Of the other person it never says more than that the time went."""
    if start.tzinfo is None:
        raise InvalidInput.of("start", "naive")
    unreadable = tuple(person.name for person in (framed.ask.mentee, framed.ask.mentor) if person.unreadable)
    if unreadable:
        raise CalendarUnreadable(unreadable)
    refused = refusal_of(framed, start)
    if refused is None:
        return
    if refused.code in GONE:
        raise SlotTaken
    raise RuleBroken(refused.code)


def announce_change(session: Session, now: datetime, meeting: Meeting, by_id: int, heard: int | None = None) -> None:
    """A newer change replaces an unsent older one; RFC 5546 2.1.4: SEQUENCE grows by one."""
    outbox.withdraw(session, meeting_id=meeting.id, kinds=ABOUT_A_MEETING)
    meeting.sequence += 1
    meeting.changed_by, meeting.changed_at = by_id, now
    writes.follow(session, now, meeting.id)
    video.invite(session, now, meeting, heard)


def would_be(now: datetime, framed: Frame, pair: Pair, wanted: BookingInput) -> Meeting:
    return _new_meeting(framed, pair, now, wanted, wanted.place or pair.place, wanted.ask)  # unchecked, in no session


def _new_meeting(
    framed: Frame, pair: Pair, now: datetime, wanted: BookingInput, place: str | None, ask: str | None
) -> Meeting:
    interval = Interval.lasting(wanted.start, framed.duration)
    return Meeting(
        pair_id=pair.id,
        pair=pair,
        date_id=framed.date.id if framed.date else None,
        session=framed.session_type.key,
        starts_at=interval.start,
        ends_at=interval.end,
        phase=Phase.BOOKED,
        uid=str(uuid.uuid4()),  # bare and random: RFC 7986 5.3; no token, no row id
        sequence=0,
        place=place,
        ask=ask if may(role_in(pair, wanted.by_id, pair.mentee_id), Thing.ASK, Action.WRITE) else None,
        changed_by=wanted.by_id,
        fixed_at=now,
        invite_by=wanted.invite_by,
        created_at=now,
    )


def _claim(session: Session, now: datetime, framed: Frame, meeting: Meeting, interval: Interval) -> None:
    seats = tuple(
        claims.Seat(person.person_id, person.availability.gap) for person in (framed.ask.mentee, framed.ask.mentor)
    )
    claims.let_lapse(session, now, Claim.person_id.in_([seat.person_id for seat in seats]))
    if not claims.claim(session, meeting.id, interval, seats):
        raise SlotTaken


def _invite(session: Session, now: datetime, meeting: Meeting) -> None:
    follow_next(session, now, meeting.pair)
    video.invite(session, now, meeting)
    look_again(session, now, meeting)
    cadence.wake(session, now, meeting.pair_id)


def _stop(session: Session, now: datetime, meeting: Meeting, move: str, by_id: int | None) -> None:
    advance(meeting, move)
    proposals.end(session, now, proposals.open_ones(session, proposals.about(meeting.id)), "over")
    claims.release(session, meeting.id)
    outbox.withdraw(session, meeting_id=meeting.id, kinds=ABOUT_A_MEETING)
    meeting.sequence += 1
    meeting.changed_by, meeting.changed_at = by_id, now
    meeting.due_at = None
    follow_next(session, now, meeting.pair)
    cadence.wake(session, now, meeting.pair_id)
    writes.follow(session, now, meeting.id)
