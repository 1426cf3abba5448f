"""What is due around a meeting, decided from its state alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.followup import Facts, plan, waking
from service.domain.interval import Interval
from service.domain.meeting import MOVES, Phase, after

LISBON, NEW_YORK = ZoneInfo("Europe/Lisbon"), ZoneInfo("America/New_York")
START = datetime(2027, 2, 26, 15, 0, tzinfo=UTC)

FACTS = Facts(
    interval=Interval.lasting(START, timedelta(minutes=45)),
    phase=Phase.BOOKED,
    fixed_at=START - timedelta(days=20),
    mentee_zone=LISBON,
    mentor_zone=NEW_YORK,
    done=frozenset(),
    said=False,
    agreed=True,
    happened=None,
)


def life(facts: Facts) -> list[tuple[str, datetime]]:
    """Walks the clock from timer to timer, as the sweep does, and tells which mail was written when."""
    now, written = facts.fixed_at, []
    for _ in range(40):
        made = plan(facts, now)
        written += [(step.kind, now) for step in made.steps]
        facts = replace(facts, done=facts.done | {step.kind for step in made.steps})
        if made.move:
            facts = replace(facts, phase=after(made.move, facts.phase) or facts.phase)
        if made.look_again_at is None:
            return written
        assert made.look_again_at > now
        now = made.look_again_at
    raise AssertionError("the timer never stops")


def test_a_whole_life_in_order():
    assert life(FACTS) == [
        ("agenda-ask", START - timedelta(hours=72)),
        ("reminder", START - timedelta(hours=24)),
        ("brief", START - timedelta(hours=24)),
        ("followup", datetime(2027, 2, 26, 16, 45, tzinfo=UTC)),
        ("list", datetime(2027, 2, 27, 13, 0, tzinfo=UTC)),  # 20 h later it is 06:45 in New York: held to 08:00
    ]


def test_nothing_is_asked_that_was_said():
    assert "agenda-ask" not in dict(life(replace(FACTS, said=True)))


def test_booked_the_day_before_gets_a_brief_and_no_reminder():
    kinds = dict(life(replace(FACTS, fixed_at=START - timedelta(hours=10))))
    assert "reminder" not in kinds
    assert "agenda-ask" not in kinds
    assert kinds["brief"] == datetime(2027, 2, 26, 13, 0, tzinfo=UTC)  # 08:00 in New York


def test_no_list_when_nothing_was_agreed():
    assert "list" not in dict(life(replace(FACTS, agreed=False)))


def test_it_did_not_happen_stops_the_rest():
    kinds = dict(life(replace(FACTS, happened=False)))
    assert "followup" not in kinds
    assert "list" not in kinds


@pytest.mark.parametrize("phase", [Phase.CANCELLED, Phase.CLOSED])
def test_a_meeting_that_is_not_on_has_nothing_due(phase):
    made = plan(replace(FACTS, phase=phase), START - timedelta(hours=24))
    assert made.steps == ()
    assert made.look_again_at is None


@pytest.mark.time
@given(
    st.datetimes(min_value=datetime(2026, 1, 1), max_value=datetime(2028, 1, 1)),
    st.sampled_from(["Europe/Lisbon", "America/New_York", "Australia/Lord_Howe", "Pacific/Chatham", "Asia/Kathmandu"]),
)
def test_waking_moves_forward_and_lands_in_waking_hours(naive, name):
    moment, zone = naive.replace(tzinfo=UTC), ZoneInfo(name)
    moved = waking(moment, zone)
    assert moved >= moment
    assert 8 <= moved.astimezone(zone).hour < 20
    assert moved - moment <= timedelta(hours=13)


def test_moves_lead_only_where_the_table_says():
    for move, (sources, target) in MOVES.items():
        for phase in Phase:
            assert after(move, phase) == ((target or phase) if phase in sources else None)
