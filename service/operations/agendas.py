"""An agenda between two people: who orders it, what the other suggests, what is parked, what the first one settles."""

from __future__ import annotations

from collections.abc import Collection, Sequence
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
        item.position = _ends_of(session, [following.id]).get(following.id, 0)
        item.meeting_id = following.id
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


def bring_back(session: Session, meetings: Sequence[Meeting]) -> None:
    """What was parked for the next meeting is on the agenda of this one, as whoever wrote it had it. Of each pair one
    meeting."""
    by_pair = {meeting.pair_id: meeting for meeting in meetings}
    parked = session.scalars(select(ParkedPoint).where(ParkedPoint.pair_id.in_(by_pair)).order_by(ParkedPoint.id)).all()
    ends = _ends_of(session, [meeting.id for meeting in meetings]) if parked else {}
    for point in parked:
        meeting_id = by_pair[point.pair_id].id
        position = ends.get(meeting_id, 0)
        session.add(
            AgendaItem(
                meeting_id=meeting_id, position=position, key=point.key, text=point.text, minutes=point.minutes,
                help=point.help, hidden=point.hidden, by_id=point.by_id,
            )
        )  # fmt: skip
        ends[meeting_id] = position + 1
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


def _ends_of(session: Session, meeting_ids: Collection[int]) -> dict[int, int]:
    """Where a point after the last one goes; a meeting without any is missing."""
    last = select(AgendaItem.meeting_id, func.max(AgendaItem.position)).where(AgendaItem.meeting_id.in_(meeting_ids))
    return {meeting_id: at + 1 for meeting_id, at in session.execute(last.group_by(AgendaItem.meeting_id))}


def _draft(item: AgendaItem) -> AgendaDraft:
    return AgendaDraft(item.text, item.key, item.minutes, item.help, item.hidden)
