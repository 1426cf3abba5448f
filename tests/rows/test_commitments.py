"""Rows of what is agreed: written down, answered for honestly, due before the next meeting and moving with it."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import parse_qs, unquote

import pytest
from icalendar import Calendar

from service.operations.meetings import agreed_at_meeting
from service.store.tables import Commitment, Meeting
from tests.rows.life import at, plain
from tests.web.walk import forms_of, link, text_of

MET = at("2027-02-08T15:00+00:00")  # a Monday
NEXT = at("2027-02-25T15:00+00:00")  # a Thursday
DUE = "2027-02-23"  # two working days before it


def follow_up(life, meeting_id):
    return f"/f/{link(life.services, 'followup', life.ids['ana'], pair_id=life.pair_id, meeting_id=meeting_id)}"


def agreed(life, meeting_id):
    with life.services.database.read() as session:
        return agreed_at_meeting(session, session.get(Meeting, meeting_id))


def page_of(life, who, line):
    return life.page(who, f"/agreed/{line.id}")


def say(life, who, line, state, **more):
    """What the page's form for it sends."""
    wanted = "renegotiate" if state == "renegotiated" else "state"
    form = next(form for form in forms_of(page_of(life, who, line)) if ("due_on" in form.fields) == (wanted != "state"))
    return form.send(life.client, ("state", state), **more)


@pytest.fixture
def two(life):
    """They met, and wrote down what each will do; the next meeting is booked."""
    met = life.book(MET)
    ahead = life.book(NEXT)
    life.pass_to(MET + timedelta(minutes=25), step=timedelta(days=4))
    for fields in (
        {"text": "Write the opening", "owner": life.ids["ana"]},
        {"text": "Read https://example.org/openings", "owner": life.ids["ana"], "kind": "read"},
        {"text": "Meet Kim", "owner": life.ids["ana"], "kind": "meet"},
        {"text": "A course on slides", "owner": life.ids["ana"], "kind": "learn"},
        {"text": "Find my old slides", "owner": life.ids["ben"]},
        {"text": "Think about a title"},
    ):
        assert life.client.post(f"{life.meeting('ben', met)}/agree", data=fields).status_code == 303
    life.pass_to(MET + timedelta(hours=3), step=timedelta(hours=3))
    return life, met, ahead


def line_called(life, met, text):
    return next(line for line in agreed(life, met) if text in line.text)


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("done", None),
        ("moving", "Ana: moving"),
        ("stuck", "Ana: stuck"),
        ("renegotiated", "Ana: new date Mon 15 Mar: it is bigger than it looked"),
    ],
)
def test_e19_each_honest_answer_is_a_click_from_the_mail_and_a_line_for_the_mentor(two, state, told):
    life, met, _ = two
    life.mails()
    life.pass_to(NEXT - timedelta(hours=71), step=timedelta(days=6))
    (asked,) = [mail for mail in life.mails("ana") if "What do you want" in plain(mail)]
    line = line_called(life, met, "opening")
    url = re.search(rf"(/p/[\w-]+/agreed/{line.id})\s", asked.get_body(("plain",)).get_content())[1]
    assert life.client.get(url).status_code == 200
    before = (line.state, line.answered_at)
    line = line_called(life, met, "opening")
    assert (line.state, line.answered_at) == before, "opening a link answers nothing"
    more = {"due_on": "2027-03-15", "reason": "bigger"} if state == "renegotiated" else {}
    assert say(life, "ana", line, state, **more).status_code == 303
    assert line_called(life, met, "opening").state == state
    life.pass_to(NEXT - timedelta(hours=2), step=timedelta(days=6))
    briefs = [mail for mail in life.mails("ben") if mail["Subject"] == "About Thursday, 10:00"]
    text = plain(briefs[0])
    assert f"Write the opening ({told or 'Ana: done'})" in text
    assert not re.search("overdue|late|failed", text, re.IGNORECASE)
    assert life.page("ben", f"/agreed/{line.id}").status_code == 200
    refused = life.client.post(f"/p/{life.tokens['ben']}/agreed/{line.id}", data={"state": "done"})
    assert refused.status_code == 403, "it is not his to answer"


