"""Up to three times that one of the two offers the other: held for both until they lapse, taken by one click."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.access import Action, Thing, check
from service.domain.asking import notice_of
from service.domain.errors import InvalidInput, NotFound, ProposalOver
from service.domain.followup import waking
from service.domain.interval import Interval
from service.domain.shadowing import terms_for
from service.domain.terms import terms_of
from service.domain.typed import typed
from service.links import link_for
from service.operations import booking, details
from service.operations.booking import BookingInput
from service.operations.meetings import check_may_move, role_in
from service.operations.offering import Frame, SlotQuery, frame, refusal_of
from service.store import claims, outbox, proposals
from service.store.database import load_row
from service.store.tables import Claim, CriticalDate, Meeting, Pair, Proposal, ProposedTime

MOST_TIMES = 3
KEPT = timedelta(hours=48)
LONGEST_COMMENT = 500


@dataclass(frozen=True, slots=True)
class ProposalInput:
    """`checked`: every time has to be free by the rule that offers; else each is held where it is."""

    starts: tuple[datetime, ...]
    by_id: int
    comment: str | None = None
    checked: bool = True


def propose(session: Session, now: datetime, max_age: timedelta, query: SlotQuery, wanted: ProposalInput) -> Proposal:
    """The proposal, its holds and one mail to the other; an older one about the same is replaced by it. With
    `query.moving` it is for that meeting. Repeatable: the same again is the one that stands.

    Raises MoveNotAllowed after the cut-off, else what `booking.book` raises.
    """
    claims.take_turns_of(session, query.pair_id)
    pair = session.get(Pair, query.pair_id)
    if pair is None:
        raise NotFound("no_such_pair")
    meeting = _moving(session, now, query)
    comment = typed("comment", wanted.comment, LONGEST_COMMENT)
    if meeting is None:
        terms_for(query.session, None)  # what is taken by one click has said nothing
    date_id = meeting.date_id if meeting is not None else query.date_id
    matter = (
        (proposals.about(meeting.id),)
        if meeting is not None
        else proposals.for_a_new_one(pair.id, query.session, date_id)
    )
    standing = proposals.open_ones(session, *matter)
    starts = _distinct(wanted.starts)
    for each in standing:
        if (each.by_id, each.comment, [time.starts_at for time in each.times]) == (wanted.by_id, comment, starts):
            return each
    proposals.end(session, now, standing, "replaced")
    framed = frame(session, now, max_age, query)
    if wanted.checked:
        _check(framed, starts)
    proposal = Proposal(
        pair_id=pair.id, pair=pair, by_id=wanted.by_id, meeting_id=query.moving, session=query.session,
        date_id=date_id, comment=comment, created_at=now,
    )  # fmt: skip
    session.add(proposal)
    claims.let_lapse(session, now, Claim.person_id.in_((pair.mentee_id, pair.mentor_id)))
    for start in starts:
        _offer(session, now, framed, proposal, start, meeting)
    if date_id is not None and framed.date is not None and framed.date.shared_at is None:
        session.get_one(CriticalDate, date_id).shared_at = now
    _tell(session, now, proposal)
    return proposal


def take(session: Session, now: datetime, max_age: timedelta, time_id: int, by_id: int) -> Meeting:
    """The meeting, booked or moved at this time; the other times are free again. Checked like any booking, for the hold
    may have lapsed. Repeatable: what was taken already is the meeting that stands.

    Raises NotFound, ProposalOver, and what `booking.book` or `booking.reschedule` raise.
    """
    proposal = load_proposal(session, _proposal_of(session, time_id), by_id)
    claims.take_turns_of(session, proposal.pair_id)
    # The meeting's row before the proposal's: whoever cancels it goes the same way.
    meeting = load_row(session, Meeting, proposal.meeting_id) if proposal.meeting_id is not None else None
    session.refresh(proposal)
    time = next(time for time in proposal.times if time.id == time_id)
    if by_id == proposal.by_id:
        raise NotFound
    if proposal.outcome == "taken" and proposal.taken_id is not None:
        stands = session.get_one(Meeting, proposal.taken_id)
        if stands.starts_at == time.starts_at:
            return stands
    if proposal.outcome is not None:
        raise ProposalOver(outcome=proposal.outcome)
    proposals.end(session, now, [proposal], "taken")
    if meeting is not None:
        booking.reschedule(session, now, max_age, meeting, time.starts_at, by_id, minutes=minutes_of(proposal))
    else:
        wanted = BookingInput(start=time.starts_at, by_id=by_id)
        meeting = booking.book(session, now, max_age, query_of(proposal, by_id), wanted)
    proposal.taken_id = meeting.id
    details.accept(session, now, meeting, proposal.by_id)  # they said yes when they proposed it
    return meeting


def query_of(proposal: Proposal, reader_id: int) -> SlotQuery:
    """The question that these times answered."""
    return SlotQuery(
        pair_id=proposal.pair_id,
        session=proposal.session,
        date_id=proposal.date_id if proposal.meeting_id is None else None,
        minutes=minutes_of(proposal),
        moving=proposal.meeting_id,
        reader="mentee" if reader_id == proposal.pair.mentee_id else "mentor",
    )


def minutes_of(proposal: Proposal) -> int:
    """How long each of its times is."""
    first = proposal.times[0]
    return (first.ends_at - first.starts_at) // timedelta(minutes=1)


def close(session: Session, now: datetime, proposal_id: int, by_id: int) -> Proposal:
    """Its author takes it back, or the other says that none of these suits; all its times are free again. Repeatable.
    Mails nobody."""
    proposal = load_proposal(session, proposal_id, by_id)
    claims.take_turns_of(session, proposal.pair_id)
    session.refresh(proposal)
    proposals.end(session, now, [proposal], "withdrawn" if by_id == proposal.by_id else "declined")
    return proposal


def load_proposal(session: Session, proposal_id: int | None, person_id: int) -> Proposal:
    """Raises NotFound when it never existed or this person is not in its pair: deliberately the same."""
    found = session.get(Proposal, proposal_id) if proposal_id is not None else None
    if found is None:
        raise NotFound
    check(role_in(found.pair, person_id, found.by_id), Thing.PROPOSAL, Action.READ)
    return found


def load_time(session: Session, time_id: int, person_id: int) -> tuple[Proposal, ProposedTime]:
    """As `load_proposal`, with the time."""
    proposal = load_proposal(session, _proposal_of(session, time_id), person_id)
    return proposal, next(time for time in proposal.times if time.id == time_id)


def open_proposals(session: Session, now: datetime, pair_id: int, meeting_id: int | None = None) -> list[Proposal]:
    """Those of the pair, or about this meeting, that can still be taken: its holds may have lapsed, a time is
    ahead."""
    matter = Proposal.pair_id == pair_id if meeting_id is None else proposals.about(meeting_id)
    return [each for each in proposals.open_ones(session, matter) if any(time.starts_at > now for time in each.times)]


def _proposal_of(session: Session, time_id: int) -> int | None:
    return session.scalar(select(ProposedTime.proposal_id).where(ProposedTime.id == time_id))


def _moving(session: Session, now: datetime, query: SlotQuery) -> Meeting | None:
    if query.moving is None:
        return None
    meeting = load_row(session, Meeting, query.moving)
    if meeting is None or meeting.pair_id != query.pair_id:
        raise NotFound
    check_may_move(meeting, now)
    return meeting


def _distinct(starts: Sequence[datetime]) -> list[datetime]:
    if any(start.tzinfo is None for start in starts):
        raise InvalidInput.of("starts", "naive")
    found = sorted(set(starts))
    if not 1 <= len(found) <= MOST_TIMES:
        raise InvalidInput.of("starts", "number_of_times", most=MOST_TIMES)
    return found


def _check(framed: Frame, starts: Sequence[datetime]) -> None:
    """Each of them could be booked, and one hold leaves room for the next."""
    gap = max(person.availability.gap for person in (framed.ask.mentee, framed.ask.mentor))
    for start, following in pairwise(starts):
        if following < start + framed.duration + gap:
            raise InvalidInput.of("starts", "too_close")
    for start in starts:
        booking.refuse(framed, start)


def _offer(
    session: Session, now: datetime, framed: Frame, proposal: Proposal, start: datetime, meeting: Meeting | None
) -> None:
    """A hold where the time is free for both; a meeting that would move by less than its length keeps what it has."""
    both = (framed.ask.mentee, framed.ask.mentor)
    interval = Interval.lasting(start, framed.duration)
    lapses_at = min(now + KEPT, *(start - notice_of(framed.ask, person) for person in both))
    if meeting is not None:
        lapses_at = min(lapses_at, meeting.starts_at - terms_of(meeting.pair.terms).notice)
    free = lapses_at > now and refusal_of(framed, start) is None
    time = ProposedTime(starts_at=interval.start, ends_at=interval.end, held=False, lapses_at=max(now, lapses_at))
    proposal.times.append(time)
    session.flush()
    seats = tuple(claims.Seat(person.person_id, person.availability.gap) for person in both)
    time.held = free and claims.hold(session, time.id, lapses_at, interval, seats)


def _tell(session: Session, now: datetime, proposal: Proposal) -> None:
    other = proposal.pair.other(proposal.by_id)
    for person in (proposal.pair.mentee, proposal.pair.mentor):  # its page is behind this link, and looking makes none
        link_for(session, now, "schedule", person.id, pair_id=proposal.pair_id)
    outbox.add(
        session, now, "proposed", other.id, dedup=proposals.mail_key(proposal),
        due_at=waking(now, ZoneInfo(other.zone)), pair_id=proposal.pair_id, meeting_id=proposal.meeting_id,
        date_id=proposal.date_id,
    )  # fmt: skip
