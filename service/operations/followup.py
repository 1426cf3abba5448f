"""Before, in and after a meeting: the sweep of what is due, what the mentee wants, what both agreed, what comes of
it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from service.domain import followup
from service.domain.access import Action, Thing, check, may
from service.domain.agenda import AgendaDraft, checked
from service.domain.errors import MoveNotAllowed, NotFound
from service.domain.meeting import Phase
from service.domain.terms import terms_of
from service.domain.typed import typed
from service.operations import cadence, primers, sweeps
from service.operations.commitments import Line, put_lines
from service.operations.meetings import advance, facts_of, look_again, put_agenda, role_in
from service.operations.sweeps import AT_ONCE, PUT_OFF
from service.store import outbox, writes
from service.store.tables import Meeting, Reflection

LONGEST_TEXT = 4_000
AT_ANY_HOUR = ("invitation", "cancellation", "declined")  # somebody acted, and the other must know at any hour


def run_due(session: Session, now: datetime, limit: int = AT_ONCE, *, put_off: bool = True) -> int:
    """Writes what is due for meetings whose timer has run out, and sets their timers anew; returns how many it looked
    at. A meeting that cannot be looked at is put off by an hour, or until somebody changes it, and the others go on.

    Repeatable, and safe beside another sweep: a meeting that somebody has in their hands is passed by until the next,
    and a mail's row is unique by meeting, kind, sequence and person.
    """
    again = now + PUT_OFF if put_off else None
    return sweeps.run(session, now, due(now, limit), _look_at, Meeting.due_at, again)


def _look_at(session: Session, now: datetime, ids: Sequence[int]) -> None:
    """What is due for these meetings; raises whatever is wrong with one of them."""
    meetings = session.scalars(select(Meeting).where(Meeting.id.in_(ids)).order_by(Meeting.due_at)).all()
    mails: list[outbox.NewMail] = []
    briefed: list[Meeting] = []
    for meeting, facts in zip(meetings, facts_of(session, meetings), strict=True):
        plan = followup.plan(facts, now)
        for step in plan.steps:
            person_id = meeting.pair.mentee_id if step.role == "mentee" else meeting.pair.mentor_id
            mails.append(_mail_about(now, meeting, step.kind, person_id))
            if step.kind == "brief":
                briefed.append(meeting)
        if plan.move is not None:
            advance(meeting, plan.move)
        meeting.due_at = plan.look_again_at
    primers.deal(session, briefed)
    outbox.add_all(session, now, mails)


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
        due_at=now if kind in AT_ANY_HOUR else followup.waking(now, zone),
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
    """The answer to "is this right?", or to "did it happen?". Repeatable: the last answer holds. That it does not come
    about can be said as soon as the two have waited for each other as long as they agreed.

    Lines and reflection are kept either way. When it did not happen the other person is told once, and nothing else
    about this meeting is sent.
    """
    if not may_say(meeting, now, happened=happened):
        raise MoveNotAllowed(phase=meeting.phase)
    meeting.happened = happened
    put_lines(session, now, meeting, by_id, lines)
    if reflection is not None:
        reflect(session, now, meeting, by_id, reflection)
    if happened:
        meeting.agreed_at = now
    if not happened:
        outbox.withdraw(session, meeting_id=meeting.id, kinds=("followup", "list"))
        queue_about(session, now, meeting, "not-happened", meeting.pair.other(by_id).id)
        cadence.wake(session, now, meeting.pair_id)
    look_again(session, now, meeting)


def may_say(meeting: Meeting, now: datetime, *, happened: bool) -> bool:
    """Whether the time has come to say that it happened, or that it did not."""
    if meeting.phase == Phase.BOOKED:
        return now >= (meeting.ends_at if happened else meeting.starts_at + terms_of(meeting.pair.terms).grace)
    return meeting.phase in {Phase.ENDED, Phase.CLOSED}


def say_happened(session: Session, now: datetime, meeting: Meeting, by_id: int, happened: bool) -> None:
    """Either of the two says whether they met; of what was agreed it says nothing. Raises MoveNotAllowed."""
    if not happened:
        submit_followup(session, now, meeting, by_id, happened=False)
        return
    if not may_say(meeting, now, happened=True):
        raise MoveNotAllowed(phase=meeting.phase)
    meeting.happened = True
    look_again(session, now, meeting)


def reflect(session: Session, now: datetime, meeting: Meeting, by_id: int, said: str) -> None:
    """What somebody writes for themselves; nothing typed takes away what was there. Raises InvalidInput."""
    check(role_in(meeting.pair, by_id, by_id), Thing.PRIVATE, Action.WRITE)
    text = typed("reflection", said, LONGEST_TEXT) or ""
    kept = session.get(Reflection, (meeting.id, by_id))
    if kept is not None:
        kept.text = text
    elif text:
        session.add(Reflection(meeting_id=meeting.id, person_id=by_id, text=text, created_at=now))


def reflection_of(session: Session, meeting: Meeting, person_id: int) -> str | None:
    """What this person wrote for themselves; nobody else's is ever loaded."""
    kept = session.get(Reflection, (meeting.id, person_id))
    return kept.text if kept and may(role_in(meeting.pair, person_id, person_id), Thing.PRIVATE, Action.READ) else None
