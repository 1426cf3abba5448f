"""Rows of getting ready: what to prepare and by when, what the mentor reads the day before, not being ready."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from service.catalogue import Words
from service.domain.agenda import AgendaDraft
from service.domain.sessions import SESSIONS
from service.store.tables import CriticalDate, Meeting
from tests.mails import ics_of
from tests.rows.life import at, plain
from tests.web.walk import forms_of, text_of

START = at("2027-02-18T15:00+00:00")  # a Thursday
LONG = timedelta(days=9)


def brief_of(life):
    life.pass_to(START - timedelta(hours=2), step=LONG)
    return plain(next(mail for mail in life.mails("ben") if mail["Subject"] == "About Thursday, 10:00"))


def ask_of(life):
    life.mails()
    life.pass_to(START - timedelta(hours=70), step=LONG)
    (mail,) = [mail for mail in life.mails("ana") if mail["Subject"] == "About Thursday, 15:00"]
    return plain(mail)


def points(life, who, meeting_id):
    page = life.client.get(life.meeting(who, meeting_id))
    form = next(form for form in forms_of(page) if "point.0.text" in form.fields)
    return [value for name, value in form.fields.items() if re.fullmatch(r"point\.\d+\.text", name) and value]


@pytest.mark.parametrize("session", ["check-in", "practice", "debrief"])
def test_e4_the_brief_has_the_ask_to_the_letter_and_one_question_to_ask(life, session):
    asked = life.book(START, session, ask="Be sure of my opening.\nAnd breathe.")
    text = brief_of(life)
    assert "What Ana wants from it | Be sure of my opening. | And breathe." in text
    question = re.search(r"One you might ask: ([^?]+\?)", text)
    assert question, "one coaching prompt for the session type"
    assert text.count("One you might ask") == 1
    assert life.client.get(life.meeting("ben", asked)).status_code == 200


def test_e4_without_an_ask_the_brief_says_so_and_each_session_type_has_its_question(life):
    life.book(START)
    assert "Ana has not said yet what they want from it" in brief_of(life)
    assert len({Words.of("en")(f"question.{key}") for key in SESSIONS}) == len(SESSIONS)


def test_e5_the_help_that_is_wanted_is_kept_with_the_point_and_said_again(life):
    held = life.book(START, agenda=(AgendaDraft("The Q&A", minutes=10, help="listener"), AgendaDraft("Kim", minutes=5)))
    page = life.client.get(life.meeting("ana", held))
    life.send(page, {"point.1.text": None}, point__1__help="introduction", action="save")
    text = brief_of(life)
    assert "The Q&A (10 min, a listener)" in text
    assert "Kim (5 min, an introduction)" in text


def test_e6_a_practice_has_slides_due_two_days_before_and_the_brief_says_ready(life):
    held = life.book(START, "practice")
    page = life.client.get(life.meeting("ana", held))
    assert "Send Ben the slides by Tue 16 Feb" in text_of(page)
    assert "Look at the slides that Ana sent by Wed 17 Feb" in text_of(life.client.get(life.meeting("ben", held)))
    assert "Send Ben the slides (by Tue 16 Feb)" in ask_of(life)
    done = life.client.post(f"{life.meeting('ana', held)}/prepare", data={"done": ["slides"]})
    assert done.status_code == 303
    assert "Ana has done this: Send you" not in text_of(life.client.get(life.meeting("ana", held)))
    assert "Ana has done this: Send Ben the slides" in text_of(life.client.get(life.meeting("ben", held)))
    moved = {"start": "2027-02-19T15:00:00Z", "action": "move"}
    assert life.client.post(f"{life.meeting('ana', held)}/move", data=moved).status_code == 303
    assert "by Wed 17 Feb" in text_of(life.client.get(life.meeting("ana", held))), "it follows the meeting"
    life.client.post(f"{life.meeting('ana', held)}/prepare", data={"done": ["slides", "watch_for", "read_slides"]})
    life.pass_to(START + timedelta(hours=22), step=LONG)
    text = plain(next(mail for mail in life.mails("ben") if mail["Subject"] == "About Friday, 10:00"))
    assert "Ana is ready: the slides and what to watch for." in text
    assert "For you, before: Look at the slides that Ana sent." in text, "hers to tick are hers alone"


@pytest.mark.parametrize("way", ["keep", "shorten", "move"])
def test_e20_the_ask_mail_leads_to_shorten_move_or_keep(life, way):
    held = life.book(START, "goals")
    text = ask_of(life)
    assert "Write down where you want to be" in text
    link = re.search(r"Not ready\? Shorten, move or keep it: http://\S+(/m/\S+)#ready", text)[1]
    page = life.client.get(link)
    form = next(form for form in forms_of(page) if ("way", way) in form.buttons)
    answers = [form.send(life.client, ("way", way)) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    with life.services.database.read() as session:
        meeting = session.get(Meeting, held)
    if way == "keep":
        assert points(life, "ana", held)[0] == "What got in the way"
        assert points(life, "ana", held).count("What got in the way") == 1
        assert "What got in the way (5 min)" in brief_of(life)
    elif way == "shorten":
        assert meeting.ends_at - meeting.starts_at == timedelta(minutes=20)
        assert meeting.starts_at == START
        assert [mail["Subject"] for mail in life.mails("ben")][-1].startswith("Changed: ")
    else:
        assert answers[0].headers["Location"].endswith("/move")
        assert meeting.starts_at == START


def test_e20_the_notice_that_was_agreed_holds_for_who_is_not_ready(life):
    held = life.book(START, "goals")
    life.sign_up(notice="48h")
    life.services.clock.now = START - timedelta(hours=40)
    page = life.client.get(life.meeting("ana", held))
    (form,) = [form for form in forms_of(page) if any(name == "way" for name, _ in form.buttons)]
    assert form.buttons == [("way", "keep")]
    address = f"{life.meeting('ana', held)}/ready"
    assert life.client.post(address, data={"way": "shorten", "minutes": "20"}).status_code == 409
    assert life.client.post(f"{life.meeting('ben', held)}/ready", data={"way": "keep"}).status_code == 403


def test_e29_the_run_the_feedback_and_what_to_listen_for_are_in_the_invitation(life):
    day = {"kind": "presentation", "day": "2027-03-04", "time": "15:00", "run_minutes": "20"}
    life.client.post(f"/p/{life.tokens['ana']}/date", data={"pair": life.pair_id, **day})
    with life.services.database.read() as session:
        date_id = session.scalars(select(CriticalDate.id)).one()
    held = life.book(at("2027-02-26T15:00+00:00"), "practice", date_id)
    listen = f"{life.meeting('ana', held)}/listen"
    assert life.client.post(listen, data={"listen": ["opening", "timing"]}).status_code == 303
    assert life.client.post(listen, data={"listen": ["my-hair"]}).status_code == 422
    assert life.client.post(f"{life.meeting('ben', held)}/listen", data={"listen": ["slides"]}).status_code == 403
    run = points(life, "ben", held).index("The run, without interruption")
    assert points(life, "ben", held)[run + 1 : run + 3] == ["Listen for: the opening", "Listen for: the timing"]
    for who in ("ana", "ben"):
        entry = ics_of(life.mails(who)[-1])
        assert r"The run\, without interruption (20 min)" in entry
        assert r"Two strengths\, two questions\, one change (" in entry, "and the time for feedback"
        assert "Listen for: the opening" in entry
