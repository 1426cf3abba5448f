"""One meeting as it stands: loading it for somebody who is in it, its agenda, its answers, and when it is due."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from service.domain import followup
from service.domain.access import Action, Role, Thing, check, may, role_of
from service.domain.agenda import AgendaDraft
from service.domain.errors import MoveNotAllowed, NotAllowed, NotFound
from service.domain.interval import Interval
from service.domain.meeting import LIVE, Phase, after
from service.domain.terms import terms_of
from service.store import outbox
from service.store.database import load_row
from service.store.tables import AgendaItem, Attendance, Commitment, IdempotencyKey, Inbound, Meeting, Pair

MOST_STRANGERS = 20


def load_meeting(session: Session, meeting_id: int, person_id: int) -> Meeting:
    """Raises NotFound when it never existed or this person is not in it: deliberately the same."""
    meeting = load_row(session, Meeting, meeting_id)
    if meeting is None:
        raise NotFound
    check(role_in(meeting.pair, person_id), Thing.MEETING, Action.READ)
    return meeting


def role_in(pair: Pair, person_id: int, author_id: int | None = None) -> Role:
    """Which of the two they are, for what `author_id` wrote; without it, for what is both people's."""
    return role_of(person_id, author_id, (pair.mentee_id, pair.mentor_id))


def check_lives(pair: Pair) -> None:
    """Raises NotAllowed for a pair that has ended: it takes no more words, for what was said in it is to go."""
    if pair.ended_at is not None:
        raise NotAllowed("pair_ended")


def booked_with(session: Session, by_id: int, key: str | None) -> Meeting | None:
    """The meeting that this person's Idempotency-Key made before, whatever the body."""
    kept = session.get(IdempotencyKey, (by_id, key)) if key else None
    return session.get(Meeting, kept.meeting_id) if kept is not None else None


def meetings_of(session: Session, pair: Pair, *, live_only: bool = False) -> list[Meeting]:
    """Soonest first."""
    wanted = select(Meeting).where(Meeting.pair_id == pair.id).order_by(Meeting.starts_at, Meeting.id)
    if live_only:
        wanted = wanted.where(Meeting.phase.in_(LIVE))
    return list(session.scalars(wanted))


def interval_of(meeting: Meeting) -> Interval:
    return Interval(meeting.starts_at, meeting.ends_at)


def agenda_of(session: Session, meeting: Meeting) -> list[AgendaItem]:
    return list(
        session.scalars(select(AgendaItem).where(AgendaItem.meeting_id == meeting.id).order_by(AgendaItem.position))
    )


def put_agenda(session: Session, meeting: Meeting, by_id: int, drafts: tuple[AgendaDraft, ...]) -> None:
    """Replaces the agenda; who added a point stays with it as long as its words stay."""
    authors = {(item.key, item.text): item.by_id for item in agenda_of(session, meeting)}
    session.execute(delete(AgendaItem).where(AgendaItem.meeting_id == meeting.id))
    session.add_all(
        AgendaItem(
            meeting_id=meeting.id,
            position=position,
            key=draft.key,
            text=draft.text,
            minutes=draft.minutes,
            help=draft.help,
            hidden=draft.hidden,
            by_id=authors.get((draft.key, draft.text), by_id),
        )
        for position, draft in enumerate(drafts)
    )
    session.flush()


def attendance_of(session: Session, meeting: Meeting) -> dict[int, str]:
    """Person id -> PARTSTAT (RFC 5545 3.2.12)."""
    rows = session.execute(select(Attendance.person_id, Attendance.partstat).where(Attendance.meeting_id == meeting.id))
    return dict(rows.all())


def strangers_of(session: Session, meeting: Meeting, reader_id: int) -> list[str]:
    """Addresses from which the meeting was answered by somebody whom nobody asked: for the mentee alone."""
    if not may(role_in(meeting.pair, reader_id, meeting.pair.mentee_id), Thing.STRANGERS_MAIL, Action.READ):
        return []
    wanted = select(Inbound.sender).where(Inbound.meeting_id == meeting.id, Inbound.sender.is_not(None))
    return sorted(set(filter(None, session.scalars(wanted.limit(MOST_STRANGERS)))))


