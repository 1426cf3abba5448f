"""Bodies that are no JSON, too much, or something else than what the field takes."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select

from service.store.tables import Meeting
from service.store.types import fingerprint
from service.web.page import PER_TOKEN

START = "2027-02-26T15:00:00Z"
PERSON = {"name": "Fay Wu", "email": "fay@example.org", "zone": "Asia/Kathmandu"}


def meetings(world):
    return f"/pairs/{world['pair']}/meetings"


@pytest.mark.parametrize(
    "octets",
    [b"{", b"[]", b"null", b"\xff", b"\xef\xbb\xbf{}", b"[" * 100_000, b'{"a":' * 5_000, b'{"place": "\\ud800"}',
     b'{"minutes": ' + b"9" * 5_000 + b"}"],
    ids=["cut", "list", "null", "not utf-8", "byte order mark", "deep list", "deep", "half a character", "huge number"],
)  # fmt: skip
def test_what_is_no_json_object_is_malformed(world, octets):
    answer = world["ana"].send("POST", meetings(world), octets, "application/json")
    assert (answer.status_code, answer.json["code"]) == (400, "malformed")


def test_a_body_of_another_type_is_told(world):
    body = json.dumps({"start": START, "session": "check-in"}).encode()
    for other in ("text/plain", "application/x-www-form-urlencoded"):
        answer = world["ana"].send("POST", meetings(world), body, other)
        assert (answer.status_code, answer.json["code"]) == (415, "wrong_type")
    assert world["ana"].send("POST", meetings(world), body).status_code == 201, "no type at all is taken for JSON"


def test_too_much_is_told(world):
    answer = world["ana"].send("POST", meetings(world), b" " * 300_000, "application/json")
    assert (answer.status_code, answer.json["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"start": None}, "start", "bad_time"),
        ({"start": 1803999600}, "start", "bad_time"),
        ({"start": "1803999600"}, "start", "bad_time"),
        ({"start": "2027-02-26"}, "start", "bad_time"),
        ({"start": "9999-12-31T23:59:59-14:00"}, "start", "bad_time"),
        ({"start": "2027-02-26T15:00:00"}, "start", "naive"),
        ({"session": 5}, "session", "not_text"),
        ({"minutes": True}, "minutes", "not_whole"),
        ({"minutes": "30"}, "minutes", "not_whole"),
        ({"minutes": 0}, "minutes", "at_least"),
        ({"minutes": 10**30}, "minutes", "at_most"),
        ({"date": 2**31}, "date", "at_most"),
        ({"invite_by": "pigeon"}, "invite_by", "one_of"),
        ({"agenda": "x"}, "agenda", "not_a_list"),
        ({"agenda": [5]}, "agenda.0", "not_text"),
        ({"agenda": [{}]}, "agenda.0.text", "missing"),
        ({"agenda": ["x", {"text": "x", "tex": "x"}]}, "agenda.1.tex", "unknown_field"),
        ({"colour": "red"}, "colour", "unknown_field"),
    ],
)
def test_each_field_is_told_in_a_sentence_of_ours(services, world, change, field, code):
    answer = world["ana"]("POST", meetings(world), {"start": START, "session": "check-in"} | change)
    assert answer.status_code == 422
    (fault,) = answer.json["errors"]
    assert (fault["field"], fault["code"]) == (field, code)
    assert fault["detail"].startswith(field)
    assert "None" not in fault["detail"]
    assert "Input" not in fault["detail"], "that is pydantic speaking"
    with services.database.read() as session:
        assert session.scalars(select(Meeting)).all() == []


def test_all_faults_come_at_once(world):
    answer = world["ana"]("POST", meetings(world), {"minutes": "x", "colour": 1})
    assert {fault["field"] for fault in answer.json["errors"]} == {"start", "session", "minutes", "colour"}


def test_dates_and_days_are_read_as_strictly(world):
    given = {"kind": "exam", "at": "2027-04-01T10:00", "zone": "Europe/Lisbon"}
    for change, code in (({"at": "2027-04-01"}, "bad_wall"), ({"until": 5}, "bad_wall")):
        answer = world["ana"]("POST", f"/pairs/{world['pair']}/dates", given | change)
        assert [fault["code"] for fault in answer.json["errors"]] == [code]
    meeting = world["ana"]("POST", meetings(world), {"start": START, "session": "check-in"}).json["id"]
    answer = world["ana"]("POST", f"/meetings/{meeting}/commitments", {"text": "x", "due_on": "soon"})
    assert [fault["code"] for fault in answer.json["errors"]] == ["bad_date"]


@pytest.mark.parametrize("number", [2**31, 2**63, 10**30])
def test_no_number_is_too_large_to_be_not_there(world, number):
    never = world["ana"]("GET", "/meetings/98765")
    for path in (f"/meetings/{number}", f"/pairs/{number}", f"/pairs/{number}/slots?session=check-in"):
        answer = world["ana"]("GET", path)
        assert answer.status_code == 404
        assert answer.json == never.json
    assert world["ana"]("DELETE", f"/dates/{number}").status_code == 404


def test_fields_of_a_pair_are_named_as_they_were_sent(world):
    answer = world["cleo"]("POST", "/pairs", {"mentee": PERSON | {"zone": "Mars/X"}, "mentor": PERSON | {"email": "@"}})
    assert {fault["field"] for fault in answer.json["errors"]} <= {"mentee.zone", "mentor.email"}
    assert answer.json["errors"]


def test_an_idempotency_key_has_a_length(world):
    body = {"start": START, "session": "check-in"}
    for key, code in (("", "empty"), ("k" * 201, "too_long")):
        answer = world["ana"]("POST", meetings(world), body, Idempotency_Key=key)
        assert [fault["code"] for fault in answer.json["errors"]] == [code]


def test_too_often_says_when_to_come_back(world):
    limiter = world["client"].application.extensions["greenroom-limiter"]
    limiter.hit(PER_TOKEN, fingerprint(world["ana"].headers["Authorization"]), cost=PER_TOKEN.amount)
    answer = world["ana"]("PATCH", f"/pairs/{world['pair']}", {"place": "x"})
    assert (answer.status_code, answer.json["code"]) == (429, "too_many")
    assert answer.headers["Retry-After"] == "600"
    assert world["ben"]("PATCH", f"/pairs/{world['pair']}", {"place": "y"}).status_code == 200
