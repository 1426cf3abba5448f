"""Rows of saying what is hard to say: half-way and for the two alone, and an end that needs no reason."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from service.operations import coordinators
from service.operations.people import PersonInput
from service.store.tables import ApiToken
from service.store.types import fingerprint
from tests.rows.life import at, plain
from tests.web.walk import forms_of, text_of

HALF_WAY = at("2027-08-02T15:00+00:00")  # 182 days after they signed
JUMP = timedelta(days=200)
ANAS = {"more": "ANAS-MORE", "less": "ANAS-LESS", "keep": "ANAS-KEEP"}
BENS = {"more": "BENS-MORE", "keep": "BENS-KEEP"}


def say(life, who, **lines):
    """What is typed on their own page, and sent by the button under it."""
    page = life.page(who, f"/pulse/{life.pair_id}")
    (form,) = [form for form in forms_of(page) if form.fields.get("form") == "pulse"]
    return form.send(life.client, ("action", "write"), **lines)


def told(life, who):
    return life.text(who, f"/pulse/{life.pair_id}")


def coordinators_calls(life):
    """Everything that the coordinator's token opens about this pair."""
    with life.services.database.write() as session:
        session.add(ApiToken(token_hash=fingerprint("cleo" * 9), person_id=None, created_at=life.services.clock()))
    headers = {"Authorization": f"Bearer {'cleo' * 9}"}
    calls = ("programme", f"pairs/{life.pair_id}", f"pairs/{life.pair_id}/pulse")
    return {call: life.client.get(f"/api/v1/{call}", headers=headers) for call in calls}


def test_e35_both_are_asked_once_half_way_and_read_each_other_when_both_have_said_theirs(life):
    life.sign_up()
    life.mails()
    life.pass_to(HALF_WAY, JUMP)
    asked = {who: [mail for mail in life.mails(who) if mail["Subject"] == "About half-way"] for who in life.ids}
    assert {who: len(mails) for who, mails in asked.items()} == {"ana": 1, "ben": 1}
    assert "nobody else ever does" in plain(asked["ana"][0])
    assert "You are about half-way" in life.text("ben")
    assert say(life, "ana", **ANAS).status_code == 303
    ben = life.client.get(f"/api/v1/pairs/{life.pair_id}/pulse", headers=life.api("ben")).json
    assert ben == {"own": None, "theirs": None, "open": False}
    assert not re.search("ANAS-(MORE|LESS|KEEP)", told(life, "ben"))
    assert "sealed until Ben" in told(life, "ana")
    assert say(life, "ben", **BENS).status_code == 303
    for who in life.ids:
        page = told(life, who)
        order = [page.index(line) for line in (*ANAS.values(), *BENS.values())]
        assert order == sorted(order), "the mentee's first"
    again = life.client.post(f"/p/{life.tokens['ben']}/pulse/{life.pair_id}", data={"more": "Another"})
    assert (again.status_code, "Another" in told(life, "ana")) == (303, False), "nobody answers what they have read"
    life.pass_to(HALF_WAY + timedelta(days=40), JUMP)
    assert [mail for mail in life.mails() if mail["Subject"] == "About half-way"] == []
    for call, answer in coordinators_calls(life).items():
        assert not re.search("ANAS-|BENS-", answer.get_data(as_text=True)), call
        assert (answer.status_code == 403) == call.endswith("pulse")


def test_e35_the_mentee_may_pass_and_the_mentor_says_theirs(life):
    say(life, "ben", **BENS)
    assert "BENS-MORE" not in told(life, "ana")
    page = life.page("ana", f"/pulse/{life.pair_id}")
    (form,) = [form for form in forms_of(page) if ("action", "skip") in form.buttons]
    assert form.send(life.client, ("action", "skip")).status_code == 303
    assert "BENS-MORE" in told(life, "ana")
    bens = f"/p/{life.tokens['ben']}/pulse/{life.pair_id}"
    assert life.client.post(bens, data={"action": "skip"}).status_code == 403
    assert life.client.post(bens, data={"more": " "}).status_code == 422


@pytest.mark.parametrize("who", ["ana", "ben"])
def test_e35_either_ends_it_without_a_reason_and_what_would_have_come_does_not(life, who):
    life.services.clock.now = at("2027-02-01T15:00+00:00")
    life.book(at("2027-02-10T15:00+00:00"))
    life.mails()
    page = life.page(who, f"/ending/{life.pair_id}")
    assert "Nothing has ended yet" in text_of(page)
    assert [meeting.phase for meeting in life.meetings()] == ["booked"], "looking ends nothing"
    (form,) = [form for form in forms_of(page) if form.method == "post"]
    assert set(form.fields) == set(), "no field for a reason"
    assert form.send(life.client).status_code == 303
    assert "It has ended" in life.text(who, f"/ending/{life.pair_id}")
    assert ("another mentor" in life.text(who, f"/ending/{life.pair_id}")) == (who == "ana")
    assert [meeting.phase for meeting in life.meetings()] == ["cancelled"]
    other = "ben" if who == "ana" else "ana"
    cancelled = {name: plain(life.mails(name)[0]) for name in life.ids}
    assert f"{who.title()} cancelled" not in cancelled[other], "neutral: nobody is named as who did it"
    life.pass_to(life.services.clock.now + timedelta(hours=1))
    notes = {name: life.mails(name) for name in life.ids}
    for mails in notes.values():
        (note,) = (plain(mail) for mail in mails)
        assert ("not a pair any more" in note, "cancel" in note, "reason" in note) == (True, False, False), "neutral"
    life.pass_to(at("2027-03-12T15:00+00:00"), JUMP)
    assert life.mails() == [], "neither a brief nor a nudge"


def test_e35_a_mentee_changes_mentor_without_a_reason(life):
    with life.services.database.write() as session:
        cleo = coordinators.appoint(session, life.services.clock(), PersonInput("cleo@example.org", "Cleo Park", "UTC"))
        programme = coordinators.programme_link(session, life.services.clock(), cleo).token
    address = f"/p/{life.tokens['ana']}/ending/{life.pair_id}"
    assert life.client.post(address, data={"action": "another"}).status_code == 404, "as long as there is one"
    assert life.client.post(address).status_code == 303
    (form,) = [form for form in forms_of(life.client.get(address)) if ("action", "another") in form.buttons]
    for _ in range(2):
        answer = form.send(life.client, ("action", "another"))
    assert "The coordinator knows" in text_of(life.client.get(answer.headers["Location"]))
    assert text_of(life.client.get(f"/programme/{programme}")).count("I would like another mentor.") == 1
    (asked,) = life.mails("cleo")
    assert "another mentor" not in asked.as_string()
    bens = f"/p/{life.tokens['ben']}/ending/{life.pair_id}"
    assert life.client.post(bens, data={"action": "another"}).status_code == 404


def test_e35_by_a_program_as_well(life):
    address = f"/api/v1/pairs/{life.pair_id}/leave"
    for _ in range(2):
        assert life.client.post(address, headers=life.api("ben")).status_code == 204
    assert "It has ended" in life.text("ana", f"/ending/{life.pair_id}")