def advance(meeting: Meeting, move: str) -> None:
    """Moves the phase as the table of MOVES allows; raises MoveNotAllowed with the phase that stood in the way."""
    target = after(move, Phase(meeting.phase))
    if target is None:
        raise MoveNotAllowed(phase=meeting.phase)
    meeting.phase = target


def may_move(meeting: Meeting, now: datetime) -> bool:
    """Until as long before the start as the two agreed, two hours at least; later it can still be cancelled."""
    return Phase(meeting.phase) in LIVE and now <= meeting.starts_at - terms_of(meeting.pair.terms).notice


def check_may_move(meeting: Meeting, now: datetime) -> None:
    """Raises MoveNotAllowed with the reason: the phase, or else how soon it begins."""
    if Phase(meeting.phase) not in LIVE:
        raise MoveNotAllowed(phase=meeting.phase)
    if not may_move(meeting, now):
        hours = terms_of(meeting.pair.terms).notice // timedelta(hours=1)
        raise MoveNotAllowed("too_late_to_move", phase=meeting.phase, hours=hours)


def may_cancel(meeting: Meeting, now: datetime) -> bool:
    return Phase(meeting.phase) in LIVE and now < meeting.ends_at


def commitments_of(session: Session, pair_id: int, *, open_only: bool = False) -> list[Commitment]:
    wanted = select(Commitment).where(Commitment.pair_id == pair_id).order_by(Commitment.id)
    if open_only:
        wanted = wanted.where(Commitment.state.notin_(("done",)))
    return list(session.scalars(wanted))


def agreed_at_meeting(session: Session, meeting: Meeting) -> list[Commitment]:
    return list(session.scalars(select(Commitment).where(Commitment.meeting_id == meeting.id).order_by(Commitment.id)))


def facts_of(session: Session, meetings: Sequence[Meeting]) -> list[followup.Facts]:
    """What domain.followup decides from, as it is at this moment, one for each meeting."""
    ids = [meeting.id for meeting in meetings]
    done = outbox.kinds_of(session, ids)
    agreed = set(session.scalars(select(Commitment.meeting_id).where(Commitment.meeting_id.in_(ids)).distinct()))
    return [
        followup.Facts(
            interval=interval_of(meeting),
            phase=Phase(meeting.phase),
            fixed_at=meeting.fixed_at,
            mentee_zone=ZoneInfo(meeting.pair.mentee.zone),
            mentor_zone=ZoneInfo(meeting.pair.mentor.zone),
            done=frozenset(done[meeting.id]),
            said=meeting.ask is not None or meeting.agenda_touched_at is not None,
            agreed=meeting.id in agreed,
            happened=meeting.happened,
            ask_before=terms_of(meeting.pair.terms).agenda_lead,
        )
        for meeting in meetings
    ]


def look_again(session: Session, now: datetime, meeting: Meeting) -> None:
    """Sets the meeting's timer from its state; something that is due already is looked at by the next sweep."""
    look_at_all_again(session, now, [meeting])


def look_at_all_again(session: Session, now: datetime, meetings: Sequence[Meeting]) -> None:
    """As `look_again`, with a few questions for all of them."""
    session.flush()
    for meeting, facts in zip(meetings, facts_of(session, meetings), strict=True):
        plan = followup.plan(facts, now)
        meeting.due_at = now if plan.steps or plan.move else plan.look_again_at


HOUR_PAGE_OPENS = timedelta(minutes=10)


def in_its_hour(meeting: Meeting, now: datetime) -> bool:
    """From ten minutes before the start until the end the page shows the agenda by the clock."""
    return meeting.phase == Phase.BOOKED and meeting.starts_at - HOUR_PAGE_OPENS <= now < meeting.ends_at
