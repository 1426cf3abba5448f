"""How long the times that somebody proposed are kept, and what they are told when nobody took one until then."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.meeting import LIVE, Phase
from service.operations.meetings import may_move
from service.operations.times import availability_of
from service.store import proposals
from service.store.tables import Meeting, Proposal, ProposedTime

NEWS_FOR = timedelta(days=7)
WENT_BY = frozenset({"lapsed", "passed", "stays"})


def kept(time: ProposedTime, meeting: Meeting | None, now: datetime) -> str:
    """kept or lapsed, and of a time that never was: reached, where the meeting that would move there has a part of it
    already, so that nobody was before the two; else not_held."""
    if time.held:
        return "kept" if time.lapses_at > now else "lapsed"
    return "reached" if meeting is not None and _reaches(meeting, time) else "not_held"


def _reaches(meeting: Meeting, time: ProposedTime) -> bool:
    """By the rule of store.claims: a meeting takes the gap beside it, too."""
    gap = max(availability_of(person).gap for person in (meeting.pair.mentee, meeting.pair.mentor))
    return meeting.starts_at < time.ends_at + gap and time.starts_at < meeting.ends_at + gap


def told(session: Session, now: datetime, proposal: Proposal, reader_id: int) -> str:
    """What its reader is to know of an open proposal. To the other: theirs, while one of the times may be taken. To its
    author: mine; lapsed, when no time is kept any longer; passed, when all are over; stays, when it is too late to move
    the meeting. Nothing where there is nothing to say any more."""
    meeting = session.get(Meeting, proposal.meeting_id) if proposal.meeting_id is not None else None
    mine = proposal.by_id == reader_id
    if meeting is not None and not may_move(meeting, now):
        ahead = Phase(meeting.phase) in LIVE and now < meeting.starts_at
        return "stays" if mine and ahead else ""
    last = max(time.starts_at for time in proposal.times)
    if last <= now:
        return "passed" if mine and now - last < NEWS_FOR else ""
    if not mine:
        return "theirs"
    until = _kept_until(proposal)
    return "lapsed" if until is not None and until <= now else "mine"


def lines(
    session: Session, now: datetime, pair_id: int, reader_id: int, meeting_id: int | None = None
) -> list[tuple[Proposal, str]]:
    """The open proposals of the pair, or about this meeting, oldest first, each with what is `told` of it."""
    matter = Proposal.pair_id == pair_id if meeting_id is None else proposals.about(meeting_id)
    found = [(each, told(session, now, each, reader_id)) for each in proposals.open_ones(session, matter)]
    return [(each, word) for each, word in found if word]


def news(session: Session, now: datetime, pair_id: int, reader_id: int) -> tuple[Proposal, str] | None:
    """The newest that went by without being taken, for their author's next mail; none that went by long ago."""
    for proposal, word in reversed(lines(session, now, pair_id, reader_id)):
        if word == "passed" or (word in WENT_BY and now - (_kept_until(proposal) or proposal.created_at) < NEWS_FOR):
            return proposal, word
    return None


def with_open_ones(session: Session, pair_ids: Collection[int]) -> frozenset[int]:
    """Those of the pairs in which somebody proposed something that is open."""
    wanted = select(Proposal.pair_id).where(Proposal.pair_id.in_(pair_ids), Proposal.outcome.is_(None))
    return frozenset(session.scalars(wanted))


def _kept_until(proposal: Proposal) -> datetime | None:
    """None where nothing ever was."""
    return max((time.lapses_at for time in proposal.times if time.held), default=None)
