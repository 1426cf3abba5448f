"""Session types and kinds of critical date as data: lengths, agenda skeletons, the windows of an arc."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Point:
    """A line of an agenda skeleton: catalogue key `agenda.<key>` and its share of the meeting."""

    key: str
    minutes: int


@dataclass(frozen=True, slots=True)
class SessionType:
    """`key` is its name in commands, API and links; words are in the catalogue under `session.<key>`."""

    key: str
    duration: timedelta
    skeleton: tuple[Point, ...]


def _type(key: str, minutes: int, *points: tuple[str, int]) -> SessionType:
    return SessionType(key, timedelta(minutes=minutes), tuple(Point(f"{key}.{name}", share) for name, share in points))


SESSIONS: dict[str, SessionType] = {
    session.key: session
    for session in (
        _type(
            "kick-off",
            60,
            ("stories", 10),
            ("hopes", 15),
            ("agreement", 20),
            ("confidentiality", 10),
            ("first_goal", 5),
        ),
        _type("goals", 45, ("where_i_am", 10), ("where_to", 15), ("options", 10), ("first_steps", 10)),
        _type(
            "check-in",
            30,
            ("arrive", 3),
            ("commitments", 7),
            ("priorities", 13),
            ("news", 3),
            ("next", 4),
        ),
        _type("shape", 30, ("audience", 5), ("message", 10), ("outline", 10), ("next", 5)),
        _type(
            "practice",
            45,
            ("frame", 3),
            ("run", 15),
            ("self", 3),
            ("feedback", 10),
            ("repeat", 11),
            ("decide", 3),
        ),
        _type("debrief", 30, ("meant", 5), ("happened", 8), ("why", 8), ("keep", 5), ("next", 4)),
        _type("decision", 45, ("listen", 15), ("mirror", 5), ("options", 10), ("tests", 10), ("step", 5)),
        _type("introduction", 30, ("who", 10), ("draft", 15), ("aftercare", 5)),
        _type("cv", 30, ("reader", 5), ("stands_out", 8), ("missing", 12), ("next", 5)),
        _type("mock-interview", 45, ("role", 5), ("run", 20), ("self", 5), ("feedback", 10), ("next", 5)),
        _type("job-shadow", 240, ("terms", 20), ("shadow", 190), ("debrief", 20), ("reflect", 10)),
        _type("event", 60, ("aims", 20), ("people", 20), ("plan", 20)),
        _type("midpoint", 30, ("clauses", 12), ("more_less", 8), ("goals", 5), ("resign", 5)),
        _type("repair", 30, ("noticed", 8), ("need", 8), ("change", 10), ("next", 4)),
        _type("closure", 45, ("goals", 10), ("learned", 15), ("thanks", 8), ("next", 7), ("data", 5)),
    )
}


@dataclass(frozen=True, slots=True)
class Window:
    """Days counted from the date in its zone, negative before it, both ends included; `prefer` is the best day."""

    role: str  # shape, practice, word or debrief
    session: str | None  # None: a written word, no meeting
    first: int
    last: int
    prefer: int
    duration: timedelta
    after_end: timedelta = timedelta(0)  # the least time after the date's end (a debrief on the same day)


@dataclass(frozen=True, slots=True)
class DateKind:
    key: str
    windows: tuple[Window, ...]


def _min(minutes: int) -> timedelta:
    return timedelta(minutes=minutes)


_HOUR = timedelta(hours=1)
_TALK = (
    Window("shape", "shape", -15, -8, -12, _min(30)),
    Window("practice", "practice", -8, -3, -6, _min(45)),
    Window("word", None, -1, -1, -1, _min(0)),
    Window("debrief", "debrief", 0, 3, 1, _min(30), _HOUR),
)
_INTERVIEW = (
    Window("shape", "shape", -10, -5, -7, _min(30)),
    Window("practice", "practice", -5, -2, -3, _min(45)),
    Window("word", None, -1, 0, -1, _min(0)),
    Window("debrief", "debrief", 0, 2, 1, _min(30), _HOUR),
)
_CONVERSATION = (
    Window("shape", "shape", -7, -3, -5, _min(30)),
    Window("practice", "practice", -3, -1, -2, _min(30)),
    Window("debrief", "debrief", 0, 2, 1, _min(30), _HOUR),
)
_EXAM = (
    Window("shape", "shape", -20, -10, -14, _min(30)),
    Window("practice", "practice", -7, -4, -5, _min(45)),
    Window("word", None, -1, -1, -1, _min(0)),
    Window("debrief", "debrief", 1, 5, 1, _min(30), _HOUR),
)
_CONFERENCE = (
    Window("shape", "event", -30, -14, -21, _min(60)),
    Window("word", None, 0, 0, 0, _min(0)),
    Window("debrief", "debrief", 1, 5, 2, _min(30), _HOUR),
)
_SHADOW = (
    Window("shape", "job-shadow", -14, -7, -10, _min(30)),
    Window("word", None, -1, -1, -1, _min(0)),
    Window("debrief", "debrief", 0, 3, 1, _min(30), _HOUR),
)

# When what helps, counted from the date; `other` has the presentation's windows
KINDS: dict[str, DateKind] = {
    key: DateKind(key, windows)
    for key, windows in {
        "presentation": _TALK,
        "interview": _INTERVIEW,
        "negotiation": _INTERVIEW,
        "review": _INTERVIEW,
        "conversation": _CONVERSATION,
        "exam": _EXAM,
        "deadline": _EXAM,
        "conference": _CONFERENCE,
        "job-shadow": _SHADOW,
        "other": _TALK,
    }.items()
}

LEAST_PRACTICE = _min(45)


def practice_duration(run: timedelta | None, window: Window) -> timedelta:
    """Run length twice and a quarter of an hour, never under 45 minutes; the window's own length without a run.

    Rounded up to a quarter so that the next meeting can start on one.
    """
    if run is None:
        return window.duration
    needed = max(run * 2 + _min(15), LEAST_PRACTICE)
    quarter = _min(15)
    return -(-needed // quarter) * quarter


DEBRIEFED = frozenset({"job-shadow", "event"})


def following(session: str) -> str:
    """What is looked for after a meeting of this type: a debrief of what both saw, else an ordinary one."""
    return "debrief" if session in DEBRIEFED else "check-in"
