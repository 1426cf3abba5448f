"""What two people agreed to do: written down, answered for honestly, and due before the meeting that comes next."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.access import Action, Thing, check
from service.domain.commitments import KINDS, REASONS, STATES, Learning, due_before, hold
from service.domain.errors import InvalidInput, MoveNotAllowed, NotAllowed, NotFound
from service.domain.meeting import LIVE, Phase
from service.domain.typed import typed
from service.operations.meetings import agreed_at_meeting, look_again, role_in
from service.store.tables import Commitment, Meeting, Pair

LONGEST_LINE = 500
MOST_LINES = 50
DAY_BEFORE = timedelta(days=1)  # when its owner is asked how it stands


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the list: `commitment_id` None, or one that is gone meanwhile, is a new one; an empty text takes the
    line away. `due_on` None lets the date follow the next meeting."""

    commitment_id: int | None
    text: str
    owner_id: int | None = None
    due_on: date | None = None
    kind: str = "do"
    must: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """How it stands. `reason` belongs to a renegotiation, `took` to something read. None leaves what is there."""

    state: str
    due_on: date | None = None
    reason: str | None = None
    note: str | None = None
    took: str | None = None


def agree(session: Session, now: datetime, meeting: Meeting, by_id: int, line: Line) -> Commitment:
    """One line of "we agreed", by either of the two. Without owner or date it is loose; the follow-up asks for them.

    Repeatable: lines of one meeting with the same text, owner and date are one. Twice at once as well, as long as the
    meeting was loaded by `load_meeting`, which lets one of them wait.
    """
    if meeting.phase not in {Phase.BOOKED, Phase.ENDED, Phase.CLOSED}:
        raise MoveNotAllowed(phase=meeting.phase)
    said = typed("text", line.text, LONGEST_LINE)
    if not said:
        raise InvalidInput.of("text", "empty")
    _check(meeting, line)
    known = agreed_at_meeting(session, meeting)
    for each in known:
        dated = each.due_on if each.pinned else None
        if (each.text, each.owner_id, dated) == (said, line.owner_id, line.due_on):
            return each
    if len(known) >= MOST_LINES:
        raise InvalidInput.of("text", "too_many_lines", most=MOST_LINES)
    made = Commitment(
        pair_id=meeting.pair_id, meeting_id=meeting.id, owner_id=line.owner_id, text=said,
        kind=line.kind, must=line.must, uid=str(uuid.uuid4()), by_id=by_id, state="open", created_at=now,
    )  # fmt: skip
    _set_due(made, line.due_on)
    _follow(session, now, meeting.pair, [made])
    session.add(made)
    look_again(session, now, meeting)
    return made


def put_lines(session: Session, now: datetime, meeting: Meeting, by_id: int, lines: tuple[Line, ...]) -> None:
    """The list as somebody left it. A date that was only shown, and not changed, goes on following the meeting."""
    if len(lines) > MOST_LINES:
        raise InvalidInput.of("lines", "too_many_lines", most=MOST_LINES)
    known = {each.id: each for each in agreed_at_meeting(session, meeting)}
    for number, line in enumerate(lines, 1):
        said = typed(f"line {number}", line.text, LONGEST_LINE)
        _check(meeting, line)
        found = known.get(line.commitment_id) if line.commitment_id is not None else None
        if found is None:
            if said:
                agree(session, now, meeting, by_id, line)
        elif said:
            found.text, found.owner_id, found.kind, found.must = said, line.owner_id, line.kind, line.must
            _set_due(found, line.due_on)
        else:
            session.delete(found)
    _follow(session, now, meeting.pair, known.values())


def load_commitment(session: Session, commitment_id: int, person_id: int) -> Commitment:
    """Raises NotFound when it never existed or belongs to a pair that this person is not in."""
    found = session.get(Commitment, commitment_id)
    pair = session.get(Pair, found.pair_id) if found is not None else None
    if found is None or pair is None:
        raise NotFound
    check(role_in(pair, person_id), Thing.COMMITMENT, Action.READ)
    return found


