"""The windows around a critical date, as mentoring practice has them, and what short notice leaves of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain import arc
from service.domain.interval import Interval
from service.domain.sessions import KINDS
from tests.domain.worlds import ZONES

pytestmark = pytest.mark.time

LISBON = ZoneInfo("Europe/Lisbon")
TALK = datetime(2027, 3, 4, 15, tzinfo=LISBON)
EARLY = datetime(2027, 1, 10, 9, tzinfo=UTC)
RUN = timedelta(minutes=15)


def parts(now: datetime = EARLY, kind: str = "presentation", **more: object) -> dict[str, arc.ArcPart]:
    given = {"starts_at": TALK, "ends_at": None, "zone": LISBON, "run": RUN, **more}
    return {part.role: part for part in arc.arc(kind, now=now, **given)}  # type: ignore[arg-type]


def days(part: arc.ArcPart) -> tuple[int, int] | None:
    """First and last day of the window, counted from the part's day 0 in the date's zone."""
    if part.window is None:
        return None
    first = part.window.start.astimezone(part.zone).date()
    last = (part.window.end - timedelta(microseconds=1)).astimezone(part.zone).date()
    return (first - part.day0).days, (last - part.day0).days


@pytest.mark.parametrize(
    ("kinds", "wanted"),
    [
        (("presentation", "other"), {"shape": (-15, -8), "practice": (-8, -3), "word": (-1, -1), "debrief": (0, 3)}),
        (
            ("interview", "negotiation", "review"),
            {"shape": (-10, -5), "practice": (-5, -2), "word": (-1, 0), "debrief": (0, 2)},
        ),
        (("conversation",), {"shape": (-7, -3), "practice": (-3, -1), "debrief": (0, 2)}),
        (("exam", "deadline"), {"shape": (-20, -10), "practice": (-7, -4), "word": (-1, -1), "debrief": (1, 5)}),
        (("conference",), {"shape": (-30, -14), "word": (0, 0), "debrief": (1, 5)}),
        (("job-shadow",), {"shape": (-14, -7), "word": (-1, -1), "debrief": (0, 3)}),
    ],
)
def test_windows_of_every_kind(kinds: tuple[str, ...], wanted: dict[str, tuple[int, int]]) -> None:
    for kind in kinds:
        found = parts(kind=kind)
        assert {role: days(part) for role, part in found.items()} == wanted
        assert {part.note for part in found.values()} == {None}
    assert set(KINDS) >= set(kinds)


def test_a_talk_in_full() -> None:
    found = parts()
    assert found["practice"].window == Interval(datetime(2027, 2, 24, tzinfo=UTC), datetime(2027, 3, 2, tzinfo=UTC))
    assert found["practice"].prefer_on == date(2027, 2, 26)
    assert found["practice"].duration == timedelta(minutes=45)
    assert found["word"].session is None
    assert found["debrief"].prefer_on == date(2027, 3, 5)
    assert parts(run=timedelta(minutes=40))["practice"].duration == timedelta(minutes=105)
    assert parts(run=None)["practice"].duration == timedelta(minutes=45)


def test_a_debrief_starts_an_hour_after_the_end() -> None:
    assert parts()["debrief"].window == Interval(
        datetime(2027, 3, 4, 16, 15, tzinfo=UTC), datetime(2027, 3, 8, tzinfo=UTC)
    )
    told = parts(ends_at=datetime(2027, 3, 4, 17, tzinfo=LISBON))["debrief"].window
    assert told is not None
    assert told.start == datetime(2027, 3, 4, 18, tzinfo=UTC)


def test_after_a_conference_days_count_from_its_last() -> None:
    found = parts(kind="conference", ends_at=datetime(2027, 3, 7, 0, tzinfo=LISBON))
    assert found["shape"].day0 == date(2027, 3, 4)
    assert found["debrief"].day0 == date(2027, 3, 6)
    assert days(found["debrief"]) == (1, 5)
    assert arc.target(found["debrief"]).held is None
    assert arc.target(parts()["practice"]).held == Interval.lasting(TALK, RUN)


def test_days_are_those_of_the_dates_zone() -> None:
    """A talk at 08:00 in Auckland is on the day before in Lisbon."""
    auckland = ZoneInfo("Pacific/Auckland")
    found = parts(starts_at=datetime(2027, 3, 4, 8, tzinfo=auckland), zone=auckland)
    assert found["practice"].day0 == date(2027, 3, 4)
    assert found["practice"].window is not None
    assert found["practice"].window.start == datetime(2027, 2, 23, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("lead_days", "notes", "practice"),
    [
        (16, {"shape": None, "practice": None}, (-8, -3)),
        (7, {"shape": "passed", "practice": None}, (-7, -3)),
        (6, {"shape": "passed", "practice": None}, (-6, -3)),
        (5, {"shape": "passed", "practice": "shrunk"}, (-5, -3)),
        (2, {"shape": "passed", "practice": "shrunk"}, (-2, 0)),
        (0, {"shape": "passed", "practice": "shrunk"}, (0, 0)),
        (-1, {"shape": "passed", "practice": "too_late"}, None),
    ],
)
def test_short_lead_shrinks_to_one_practice_and_says_so(
    lead_days: int, notes: dict[str, str | None], practice: tuple[int, int] | None
) -> None:
    now = datetime(2027, 3, 4, 9, tzinfo=LISBON) - timedelta(days=lead_days)
    found = parts(now)
    assert {role: found[role].note for role in notes} == notes
    assert days(found["practice"]) == practice
    if practice:
        assert found["practice"].prefer_on == max(date(2027, 2, 26), now.date())


def test_when_the_lead_is_shorter_than_the_practice_it_is_too_late() -> None:
    found = parts(datetime(2027, 3, 4, 14, 20, tzinfo=LISBON))
    assert found["practice"].note == "too_late"
    assert found["practice"].window is None
    assert found["debrief"].note is None


def test_long_after_everything_has_passed() -> None:
    found = parts(datetime(2027, 3, 20, tzinfo=UTC))
    assert {role: part.note for role, part in found.items()} == {
        "shape": "passed",
        "practice": "too_late",
        "word": "passed",
        "debrief": "passed",
    }
    assert {part.window for part in found.values()} == {None}


def test_a_kind_without_a_practice_shrinks_its_first_talk() -> None:
    assert parts(datetime(2027, 3, 1, tzinfo=UTC), "conference")["shape"].note == "shrunk"


@given(
    st.sampled_from(sorted(KINDS)),
    st.datetimes(datetime(2026, 12, 1), datetime(2029, 1, 1)),
    st.sampled_from(ZONES),
    st.none() | st.integers(5, 90),
    st.integers(-3 * 1440, 45 * 1440),
)
def test_every_arc_is_in_order(kind: str, wall: datetime, zone_name: str, run: int | None, lead: int) -> None:
    zone = ZoneInfo(zone_name)
    starts_at = wall.replace(tzinfo=zone).astimezone(UTC)
    now = starts_at - timedelta(minutes=lead)
    found = arc.arc(kind, starts_at, None, zone, timedelta(minutes=run) if run else None, now)
    assert [part.role for part in found] == [window.role for window in KINDS[kind].windows]
    for part in found:
        assert (part.window is None) == (part.note in ("passed", "too_late"))
        assert (part.prefer_on is None) == (part.window is None)
        if part.window is None:
            continue
        assert part.window.start >= now
        assert part.prefer_on is not None
        assert part.prefer_on >= now.astimezone(zone).date()
        if part.role == "debrief":
            assert part.window.start >= starts_at + timedelta(hours=1)
        elif part.session is not None:
            assert part.window.end <= starts_at
        assert part.duration % timedelta(minutes=15) == timedelta(0)
