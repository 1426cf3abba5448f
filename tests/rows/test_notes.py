"""Rows of what is one's own: thoughts, what one sits with, questions that wait, stories, and the sealed debrief."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.catalogue import Words
from service.domain.reflection import AT_ONCE, PROMPTS, prompts_for
from tests.rows.life import at, plain
from tests.web.walk import forms_of, text_of

MET = at("2027-02-08T15:00+00:00")


def calls(life, who):
    headers = life.api(who)

    def call(method, path, body=None):
        return life.client.open(f"/api/v1{path}", method=method, json=body, headers=headers)

    return call


def notes_page(life, who, more=""):
    return life.page(who, f"/notes/{life.pair_id}{more}")


def act(life, who, what, **typed):
    return life.client.post(f"/p/{life.tokens[who]}/notes/{life.pair_id}/{what}", data=typed)


@pytest.fixture
def met(life):
    """A meeting that is over by an hour and a half, with the mails that came of it; its id."""
    made = life.book(MET, session="debrief")
    life.mails()
    life.pass_to(MET + timedelta(hours=3), timedelta(hours=1))
    return made


def test_e15_not_sure_yet_is_an_answer_that_stays_as_something_to_sit_with(life, met):
    prompt = prompts_for(0)[0]
    assert act(life, "ana", "reflect", meeting=met, unsure=prompt).status_code == 303
    told = text_of(notes_page(life, "ana"))
    assert "Sitting with it" in told
    (note,) = calls(life, "ana")("GET", f"/pairs/{life.pair_id}/notes").json["notes"]
    assert (note["kind"], note["prompt"], note["text"]) == ("sitting", prompt, None)
    said = Words.of("en")
    for page in (notes_page(life, "ana"), notes_page(life, "ben"), life.page("ana"), life.page("ben")):
        words = set(text_of(page).lower().split())
        assert not words & {"score", "rating", "points", "streak", "grade", "overdue", "stars"}
    assert said("page.reflect.unsure") in told


def test_e16_a_question_comes_back_on_the_day_that_the_mentee_picks(life, met):
    ask = {"text": "What would be enough?"}
    assert calls(life, "ana")("POST", f"/pairs/{life.pair_id}/questions", ask).status_code == 403
    assert act(life, "ben", "ask", **ask).status_code == 303
    assert act(life, "ben", "ask", text="And then?").status_code == 422, "one at a time"
    page = notes_page(life, "ana")
    assert "You need not answer" in text_of(page)
    life.send(page, {"how": None, "question": None}, how="later", back_on="2027-02-20")
    assert "You need not answer" not in text_of(notes_page(life, "ana"))
    life.services.clock.now = at("2027-02-20T09:00+00:00")
    page = notes_page(life, "ana")
    assert "You need not answer" in text_of(page), "the day is here"
    life.send(page, {"how": None, "question": None}, how="keep", answer="SECRET-ANSWER")
    assert "You need not answer" not in text_of(notes_page(life, "ana")), "once"
    for who_sees in ("answered and kept", "SECRET-ANSWER"):
        assert who_sees not in notes_page(life, "ben").get_data(as_text=True)
    ben = calls(life, "ben")
    (seen,) = ben("GET", f"/pairs/{life.pair_id}/questions").json["questions"]
    assert (seen["state"], seen["answer"], seen["back_on"]) == ("open", None, None)
    kept = {"how": "keep", "answer": "SECRET-ANSWER", "shared": True}
    assert calls(life, "ana")("PATCH", f"/questions/{seen['id']}", kept).status_code == 200
    told = notes_page(life, "ben").get_data(as_text=True)
    assert "answered and kept" in told
    assert "SECRET-ANSWER" not in told
    assert ben("PATCH", f"/questions/{seen['id']}", kept).status_code == 404
    assert act(life, "ana", "question", question=seen["id"], how="dismiss").status_code == 303
    assert "What would be enough?" not in text_of(notes_page(life, "ana"))


def test_e17_three_questions_for_the_mentee_alone_that_come_in_turn(life, met):
    (followup,) = [mail for mail in life.mails("ana") if "/f/" in plain(mail)]
    assert "/f/" in plain(followup)
    assert not [mail for mail in life.mails("ben") if "/f/" in plain(mail)], "the mentor's copy has none"
    after = life.client.get(life.followup("ana", met)).get_data(as_text=True)
    assert f"/notes/{life.pair_id}" in after
    assert f"/notes/{life.pair_id}" not in life.client.get(life.followup("ben", met)).get_data(as_text=True)
    form = next(form for form in forms_of(notes_page(life, "ana")) if form.action.endswith("/reflect"))
    asked = [name for name in form.fields if name.startswith("thought.")]
    assert len(asked) == AT_ONCE
    assert set(PROMPTS) == {key for nth in range(4) for key in prompts_for(nth)}
    form.send(life.client, **{asked[0]: "SECRET-ONE", asked[1]: "SECRET-TWO"})
    ana, ben = calls(life, "ana"), calls(life, "ben")
    mine = ana("GET", f"/pairs/{life.pair_id}/notes").json["notes"]
    assert ben("GET", f"/pairs/{life.pair_id}/notes").json["notes"] == []
    assert "SECRET" not in notes_page(life, "ben").get_data(as_text=True)
    assert "SECRET" not in notes_page(life, "ana", "?curtain=1").get_data(as_text=True)
    first = next(note for note in mine if note["text"] == "SECRET-ONE")
    assert act(life, "ana", "share", note=first["id"], share="yes").status_code == 303
    closed = notes_page(life, "ben")
    assert "SECRET" not in closed.get_data(as_text=True), "looking is not reading"
    assert "read it:" not in text_of(notes_page(life, "ana"))
    life.send(closed, {"note": str(first["id"])})
    opened = notes_page(life, "ben").get_data(as_text=True)
    assert "SECRET-ONE" in opened
    assert "SECRET-TWO" not in opened
    assert "Ben read it:" in text_of(notes_page(life, "ana"))
    assert act(life, "ana", "share", note=first["id"], share="no").status_code == 303
    assert "SECRET-ONE" not in notes_page(life, "ben").get_data(as_text=True)
    assert ben("PATCH", f"/notes/{first['id']}", {"shared": True}).status_code == 404
    assert act(life, "ana", "put_away", moment="reflect").status_code == 303
    assert "Two minutes" not in text_of(notes_page(life, "ana"))
    shown = next(form for form in forms_of(notes_page(life, "ana")) if form.action.endswith("/bring_back"))
    assert shown.send(life.client).status_code == 303
    assert "Two minutes" in text_of(notes_page(life, "ana"))


def test_e18_a_story_becomes_what_i_will_try(life, met):
    parts = {"text": "SECRET-STORY", "alike": "I fear it too", "unlike": "I have a team", "trying": "Ask Kim"}
    for _ in range(2):
        assert act(life, "ana", "story", act="on", **parts).status_code == 303
    told = text_of(notes_page(life, "ana"))
    assert all(words in told for words in parts.values())
    assert "SECRET-STORY" not in notes_page(life, "ben").get_data(as_text=True)
    assert life.text("ben").count("Ask Kim") == 1, "what she will try is among what they agreed"
    assert act(life, "ana", "story", text="x" * 100_000).status_code == 422


@pytest.mark.parametrize("passes", [False, True])
def test_e33_neither_reads_the_others_debrief_before_both_are_in_or_the_mentee_passes(life, met, passes):
    ana, ben, path = calls(life, "ana"), calls(life, "ben"), f"/meetings/{met}/debrief"
    assert ben("PUT", path, {"skip": True}).status_code == 403
    assert ben("PUT", path, {"text": "BENS-WORDS"}).json == {"own": "BENS-WORDS", "theirs": None, "open": False}
    assert ana("GET", path).json["theirs"] is None
    assert "BENS-WORDS" not in notes_page(life, "ana").get_data(as_text=True)
    if passes:
        assert act(life, "ana", "debrief", meeting=met, action="skip").status_code == 303
    else:
        assert act(life, "ana", "debrief", meeting=met, action="write", debrief="ANAS-WORDS").status_code == 303
        assert "ANAS-WORDS" in notes_page(life, "ben").get_data(as_text=True)
    assert "BENS-WORDS" in notes_page(life, "ana").get_data(as_text=True)
    ben("PUT", path, {"text": "CHANGED"})
    assert ana("GET", path).json["theirs"] == "BENS-WORDS", "what is unsealed stays as it was"


def test_e33_the_mentees_words_are_sealed_as_well(life, met):
    ana, ben, path = calls(life, "ana"), calls(life, "ben"), f"/meetings/{met}/debrief"
    assert ana("PUT", path, {"text": "ANAS-WORDS"}).status_code == 200
    assert ben("GET", path).json == {"own": None, "theirs": None, "open": False}
    assert "ANAS-WORDS" not in notes_page(life, "ben").get_data(as_text=True)