def load_own(session: Session, commitment_id: int, person_id: int) -> Commitment:
    """To answer for: as `load_commitment`, and NotAllowed for what is the other's to do."""
    found = load_commitment(session, commitment_id, person_id)
    if found.owner_id not in {None, person_id}:
        raise NotAllowed
    return found


def set_commitment(now: datetime, commitment: Commitment, answer: Answer) -> Commitment:
    """One of the four honest answers, or open again. Repeatable. Raises InvalidInput."""
    if answer.state not in STATES:
        raise InvalidInput.of("state", "unknown_state", known=", ".join(STATES))
    if answer.reason is not None and answer.reason not in REASONS:
        raise InvalidInput.of("reason", "unknown_choice", known=", ".join(REASONS))
    if commitment.state != answer.state:
        commitment.state, commitment.answered_at = answer.state, now
    commitment.reason = answer.reason if answer.state == "renegotiated" else None
    if answer.note is not None:
        commitment.note = typed("note", answer.note, LONGEST_LINE)
    if answer.took is not None:
        commitment.took = typed("took", answer.took, LONGEST_LINE)
    if answer.due_on is not None:
        _set_due(commitment, answer.due_on)
    return commitment


def plan_learning(commitment: Commitment, first: date | None, last: date | None) -> None:
    """From when until when a class goes. Raises InvalidInput."""
    if first is None or last is None or first > last:
        raise InvalidInput.of("until", "not_after_first")
    commitment.begins_on = first
    _set_due(commitment, last)
    commitment.uid = commitment.uid or str(uuid.uuid4())


def hold_of(commitment: Commitment, now: datetime, summary: str, halfway_summary: str) -> bytes:
    """The file for the calendar of whoever learns. Raises NotFound as long as there are no dates."""
    if commitment.kind != "learn" or commitment.begins_on is None or not commitment.due_on or not commitment.uid:
        raise NotFound
    return hold(Learning(commitment.uid, commitment.begins_on, commitment.due_on, summary, halfway_summary), now)


def follow_next(session: Session, now: datetime, pair: Pair) -> None:
    """What is open and not pinned is due before the pair's next meeting, wherever that is now; without one it keeps
    its date. To be called when a meeting was booked, moved or cancelled. Repeatable."""
    session.flush()
    loose = select(Commitment).where(
        Commitment.pair_id == pair.id, Commitment.state != "done", Commitment.pinned.is_(False)
    )
    _follow(session, now, pair, session.scalars(loose).all())


def _follow(session: Session, now: datetime, pair: Pair, lines: Iterable[Commitment]) -> None:
    following = [line for line in lines if not line.pinned and line.state != "done"]
    if not following:
        return
    ahead = select(Meeting.starts_at).where(
        Meeting.pair_id == pair.id, Meeting.phase.in_(LIVE), Meeting.starts_at > now
    )
    starts_at = session.scalar(ahead.order_by(Meeting.starts_at).limit(1))
    if starts_at is None:
        return
    for line in following:
        zone = ZoneInfo((pair.mentor if line.owner_id == pair.mentor_id else pair.mentee).zone)
        line.due_on = due_before(starts_at, zone, now.astimezone(zone).date())


def _set_due(commitment: Commitment, due_on: date | None) -> None:
    if due_on != commitment.due_on:
        commitment.due_on, commitment.pinned = due_on, due_on is not None
        commitment.nudge_on = due_on - DAY_BEFORE if due_on is not None else None


def _check(meeting: Meeting, line: Line) -> None:
    if line.owner_id is not None and line.owner_id not in {meeting.pair.mentee_id, meeting.pair.mentor_id}:
        raise InvalidInput.of("owner", "unknown_owner")
    if line.kind not in KINDS:
        raise InvalidInput.of("kind", "unknown_choice", known=", ".join(KINDS))
