"""The day before a day that somebody chose, its owner is asked how it stands: once, kindly, and not after an answer."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.operations.meetings import agreed_at_meeting
from service.store.tables import Meeting
from tests.rows.life import at, plain
from tests.web.walk import forms_of

MET = at("2027-02-08T15:00+00:00")  # a Monday
CHOSEN = "2027-02-17"
EVE = at("2027-02-16T09:00+00:00")  # Ana is in Lisbon, where it is nine as well
SUBJECT = "Something for tomorrow"


@pytest.fixture
def promised(life):
    """They met; Ana chose a day for two things, Ben for one, and a fourth follows the next meeting."""
    met = life.book(MET)
    life.pass_to(MET + timedelta(minutes=25), step=timedelta(days=4))
    for who, text, day in (
        ("ana", "Write the opening", CHOSEN),
        ("ana", "Ask Kim", CHOSEN),
        ("ben", "Find my old slides", CHOSEN),
        ("ana", "Think about a title", ""),
    ):
        said = {"text": text, "owner": life.ids[who], "due_on": day}
        assert life.client.post(f"{life.meeting('ben', met)}/agree", data=said).status_code == 303
    life.pass_to(MET + timedelta(days=2))
    life.mails()
    return life, met


def asked(life, who):
    return [mail for mail in life.mails(who) if mail["Subject"] == SUBJECT]


def answer(life, met, text, state, **more):
    with life.services.database.read() as session:
        line = next(each for each in agreed_at_meeting(session, session.get(Meeting, met)) if each.text == text)
    page = life.page("ana", f"/agreed/{line.id}")
    form = next(form for form in forms_of(page) if ("due_on" in form.fields) == bool(more))
    assert form.send(life.client, ("state", state), **more).status_code == 303


def test_both_lines_of_a_day_are_one_mail_in_the_morning_before(promised):
    life, _ = promised
    life.pass_to(EVE - timedelta(minutes=1))
    assert asked(life, "ana") == []
    life.pass_to(EVE, step=timedelta(minutes=1))
    [mail] = asked(life, "ana")
    assert "Write the opening" in plain(mail)
    assert "Ask Kim" in plain(mail)
    assert "Think about a title" not in plain(mail)
    assert "opening" not in str(mail["Subject"])
    assert asked(life, "ben") == []
    life.pass_to(EVE + timedelta(hours=5), step=timedelta(minutes=30))  # nine in New York
    [mail] = asked(life, "ben")
    assert "Find my old slides" in plain(mail)
    life.pass_to(EVE + timedelta(days=9))
    assert asked(life, "ana") + asked(life, "ben") == []


def test_what_was_answered_is_not_asked_about(promised):
    life, met = promised
    answer(life, met, "Write the opening", "done")
    answer(life, met, "Ask Kim", "renegotiated", due_on="2027-02-24", reason="time")
    life.pass_to(EVE + timedelta(days=3))
    assert asked(life, "ana") == []
    life.pass_to(EVE + timedelta(days=8))
    [mail] = asked(life, "ana")
    assert "Ask Kim" in plain(mail)
    assert "Write the opening" not in plain(mail)


def test_one_who_wants_fewer_mails_or_pauses_is_not_asked(promised):
    life, _ = promised
    assert life.client.post(f"/p/{life.tokens['ana']}/mails", data={"mails": "fewer"}).status_code == 303
    life.pass_to(EVE + timedelta(days=3))
    assert asked(life, "ana") == []
