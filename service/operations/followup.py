"""Before, in and after a meeting: the sweep of what is due, what the mentee wants, what both agreed, what comes of
it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session

from service import logs
from service.domain import followup
from service.domain.access import Action, Thing, check, may
from service.domain.agenda import AgendaDraft, checked
from service.domain.errors import InvalidInput, MoveNotAllowed, NotFound
from service.domain.meeting import Phase
from service.domain.typed import typed
from service.operations import cadence
from service.operations.meetings import advance, agreed_at_meeting, facts_of, look_again, put_agenda, role_in
from service.store import outbox, writes
from service.store.database import AWAY
from service.store.tables import Commitment, Meeting, Reflection

STATES = ("open", "done", "moving", "stuck", "renegotiated")
LONGEST_LINE = 500
LONGEST_TEXT = 4_000
MOST_LINES = 50
AT_ONCE = ("invitation", "cancellation", "declined")  # somebody acted, and the other must know at any hour
SWEEP_LIMIT = 100  # meetings in one transaction
PUT_OFF = timedelta(hours=1)  # somebody has to mend what is wrong with a meeting, and nobody is sooner by trying

log = logging.getLogger(__name__)


def run_due(session: Session, now: datetime, limit: int = SWEEP_LIMIT, put_off: timedelta | None = PUT_OFF) -> int:
    """Writes what is due for meetings whose timer has run out, and sets their timers anew; returns how many it looked
    at. A meeting that cannot be looked at is put off by an hour, or until somebody changes it, and the others go on.

    Repeatable, and safe beside another sweep: a meeting that somebody has in their hands is passed by until the next,
    and a mail's row is unique by meeting, kind, sequence and person.
    """
    ids = session.scalars(due(now, limit)).all()
    try:
        with session.begin_nested():
            _look_at(session, now, ids)
    except AWAY:  # the database is away or in a hurry: nothing of one meeting's
        raise
    except Exception:  # of one of them; which, each shows by itself
        for meeting_id in ids:
            _attempt(session, now, meeting_id, put_off)
    return len(ids)


def _look_at(session: Session, now: datetime, ids: Sequence[int]) -> None:
    """What is due for these meetings; raises whatever is wrong with one of them."""
    meetings = session.scalars(select(Meeting).where(Meeting.id.in_(ids)).order_by(Meeting.due_at)).all()
    mails: list[outbox.NewMail] = []
    for meeting, facts in zip(meetings, facts_of(session, meetings), strict=True):
        plan = followup.plan(facts, now)
        for step in plan.steps:
            person_id = meeting.pair.mentee_id if step.role == "mentee" else meeting.pair.mentor_id
            mails.append(_mail_about(now, meeting, step.kind, person_id))
        if plan.move is not None:
            advance(meeting, plan.move)
        meeting.due_at = plan.look_again_at
    outbox.add_all(session, now, mails)


def _attempt(session: Session, now: datetime, meeting_id: int, put_off: timedelta | None) -> None:
    """The boundary of one meeting: what is wrong with it holds up no other."""
    try:
        with session.begin_nested():
            _look_at(session, now, [meeting_id])
    except AWAY:
        raise
    except Exception as fault:  # a mistake in one meeting must not keep mails from the others
        logs.mistake(log, "a meeting cannot be looked at", fault, meeting=meeting_id)
        again = update(Meeting).where(Meeting.id == meeting_id).values(due_at=put_off and now + put_off)
        session.execute(again, execution_options={"synchronize_session": False})


def due(now: datetime, limit: int) -> Select[int]:
    """Ids only: a row that cannot be read must not keep the others from being read."""
    return (
        select(Meeting.id)
        .where(Meeting.due_at <= now)
        .order_by(Meeting.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True)
    )


def next_due(session: Session) -> datetime | None:
    """The earliest timer of any meeting."""
    return session.scalar(select(func.min(Meeting.due_at)))


def queue_about(
    session: Session, now: datetime, meeting: Meeting, kind: str, person_id: int, due_at: datetime | None = None
) -> bool:
    """Writes the row of one mail about a meeting; False when it stands already (same kind, sequence and person).
    Without `due_at` it leaves when mails of its kind do."""
    mail = _mail_about(now, meeting, kind, person_id)
    return outbox.add(session, now, **asdict(replace(mail, due_at=due_at or mail.due_at)))


def _mail_about(now: datetime, meeting: Meeting, kind: str, person_id: int) -> outbox.NewMail:
    zone = ZoneInfo(meeting.pair.me(person_id).zone)
    return outbox.NewMail(
        kind,
        person_id,
        dedup=f"m{meeting.id}:{kind}:{meeting.sequence}:{person_id}",
        due_at=now if kind in AT_ONCE else followup.waking(now, zone),
        pair_id=meeting.pair_id,
        meeting_id=meeting.id,
        date_id=meeting.date_id,
        sequence=meeting.sequence,
    )


def answer_ask(
    session: Session,
    now: datetime,
    meeting: Meeting,
    by_id: int,
    text: str,
    drafts: tuple[AgendaDraft, ...] | None = None,
) -> None:
    """What the mentee wants from the hour, and the agenda if it was changed with it. Mails nobody: the brief carries
    it."""
    if not may(role_in(meeting.pair, by_id, meeting.pair.mentee_id), Thing.ASK, Action.WRITE):
        raise NotFound
    if meeting.phase != Phase.BOOKED or now >= meeting.ends_at:
        raise MoveNotAllowed(phase=meeting.phase)
    meeting.ask = typed("ask", text, LONGEST_TEXT)
    if drafts is not None:
        put_agenda(session, meeting, by_id, checked(drafts))
        writes.follow(session, now, meeting.id, quietly=True)
    meeting.agenda_touched_at = now
    look_again(session, now, meeting)


def agree(
    session: Session,
    now: datetime,
    meeting: Meeting,
    by_id: int,
    text: str,
    owner_id: int | None = None,
    due_on: date | None = None,
) -> Commitment:
    """One line of "we agreed", by either of the two. Without owner or date it is loose; the follow-up asks for them.

    Repeatable: lines of one meeting with the same text, owner and date are one. Twice at once as well, as long as the
    meeting was loaded by `load_meeting`, which lets one of them wait.
    """
    if meeting.phase not in {Phase.BOOKED, Phase.ENDED, Phase.CLOSED}:
        raise MoveNotAllowed(phase=meeting.phase)
    said = typed("text", text, LONGEST_LINE)
    if not said:
        raise InvalidInput.of("text", "empty")
    _check_owner(meeting, owner_id)
    known = agreed_at_meeting(session, meeting)
    for line in known:
        if (line.text, line.owner_id, line.due_on) == (said, owner_id, due_on):
            return line
    if len(known) >= MOST_LINES:
        raise InvalidInput.of("text", "too_many_lines", most=MOST_LINES)
    commitment = Commitment(
        pair_id=meeting.pair_id, meeting_id=meeting.id, owner_id=owner_id, text=said, due_on=due_on,
        by_id=by_id, created_at=now,
    )  # fmt: skip
    session.add(commitment)
    look_again(session, now, meeting)
    return commitment


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the follow-up's list: `commitment_id` None, or one that is gone meanwhile, is a new one; an empty text
    takes the line away."""

    commitment_id: int | None
    text: str
    owner_id: int | None = None
    due_on: date | None = None


