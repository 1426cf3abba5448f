"""Each rule by itself at its edge, what is said of whom, and what a pledge and a critical date change."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from service.catalogue import Words
from service.domain import arc, slots
from service.domain.availability import DEFAULT, Availability, Pledge
from service.domain.interval import Interval, floor_epoch
from service.domain.sessions import KINDS
from service.domain.slots import OwnClaim, Refusal
from service.reasons import reason_text, refusal_text, why_none_text
from tests.domain.worlds import ask, person

pytestmark = pytest.mark.time

NOW = datetime(2027, 2, 1, 8, 0, tzinfo=UTC)  # a Monday
LISBON = ZoneInfo("Europe/Lisbon")
DAY = Interval(datetime(2027, 2, 3, tzinfo=UTC), datetime(2027, 2, 4, tzinfo=UTC))  # Wednesday; Lisbon is at UTC
NOON = datetime(2027, 2, 3, 12, tzinfo=UTC)
ALWAYS = Availability(weekly=dict.fromkeys(range(7), ((0, 1440),)), notice=timedelta(0))


def claim(start: datetime, minutes: int = 30, gap: int = 0, meeting: int = 7) -> OwnClaim:
    epoch = floor_epoch(start)
    return OwnClaim(epoch, epoch + (minutes + gap) * 60, epoch + minutes * 60, meeting)


def at(hour: int, minute: int = 0, day: int = 3) -> datetime:
    return datetime(2027, 2, day, hour, minute, tzinfo=UTC)


def busy(start: datetime, end: datetime) -> list[tuple[int, int]]:
    return [Interval(start, end).span]


def world(mentee: Availability = ALWAYS, mentor: Availability = ALWAYS, **more: object) -> slots.Ask:
    return ask(DAY, NOW, person(1, "Europe/Lisbon", mentee), mentor=person(2, "Europe/Lisbon", mentor), **more)


def code(asked: slots.Ask, start: datetime, reader: slots.Reader | None = None) -> str | None:
    verdict = slots.refusal(asked, start, reader=reader)
    return verdict.code if verdict else None


def with_mentee(asked: slots.Ask, **changes: object) -> slots.Ask:
    return replace(asked, mentee=replace(asked.mentee, **changes))


def with_mentor(asked: slots.Ask, **changes: object) -> slots.Ask:
    return replace(asked, mentor=replace(asked.mentor, **changes))


def test_s19_every_rule_again() -> None:
    """A start that no list ever showed is refused by each rule, with its code, and the first good one is taken."""
    gap = replace(ALWAYS, buffer_after=timedelta(minutes=10))
    cases = [
        (world(), NOW - timedelta(minutes=15), "past", NOW),
        (world(), NOON + timedelta(minutes=5), "grid", NOON),
        (world(), NOON + timedelta(microseconds=1), "grid", NOON),
        (
            world(replace(ALWAYS, notice=timedelta(hours=24))),
            NOW + timedelta(hours=23, minutes=45),
            "notice",
            at(8, day=2),
        ),
        (world(replace(ALWAYS, horizon=timedelta(days=2))), at(8, 15), "horizon", at(8)),
        (world(DEFAULT), at(8, 45), "hours", at(9)),
        (world(DEFAULT), at(16, 45), "hours", at(16, 30)),
        (world(replace(ALWAYS, off=((date(2027, 2, 2), date(2027, 2, 3)),))), at(23, 45), "hours", at(0, day=4)),
        (with_mentee(world(), busy=busy(at(10), at(11))), at(10, 45), "busy", at(11)),
        (with_mentee(world(), busy=busy(at(10), at(11))), at(9, 45), "busy", at(9, 30)),
        (with_mentee(world(gap), busy=busy(at(10), at(11))), at(11), "busy", at(11, 15)),
        (with_mentee(world(gap), busy=busy(at(10), at(11))), at(9, 30), "busy", at(9, 15)),
        (with_mentee(world(), own=(claim(at(10)),)), at(9, 45), "held", at(9, 30)),
        (with_mentee(world(), own=(claim(at(10), gap=10),)), at(10, 30), "held", at(10, 45)),
        (with_mentee(world(gap), own=(claim(at(10)),)), at(9, 30), "held", at(9, 15)),
        (with_mentee(world(replace(ALWAYS, cap_day=1)), own=(claim(at(10)),)), at(23, 45), "cap", at(0, day=4)),
        (with_mentee(world(replace(ALWAYS, cap_week=1)), own=(claim(at(10)),)), at(23, 45, day=7), "cap", at(0, day=8)),
        (
            with_mentee(world(replace(ALWAYS, cap_week=1)), own=(claim(at(10, day=8)),)),
            at(0, day=8),
            "cap",
            at(23, day=7),
        ),
        (
            with_mentee(world(replace(ALWAYS, cap_month=1)), own=(claim(at(10)),)),
            at(23, 45, day=28),
            "cap",
            datetime(2027, 3, 1, tzinfo=UTC),
        ),
        (world(replace(ALWAYS, cap_day=0)), NOON, "cap", None),
        (with_mentee(world(), unreadable=True), NOON, "calendar_unreadable", None),
    ]
    for asked, refused, wanted, good in cases:
        assert code(asked, refused) == wanted, (wanted, refused)
        assert good is None or slots.refusal(asked, good, reader=None) is None, (wanted, good)
        around = replace(asked, window=Interval(refused - timedelta(hours=1), refused + timedelta(hours=1)))
        assert refused not in {slot.start for slot in slots.propose(around).slots}
        if good is not None:
            around = replace(asked, window=Interval(good - timedelta(hours=1), good + timedelta(hours=1)))
            assert good in {slot.start for slot in slots.propose(around).slots}, (wanted, good)


@pytest.mark.parametrize("gap", [0, 10, 45])
def test_a_claim_stands_in_the_way_as_the_database_has_it(gap: int) -> None:
    """store.claims refuses when starts_at < end + gap and guarded_until > start; the list must not offer more."""
    mine = timedelta(minutes=gap)
    asked = with_mentee(
        world(replace(ALWAYS, buffer_before=mine)), own=(claim(at(10), 30, 20), claim(at(14, 5), 10, gap, 8))
    )
    offered = {slot.start for slot in slots.propose(asked).slots}
    for step in range(96):
        start = DAY.start + step * timedelta(minutes=15)
        end = start + asked.duration
        clash = any(
            c.start < (end + mine).timestamp() and c.guarded_until > start.timestamp() for c in asked.mentee.own
        )
        assert (start in offered) != clash


def test_moving_a_meeting_ignores_its_own_time_and_its_place_in_the_caps() -> None:
    capped = replace(ALWAYS, cap_day=1)
    asked = with_mentor(with_mentee(world(capped, capped), own=(claim(NOON),)), own=(claim(NOON),))
    assert code(asked, NOON) == "held"
    assert code(asked, at(15)) == "cap"
    moving = replace(asked, moving=7)
    assert slots.refusal(moving, at(12, 15), reader=None) is None
    assert len(slots.propose(moving).slots) == 96


def test_holds_of_one_proposal_block_each_and_count_once_in_caps() -> None:
    def held(start: datetime, proposal: int, meeting: int | None = None) -> OwnClaim:
        return replace(claim(start), meeting_id=meeting, proposal_id=proposal)

    one = (held(at(10), 1), held(at(11), 1), held(at(12, day=4), 1))
    twice_a_day = with_mentee(world(replace(ALWAYS, cap_day=2)), own=one)
    assert [code(twice_a_day, start) for start in (at(10), at(11), at(12, day=4))] == ["held"] * 3
    assert code(twice_a_day, at(15)) is None
    other = (*one, held(at(18), 2))
    assert code(with_mentee(twice_a_day, own=other), at(15)) == "cap"
    assert code(with_mentee(world(replace(ALWAYS, cap_day=1)), own=one), at(15, day=4)) == "cap"
    moving = with_mentee(world(moving=7), own=(held(at(10), 1, meeting=7), held(at(11), 2)))
    assert [code(moving, at(10)), code(moving, at(11))] == [None, "held"], "one that would move there stands in no way"


def test_a_mentee_cannot_tell_a_busy_an_off_hours_and_a_capped_mentor_apart() -> None:
    whole = (DAY.start - timedelta(hours=1), DAY.end + timedelta(hours=1))
    meeting = claim(at(10))
    mentors = [
        {"busy": busy(*whole)},
        {"availability": replace(ALWAYS, off=((date(2027, 2, 3), date(2027, 2, 4)),))},
        {"availability": replace(ALWAYS, weekly={})},
        {"availability": replace(ALWAYS, cap_day=1), "own": (meeting, replace(meeting, meeting_id=8))},
        {"own": (claim(whole[0], 26 * 60),)},
        {"availability": replace(ALWAYS, notice=timedelta(days=10))},
    ]
    answers = []
    for changes in mentors:
        asked = replace(with_mentor(world(DEFAULT), **changes), window=Interval(DAY.start, at(23, 30)))
        checks = [slots.refusal(asked, DAY.start + step * timedelta(minutes=15), reader="mentee") for step in range(94)]
        answers.append((slots.propose(asked), slots.refusals(asked, "mentee"), checks))
    assert all(answer == answers[0] for answer in answers)
    assert answers[0][0] == slots.Proposals([], (Refusal("unavailable", 2),))
    assert {check and check.code for check in answers[0][2]} == {"hours", "unavailable"}


def test_ones_own_reasons_are_told_in_full_and_before_the_others() -> None:
    asked = with_mentor(with_mentee(world(), busy=busy(at(10), at(11))), busy=busy(at(9), at(12)))
    assert slots.refusal(asked, at(10), reader="mentee") == Refusal("busy", 1)
    assert slots.refusal(asked, at(9), reader="mentee") == Refusal("unavailable", 2)
    assert slots.refusal(asked, at(10), reader="mentor") == Refusal("busy", 2)
    assert [(r.start, r.end, r.code) for r in slots.refusals(asked, "mentee")] == [
        (at(8, 45), at(9, 45), "unavailable"),
        (at(9, 45), at(11), "busy"),
        (at(11), at(12), "unavailable"),
    ]


def test_an_unreadable_calendar_is_named_and_nothing_is_free() -> None:
    asked = with_mentor(world(), unreadable=True)
    for reader in ("mentee", "mentor", None):
        assert slots.refusal(asked, NOON, reader=reader) == Refusal("calendar_unreadable", 2)
    assert slots.propose(asked) == slots.Proposals([], (Refusal("calendar_unreadable", 2),))


def test_why_there_is_none() -> None:
    def why(asked: slots.Ask) -> list[str]:
        return [refusal.code for refusal in slots.propose(asked).why_none]

    assert why(world(replace(DEFAULT, weekly={}))) == ["hours"]
    assert why(with_mentee(world(DEFAULT), busy=busy(at(0), at(23)))) == ["busy"]
    assert why(replace(world(), window=Interval(NOW - timedelta(days=2), NOW - timedelta(days=1)))) == ["past"]
    soon = replace(world(DEFAULT), window=Interval(NOW, NOW + timedelta(hours=5)))
    assert why(soon) == ["notice"]
    assert why(replace(world(DEFAULT), window=Interval(NOW + timedelta(days=61), NOW + timedelta(days=62)))) == [
        "horizon"
    ]


def test_a_window_keeps_the_starts_in_it_and_not_the_ends() -> None:
    asked = replace(world(), window=Interval(at(12), at(13)))
    assert [slot.start for slot in sorted(slots.propose(asked).slots)] == [at(12), at(12, 15), at(12, 30), at(12, 45)]


def practice_ask(kind: str = "presentation", role: str = "practice", mentor: Availability = DEFAULT) -> slots.Ask:
    talk = datetime(2027, 3, 4, 15, tzinfo=LISBON)
    parts = arc.arc(kind, talk, None, LISBON, timedelta(minutes=15), NOW)
    part = next(part for part in parts if part.role == role)
    assert part.window is not None
    return ask(
        part.window,
        NOW,
        person(1),
        mentor=person(2, "America/New_York", mentor),
        duration=part.duration,
        target=arc.target(part),
    )


def test_the_best_practice_is_six_days_before_at_the_hour_of_the_talk() -> None:
    best = slots.three_best(slots.propose(practice_ask()).slots, LISBON)
    assert best[0].start == datetime(2027, 2, 26, 15, tzinfo=UTC)
    assert best[0].score == 100
    assert best[0].reasons[0] == slots.Reason("change_time", {"n": 6})
    assert [slot.start.date() for slot in best] == [date(2027, 2, 26), date(2027, 2, 25), date(2027, 2, 24)]
    assert Words.of("en")("reason.change_time", n=6) == "6 days before: time to change slides"


def test_the_date_itself_is_not_bookable() -> None:
    """A practice may not run into the talk, whatever window was asked for."""
    asked = practice_ask()
    talk = datetime(2027, 3, 4, 15, tzinfo=UTC)
    wide = replace(asked, window=Interval(talk - timedelta(hours=2), talk + timedelta(hours=2)))
    assert slots.refusal(wide, talk - timedelta(minutes=30), reader="mentee") == Refusal("busy", 1)
    assert slots.refusal(wide, talk, reader="mentor") == Refusal("unavailable", 1)
    assert slots.refusal(wide, talk - timedelta(minutes=45), reader="mentee") is None
    assert slots.refusal(wide, talk + timedelta(minutes=15), reader="mentee") is None


def test_a_pledge_shortens_notice_and_lifts_the_monthly_cap_around_a_date() -> None:
    pledged = replace(ALWAYS, notice=timedelta(days=7), cap_month=1, pledge=Pledge(2, timedelta(hours=24)))
    asked = with_mentor(world(mentor=pledged), own=(claim(at(10, day=10)),))
    assert code(asked, NOON, None) == "notice"
    assert code(asked, at(12, day=9), None) == "cap"
    urgent = replace(asked, urgent=True)
    assert slots.refusal(urgent, NOON, reader=None) is None
    assert code(urgent, at(7, 45, day=2)) == "notice"
    found = slots.propose(urgent).slots
    assert all(("pledge", {"person": "Ben"}) in slot.reasons for slot in found)
    three = tuple(claim(at(10, day=day), meeting=day) for day in (10, 11, 12))
    assert code(with_mentor(urgent, own=three), NOON) == "cap"
    assert code(with_mentor(urgent, own=three[:2]), NOON) is None


def test_a_hold_counts_as_a_meeting_does_where_a_pledge_is_told_of() -> None:
    pledged = replace(ALWAYS, notice=timedelta(hours=24), cap_month=1, pledge=Pledge(1, timedelta(hours=24)))
    at_ten = claim(at(10, day=10))
    own = (at_ten, replace(at_ten, meeting_id=None, proposal_id=3))
    for each in own:  # nothing is moved here, which is no meeting of a hold's
        asked = with_mentor(replace(world(mentor=pledged), urgent=True), own=(each,))
        found = slots.propose(asked).slots
        assert found
        assert all(("pledge", {"person": "Ben"}) in slot.reasons for slot in found)
    assert code(with_mentor(asked, own=own), at(12, day=9), None) == "cap"


def test_three_best_fills_up_from_fewer_days_without_overlaps() -> None:
    best = slots.three_best(slots.propose(world()).slots, LISBON)
    assert len(best) == 3
    assert all(one.end <= other.start for one, other in zip(sorted(best), sorted(best)[1:], strict=False))
    assert slots.three_best([], LISBON) == []


def everything_told() -> set[str]:
    told = set()
    for kind in KINDS:
        for role in ("shape", "practice", "debrief"):
            if any(window.role == role for window in KINDS[kind].windows):
                wide = Interval(NOW, NOW + timedelta(days=59))
                for slot in slots.propose(replace(practice_ask(kind, role), window=wide)).slots:
                    told.update(reason.code for reason in slot.reasons)
    free = replace(ask(Interval(NOW, NOW + timedelta(days=59)), NOW), mentee=person(1, "Europe/Lisbon", ALWAYS))
    mentor = person(2, "America/New_York", replace(DEFAULT, pledge=Pledge(1, timedelta(0))))
    for urgent in (False, True):
        for slot in slots.propose(replace(free, mentor=mentor, urgent=urgent)).slots:
            told.update(reason.code for reason in slot.reasons)
    return told


def test_every_code_has_words() -> None:
    words = Words.of("en")
    told = everything_told()
    assert {"change_time", "settle_time", "shape_time", "day_after", "soon", "pledge", "same_day"} <= told
    assert [code for code in told if not words.has(f"reason.{code}")] == []
    for rule in (*slots.RULES, slots.UNAVAILABLE):
        assert words.has(f"refusal.{rule}")
        assert rule == "grid" or words.has(f"why_none.{rule}")
    assert words("reason.days_after", n=1) == "1 day after"


def test_reasons_and_refusals_in_words() -> None:
    words = Words.of("en")
    best = slots.propose(practice_ask()).slots[0]
    assert [reason_text(words, reason, best.start) for reason in best.reasons] == [
        "6 days before: time to change slides",
        "the best day for it",
        "at the hour of the real thing",
        "10:00 for Ben",
        "within both your working days",
    ]
    names = {1: "Ana", 2: "Ben"}
    assert refusal_text(words, Refusal("busy", 1), names, 1) == "Your calendar has something then."
    assert refusal_text(words, Refusal("busy", 2), names, None) == "The calendar of Ben has something then."
    assert refusal_text(words, Refusal("unavailable", 2), names, 1) == "That is not possible for Ben."
    assert refusal_text(words, Refusal("past", None), names, 1) == "That time has passed."
    assert why_none_text(words, Refusal("unavailable", 2), names) == "On these days no time is possible for Ben."
    for rule in slots.RULES:
        for reader in (1, 2, None):
            assert refusal_text(words, Refusal(rule, 2), names, reader)
