"""Offering times over JSON, accepting one, taking them back."""

from __future__ import annotations

import pytest

from tests.web.api.client import book


@pytest.fixture
def starts(world):
    slots = world["ana"]("GET", f"/pairs/{world['pair']}/slots?session=check-in&limit=500").json["slots"]
    by_day = {slot["start"][:10]: slot["start"] for slot in slots}
    return sorted(by_day.values())[2:6]


def propose(world, these, who="ana", **more):
    body = {"starts": these, "session": "check-in"} | more
    return world[who]("POST", f"/pairs/{world['pair']}/proposals", body)


def test_three_are_offered_and_one_is_accepted(world, starts):
    made = propose(world, starts[:3], comment="Any of these?")
    assert (made.status_code, made.json["state"], made.json["comment"]) == (201, "open", "Any of these?")
    assert [time["until"] is not None for time in made.json["times"]] == [True] * 3
    path = f"/proposals/{made.json['id']}"
    assert propose(world, starts[:3], comment="Any of these?").json["id"] == made.json["id"]
    assert world["ben"]("GET", f"/pairs/{world['pair']}/proposals").json["items"] == [made.json]
    assert world["dan"]("GET", path).status_code == 404
    assert world["ana"]("POST", f"{path}/accept", {"start": starts[0]}).status_code == 404, "her own"
    assert world["ben"]("POST", f"{path}/accept", {"start": starts[3]}).json["errors"][0]["code"] == "not_proposed"
    first, again = (world["ben"]("POST", f"{path}/accept", {"start": starts[1]}) for _ in range(2))
    assert (first.status_code, first.json["phase"], first.json["start"]) == (200, "booked", starts[1])
    assert first.json["id"] == again.json["id"]
    late = world["ben"]("POST", f"{path}/accept", {"start": starts[0]})
    assert (late.status_code, late.json["code"]) == (409, "proposal_over")
    told = world["ana"]("GET", path).json
    assert (told["state"], told["booked"]) == ("taken", first.json["id"])
    assert world["ana"]("GET", f"/pairs/{world['pair']}/proposals").json["items"] == []


def test_a_meeting_is_asked_to_move_and_the_other_says_none_of_these(world, starts):
    meeting = book(world).json
    made = propose(world, starts[:1], "ben", session=None, meeting=meeting["id"])
    assert (made.json["meeting"], made.json["session"]) == (meeting["id"], "practice")
    assert world["ana"]("DELETE", f"/proposals/{made.json['id']}").status_code == 204
    assert world["ben"]("GET", f"/proposals/{made.json['id']}").json["state"] == "declined"
    assert world["ana"]("GET", f"/meetings/{meeting['id']}").json == meeting
    again = propose(world, starts[:1], "ben", session=None, meeting=meeting["id"]).json
    moved = world["ana"]("POST", f"/proposals/{again['id']}/accept", {"start": starts[0]})
    assert (moved.json["id"], moved.json["start"], moved.json["sequence"]) == (meeting["id"], starts[0], 1)


def test_what_is_held_is_refused_with_fresh_times(world, starts):
    assert propose(world, starts[:2]).status_code == 201
    body = {"start": starts[0], "session": "practice"}
    gone = world["ana"]("POST", f"/pairs/{world['pair']}/meetings", body)
    assert (gone.status_code, gone.json["code"]) == (409, "slot_taken")
    assert starts[0] not in {slot["start"] for slot in gone.json["slots"]}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"starts": []}, "invalid_input"),
        ({"session": None}, "invalid_input"),
        ({"starts": ["2020-02-26T15:00:00Z"]}, "past"),
        ({"starts": ["2027-02-26T15:07:00Z"]}, "grid"),
        ({"starts": ["soon"]}, "invalid_input"),
        ({"meeting": 999}, "not_found"),
        ({"comment": "x" * 501}, "invalid_input"),
    ],
)
def test_s19_every_rule_again_for_what_is_offered(world, starts, change, code):
    assert propose(world, starts[:1], **change).json["code"] == code
