"""Agendas fit their meeting to the minute, whatever its length."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.agenda import CARRY, LONGEST_TEXT, AgendaDraft, checked, skeleton
from service.domain.errors import InvalidInput
from service.domain.sessions import KINDS, SESSIONS, practice_duration
from service.domain.typed import clean


def minutes(drafts):
    return {draft.key: draft.minutes for draft in drafts}


@pytest.mark.parametrize("key", SESSIONS)
def test_a_skeleton_adds_up_to_its_own_length(key):
    session = SESSIONS[key]
    assert sum(point.minutes for point in session.skeleton) * 60 == session.duration.total_seconds()


@given(st.sampled_from(sorted(SESSIONS)), st.integers(min_value=20, max_value=480), st.booleans())
def test_any_length_is_filled_exactly(key, total, carry):
    drafts = skeleton(SESSIONS[key], timedelta(minutes=total), carry=carry)
    assert sum(draft.minutes for draft in drafts) == total
    assert all(draft.minutes >= 1 for draft in drafts)


def test_a_practice_runs_the_talk_twice():
    window = next(window for window in KINDS["presentation"].windows if window.role == "practice")
    run = timedelta(minutes=20)
    duration = practice_duration(run, window)
    assert duration == timedelta(minutes=60)  # 2 x 20 + 15 = 55, up to the quarter
    shares = minutes(skeleton(SESSIONS["practice"], duration, run))
    assert shares["practice.run"] == 20
    assert shares["practice.repeat"] == 21
    assert practice_duration(timedelta(minutes=10), window) == timedelta(minutes=45)
    assert practice_duration(None, window) == timedelta(minutes=45)


def test_what_is_open_gets_a_point_once():
    practice = skeleton(SESSIONS["practice"], timedelta(minutes=45), carry=True)
    assert practice[0].key == CARRY
    check_in = skeleton(SESSIONS["check-in"], timedelta(minutes=30), carry=True)
    assert CARRY not in minutes(check_in)


def test_typed_text_keeps_its_script_and_loses_its_controls():
    assert clean("  שלום\x00 🎉\r\nzwei\x07 ") == "שלום 🎉\nzwei"


def test_every_fault_is_told_at_once():
    with pytest.raises(InvalidInput) as caught:
        checked(
            (
                AgendaDraft(text="x" * (LONGEST_TEXT + 1)),
                AgendaDraft(text="fine", minutes=0),
                AgendaDraft(text="fine", help="magic"),
            )
        )
    assert [(fault.field, fault.code) for fault in caught.value.faults] == [
        ("agenda 1", "too_long"),
        ("agenda 2", "minutes"),
        ("agenda 3", "unknown_help"),
    ]


def test_blank_points_are_dropped():
    assert checked((AgendaDraft(text="  "), AgendaDraft(text="a"), AgendaDraft(key="practice.run"))) == (
        AgendaDraft(text="a"),
        AgendaDraft(key="practice.run"),
    )