def test_e21_what_has_no_owner_or_date_is_asked_for_and_the_mentors_is_treated_alike(two):
    life, met, _ = two
    assert [line.owner_id for line in agreed(life, met) if line.owner_id is None] == [None]
    page = life.client.get(follow_up(life, met))
    assert "Think about a title" in page.text
    form = next(form for form in forms_of(page) if "line.5.text" in form.fields)
    assert form.fields["line.0.due_on"] == DUE
    answer = form.send(life.client, ("happened", "yes"), **{"line.5.owner": str(life.ids["ana"]), "line.5.must": "no"})
    assert answer.status_code == 303
    loose = line_called(life, met, "title")
    assert (loose.owner_id, loose.must, loose.due_on.isoformat(), loose.pinned) == (life.ids["ana"], False, DUE, False)
    life.mails()
    life.pass_to(NEXT - timedelta(hours=2), step=timedelta(days=6))
    brief = plain(next(mail for mail in life.mails("ben") if mail["Subject"] == "About Thursday, 10:00"))
    assert "How does each of these stand? - Find my old slides" in brief
    assert "Think about a title (Ana, by Tue 23 Feb and would be nice)" in brief
    assert say(life, "ben", line_called(life, met, "old slides"), "stuck").status_code == 303
    assert "stuck" in life.text("ana")


def test_e22_due_two_working_days_before_and_moving_with_the_meeting_unless_pinned(two):
    life, met, ahead = two
    opening, slides = line_called(life, met, "opening"), line_called(life, met, "old slides")
    assert (opening.due_on.isoformat(), slides.due_on.isoformat()) == (DUE, DUE)
    say(life, "ben", slides, "renegotiated", due_on="2027-02-19", reason="time")
    life.mails()
    page = f"{life.meeting('ana', ahead)}/move"
    moved = life.client.post(page, data={"start": "2027-03-02T15:00:00Z", "action": "move"})
    assert moved.status_code == 303
    assert line_called(life, met, "opening").due_on.isoformat() == "2027-02-26", "over a weekend"
    assert line_called(life, met, "old slides").due_on.isoformat() == "2027-02-19", "that day was chosen"
    mails = {mail["To"].addresses[0].username: plain(mail) for mail in life.mails()}
    assert "it is due by Fri 26 Feb now" in mails["ana"]
    assert "it is due by" not in mails["ben"]
    life.client.post(f"{life.meeting('ana', ahead)}/cancel")
    assert line_called(life, met, "opening").due_on.isoformat() == "2027-02-26", "nothing to follow: it stays"


def test_e23_one_line_taken_from_a_reading_reaches_the_mentor(two):
    life, met, _ = two
    reading = line_called(life, met, "openings")
    assert "One thing you took from it" in text_of(page_of(life, "ana", reading))
    assert "One thing you took" not in text_of(page_of(life, "ana", line_called(life, met, "opening")))
    say(life, "ana", reading, "done", took="Begin with the question")
    life.mails()
    life.pass_to(NEXT - timedelta(hours=2), step=timedelta(days=6))
    brief = plain(next(mail for mail in life.mails("ben") if mail["Subject"] == "About Thursday, 10:00"))
    assert "(Ana: done. One thing taken from it: Begin with the question)" in brief
    say(life, "ana", line_called(life, met, "opening"), "done")
    life.book(at("2027-03-11T15:00+00:00"))
    life.pass_to(at("2027-03-11T13:30+00:00"), step=timedelta(days=5))
    later = plain([mail for mail in life.mails("ben") if mail["Subject"] == "About Thursday, 10:00"][-1])
    assert "Begin with the question" not in later, "told once"


