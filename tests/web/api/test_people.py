"""Hours, calendars and dates over JSON."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from service.web import create_app
from tests.web.api.client import NOW, Api


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


def test_a_date_cannot_lose_what_makes_it_one(world):
    for name in ("zone", "at", "kind"):
        assert world["ana"]("PATCH", f"/dates/{world['date']}", {name: None}).status_code == 422


def test_availability_round_trips_and_names_each_fault(world):
    held = world["ben"]("GET", "/me/availability").json
    assert held["assumed"] is True
    put = world["ben"]("PUT", "/me/availability", held | {"hours": "Mon-Thu 10:00-16:00", "cap_week": 2})
    assert put.status_code == 200
    assert world["ben"]("GET", "/me/availability").json["hours"] == "Mon-Thu 10:00-16:00"
    wrong = world["ben"]("PUT", "/me/availability", {"hours": "Mon 17:00-09:00", "notice": "soon", "colour": "red"})
    assert wrong.status_code == 422
    assert {fault["field"] for fault in wrong.json["errors"]} == {"hours", "notice", "colour"}


def test_one_says_over_json_what_a_change_in_ones_calendar_does(world):
    asked = {
        "when_deleted": "keep",
        "when_moved": "keep",
        "mails": "fewer",
        "zone": "Europe/London",
        "keeps_notes": True,
    }
    held = world["ben"]("GET", "/me").json
    assert (held["when_deleted"], held["when_moved"]) == ("free", "propose")
    assert world["ben"]("PATCH", "/me", asked).json == held | asked
    assert world["ben"]("PATCH", "/me", {"when_moved": "propose", "zone": None}).status_code == 200
    assert world["ben"]("GET", "/me").json == held | asked | {"when_moved": "propose"}
    wrong = world["ben"]("PATCH", "/me", {"when_deleted": "free", "when_moved": "free"})
    assert (wrong.status_code, [fault["field"] for fault in wrong.json["errors"]]) == (422, ["when_moved"])
    assert world["ben"]("PATCH", "/me", {"email": "eve@example.org"}).status_code == 422
    assert world["cleo"]("PATCH", "/me", asked).status_code == 403
    assert world["ben"]("GET", "/me").json["when_deleted"] == "keep", "what is refused changes nothing"


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


def test_a_date_keeps_its_length_until_told_otherwise_and_stays_shared(world):
    path = f"/pairs/{world['pair']}/dates"
    given = {"kind": "conference", "at": "2027-04-01T10:00", "until": "2027-04-02T17:00", "zone": "Europe/Lisbon"}
    made = world["ana"]("POST", path, given).json
    one = f"/dates/{made['id']}"
    moved = world["ana"]("PATCH", one, {"at": "2027-04-08T10:00"}).json
    assert (moved["at"], moved["until"]) == ("2027-04-08T09:00:00Z", "2027-04-09T16:00:00Z")
    assert world["ana"]("PATCH", one, {"shared": False}).json["shared"] is False
    assert world["ana"]("PATCH", one, {"shared": True}).json["shared"] is True
    back = world["ana"]("PATCH", one, {"shared": False, "kind": "exam"})
    assert [fault["code"] for fault in back.json["errors"]] == ["stays_shared"]
    assert world["ana"]("GET", path).json["items"][-1]["kind"] == "conference"
    assert world["ana"]("PATCH", one, {"until": None}).json["until"] is None


def test_a_provider_that_is_not_set_up_is_told(world):
    for provider in ("google", "microsoft"):
        answer = world["ben"]("POST", "/me/connections", {"provider": provider, "access": "busy"})
        assert (answer.status_code, answer.json["code"]) == (422, "provider_not_configured")
    answer = world["ben"]("POST", "/me/connections", {"provider": "fax"})
    assert [fault["code"] for fault in answer.json["errors"]] == ["unknown_provider"]


def test_a_provider_that_asks_its_own_page_gets_the_person_a_link(services, world):
    configured = replace(services, settings=replace(
        services.settings, google_client_id="c", google_client_secret="s"))  # fmt: skip
    client = create_app(configured).test_client()
    ana = Api(client, "ana" * 9)
    invited = ana("POST", "/me/connections", {"provider": "google", "access": "busy"})
    assert invited.status_code == 202
    again = ana("POST", "/me/connections", {"provider": "google", "access": "busy"})
    assert again.json == invited.json, "one that waits is taken again"
    page = client.get(invited.json["connect_url"].partition("127.0.0.1:8000")[2])
    assert "Connect Google" in page.get_data(as_text=True)
    listed = ana("GET", "/me/connections").json["connections"]
    assert [(each["id"], each["provider"], each["state"]) for each in listed] == [(invited.json["id"], "google", "off")]
    assert ana("DELETE", f"/me/connections/{invited.json['id']}").status_code == 204


def test_a_journal_is_taken_away_and_brought_by_a_program(world):
    taken = world["ana"]("GET", "/me/journal")
    assert (taken.status_code, taken.json["pairs"][0]["with"]) == (200, "Ben Okafor")
    elsewhere = taken.json | {"pairs": [taken.json["pairs"][0] | {"with": "Cam Diaz"}]}
    for _ in range(2):
        assert world["ana"]("POST", "/me/journal", elsewhere).json == {"pairs": 1}
    assert [pair["with"] for pair in world["ana"]("GET", "/me/journal").json["pairs"]] == ["Ben Okafor", "Cam Diaz"]
    assert "Cam" not in world["ben"]("GET", "/me/journal").get_data(as_text=True)
    newer = world["ana"]("POST", "/me/journal", elsewhere | {"version": 2})
    assert (newer.status_code, newer.json["errors"][0]["field"]) == (422, "version")
    assert world["cleo"]("GET", "/me/journal").status_code == 403
