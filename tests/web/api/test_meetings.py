"""Booking, moving and cancelling over JSON, and every rule again as a problem."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from service.operations import people
from service.store.tables import Meeting, OutboxRow
from tests import cast
from tests.web.api.client import NOW, book, first_slot


def test_booking_moving_and_cancelling(services, world):
    made = book(world, agenda=["The opening", {"text": "Questions", "minutes": 10, "help": "feedback"}])
    assert made.status_code == 201
    meeting = made.json
    assert (meeting["phase"], meeting["sequence"], meeting["calendar"]) == ("booked", 0, "none")
    assert {one["email"]: one["partstat"] for one in meeting["attendees"]} == {
        "ana@example.org": "NEEDS-ACTION", "ben@example.org": "NEEDS-ACTION",
    }  # fmt: skip
    assert [point["text"] for point in meeting["agenda"]] == ["The opening", "Questions"]
    path = f"/meetings/{meeting['id']}"
    assert "/m/" in meeting["links"]["page"]
    assert world["ben"]("GET", path).json["uid"] == meeting["uid"]
    other = world["ana"]("GET", f"/pairs/{world['pair']}/slots?session=check-in").json["slots"][5]["start"]
    moved = world["ben"]("PATCH", path, {"start": other, "place": "Room 6"})
    assert moved.status_code == 200
    assert (moved.json["start"], moved.json["place"]) == (other, "Room 6")
    assert world["ben"]("POST", f"{path}/cancel", {"reason": "Ill"}).json["phase"] == "cancelled"
    assert world["ben"]("PATCH", path, {"start": first_slot(world)["start"]}).status_code == 409


def test_the_same_key_again(services, world):
    body = {"start": first_slot(world)["start"], "session": "practice", "date": world["date"]}
    path = f"/pairs/{world['pair']}/meetings"
    first = world["ana"]("POST", path, body, Idempotency_Key="k1")
    again = world["ana"]("POST", path, body, Idempotency_Key="k1")
    assert first.json["id"] == again.json["id"]
    other = world["ana"]("POST", path, body | {"place": "x"}, Idempotency_Key="k1")
    assert (other.status_code, other.json["code"]) == (422, "idempotency_key_reused")
    with services.database.read() as session:
        assert len(session.scalars(select(Meeting)).all()) == 1
        assert len(session.scalars(select(OutboxRow)).all()) == 2


def test_a_taken_slot_comes_back_with_fresh_ones(world):
    book(world)
    gone = world["ana"](
        "POST", f"/pairs/{world['pair']}/meetings",
        {"start": world["ana"]("GET", "/meetings/1").json["start"], "session": "check-in"},
    )  # fmt: skip
    assert (gone.status_code, gone.json["code"]) == (409, "slot_taken")
    assert len(gone.json["slots"]) == 10


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"start": "2020-02-26T15:00:00Z"}, 422, "past"),
        ({"start": "2027-02-26T15:07:00Z"}, 422, "grid"),
        ({"start": "2027-02-26T03:00:00Z"}, 422, "hours"),
        ({"start": "2027-02-01T16:00:00Z"}, 422, "notice"),
        ({"start": "2027-06-01T15:00:00Z"}, 422, "horizon"),
        ({"start": "2027-02-26T15:00:00"}, 422, "invalid_input"),
        ({"start": "soon"}, 422, "invalid_input"),
        ({"session": "party"}, 422, "invalid_input"),
        ({"unknown": 1}, 422, "invalid_input"),
        ({"agenda": ["x" * 501]}, 422, "invalid_input"),
        ({"agenda": ["x" * 100_000]}, 422, "invalid_input"),
        ({"invite_by": "calendar"}, 422, "invalid_input"),
        ({"video": "teams"}, 422, "invalid_input"),
        ({"date": 999}, 404, "not_found"),
    ],
)
def test_s19_every_rule_again_as_a_problem(services, world, change, status, code):
    answer = book(world, **change)
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert answer.json["type"] == f"urn:greenroom:problem:{code}"
    assert answer.json["detail"]
    with services.database.read() as session:
        assert session.scalars(select(Meeting)).all() == []


def test_an_unreadable_calendar_is_a_503(services, world):
    with services.database.write() as session:
        cast.broken_calendar(session, NOW, session.get(cast.Pair, world["pair"]).mentor_id)
    from service.domain.errors import AdapterError

    start = "2027-02-26T15:00:00Z"
    services.calendars("ics", "broken", None, None).fault = AdapterError("timeout", permanent=False)
    answer = world["ana"]("POST", f"/pairs/{world['pair']}/meetings", {"start": start, "session": "check-in"})
    assert (answer.status_code, answer.json["code"]) == (503, "calendar_unreadable")
    assert "Ben" in answer.json["detail"]


def test_a_cancellation_needs_no_body(world):
    book(world)
    assert world["ben"]("POST", "/meetings/1/cancel").json["phase"] == "cancelled"


def test_a_change_that_cannot_be_kept_changes_nothing(world):
    book(world)
    other = world["ana"]("GET", f"/pairs/{world['pair']}/slots?session=check-in").json["slots"][9]["start"]
    answer = world["ana"]("PATCH", "/meetings/1", {"start": other, "place": "x" * 400})
    assert answer.status_code == 422
    assert world["ana"]("GET", "/meetings/1").json["sequence"] == 0


def test_a_hidden_point_stays_hidden_through_the_api(world):
    made = book(world, agenda=[{"text": "Fears", "minutes": 5, "hidden": True}]).json
    assert made["agenda"] == [{"text": "Fears", "minutes": 5, "help": None, "hidden": True}]
    assert world["ana"]("PATCH", "/meetings/1", {"agenda": made["agenda"]}).json["agenda"] == made["agenda"]


def test_a_key_is_for_one_pair(services, world):
    with services.database.write() as session:
        ana = session.get(cast.Pair, world["pair"]).mentee
        one = people.PersonInput(ana.email, ana.name, ana.zone)
        gus = people.PersonInput("gus@example.org", "Gus Roy", "Europe/Lisbon")
        other = people.add_pair(session, NOW, one, gus).id
    body = {"start": "2027-02-26T15:00:00Z", "session": "check-in"}
    first = world["ana"]("POST", f"/pairs/{world['pair']}/meetings", body, Idempotency_Key="k1")
    assert first.status_code == 201
    again = world["ana"]("POST", f"/pairs/{other}/meetings", body, Idempotency_Key="k1")
    assert (again.status_code, again.json["code"]) == (422, "idempotency_key_reused")


def test_one_change_is_one_transaction_and_one_mail_each(services, world):
    path = f"/meetings/{book(world).json['id']}"
    held = world["ana"]("GET", path).json
    later = world["ana"]("GET", f"/pairs/{world['pair']}/slots?session=check-in").json["slots"][5]["start"]
    wrong = world["ana"]("PATCH", path, {"start": later, "place": "Room 9", "agenda": ["x" * 501]})
    assert wrong.status_code == 422
    assert world["ana"]("GET", path).json == held
    right = world["ana"]("PATCH", path, {"start": later, "place": "Room 9", "agenda": ["One", "Two"]}).json
    assert (right["start"], right["place"]) == (later, "Room 9")
    assert [point["text"] for point in right["agenda"]] == ["One", "Two"]
    assert right["sequence"] > held["sequence"]
    with services.database.read() as session:
        waiting = session.scalars(select(OutboxRow).where(OutboxRow.state == "pending")).all()
        assert sorted(row.person_id for row in waiting if row.kind == "invitation") == [1, 2]
        assert {row.sequence for row in waiting if row.kind == "invitation"} == {right["sequence"]}
