"""How long the times that somebody proposed are kept."""

from __future__ import annotations

from datetime import datetime

from service.operations.times import availability_of
from service.store.tables import Meeting, ProposedTime


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
