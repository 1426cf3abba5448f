"""Short cards: a mentee's own before the first meeting, and one of the mentor's with each brief."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.access import Action, Thing, check, may
from service.domain.agreement import Role
from service.domain.primers import CARDS, next_card
from service.operations import notes, suggestions
from service.operations.meetings import role_in
from service.store.tables import Meeting, Pair, PutAway

MOMENT = "primer"  # what somebody puts away whom cards do not help


def deal(session: Session, meetings: Sequence[Meeting]) -> None:
    """Each of these, whose brief is being written, gets the next card for its mentor. Repeatable: one that has a card
    keeps it. None for whom it does not help."""
    wanted = [meeting for meeting in meetings if meeting.card is None]
    mentors = {meeting.pair.mentor_id for meeting in wanted}
    if not mentors:
        return
    put_away = select(PutAway.person_id).where(PutAway.person_id.in_(mentors), PutAway.moment == MOMENT)
    mentors -= set(session.scalars(put_away))
    dealt: dict[int, list[str]] = defaultdict(list)
    earlier = select(Pair.mentor_id, Meeting.card).join(Pair, Meeting.pair_id == Pair.id)
    for mentor_id, card in session.execute(earlier.where(Pair.mentor_id.in_(mentors), Meeting.card.is_not(None))):
        dealt[mentor_id].append(str(card))
    for meeting in (meeting for meeting in wanted if meeting.pair.mentor_id in mentors):
        hand = dealt[meeting.pair.mentor_id]
        hand.append(next_card(hand))
        meeting.card = hand[-1]


def cards_for(pair: Pair, person_id: int) -> tuple[str, ...]:
    """Their keys in the catalogue."""
    role: Role = "mentee" if person_id == pair.mentee_id else "mentor"
    return tuple(f"{role}.{card}" for card in CARDS[role])


def read(session: Session, now: datetime, pair: Pair, by_id: int, summary: str | None = None) -> None:
    """The mentee has read theirs; what they sum up in their own words is a note of theirs alone. Repeatable. Raises
    NotFound for the mentor, who has nothing to tick, and InvalidInput."""
    check(role_in(pair, by_id, pair.mentee_id), Thing.PRIMER, Action.WRITE)
    pair.mentee.primed_at = pair.mentee.primed_at or now
    notes.sum_up(session, now, pair, by_id, summary)


def state(session: Session, pair: Pair, person_id: int) -> str:
    """Of the mentee's cards, as this person may know it: read, unread, or nothing."""
    if not may(role_in(pair, person_id, pair.mentee_id), Thing.PRIMER, Action.READ):
        return ""
    if pair.mentee.primed_at is not None:
        return "read"
    return "" if MOMENT in suggestions.is_put_away(session, person_id) else "unread"


def is_offered(session: Session, now: datetime, pair: Pair, person_id: int) -> bool:
    """From the day the two are a pair until they have met: later one learns from each other."""
    if notes.last_meeting(session, now, pair) is not None:
        return False
    if person_id == pair.mentee_id:
        return state(session, pair, person_id) == "unread"
    return MOMENT not in suggestions.is_put_away(session, person_id)
