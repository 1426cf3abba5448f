"""What is due before and after a meeting, to whom, and when to look again. Decided from the state of the moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from service.domain.interval import Interval
from service.domain.meeting import Phase

WAKING = (8, 20)  # local hours in which a mail that nobody just asked for may leave
ASK_BEFORE = timedelta(hours=72)
BRIEF_BEFORE = timedelta(hours=24)
FOLLOWUP_AFTER = timedelta(hours=1)
LIST_AFTER = timedelta(hours=20)
NEWS_UNTIL = timedelta(days=7)  # a follow-up older than that helps nobody
CLOSE_AFTER = timedelta(days=14)
LEAST_LEAD = timedelta(hours=1)  # a brief that comes later than this before the start is not read

Role = Literal["mentee", "mentor"]


@dataclass(frozen=True, slots=True)
class Facts:
    """What decides. `done`: kinds of mail already written for this meeting; `said`: the mentee has told what they want;
    `agreed`: there is something to send as the list; `ask_before`: how early the mentee is asked what they want."""

    interval: Interval
    phase: Phase
    fixed_at: datetime
    mentee_zone: ZoneInfo
    mentor_zone: ZoneInfo
    done: frozenset[str]
    said: bool
    agreed: bool
    happened: bool | None
    ask_before: timedelta = ASK_BEFORE


@dataclass(frozen=True, slots=True)
class Step:
    kind: str
    role: Role


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps to write now, the move that the phase makes (end, close or none), and when to look again (None: never)."""

    steps: tuple[Step, ...]
    move: str | None
    look_again_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Moment:
    step: Step
    at: datetime
    until: datetime


def waking(moment: datetime, zone: ZoneInfo) -> datetime:
    """The first moment at or after this one that lies in the waking hours of the zone."""
    local = moment.astimezone(zone)
    if WAKING[0] <= local.hour < WAKING[1]:
        return moment
    if local.hour >= WAKING[1]:
        local += timedelta(days=1)
    return local.replace(hour=WAKING[0], minute=0, second=0, microsecond=0, fold=0).astimezone(UTC)


def plan(facts: Facts, now: datetime) -> Plan:
    """What this meeting needs at `now`. Repeatable: a kind in `done` is never due again."""
    if facts.phase not in {Phase.BOOKED, Phase.ENDED}:
        return Plan((), None, None)
    end = facts.interval.end
    moments = [m for m in _moments(facts) if m.step.kind not in facts.done and _wanted(m.step, facts)]
    due = tuple(moment.step for moment in moments if moment.at <= now < moment.until)
    ahead = [moment.at for moment in moments if moment.at > now]
    move: str | None = None
    if facts.phase is Phase.BOOKED:
        if now >= end:
            move = "end"
            ahead.append(end + CLOSE_AFTER)
        else:
            ahead.append(end)
    elif now >= end + CLOSE_AFTER:
        return Plan((), "close", None)
    else:
        ahead.append(end + CLOSE_AFTER)
    return Plan(due, move, min(ahead))


def _moments(facts: Facts) -> list[_Moment]:
    start, end = facts.interval.start, facts.interval.end
    day_before = start - BRIEF_BEFORE
    moments = [
        _Moment(Step("followup", "mentee"), waking(end + FOLLOWUP_AFTER, facts.mentee_zone), end + NEWS_UNTIL),
        _Moment(Step("list", "mentor"), waking(end + LIST_AFTER, facts.mentor_zone), end + NEWS_UNTIL),
    ]
    # Whoever booked later than that was asked on the page a moment ago.
    if facts.fixed_at <= start - facts.ask_before:
        at = waking(start - facts.ask_before, facts.mentee_zone)
        moments.append(_Moment(Step("agenda-ask", "mentee"), at, day_before))
    # Whoever fixed the time within the last day has the invitation on top of their mails.
    if facts.fixed_at <= day_before:
        moments.append(_Moment(Step("reminder", "mentee"), waking(day_before, facts.mentee_zone), start))
    brief_at = waking(max(day_before, facts.fixed_at), facts.mentor_zone)
    moments.append(_Moment(Step("brief", "mentor"), brief_at, start - LEAST_LEAD))
    return moments


def _wanted(step: Step, facts: Facts) -> bool:
    if step.kind == "agenda-ask":
        return not facts.said
    if step.kind == "followup":
        return facts.happened is not False
    if step.kind == "list":
        return facts.agreed and facts.happened is not False
    return True
