"""The day before a day that somebody chose, its owner is asked how it stands: once, kindly, and not after an answer."""

from __future__ import annotations

from datetime import timedelta
from email.policy import SMTP

import pytest
from sqlalchemy import select

from service.domain.errors import MailRefused
from service.operations.cadence import NUDGES
from service.operations.meetings import agreed_at_meeting
from service.store import outbox
from service.store.tables import Meeting, OutboxRow
from tests.mail_linter import lint
from tests.rows.life import at, plain
from tests.web.walk import forms_of

MET = at("2027-02-08T15:00+00:00")  # a Monday
CHOSEN = "2027-02-17"
EVE = at("2027-02-16T09:00+00:00")  # Ana is in Lisbon, where it is nine as well
HOUR = timedelta(hours=1)
FIND, SUBJECT = "A time for the next meeting", "Something for tomorrow"


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


def by_ourselves(life, *mails):
    """Waiting for Ana since some time: what we ask by ourselves, each with the moment at which it is due."""
    with life.services.database.write() as session:
        for kind, due_at in mails:
            about = {"pair_id": life.pair_id, "due_at": due_at}
            outbox.add(session, life.services.clock(), kind, life.ids["ana"], dedup=f"test:{kind}", **about)


def states(life):
    with life.services.database.read() as session:
        rows = session.scalars(select(OutboxRow).where(OutboxRow.kind.in_(NUDGES)).order_by(OutboxRow.due_at))
        return [(row.kind, row.state) for row in rows if row.person_id == life.ids["ana"]]


@pytest.mark.databases
def test_what_we_ask_within_three_hours_is_one_mail_with_one_thing_to_do(promised):
    life, _ = promised
    by_ourselves(life, ("book-nudge", EVE - HOUR), ("midpoint", EVE + HOUR))
    life.pass_to(EVE - HOUR - timedelta(minutes=1))
    assert life.mails("ana") == []
    life.pass_to(EVE - HOUR)
    [mail] = life.mails("ana")
    assert mail["Subject"] == FIND
    said = plain(mail)
    for words in ("Write the opening", "Ask Kim", "You and Ben are about half-way", "Choose a time"):
        assert words in said, words
    assert said.index("Choose a time") < said.index("/pulse/")
    assert mail["Supersedes"].count("@") == 2
    assert lint(mail.as_bytes(policy=SMTP)) == []
    life.pass_to(EVE + 5 * HOUR, step=HOUR / 2)
    assert life.mails("ana") == []
    assert states(life) == [("book-nudge", "sent"), ("action-nudge", "cancelled"), ("midpoint", "cancelled")]
    life.pass_to(EVE + timedelta(days=6))
    assert [mail["Subject"] for mail in life.mails("ana") if "half-way" in plain(mail)] == [], "it was told"


@pytest.mark.parametrize(("ends", "told"), [("dead", [SUBJECT]), ("cancelled", [SUBJECT]), ("sent", [FIND])])
def test_what_would_have_gone_along_with_a_mail_that_never_arrives_goes_by_itself(promised, ends, told):
    """The first try is refused for good, or it is no longer so; or it is refused for now, and goes a little later."""
    life, _ = promised
    by_ourselves(life, ("book-nudge", EVE - HOUR))
    if ends == "cancelled":
        life.book(EVE + timedelta(days=2, hours=6))
        life.mails()
    faults = [] if ends == "cancelled" else [MailRefused("mail_refused", permanent=ends == "dead")]

    def refuse(step):
        if step == "deliver" and faults:
            raise faults.pop()

    life.services.mailer.fault = refuse
    life.pass_to(EVE - 2 * HOUR)
    life.pass_to(EVE + HOUR, step=timedelta(minutes=15))
    got = [mail for mail in life.mails("ana") if mail["Subject"] in {FIND, SUBJECT}]
    assert [mail["Subject"] for mail in got] == told
    assert "Ask Kim" in plain(got[0])
    assert states(life)[0] == ("book-nudge", ends)
