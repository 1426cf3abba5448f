"""The API through a client: who may see what, every refusal as a problem, and the description that fits what runs."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from service.operations import people
from service.store.tables import ApiToken, Meeting, OutboxRow
from service.store.types import fingerprint
from service.web import create_app
from tests import cast

NOW = datetime(2027, 2, 1, 9, 0, tzinfo=UTC)
SECRET = "SECRET-LABEL"


class Api:
    """A client with one person's token."""

    def __init__(self, client, token):
        self.client, self.headers = client, {"Authorization": f"Bearer {token}"}

    def __call__(self, method, path, body=None, **headers):
        return self.client.open(
            f"/api/v1{path}",
            method=method,
            json=body,
            headers=self.headers | {k.replace("_", "-"): v for k, v in headers.items()},
        )


@pytest.fixture
def world(services):
    with services.database.write() as session:
        pair = cast.pair(session, NOW, place="Room 5")
        talk = cast.talk(session, NOW, pair)
        tokens = {"ana": pair.mentee_id, "ben": pair.mentor_id, "dan": cast.dan(session, NOW).id, "cleo": None}
        for name, person_id in tokens.items():
            session.add(ApiToken(token_hash=fingerprint(name * 9), person_id=person_id, created_at=NOW))
        ids = pair.id, talk.id
    client = create_app(services).test_client()
    return {name: Api(client, name * 9) for name in tokens} | {"pair": ids[0], "date": ids[1], "client": client}


def first_slot(world):
    return world["ana"]("GET", f"/pairs/{world['pair']}/slots?session=practice&date={world['date']}").json["slots"][0]


def book(world, who="ana", **more):
    body = {"start": first_slot(world)["start"], "session": "practice", "date": world["date"]} | more
    return world[who]("POST", f"/pairs/{world['pair']}/meetings", body)


def test_without_a_known_token_there_is_nothing(world):
    for headers in ({}, {"Authorization": "Bearer nobody"}, {"Authorization": "Basic abc"}):
        answer = world["client"].get("/api/v1/me", headers=headers)
        assert answer.status_code == 401
        assert answer.content_type == "application/problem+json"
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.json["code"] == "unauthorized"


def test_slots_hold_every_time_paged_best_first(world):
    path = f"/pairs/{world['pair']}/slots?session=check-in&from=2027-02-08&to=2027-02-20"
    whole = world["ana"]("GET", path + "&limit=500").json
    assert whole["next"] is None
    assert [slot["score"] for slot in whole["slots"]] == sorted((s["score"] for s in whole["slots"]), reverse=True)
    pages, cursor = [], ""
    while cursor is not None:
        page = world["ana"]("GET", f"{path}&limit=37&cursor={cursor}").json
        pages += page["slots"]
        cursor = page["next"]
    assert pages == whole["slots"]
    assert len(world["ana"]("GET", path).json["slots"]) == min(100, len(pages))
    slot = pages[0]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:00Z", slot["start"])
    assert {"code", "text"} <= slot["reasons"][0].keys()
    assert [source["provider"] for source in whole["sources"]] == ["hours", "hours"]


def test_zone_only_adds_labels(world):
    path = f"/pairs/{world['pair']}/slots?session=check-in"
    plain, there = world["ana"]("GET", path).json, world["ana"]("GET", path + "&zone=Pacific/Auckland").json
    assert [slot["start"] for slot in plain["slots"]] == [slot["start"] for slot in there["slots"]]
    assert "local" in there["slots"][0]


@pytest.mark.parametrize(
    "query", ["session=x", "session=check-in&limit=0", "session=check-in&limit=501", "session=check-in&cursor=!!",
              "session=check-in&zone=Mars/X", "session=check-in&from=soon", "session=check-in&minutes=x",
              "session=check-in&from=2027-02-10&to=2027-02-09"],
)  # fmt: skip
def test_queries_that_make_no_sense_are_told(world, query):
    answer = world["ana"]("GET", f"/pairs/{world['pair']}/slots?{query}")
    assert answer.status_code == 422
    assert answer.json["errors"][0]["detail"]


def test_of_the_other_person_only_unavailable(services, world):
    """The whole answer is the same for a busy, an off-hours and a capped mentor."""
    path = f"/pairs/{world['pair']}/slots?session=check-in&from=2027-02-08&to=2027-02-09&refusals=1"
    answers = []
    for change in ("busy", "hours", "cap"):
        with services.database.write() as session:
            pair = session.get(cast.Pair, world["pair"])
            pair.mentor.availability = None
            for connection in session.scalars(select(cast.Connection)):
                session.delete(connection)
            if change == "busy":
                _busy_all_day(session, pair.mentor_id)
            elif change == "hours":
                pair.mentor.availability = {"hours": "Tue-Fri 09:00-17:00"}
            else:
                pair.mentor.availability = {"cap_day": 0}
        answer = world["ana"]("GET", path)
        told = answer.get_data(as_text=True)
        answers.append(re.sub(r'"sources":\[.*?\]', "", told))
    assert answers[0] == answers[1] == answers[2]
    assert '"unavailable"' in answers[0]
    assert "cap" not in answers[0]