def test_e24_a_class_is_held_in_the_calendar_of_whoever_takes_it_and_in_no_other(two):
    life, met, _ = two
    course = line_called(life, met, "course")
    address = f"/agreed/{course.id}"
    assert life.page("ana", f"{address}/hold.ics").status_code == 404, "as long as it has no days"
    backwards = life.send(life.page("ana", address), {"first": None}, first="2027-03-12", last="2027-03-01")
    assert backwards.status_code == 422
    life.send(life.page("ana", address), {"first": None}, first="2027-03-01", last="2027-03-12")
    entries = Calendar.from_ical(life.page("ana", f"{address}/hold.ics").data)
    assert entries["METHOD"] == "PUBLISH"
    held = [
        (event["SUMMARY"], event["DTSTART"].dt.isoformat(), event["DTEND"].dt.isoformat(), event["CLASS"])
        for event in entries.walk("VEVENT")
    ]
    assert held == [
        ("Hold", "2027-03-01", "2027-03-13", "PRIVATE"),
        ("Hold: halfway", "2027-03-06", "2027-03-07", "PRIVATE"),
    ]
    assert b"ATTENDEE" not in life.page("ana", f"{address}/hold.ics").data
    assert b"course" not in life.page("ana", f"{address}/hold.ics").data
    assert life.page("ben", f"{address}/hold.ics").status_code == 403
    assert "hold.ics" not in life.page("ben", address).text


def test_e25_an_introduction_leaves_from_the_mentors_own_mail_and_we_mail_nobody(two):
    life, met, _ = two
    life.send(life.client.get(follow_up(life, met)), {"happened": None})
    kim = line_called(life, met, "Kim")
    life.mails()
    life.pass_to(MET + timedelta(hours=26), step=timedelta(hours=12))
    listed = next(mail for mail in life.mails("ben") if "An introduction to write" in plain(mail))
    draft = re.search(r"mailto:\S+", listed.get_body(("plain",)).get_content())[0]
    assert draft.startswith("mailto:?"), "only the mentor knows to whom"
    fields = parse_qs(draft.partition("?")[2])
    assert fields["cc"] == ["ana@example.org"]
    assert fields["subject"] == ["An introduction: Ana Lima"]
    assert "\r\n" in fields["body"][0]
    assert draft.replace("&", "&amp;") in life.page("ben", f"/agreed/{kim.id}").text
    assert "mailto:" not in life.page("ana", f"/agreed/{kim.id}").text
    buttons = text_of(life.page("ana", f"/agreed/{kim.id}"))
    assert (" met " in buttons, " not yet " in buttons) == (True, True)
    say(life, "ana", kim, "moving")
    assert line_called(life, met, "Kim").state == "moving"
    say(life, "ana", kim, "done")
    thanks = re.search(r'href="(mailto:[^"]+)"', life.page("ana", f"/agreed/{kim.id}").text)[1]
    assert "thank you for your time" in unquote(thanks)
    sent = {sent.recipient for sent in life.services.mailer.sent}
    assert sent <= {"ana@example.org", "ben@example.org"}


def test_a_line_may_be_written_and_answered_by_the_api(two):
    life, met, _ = two
    made = life.client.post(
        f"/api/v1/meetings/{met}/commitments",
        json={"text": "Read the other piece", "owner": life.ids["ana"], "kind": "read"},
        headers=life.api("ana"),
    )
    assert (made.status_code, made.json["due_on"], made.json["pinned"]) == (201, DUE, False)
    said = {"state": "renegotiated", "due_on": "2027-03-01", "reason": "waiting"}
    address = f"/api/v1/commitments/{made.json['id']}"
    assert life.client.patch(address, json=said, headers=life.api("ben")).status_code == 403
    answered = life.client.patch(address, json=said, headers=life.api("ana"))
    assert {name: answered.json[name] for name in said} == said
    assert life.client.patch(address, json={"state": "late"}, headers=life.api("ana")).status_code == 422
    with life.services.database.read() as session:
        assert session.get(Commitment, made.json["id"]).pinned