def submit_followup(
    session: Session,
    now: datetime,
    meeting: Meeting,
    by_id: int,
    *,
    happened: bool,
    lines: tuple[Line, ...] = (),
    reflection: str | None = None,
) -> None:
    """The answer to "is this right?", or to "did it happen?". Repeatable: the last answer holds.

    Lines and reflection are kept either way. When it did not happen the other person is told once, and nothing else
    about this meeting is sent.
    """
    if meeting.phase not in {Phase.ENDED, Phase.CLOSED} and not (
        meeting.phase == Phase.BOOKED and now >= meeting.ends_at
    ):
        raise MoveNotAllowed(phase=meeting.phase)
    meeting.happened = happened
    _put_lines(session, now, meeting, by_id, lines)
    if reflection is not None:
        _reflect(session, now, meeting, by_id, typed("reflection", reflection, LONGEST_TEXT) or "")
    if happened:
        meeting.agreed_at = now
    else:
        outbox.withdraw(session, meeting_id=meeting.id, kinds=("followup", "list"))
        queue_about(session, now, meeting, "not-happened", meeting.pair.other(by_id).id)
        cadence.wake(session, now, meeting.pair_id)
    look_again(session, now, meeting)


def _put_lines(session: Session, now: datetime, meeting: Meeting, by_id: int, lines: tuple[Line, ...]) -> None:
    if len(lines) > MOST_LINES:
        raise InvalidInput.of("lines", "too_many_lines", most=MOST_LINES)
    known = {commitment.id: commitment for commitment in agreed_at_meeting(session, meeting)}
    for number, line in enumerate(lines, 1):
        said = typed(f"line {number}", line.text, LONGEST_LINE)
        _check_owner(meeting, line.owner_id)
        commitment = known.get(line.commitment_id) if line.commitment_id is not None else None
        if commitment is None:
            if said:
                agree(session, now, meeting, by_id, said, line.owner_id, line.due_on)
        elif said:
            commitment.text, commitment.owner_id, commitment.due_on = said, line.owner_id, line.due_on
        else:
            session.delete(commitment)


def _reflect(session: Session, now: datetime, meeting: Meeting, by_id: int, text: str) -> None:
    kept = session.get(Reflection, (meeting.id, by_id))
    if kept is not None:
        kept.text = text
    elif text:
        session.add(Reflection(meeting_id=meeting.id, person_id=by_id, text=text, created_at=now))


def reflection_of(session: Session, meeting: Meeting, person_id: int) -> str | None:
    """What this person wrote for themselves; nobody else's is ever loaded."""
    kept = session.get(Reflection, (meeting.id, person_id))
    return kept.text if kept and may(role_in(meeting.pair, person_id, person_id), Thing.PRIVATE, Action.READ) else None


def load_commitment(session: Session, commitment_id: int, person_id: int) -> Commitment:
    """Raises NotFound when it never existed or belongs to a pair that this person is not in."""
    commitment = session.get(Commitment, commitment_id)
    meeting = session.get(Meeting, commitment.meeting_id) if commitment and commitment.meeting_id else None
    if commitment is None or meeting is None:
        raise NotFound
    check(role_in(meeting.pair, person_id), Thing.COMMITMENT, Action.WRITE)
    return commitment


def set_commitment(
    commitment: Commitment, state: str, note: str | None = None, due_on: date | None = None
) -> Commitment:
    """One of the four honest answers, or open again. `moving` and `renegotiated` may carry a new date."""
    if state not in STATES:
        raise InvalidInput.of("state", "unknown_state", known=", ".join(STATES))
    commitment.state = state
    if note is not None:
        commitment.note = typed("note", note, LONGEST_LINE)
    if due_on is not None:
        commitment.due_on = due_on
    return commitment


def _check_owner(meeting: Meeting, owner_id: int | None) -> None:
    if owner_id is not None and owner_id not in {meeting.pair.mentee_id, meeting.pair.mentor_id}:
        raise InvalidInput.of("owner", "unknown_owner")
