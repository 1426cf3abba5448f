"""What a coordinator does by the API, and how somebody asks them for help."""

from __future__ import annotations

import pytest

from service.operations import coordinators, people
from service.operations.people import PersonInput
from service.store.tables import ApiToken
from service.store.types import fingerprint
from tests import cast
from tests.web.api.client import NOW, Api


@pytest.fixture
def coordinated(services, world):
    with services.database.write() as session:
        coordinators.appoint(session, NOW, PersonInput("cleo@example.org", "Cleo Park", "UTC"))
    return world


def whats(world):
    return [each["what"] for each in world["ana"]("GET", f"/pairs/{world['pair']}/looks").json["items"]]


def test_a_request_is_the_coordinators_and_its_authors(coordinated):
    world = coordinated
    asked = world["ana"]("POST", "/me/requests", {"text": "May we talk?"})
    assert asked.status_code == 201
    assert (asked.json["text"], asked.json["answered_at"]) == ("May we talk?", None)
    assert world["ana"]("POST", "/me/requests", {"text": " "}).status_code == 422
    (waits,) = world["cleo"]("GET", "/programme/requests").json["items"]
    assert (waits["text"], waits["person"]["name"]) == ("May we talk?", "Ana Lima")
    for name in ("ana", "ben", "dan"):
        assert world[name]("GET", "/programme/requests").status_code == 403
    assert world["ben"]("GET", "/me/requests").json["items"] == []
    assert world["ben"]("DELETE", f"/me/requests/{waits['id']}").status_code == 204
    assert len(world["ana"]("GET", "/me/requests").json["items"]) == 1, "not the other's to take back"
    path = f"/programme/requests/{waits['id']}/answered"
    assert world["ana"]("POST", path).status_code == 403
    assert world["cleo"]("POST", path).status_code == 204
    assert world["cleo"]("POST", "/programme/requests/99/answered").status_code == 404
    assert world["cleo"]("GET", "/programme/requests").json["items"] == []
    assert world["ana"]("GET", "/me/requests").json["items"][0]["answered_at"] == "2027-02-01T09:00:00Z"
    assert world["ana"]("DELETE", f"/me/requests/{waits['id']}").status_code == 204
    assert world["ana"]("GET", "/me/requests").json["items"] == []
    assert world["cleo"]("POST", "/me/requests", {"text": "Me too"}).status_code == 403


def test_without_a_coordinator_nothing_is_kept(world):
    refused = world["ana"]("POST", "/me/requests", {"text": "May we talk?"})
    assert (refused.status_code, refused.json["errors"][0]["code"]) == (422, "no_coordinator")


def test_what_a_coordinator_changes_leaves_a_line_and_is_nobody_elses_to_do(services, world):
    path = f"/pairs/{world['pair']}"
    with services.database.write() as session:
        mine = cast.person(session, NOW, "ana").id
    welcome = {"person": mine}
    for name, status in (("ana", 403), ("dan", 403), ("cleo", 204)):
        assert world[name]("POST", f"{path}/welcome", welcome).status_code == status
    assert world["cleo"]("POST", f"{path}/welcome", {"person": 99}).status_code == 404
    right = {"email": "ana.lima@example.org"}
    assert world["ben"]("PATCH", f"{path}/people/{mine}", right).status_code == 403
    refused = world["cleo"]("PATCH", f"{path}/people/{mine}", right)
    assert (refused.status_code, refused.json["errors"][0]["code"]) == (422, "address_in_use"), "she has a date"
    for name, status in (("ana", 403), ("cleo", 200), ("cleo", 200)):
        assert world[name]("POST", f"{path}/end").status_code == status
    assert world["cleo"]("POST", "/pairs/99/end").status_code == 404
    assert whats(world) == ["end", "welcome"]


def test_a_corrected_address_ends_the_tokens_of_whoever_had_it_before(services, world):
    with services.database.write() as session:
        pair = people.add_pair(session, NOW, *(PersonInput(f"{who}@example.org", who, "UTC") for who in ("fay", "gus")))
        mine, pair_id = pair.mentee_id, pair.id
        session.add(ApiToken(token_hash=fingerprint("fay" * 9), person_id=mine, created_at=NOW))
    fay = Api(world["client"], "fay" * 9)
    assert fay("GET", "/me").status_code == 200
    right = {"email": "fay.ito@example.org"}
    assert world["cleo"]("PATCH", f"/pairs/{pair_id}/people/{mine}", right).json["email"] == right["email"]
    assert fay("GET", "/me").status_code == 401
