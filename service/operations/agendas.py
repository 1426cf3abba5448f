"""An agenda between two people: who orders it, what the other suggests, what is parked, what the first one settles."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from service.domain.agenda import AgendaDraft, checked, suggested
from service.domain.errors import NotAllowed
from service.domain.meeting import LIVE
from service.domain.terms import terms_of
from service.operations.meetings import agenda_of, look_again, put_agenda
from service.store import writes
from service.store.tables import AgendaItem, Meeting, Pair, ParkedPoint

KICK_OFF = "kick-off"
AGREEMENT_POINT = "kick-off.agreement"  # what is to be settled stands below it
CLAUSE = "clause."  # of the points that name a clause


def may_order(meeting: Meeting, person_id: int) -> bool:
    return terms_of(meeting.pair.terms).may_order(meeting.pair.role(person_id))


def edit(session: Session, now: datetime, meeting: Meeting, by_id: int, drafts: tuple[AgendaDraft, ...]) -> None:
    """The agenda as posted, or with this person's suggestions in it if the other orders it. Raises InvalidInput."""
    wanted = checked(drafts)
    if not may_order(meeting, by_id):
        wanted = suggested([(_draft(item), item.by_id) for item in agenda_of(session, meeting)], wanted, by_id)
    put_agenda(session, meeting, by_id, wanted)
    _touched(session, now, meeting)


def put(session: Session, now: datetime, meeting: Meeting, by_id: int, drafts: tuple[AgendaDraft, ...]) -> None:
    """As these points say, whoever orders it. Mails nobody."""
    put_agenda(session, meeting, by_id, checked(drafts))
    _touched(session, now, meeting)


def park(session: Session, now: datetime, meeting: Meeting, by_id: int, point: AgendaDraft) -> None:
    """Puts a point off: it goes to the next meeting, at once where that is booked. Repeatable. Raises NotAllowed for
    whoever does not order the agenda."""
    if not may_order(meeting, by_id):
        raise NotAllowed
    item = next(
        (each for each in agenda_of(session, meeting) if (each.key, each.text) == (point.key, point.text)), None
    )
    if item is None:
        return
    following = session.scalars(
        select(Meeting)
        .where(Meeting.pair_id == meeting.pair_id, Meeting.phase.in_(LIVE), Meeting.starts_at > meeting.starts_at)
        .order_by(Meeting.starts_at)
        .limit(1)
    ).one_or_none()
    if following is not None:
        item.position, item.meeting_id = _end_of(session, following), following.id
        _touched(session, now, following)
    else:
        session.add(
            ParkedPoint(
                pair_id=meeting.pair_id, key=item.key, text=item.text, minutes=item.minutes, help=item.help,
                hidden=item.hidden, by_id=item.by_id, created_at=now,
            )
        )  # fmt: skip
        session.delete(item)
    _touched(session, now, meeting)


def bring_back(session: Session, meeting: Meeting) -> None:
    """What was parked for the next meeting is on the agenda of this one, as whoever wrote it had it."""
    parked = session.scalars(
        select(ParkedPoint).where(ParkedPoint.pair_id == meeting.pair_id).order_by(ParkedPoint.id)
    ).all()
    end = _end_of(session, meeting)
    for position, point in enumerate(parked, end):
        session.add(
            AgendaItem(
                meeting_id=meeting.id, position=position, key=point.key, text=point.text, minutes=point.minutes,
                help=point.help, hidden=point.hidden, by_id=point.by_id,
            )
        )  # fmt: skip
        session.delete(point)


def list_to_settle(session: Session, pair: Pair, clauses: tuple[str, ...]) -> None:
    """The agenda of a first meeting ahead lists exactly the clauses that the two have to talk about; in no calendar."""
    wanted = select(Meeting).where(Meeting.pair_id == pair.id, Meeting.session == KICK_OFF, Meeting.phase.in_(LIVE))
    for meeting in session.scalars(wanted):
        session.execute(
            delete(AgendaItem).where(AgendaItem.meeting_id == meeting.id, AgendaItem.key.startswith(CLAUSE))
        )
        items = agenda_of(session, meeting)
        at = next((place for place, item in enumerate(items, 1) if item.key == AGREEMENT_POINT), len(items))
        for item in items[at:]:
            item.position += len(clauses)
        first = items[at - 1].position + 1 if at else 0
        session.add_all(
            AgendaItem(meeting_id=meeting.id, position=position, key=f"{CLAUSE}{key}", hidden=True)
            for position, key in enumerate(clauses, first)
        )
        session.flush()


def _touched(session: Session, now: datetime, meeting: Meeting) -> None:
    session.flush()
    meeting.agenda_touched_at = now
    writes.follow(session, now, meeting.id, quietly=True)
    look_again(session, now, meeting)


def _end_of(session: Session, meeting: Meeting) -> int:
    last = session.scalar(select(func.max(AgendaItem.position)).where(AgendaItem.meeting_id == meeting.id))
    return 0 if last is None else last + 1


def _draft(item: AgendaItem) -> AgendaDraft:
    return AgendaDraft(item.text, item.key, item.minutes, item.help, item.hidden)
