"""Who may see and do what; whatever is refused is a problem (RFC 9457)."""

from __future__ import annotations

import re

from tests.web.api.client import SECRET, book
from tests.web.walk import link


def test_without_a_known_token_there_is_nothing(world):
    for headers in ({}, {"Authorization": "Bearer nobody"}, {"Authorization": "Basic abc"}):
        answer = world["client"].get("/api/v1/me", headers=headers)
        assert answer.status_code == 401
        assert answer.content_type == "application/problem+json"
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.json["code"] == "unauthorized"


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


def test_a_link_that_was_handed_on_ends_once_its_person_comes_by_their_own(services, world):
    fay, gus = ({"name": name, "email": f"{name}@example.org", "zone": "UTC"} for name in ("fay", "gus"))
    made = world["cleo"]("POST", "/pairs", {"mentee": fay, "mentor": gus}).json
    handed = {role: f"/p/{url.rsplit('/', 1)[1]}" for role, url in made["links"].items()}
    for _ in range(2):
        assert world["client"].get(handed["mentee"]).status_code == 200
    own = link(services, "person", made["mentee"]["id"])
    assert own not in handed["mentee"], "and no mail brings the one that others know"
    assert world["client"].get(f"/p/{own}").status_code == 200
    assert world["client"].get(handed["mentee"]).status_code == 410
    assert world["client"].get(handed["mentor"]).status_code == 200
    assert world["client"].get(f"/p/{own}").status_code == 200


def test_the_coordinator_pairs_and_counts_and_reads_nothing(world):
    book(world)
    who = {"name": "Fay Wu", "email": "fay@example.org", "zone": "Asia/Kathmandu"}
    ben = {"name": "Ben Okafor", "email": "ben@example.org", "zone": "America/New_York"}
    made = world["cleo"]("POST", "/pairs", {"mentee": who, "mentor": ben})
    assert made.status_code == 201
    assert "/p/" in made.json["links"]["mentee"]
    assert "mentor" not in made.json["links"], "his page is in use, and his alone"
    assert world["ana"]("POST", "/pairs", {"mentee": who, "mentor": ben}).status_code == 403
    assert world["cleo"]("POST", "/pairs", {"mentee": who, "mentor": ben | {"zone": "Europe/Paris"}}).status_code == 422
    seen = world["cleo"]("GET", "/programme")
    assert seen.json["pairs"] == 2
    assert SECRET not in seen.get_data(as_text=True)
    assert (seen.json["figures"], seen.json["items"][0]) == (
        None,
        {"id": world["pair"], "has_next_meeting": True, "has_met": False, "met_lately": False, "has_goals": False},
    )
    assert world["ana"]("GET", "/programme").status_code == 403
    told = world["ben"]("GET", f"/pairs/{world['pair']}/looks").json["items"]
    assert [each["what"] for each in told] == ["list"], "one line a day"
    assert world["cleo"]("GET", "/meetings/1").status_code == 403


def test_whatever_goes_wrong_under_the_api_is_a_problem(services, world):
    for answer, code in (
        (world["ana"]("GET", "/nothing/here"), "not_found"),
        (world["ana"]("DELETE", "/me"), "wrong_method"),
        (world["ana"]("GET", "/meetings/4711"), "not_found"),
    ):
        assert (answer.content_type, answer.json["code"]) == ("application/problem+json", code)
        assert "mail you" not in answer.json["detail"]


def test_a_method_that_a_path_does_not_take_is_told_with_those_it_does(world):
    answer = world["client"].put("/api/v1/me", headers=world["ana"].headers)
    assert (answer.status_code, answer.json["code"]) == (405, "wrong_method")
    assert "GET" in answer.headers["Allow"]
