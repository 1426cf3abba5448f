"""The mentee's goals: only they write, share and drop them; the day of a review brings a point to an agenda."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from service.domain.access import Action, Role, Thing, When, check, may
from service.domain.errors import InvalidInput, NotFound
from service.domain.goals import MOST, UNDER_WAY, GoalDraft, checked
from service.domain.meeting import LIVE, Phase
from service.operations import agendas, sweeps
from service.operations.meetings import check_lives, look_at_all_again, role_in
from service.operations.sweeps import AT_ONCE
from service.store import writes
from service.store.tables import AgendaItem, CalendarWrite, Goal, Meeting, MeetingGoal, Pair, ParkedPoint

PUT_OFF = timedelta(days=1)  # the timer is a day
REVIEW_POINT = "goal.review"  # says nothing of which: agendas are in calendars, and goals may be private


def role_of(pair: Pair, person_id: int) -> Role:
    return role_in(pair, person_id, pair.mentee_id)


def check_writes(pair: Pair, person_id: int) -> None:
    """Raises NotAllowed for the mentor."""
    check(role_of(pair, person_id), Thing.GOAL, Action.WRITE, When.SHARED)


def given_of(goal: Goal) -> tuple[When, ...]:
    return (When.SHARED,) if goal.shared_at is not None else ()


def goals_of(session: Session, pair: Pair, person_id: int) -> list[Goal]:
    """As many as this person may see, in the order in which they came."""
    role = role_of(pair, person_id)
    found = session.scalars(select(Goal).where(Goal.pair_id == pair.id).order_by(Goal.id))
    return [goal for goal in found if may(role, Thing.GOAL, Action.READ, *given_of(goal))]


def load(session: Session, goal_id: int, person_id: int, action: Action = Action.WRITE) -> Goal:
    """Raises NotFound for whoever may not even know that it is there, NotAllowed for a mentor who would change it."""
    goal = session.get(Goal, goal_id)
    if goal is None:
        raise NotFound
    check(role_of(session.get_one(Pair, goal.pair_id), person_id), Thing.GOAL, action, *given_of(goal))
    return goal


def add(session: Session, now: datetime, pair: Pair, by_id: int, draft: GoalDraft) -> Goal:
    """Repeatable: the same words are one goal. Raises InvalidInput, and NotAllowed for the mentor."""
    check_writes(pair, by_id)
    check_lives(pair)
    today = _today(pair, now)
    wanted = checked(draft, today)
    held = session.scalars(select(Goal).where(Goal.pair_id == pair.id)).all()
    for goal in held:
        if goal.text == wanted.text:
            return goal
    if len(held) >= MOST:
        raise InvalidInput.of("text", "too_many_goals", most=MOST)
    goal = Goal(pair_id=pair.id, created_at=now, text=wanted.text, state=wanted.state)
    _put(goal, wanted, now)
    session.add(goal)
    session.flush()
    return goal


def change(session: Session, now: datetime, goal: Goal, changes: dict[str, Any]) -> Goal:
    """`changes`: fields of a GoalDraft; what is not named stays. Raises InvalidInput, NotAllowed."""
    pair = session.get_one(Pair, goal.pair_id)
    was = vars_of(goal)
    if any(value != was[name] for name, value in changes.items() if name != "shared"):
        check_lives(pair)
    held = {name: value for name, value in was.items() if name not in changes}
    _put(goal, checked(GoalDraft(**held, **changes), _today(pair, now)), now)
    return goal


def vars_of(goal: Goal) -> dict[str, Any]:
    """The fields of its GoalDraft."""
    return {
        "text": goal.text, "worked_when": goal.worked_when, "target_on": goal.target_on, "review_on": goal.review_on,
        "state": goal.state, "shared": goal.shared_at is not None,
    }  # fmt: skip


def remove(session: Session, goal: Goal) -> None:
    """Gone, as if it had never been said; meetings that were for it are for nothing in particular."""
    session.execute(delete(MeetingGoal).where(MeetingGoal.goal_id == goal.id))
    session.delete(goal)


def bring_in(session: Session, now: datetime, pair: Pair, by_id: int, drafts: Iterable[GoalDraft]) -> list[Goal]:
    """The goals of a file, all or, by InvalidInput, none. Repeatable: what is known by its words stays as it is."""
    check_writes(pair, by_id)
    today = _today(pair, now)
    wanted = [checked(draft, today, f"goal {number}: ") for number, draft in enumerate(drafts, 1)]
    return [add(session, now, pair, by_id, draft) for draft in wanted]


def _put(goal: Goal, wanted: GoalDraft, now: datetime) -> None:
    if wanted.review_on != goal.review_on:
        goal.look_again_on = wanted.review_on
    goal.text, goal.worked_when, goal.state = wanted.text, wanted.worked_when, wanted.state
    goal.target_on, goal.review_on = wanted.target_on, wanted.review_on
    goal.shared_at = (goal.shared_at or now) if wanted.shared else None


def _today(pair: Pair, now: datetime) -> date:
    return now.astimezone(ZoneInfo(pair.mentee.zone)).date()


@dataclass(frozen=True, slots=True)
class MeetingFor:
    """What a meeting is for, as far as its reader may know; `said` is False as long as the mentee has not told.
    `choices`: the goals that it could be for, the mentee's to say."""

    said: bool
    goal: Goal | None = None
    choices: tuple[Goal, ...] = ()


