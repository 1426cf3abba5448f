"""Rows of goals: whose they are, what one needs, when it comes back, and what a mentor may do about them."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest

from service.domain.access import Role
from tests.rows.life import at, plain
from tests.web.walk import text_of

MET = at("2027-02-08T15:00+00:00")
GOAL = {"text": "Speak up in the lab", "worked_when": "I asked one question a week", "target_on": "2027-06-01"}


def calls(life, who):
    headers = life.api(who)

    def call(method, path, body=None):
        return life.client.open(f"/api/v1{path}", method=method, json=body, headers=headers)

    return call


def goals_page(life, who):
    return life.page(who, f"/goals/{life.pair_id}")


def act(life, who, what, **typed):
    return life.client.post(f"/p/{life.tokens[who]}/goals/{life.pair_id}/{what}", data=typed)


def points(life, who, meeting_id):
    return text_of(life.client.get(life.meeting(who, meeting_id)))


def test_e8_a_goal_is_the_mentees_and_a_mentor_may_only_suggest_one(life):
    ana, ben, pair = calls(life, "ana"), calls(life, "ben"), f"/pairs/{life.pair_id}"
    shared = ana("POST", f"{pair}/goals", GOAL | {"state": "open", "shared": True}).json
    private = ana("POST", f"{pair}/goals", {"text": "Leave for another lab"}).json
    assert ben("PATCH", f"/goals/{shared['id']}", {"text": "Publish"}).status_code == 403
    assert ben("DELETE", f"/goals/{shared['id']}").status_code == 403
    assert ben("PATCH", f"/goals/{private['id']}", {"text": "Publish"}).status_code == 404, "not even that it is there"
    assert ben("POST", f"{pair}/goals", {"text": "Publish"}).status_code == 403
    assert act(life, "ben", "add", text="Publish").status_code == 403
    assert [goal["text"] for goal in ben("GET", f"{pair}/goals").json["goals"]] == ["Speak up in the lab"]
    assert "another lab" not in text_of(goals_page(life, "ben"))

    assert act(life, "ben", "suggest", kind="goal", text="Write a review").status_code == 303
    assert "A goal that Ben suggests" in text_of(goals_page(life, "ana"))
    (made,) = ben("GET", f"{pair}/suggestions").json["suggestions"]
    assert made["state"] == "pending"
    assert len(ana("GET", f"{pair}/goals").json["goals"]) == 2, "not before she takes it"
    assert ben("PATCH", f"/suggestions/{made['id']}", {"answer": "accept"}).status_code == 403
    life.send(goals_page(life, "ana"), {"suggestion": str(made["id"]), "answer": None}, answer="accept")
    drafts = [(goal["text"], goal["state"], goal["shared"]) for goal in ana("GET", f"{pair}/goals").json["goals"]]
    assert drafts[2] == ("Write a review", "draft", False)
    assert "manager" not in set(Role)
    assert not life.mails()


def test_e9_a_kick_off_is_done_with_one_goal_and_a_meeting_is_for_a_goal_or_just_talk(life):
    first = life.book(MET, session="kick-off")
    life.pass_to(MET + timedelta(hours=3), timedelta(hours=1))
    life.mails()
    link = life.followup("ana", first)
    assert (
        life.send(life.client.get(life.followup("ben", first)), {"happened": "yes"}, happened="yes").status_code == 303
    )
    assert "Send the slides" not in text_of(life.client.get(link))
    sent = life.send(life.client.get(link), {"happened": "yes"}, happened="yes", line__0__text="Send the slides")
    assert sent.status_code == 303, "it prompts, and never blocks"
    asked = life.client.get(sent.location)
    assert "done once there is one goal" in text_of(asked)
    assert "Send the slides" in asked.get_data(as_text=True)
    done = life.client.get(life.send(asked, {"happened": "yes"}, happened="yes", first_goal="explore").location)
    assert "done once there is one goal" not in text_of(done)
    assert "first goal" not in text_of(life.client.get(link))
    assert "explore" in text_of(goals_page(life, "ana"))

    second, third = life.book(MET + timedelta(days=7)), life.book(MET + timedelta(days=14))
    (goal,) = calls(life, "ana")("GET", f"/pairs/{life.pair_id}/goals").json["goals"]
    asks = life.client.get(life.meeting("ana", second))
    assert "What is this meeting for?" in text_of(asks)
    assert life.send(asks, {"goal": None}, goal=str(goal["id"])).status_code == 303
    assert "explore" not in points(life, "ben", second), "a goal that is not shared"
    assert life.send(life.client.get(life.meeting("ana", third)), {"goal": None}, goal="").status_code == 303
    assert "No goal, just talk" in points(life, "ben", third)
    life.pass_to(MET + timedelta(days=15))
    report = calls(life, "ana")("GET", f"/pairs/{life.pair_id}/goals").json["report"]
    assert report == {"linked": 1, "just_talk": 1, "unsaid": 1}
    assert "1 for a goal, 1 just to talk, 1 for nothing in particular" in text_of(goals_page(life, "ana"))


@pytest.mark.parametrize("booked_before", [True, False])
def test_e10_the_day_of_a_review_brings_a_point_to_an_agenda_and_no_alarm(life, booked_before):
    half_said = act(life, "ana", "add", text="Speak up in the lab", state="open")
    assert half_said.status_code == 422
    assert "how you will know" in text_of(half_said)
    wanted = GOAL | {"state": "open", "review_on": "2027-02-05"}
    assert act(life, "ana", "add", **wanted).status_code == 303
    told = text_of(goals_page(life, "ana"))
    assert "I will know it worked when I asked one question a week" in told
    assert "until" in told
    meeting = life.book(MET) if booked_before else None
    life.mails()
    life.pass_to(at("2027-02-04T23:00+00:00"))
    if booked_before:
        assert "A look at a goal" not in points(life, "ana", meeting)
    life.pass_to(at("2027-02-05T09:00+00:00"))
    meeting = meeting or life.book(at("2027-02-10T15:00+00:00"))
    page = life.client.get(life.meeting("ben", meeting)).get_data(as_text=True)
    assert page.count('value="A look at a goal: still the right one?"') >= 1
    assert "Speak up" not in page, "agendas are in calendars"
    sent = life.mails()
    assert not [mail for mail in sent if "goal" in mail["Subject"].lower()]
    life.pass_to(at("2027-02-07T09:00+00:00"))
    agenda = calls(life, "ana")("GET", f"/meetings/{meeting}").json["agenda"]
    assert sum("A look at a goal" in str(point) for point in agenda) <= 1


@pytest.mark.parametrize("form", ["csv", "json"])
def test_e10_goals_leave_as_a_file_and_come_back_equal(life, form):
    odd = {"text": '=1+1, "quoted"\nand ünïcode', "worked_when": "'so", "target_on": "2027-06-01", "state": "open"}
    assert act(life, "ana", "add", shared="on", **odd).status_code == 303
    assert act(life, "ana", "add", text="Explore").status_code == 303
    file = life.page("ana", f"/goals/{life.pair_id}/goals.{form}")
    octets = file.data
    if form == "csv":
        rows = list(csv.DictReader(io.StringIO(octets.decode(), newline="")))
        assert rows[0]["text"].startswith("'="), "no formula for a spreadsheet"
    before = calls(life, "ana")("GET", f"/pairs/{life.pair_id}/goals").json["goals"]
    for goal in before:
        assert act(life, "ana", "remove", goal=goal["id"]).status_code == 303
    for _ in range(2):
        assert act(life, "ana", "import", file=(io.BytesIO(octets), f"goals.{form}")).status_code == 303
    after = calls(life, "ana")("GET", f"/pairs/{life.pair_id}/goals").json["goals"]
    assert [goal | {"id": 0} for goal in after] == [goal | {"id": 0} for goal in before]
    assert b"Explore" not in life.page("ben", f"/goals/{life.pair_id}/goals.{form}").data


NO_GOALS = (
    b"", b"\xff\xfe", b"a,b\n1,2\n", b"[1]", b"{", b'{"goals": [{"text": 5}]}', b"[" * 9999,
    b"text,target_on\nx,soon\n", b"text\n" + b"x" * 2000, b"text,state\nx,open\n",
)  # fmt: skip


@pytest.mark.parametrize("file", NO_GOALS, ids=range(len(NO_GOALS)))
def test_e10_a_file_that_is_none_gets_a_sentence_and_changes_nothing(life, file):
    answer = act(life, "ana", "import", file=(io.BytesIO(file), "goals.csv"))
    assert answer.status_code == 422
    assert 'role="alert"' in answer.get_data(as_text=True)
    assert calls(life, "ana")("GET", f"/pairs/{life.pair_id}/goals").json["goals"] == []


def test_e10_a_goal_of_a_hundred_thousand_characters_gets_a_sentence(life):
    answer = act(life, "ana", "add", text="x" * 100_000)
    assert answer.status_code == 422
    assert "at most 1000 characters" in text_of(answer)
    refused = calls(life, "ana")("POST", f"/pairs/{life.pair_id}/goals", {"text": "x" * 100_000})
    assert (refused.status_code, refused.json["errors"][0]["code"]) == (422, "too_long")


def test_e34_the_helper_hears_and_offers_and_never_blocks(life, caplog):
    said = "You should publish. Why didn't you ask? SECRET-TYPED"
    page = goals_page(life, "ben")
    heard = life.send(page, {"kind": None, "action": "check"}, action="check", text=said)
    told = text_of(heard)
    assert heard.status_code == 200
    assert "one option is" in told
    assert "what got in the way?" in told
    assert "SECRET-TYPED" in heard.get_data(as_text=True), "it stays in the form"
    ben = calls(life, "ben")
    assert ben("GET", f"/pairs/{life.pair_id}/suggestions").json["suggestions"] == [], "and nowhere else"
    assert life.send(page, {"kind": None}, text=said).status_code == 303
    assert ben("GET", f"/pairs/{life.pair_id}/suggestions").json["suggestions"][0]["text"] == said
    found = ben(
        "POST", "/wording", {"text": "If I were you, I would never. You always do. You're lazy, obviously."}
    ).json
    assert [each["rule"] for each in found["heard"]] == [
        "in_your_place",
        "i_would_never",
        "always",
        "person",
        "obviously",
    ]
    assert ben("POST", "/wording", {"text": "What have you already tried?"}).json == {"heard": []}
    assert "SECRET-TYPED" not in caplog.text
    assert act(life, "ben", "put_away", moment="wording").status_code == 303
    assert "How does this sound?" not in text_of(goals_page(life, "ben"))
    assert act(life, "ben", "bring_back").status_code == 303
    assert "How does this sound?" in text_of(goals_page(life, "ben"))


def test_e36_what_matters_comes_first_and_an_option_is_taken_changed_or_left(life):
    assert act(life, "ana", "matters", matters="Time with my children").status_code == 303
    assert act(life, "ben", "matters", matters="Publish").status_code == 403
    life.book(MET)
    life.mails()
    life.pass_to(MET - timedelta(hours=20))
    brief = next(mail for mail in life.mails("ben"))
    assert plain(brief).index("Time with my children") < plain(brief).index(
        "no ask" if "no ask" in plain(brief) else "Feb"
    )

    ana, ben, pair = calls(life, "ana"), calls(life, "ben"), f"/pairs/{life.pair_id}"
    life.mails()
    for text in ("Ask Kim", "Say no once", "Work at night"):
        assert act(life, "ben", "suggest", kind="option", text=text).status_code == 303
    assert "One option, from Ben" in text_of(goals_page(life, "ana"))
    ids = [each["id"] for each in ana("GET", f"{pair}/suggestions").json["suggestions"]]
    assert act(life, "ana", "answer", suggestion=ids[0], answer="accept").status_code == 303
    assert act(life, "ana", "answer", suggestion=ids[1], answer="adapt", text="Say no to Dan").status_code == 303
    assert act(life, "ana", "answer", suggestion=ids[2], answer="leave").status_code == 303
    seen = [(each["state"], each["adapted"]) for each in ben("GET", f"{pair}/suggestions").json["suggestions"]]
    assert seen == [("accepted", None), ("adapted", "Say no to Dan"), ("pending", None)], "leaving is told to nobody"
    assert "Work at night" not in text_of(goals_page(life, "ana"))
    assert not life.mails()


def test_e36_the_curtain_leaves_private_parts_out_of_the_page(life):
    act(life, "ana", "add", text="SECRET-GOAL")
    act(life, "ana", "add", text="Open goal", shared="on")
    page = f"/goals/{life.pair_id}"
    assert "SECRET-GOAL" in life.page("ana", page).get_data(as_text=True)
    drawn = life.page("ana", f"{page}?curtain=1").get_data(as_text=True)
    assert "SECRET-GOAL" not in drawn
    assert "Open goal" in drawn