def _busy_all_day(session, person_id):
    from service.domain.interval import pack
    from service.store.tables import Calendar

    start = int(datetime(2027, 2, 8, tzinfo=UTC).timestamp())
    made = cast.Connection(person_id=person_id, provider="ics", url="x", state="connected", created_at=NOW)
    made.calendars = [
        Calendar(
            key="", key_hash="h", name="", counts=True, partial=False, verified_at=NOW,
            busy=pack([(start, start + 86400)]),
            window_from=NOW - timedelta(days=1), window_until=NOW + timedelta(days=93),
        )
    ]  # fmt: skip
    session.add(made)


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


def test_malformed_bodies(world):
    path = f"/api/v1/pairs/{world['pair']}/meetings"
    for data in (b"{", b"[]", b"\xff"):
        answer = world["client"].post(path, data=data, headers=world["ana"].headers)
        assert (answer.status_code, answer.json["code"]) == (400, "malformed")


def test_dan_sees_nothing_and_it_is_as_if_it_never_was(world):
    book(world)
    commitment = world["ana"]("POST", "/meetings/1/commitments", {"text": "x"}).json["id"]
    body = {"start": "2027-02-26T15:00:00Z", "session": "check-in"}
    date = {"kind": "exam", "at": "2027-04-01T10:00", "zone": "Europe/Lisbon"}
    for method, path, given in (
        ("GET", f"/pairs/{world['pair']}", None), ("PATCH", f"/pairs/{world['pair']}", {"place": "x"}),
        ("GET", f"/pairs/{world['pair']}/slots?session=check-in", None),
        ("GET", f"/pairs/{world['pair']}/dates", None), ("POST", f"/pairs/{world['pair']}/dates", date),
        ("PATCH", f"/dates/{world['date']}", {"label": "x"}), ("DELETE", f"/dates/{world['date']}", None),
        ("POST", f"/pairs/{world['pair']}/meetings", body), ("GET", "/meetings/1", None),
        ("PATCH", "/meetings/1", {"place": "x"}), ("POST", "/meetings/1/cancel", {}),
        ("GET", "/meetings/1/commitments", None), ("POST", "/meetings/1/commitments", {"text": "x"}),
        ("PATCH", f"/commitments/{commitment}", {"state": "done"}), ("DELETE", "/me/connections/1", None),
    ):  # fmt: skip
        foreign = world["dan"](method, path, given)
        assert foreign.status_code == 404, (method, path)
        never = world["dan"](method, re.sub(r"/\d+", "/98765", path), given)
        assert foreign.json == never.json
    assert world["dan"]("GET", "/pairs").json["items"] == []


def test_a_private_label_is_the_mentees_and_an_unshared_date_too(world):
    path = f"/pairs/{world['pair']}/dates"
    assert world["ana"]("GET", path).json["items"][0]["label"] == SECRET
    assert world["ben"]("GET", path).json["items"] == []
    assert world["ben"]("GET", f"/pairs/{world['pair']}/slots?session=practice&date={world['date']}").status_code == 404
    assert (
        world["ana"]("PATCH", f"/dates/{world['date']}", {"shared": True, "shared_label": "My talk"}).status_code == 200
    )
    seen = world["ben"]("GET", path)
    assert seen.json["items"][0]["shared_label"] == "My talk"
    assert SECRET not in seen.get_data(as_text=True)
    assert world["ben"]("PATCH", f"/dates/{world['date']}", {"kind": "exam"}).status_code == 404


def test_dates_are_added_moved_and_dropped(world):
    path = f"/pairs/{world['pair']}/dates"
    made = world["ana"]("POST", path, {"kind": "exam", "at": "2027-04-01T10:00", "zone": "Europe/Lisbon"})
    assert made.status_code == 201
    assert made.json["at"] == "2027-04-01T09:00:00Z"
    assert [part["role"] for part in made.json["arc"]] == ["shape", "practice", "word", "debrief"]
    for at, code in (("2020-01-01T10:00", "past"), ("2027-03-28T01:30", "no_such_time")):
        wrong = world["ana"]("POST", path, {"kind": "exam", "at": at, "zone": "Europe/Lisbon"})
        assert wrong.status_code == 422
        assert wrong.json["errors"][0]["code"] == code
    moved = world["ana"]("PATCH", f"/dates/{made.json['id']}", {"at": "2027-04-02T10:00"})
    assert moved.json["at"] == "2027-04-02T09:00:00Z"
    assert world["ana"]("DELETE", f"/dates/{made.json['id']}").status_code == 204
    assert len(world["ana"]("GET", path).json["items"]) == 1