def meeting_for(session: Session, meeting: Meeting, person_id: int) -> MeetingFor:
    row = session.get(MeetingGoal, meeting.id)
    goal = session.get(Goal, row.goal_id) if row is not None and row.goal_id is not None else None
    role = role_of(meeting.pair, person_id)
    if goal is not None and not may(role, Thing.GOAL, Action.READ, *given_of(goal)):
        return MeetingFor(said=False)  # not even that there is one
    mine = role is Role.AUTHOR
    held = goals_of(session, meeting.pair, person_id) if mine else []
    return MeetingFor(row is not None, goal, tuple(each for each in held if each.state in UNDER_WAY or each is goal))


def set_meeting_for(session: Session, meeting: Meeting, by_id: int, goal_id: int | None) -> None:
    """One of the mentee's goals, or None: just talk. Raises NotFound, and NotAllowed for the mentor."""
    check_writes(meeting.pair, by_id)
    if goal_id is not None and load(session, goal_id, by_id).pair_id != meeting.pair_id:
        raise NotFound
    session.merge(MeetingGoal(meeting_id=meeting.id, goal_id=goal_id))


@dataclass(frozen=True, slots=True)
class Report:
    """How many of a pair's meetings that took place were for a goal, were just talk, or were for nothing that was
    said."""

    linked: int
    just_talk: int
    unsaid: int


def report(session: Session, pair: Pair) -> Report:
    met = session.execute(
        select(MeetingGoal.meeting_id, MeetingGoal.goal_id)
        .select_from(Meeting)
        .outerjoin(MeetingGoal, MeetingGoal.meeting_id == Meeting.id)
        .where(
            Meeting.pair_id == pair.id, Meeting.phase.in_((Phase.ENDED, Phase.CLOSED)), Meeting.happened.isnot(False)
        )
    ).all()
    linked = sum(goal_id is not None for _, goal_id in met)
    unsaid = sum(meeting_id is None for meeting_id, _ in met)
    return Report(linked, len(met) - linked - unsaid, unsaid)


def is_waited_for(session: Session, meeting: Meeting) -> bool:
    """A kick-off is done once the mentee has said one goal, if only as a draft."""
    if meeting.session != agendas.KICK_OFF:
        return False
    return session.scalars(select(Goal.id).where(Goal.pair_id == meeting.pair_id).limit(1)).first() is None


def run_due(session: Session, now: datetime, limit: int = AT_ONCE, *, put_off: bool = True) -> int:
    """Reviews whose day has come become a point of the next meeting, or of the one that will be booked; returns how
    many it looked at. A goal that cannot be looked at is put off by a day, or until its review is set anew, and the
    others go on. Repeatable, and safe beside another sweep."""
    today = now.date()
    due = (
        select(Goal.id)
        .where(Goal.look_again_on <= today)
        .order_by(Goal.look_again_on)
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True)
    )
    return sweeps.run(session, now, due, _look_at, Goal.look_again_on, today + PUT_OFF if put_off else None)


def _look_at(session: Session, now: datetime, ids: Sequence[int]) -> None:
    pair_ids = set()
    for goal in session.scalars(select(Goal).where(Goal.id.in_(ids)).order_by(Goal.id)).all():
        goal.look_again_on = None
        if goal.state in UNDER_WAY:
            pair_ids.add(goal.pair_id)
    _bring_up(session, now, pair_ids)


def _bring_up(session: Session, now: datetime, pair_ids: Collection[int]) -> None:
    """One point for each pair, however many of its goals are to be looked at."""
    parked = select(ParkedPoint.pair_id).where(ParkedPoint.pair_id.in_(pair_ids), ParkedPoint.key == REVIEW_POINT)
    waits, following = set(session.scalars(parked)), _following(session, now, pair_ids)
    listed = select(AgendaItem.meeting_id).where(
        AgendaItem.meeting_id.in_([meeting.id for meeting in following.values()]), AgendaItem.key == REVIEW_POINT
    )
    stands = set(session.scalars(listed))
    touched = []
    going = select(Pair).where(Pair.id.in_(pair_ids), Pair.ended_at.is_(None))
    for pair in session.scalars(going.order_by(Pair.id)).all():
        meeting = following.get(pair.id)
        if pair.id in waits or (meeting is not None and meeting.id in stands):
            continue
        session.add(ParkedPoint(pair_id=pair.id, key=REVIEW_POINT, by_id=pair.mentee_id, created_at=now))
        if meeting is not None:
            touched.append(meeting)
    session.flush()
    agendas.bring_back(session, touched)
    session.flush()
    in_calendars = select(CalendarWrite.meeting_id).where(CalendarWrite.meeting_id.in_([each.id for each in touched]))
    for meeting_id in session.scalars(in_calendars.distinct()).all():
        writes.follow(session, now, meeting_id, quietly=True)
    look_at_all_again(session, now, touched)


def _following(session: Session, now: datetime, pair_ids: Collection[int]) -> dict[int, Meeting]:
    """The next meeting of each pair that has one."""
    ahead = select(Meeting).where(Meeting.pair_id.in_(pair_ids), Meeting.phase.in_(LIVE), Meeting.starts_at > now)
    found: dict[int, Meeting] = {}
    for meeting in session.scalars(ahead.order_by(Meeting.starts_at)):
        found.setdefault(meeting.pair_id, meeting)
    return found


def erase(session: Session, pair: Pair, person_id: int, removed: str) -> None:
    """The mentee's, when they go; of one that the mentor saw, that it is `removed`."""
    if person_id != pair.mentee_id:
        return
    theirs, private = Goal.pair_id == pair.id, Goal.shared_at.is_(None)
    unseen = select(Goal.id).where(theirs, private)
    session.execute(update(MeetingGoal).where(MeetingGoal.goal_id.in_(unseen)).values(goal_id=None))
    session.execute(delete(Goal).where(theirs, private))
    session.execute(update(Goal).where(theirs).values(text=removed, worked_when=None, look_again_on=None))
