"""What the mails of a batch are about, read in one go: a query a table, not a query a mail."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from service.domain.interval import Interval
from service.domain.meeting import Phase
from service.links import LinkBook
from service.operations import lapsing, video
from service.operations.events import entered
from service.store import outbox, writes
from service.store.tables import AgendaItem, Attendance, Commitment, Inbound, Meeting, OutboxRow, Person, Preparation

NEWS_FOR = timedelta(days=90)  # what was done before that is no news to anybody
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Facts:
    """By the id of the meeting, of the person, or of the pair; what is missing has nothing."""

    people: Mapping[int, Person]
    meetings: Mapping[int, Meeting]
    agendas: Mapping[int | None, Sequence[AgendaItem]]
    agreed: Mapping[int | None, Sequence[Commitment]]
    prepared: Mapping[int | None, Sequence[Preparation]]
    promises: Mapping[int | None, Sequence[Commitment]]  # of the pair: what is open, and what was done lately
    met_at: Mapping[int, datetime]  # when the pair's last meeting that is over ended
    next_ones: Mapping[int, Interval]  # of the pair: what is booked next
    answers: Mapping[int, Mapping[int, str]]  # meeting -> person -> PARTSTAT
    gone_out: Mapping[int | None, Sequence[OutboxRow]]
    entries: Mapping[tuple[int, int], str]  # meeting and person -> whose calendar made their entry: own or other
    links_awaited: frozenset[int]  # meetings whose calendar still makes their video link
    heard: set[int]  # people who got a mail of ours before
    unsure: frozenset[int]  # people on whose page something waits that they wrote
    offered: frozenset[int]  # pairs in which times that were proposed are open
    links: LinkBook


def gather(session: Session, now: datetime, rows: Sequence[OutboxRow]) -> Facts:
    """Only reads. `links.made` has to be stored before a mail that carries them leaves."""
    person_ids = {row.person_id for row in rows}
    meeting_ids = {row.meeting_id for row in rows if row.meeting_id is not None}
    meetings = session.scalars(select(Meeting).where(Meeting.id.in_(meeting_ids))).all()
    pair_ids = {meeting.pair_id for meeting in meetings}
    promises = select(Commitment).order_by(Commitment.id)
    return Facts(
        people={person.id: person for person in session.scalars(select(Person).where(Person.id.in_(person_ids)))},
        meetings={meeting.id: meeting for meeting in meetings},
        agendas=_grouped(
            session.scalars(
                select(AgendaItem).where(AgendaItem.meeting_id.in_(meeting_ids)).order_by(AgendaItem.position)
            ),
            lambda item: item.meeting_id,
        ),
        agreed=_grouped(
            session.scalars(promises.where(Commitment.meeting_id.in_(meeting_ids))), lambda line: line.meeting_id
        ),
        promises=_grouped(
            session.scalars(promises.where(Commitment.pair_id.in_(pair_ids), _open_or_news(now))),
            lambda line: line.pair_id,
        ),
        met_at=_met_at(session, now, pair_ids),
        next_ones=_next_ones(session, now, pair_ids),
        prepared=_grouped(
            session.scalars(select(Preparation).where(Preparation.meeting_id.in_(meeting_ids))),
            lambda done: done.meeting_id,
        ),
        answers=_answers(session, meeting_ids),
        entries=_entries(session, meetings),
        links_awaited=video.awaited(session, meeting_ids),
        gone_out=_grouped(outbox.gone_out(session, meeting_ids), lambda row: row.meeting_id),
        heard=outbox.people_who_heard(session, person_ids),
        unsure=_unsure(session, person_ids),
        offered=lapsing.with_open_ones(session, {row.pair_id for row in rows if row.pair_id is not None}),
        links=LinkBook(session, now, person_ids, meeting_ids),
    )


def _grouped(values: Iterable[T], key: Callable[[T], int | None]) -> Mapping[int | None, Sequence[T]]:
    found: dict[int | None, list[T]] = defaultdict(list)
    for value in values:
        found[key(value)].append(value)
    return found


def _unsure(session: Session, person_ids: Collection[int]) -> frozenset[int]:
    wanted = select(Inbound.person_id).where(Inbound.person_id.in_(person_ids), Inbound.state == "waiting")
    return frozenset(person_id for person_id in session.scalars(wanted) if person_id is not None)


def _open_or_news(now: datetime) -> ColumnElement[bool]:
    return (Commitment.state != "done") | (Commitment.answered_at > now - NEWS_FOR)


def _met_at(session: Session, now: datetime, pair_ids: Collection[int]) -> Mapping[int, datetime]:
    wanted = select(Meeting.pair_id, func.max(Meeting.ends_at)).where(
        Meeting.pair_id.in_(pair_ids), Meeting.ends_at <= now, Meeting.phase != Phase.CANCELLED
    )
    return dict(session.execute(wanted.group_by(Meeting.pair_id)).all())


def _next_ones(session: Session, now: datetime, pair_ids: Collection[int]) -> Mapping[int, Interval]:
    wanted = select(Meeting.pair_id, Meeting.starts_at, Meeting.ends_at).where(
        Meeting.pair_id.in_(pair_ids), Meeting.phase == Phase.BOOKED, Meeting.starts_at > now
    )
    rows = session.execute(wanted.order_by(Meeting.starts_at.desc()))
    return {pair_id: Interval(starts_at, ends_at) for pair_id, starts_at, ends_at in rows}


def _answers(session: Session, meeting_ids: Collection[int]) -> Mapping[int, Mapping[int, str]]:
    found: dict[int, dict[int, str]] = defaultdict(dict)
    wanted = select(Attendance.meeting_id, Attendance.person_id, Attendance.partstat)
    for meeting_id, person_id, partstat in session.execute(wanted.where(Attendance.meeting_id.in_(meeting_ids))):
        found[meeting_id][person_id] = partstat
    return found


def _entries(session: Session, meetings: Sequence[Meeting]) -> Mapping[tuple[int, int], str]:
    found: dict[tuple[int, int], str] = {}
    by_id = {meeting.id: meeting for meeting in meetings}
    for row in filter(entered, writes.of_meetings(session, by_id.keys())):
        found[row.meeting_id, row.person_id] = "own"
        if row.invites:
            found[row.meeting_id, by_id[row.meeting_id].pair.other(row.person_id).id] = "other"
    return found