def test_availability_round_trips_and_names_each_fault(world):
    held = world["ben"]("GET", "/me/availability").json
    assert held["assumed"] is True
    put = world["ben"]("PUT", "/me/availability", held | {"hours": "Mon-Thu 10:00-16:00", "cap_week": 2})
    assert put.status_code == 200
    assert world["ben"]("GET", "/me/availability").json["hours"] == "Mon-Thu 10:00-16:00"
    wrong = world["ben"]("PUT", "/me/availability", {"hours": "Mon 17:00-09:00", "notice": "soon", "colour": "red"})
    assert wrong.status_code == 422
    assert {fault["field"] for fault in wrong.json["errors"]} == {"hours", "notice", "colour"}


def test_connections_never_show_a_secret(services, world):
    services.calendars("ics", "https://x/PRIVATE-KEY.ics", None, None).put(NOW + timedelta(days=3))
    made = world["ben"]("POST", "/me/connections", {"provider": "ics", "url": "https://x/PRIVATE-KEY.ics"})
    assert made.status_code == 201
    assert made.json["state"] == "connected"
    listed = world["ben"]("GET", "/me/connections")
    assert "PRIVATE-KEY" not in listed.get_data(as_text=True)
    assert listed.json["connections"][0]["calendars"][0]["counts"] is True
    refused = world["ben"]("POST", "/me/connections", {"provider": "google"})
    assert refused.status_code == 422
    assert world["ana"]("DELETE", f"/me/connections/{made.json['id']}").status_code == 404
    assert world["ben"]("DELETE", f"/me/connections/{made.json['id']}").status_code == 204
    assert world["ben"]("GET", "/me/connections").json == {"connections": []}


def test_the_coordinator_pairs_and_counts_and_reads_nothing(world):
    book(world)
    who = {"name": "Fay Wu", "email": "fay@example.org", "zone": "Asia/Kathmandu"}
    ben = {"name": "Ben Okafor", "email": "ben@example.org", "zone": "America/New_York"}
    made = world["cleo"]("POST", "/pairs", {"mentee": who, "mentor": ben})
    assert made.status_code == 201
    assert "/p/" in made.json["links"]["mentee"]
    assert world["ana"]("POST", "/pairs", {"mentee": who, "mentor": ben}).status_code == 403
    assert world["cleo"]("POST", "/pairs", {"mentee": who, "mentor": ben | {"zone": "Europe/Paris"}}).status_code == 422
    seen = world["cleo"]("GET", "/programme")
    assert seen.json["pairs"] == 2
    assert SECRET not in seen.get_data(as_text=True)
    assert world["ana"]("GET", "/programme").status_code == 403
    assert world["cleo"]("GET", "/meetings/1").status_code == 403


def test_the_description_fits_what_runs(services, world):
    described = world["client"].get("/api/v1/openapi.json").json
    assert described["openapi"].startswith("3.1")
    told = {
        (method.upper(), re.sub(r"{(\w+)}", r"<int:\1>", path))
        for path, methods in described["paths"].items()
        for method in methods
    }
    runs = {
        (method, rule.rule)
        for rule in create_app(services).url_map.iter_rules()
        if rule.rule.startswith("/api/v1/") and not rule.rule.endswith("openapi.json")
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert told == runs
    assert people.MAILS


def test_a_mentors_own_reasons_are_full(world):
    answer = world["ben"]("GET", f"/pairs/{world['pair']}/slots?session=check-in&refusals=1").json
    codes = {each["code"] for each in answer["refusals"]}
    assert "hours" in codes
    assert "unavailable" in codes


def test_an_arc_without_times_offers_the_nearest(world):
    soon = {"kind": "presentation", "at": "2027-02-04T15:00", "zone": "Europe/Lisbon"}
    date_id = world["ana"]("POST", f"/pairs/{world['pair']}/dates", soon).json["id"]
    answer = world["ana"]("GET", f"/pairs/{world['pair']}/slots?session=practice&date={date_id}").json
    assert answer["slots"] == []
    assert len(answer["nearest"]) == 10


def test_whatever_goes_wrong_under_the_api_is_a_problem(services, world):
    for answer, code in (
        (world["ana"]("GET", "/nothing/here"), "not_found"),
        (world["ana"]("DELETE", "/me"), "wrong_method"),
        (world["ana"]("GET", "/meetings/4711"), "not_found"),
    ):
        assert (answer.content_type, answer.json["code"]) == ("application/problem+json", code)
        assert "mail you" not in answer.json["detail"]


@pytest.mark.parametrize("query", ["limit=²", "minutes=²", "from=0001-01-01", "to=9999-12-31"])
def test_odd_numbers_and_years_are_told(world, query):
    answer = world["ana"]("GET", f"/pairs/{world['pair']}/slots?session=check-in&{query}")
    assert answer.status_code == 422


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


def test_a_date_cannot_lose_what_makes_it_one(world):
    for name in ("zone", "at", "kind"):
        assert world["ana"]("PATCH", f"/dates/{world['date']}", {name: None}).status_code == 422


def test_an_ended_pair_is_offered_nothing(services, world):
    with services.database.write() as session:
        people.end_pair(session, NOW, session.get(cast.Pair, world["pair"]))
    answer = world["ana"]("GET", f"/pairs/{world['pair']}/slots?session=check-in")
    assert (answer.status_code, answer.json["code"]) == (403, "pair_ended")
