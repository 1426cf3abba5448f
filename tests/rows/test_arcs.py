"""Rows of the dates that matter: the arc around one, booked whole or in part, and the word the day before."""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select

from service.operations import arcs
from service.operations.arcs import DateInput
from service.store.tables import CriticalDate, Pair
from tests.rows.life import at, plain
from tests.web.walk import forms_of, text_of

LABEL = "SECRET-LABEL"
DAY = at("2027-03-04T15:00+00:00")  # a Thursday, 15:00 in Lisbon


def date_of(life, day="2027-03-04", **more):
    """Added on the page, by the mentee; its id."""
    said = {"pair": life.pair_id, "kind": "presentation", "day": day, "time": "15:00", "label": LABEL} | more
    assert life.client.post(f"/p/{life.tokens['ana']}/date", data=said).status_code == 303
    with life.services.database.read() as session:
        return session.scalars(select(CriticalDate.id).order_by(CriticalDate.id.desc())).first()


def arc_page(life, date_id):
    return life.page("ana", f"/arc/{date_id}")


def book(life, page, **typed):
    (form,) = [form for form in forms_of(page) if any(name.startswith("start.") for name in form.fields)]
    return form.send(life.client, **typed)


def test_e28_a_whole_arc_is_booked_at_once_each_part_in_its_days(life):
    date_id = date_of(life, run_minutes="20")
    page = arc_page(life, date_id)
    assert len(re.findall(r'role="listitem"', page.text)) == 5, "shape, practice, word, the date, debrief"
    assert page.text.count("<title>") == 6, "each mark says what it is"
    assert book(life, page).status_code == 303
    shape, practice, debrief = life.meetings()
    assert [meeting.session for meeting in (shape, practice, debrief)] == ["shape", "practice", "debrief"]
    assert shape.ends_at <= practice.starts_at < practice.ends_at < DAY < DAY + timedelta(hours=1) <= debrief.starts_at
    days = [(meeting.starts_at.date() - DAY.date()).days for meeting in (shape, practice, debrief)]
    assert -15 <= days[0] <= -8 <= days[1] <= -3 < 0 <= days[2] <= 3
    again = text_of(arc_page(life, date_id))
    assert again.count("· booked") == 3
    assert LABEL in again
    mails = life.mails()
    assert len(mails) == 6, "an invitation to each for each"
    assert all(LABEL not in mail.as_string() for mail in mails)


def test_e28_the_parts_that_are_ticked_or_none_when_one_has_gone(life):
    date_id = date_of(life)
    page = arc_page(life, date_id)
    starts = dict(re.findall(r'name="start\.(\w+)" value="([^"]+)"', page.text))
    life.book(at(starts["debrief"].replace("Z", "+00:00")))
    refused = book(life, page)
    assert refused.status_code in {409, 422}
    assert "nothing was booked" in text_of(refused)
    assert [meeting.session for meeting in life.meetings()] == ["check-in"]
    assert book(life, refused, part=["practice"]).status_code == 303
    assert [meeting.session for meeting in life.meetings()] == ["practice", "check-in"]
    assert "not booked" in arc_page(life, date_id).text


def test_e28_short_lead_shrinks_and_says_so_and_no_common_time_offers_words_instead(life):
    soon = date_of(life, "2027-02-04")
    page = text_of(arc_page(life, soon))
    assert "There is little time left" in page
    assert life.client.post(f"/p/{life.tokens['ben']}/hours", data={"hours": "Sun 03:00-03:05"}).status_code == 303
    none = text_of(arc_page(life, date_of(life, "2027-03-11")))
    assert "You could send Ben a recording and ask for a few lines back" in none
    assert "Book these" not in none
    past = life.client.post(
        f"/p/{life.tokens['ana']}/date", data={"pair": life.pair_id, "kind": "exam", "day": "2027-01-04"}
    )
    assert past.status_code == 422


def test_e28_a_date_that_moves_keeps_what_is_booked_and_asks_about_it(life):
    date_id = date_of(life)
    book(life, arc_page(life, date_id), part=["practice"])
    (practice,) = life.meetings()
    life.mails()
    moved = {"pair": life.pair_id, "date": date_id, "kind": "presentation", "day": "2027-03-18", "time": "15:00"}
    life.client.post(f"/p/{life.tokens['ana']}/date", data=moved)
    assert [meeting.starts_at for meeting in life.meetings()] == [practice.starts_at]
    life.pass_to(life.services.clock.now + timedelta(hours=1))
    assert [mail["To"].addresses[0].username for mail in life.mails()] == ["ana"]
    page = arc_page(life, date_id)
    debrief = re.search(r'name="start\.debrief" value="([^"]+)"', page.text)[1]
    assert at(debrief.replace("Z", "+00:00")) > at("2027-03-18T15:00+00:00"), "what is open follows"
    life.client.post(f"/p/{life.tokens['ana']}/drop_date", data={"date": date_id})
    assert arc_page(life, date_id).status_code == 404


def test_e28_arcs_that_overlap_and_one_within_another(life):
    with life.services.database.write() as session:
        pair = session.get(Pair, life.pair_id)
        until = at("2027-03-12T18:00").replace(tzinfo=None)
        first = DateInput("conference", at("2027-03-10T09:00").replace(tzinfo=None), "Europe/Berlin", until)
        arcs.add_date(session, life.services.clock(), pair, first)
    date_of(life, "2027-03-11")  # the talk there
    date_of(life, "2027-03-12")
    with life.services.database.read() as session:
        ids = session.scalars(select(CriticalDate.id).order_by(CriticalDate.id)).all()
    for date_id in ids:
        answer = book(life, arc_page(life, date_id))
        assert answer.status_code == 303, text_of(answer)
    held = sorted((meeting.starts_at, meeting.ends_at) for meeting in life.meetings())
    assert len(held) == 8
    assert all(before[1] <= after[0] for before, after in pairwise(held)), "nothing twice"


@pytest.mark.parametrize(("shared", "allowed"), [(True, True), (False, True), (True, False)])
def test_e28_the_word_the_day_before_if_the_mentee_allowed_it(life, shared, allowed):
    date_id = date_of(life, shared_label="SHARED-LABEL")
    if allowed:
        life.sign_up(day_word="yes")
    if shared:
        life.client.post(f"/p/{life.tokens['ana']}/share_date", data={"date": date_id})
    life.mails()
    life.pass_to(DAY - timedelta(hours=26), step=timedelta(days=32))
    assert [mail for mail in life.mails("ben") if mail["Subject"] == "About tomorrow"] == [], "not before nine there"
    life.pass_to(DAY - timedelta(hours=24))
    words = [mail for mail in life.mails() if mail["Subject"] == "About tomorrow"]
    assert len(words) == (shared and allowed)
    for mail in words:
        text = plain(mail)
        assert mail["To"].addresses[0].username == "ben"
        assert "Ana presents tomorrow, at 15:00 in Lisbon. A word from you?" in text
        assert re.search(r"Write to Ana: mailto:ana@example\.org\?subject=", text)
        assert "LABEL" not in mail.as_string()


def test_e28_no_word_about_a_date_that_moved_or_is_off(life):
    life.sign_up(day_word="yes")
    ids = [date_of(life), date_of(life, "2027-03-05")]
    for date_id in ids:
        life.client.post(f"/p/{life.tokens['ana']}/share_date", data={"date": date_id})
    moved = {"pair": life.pair_id, "date": ids[0], "kind": "presentation", "day": "2027-03-09", "time": "15:00"}
    life.client.post(f"/p/{life.tokens['ana']}/date", data=moved)
    life.client.post(f"/p/{life.tokens['ana']}/drop_date", data={"date": ids[1]})
    for moment in ("2027-03-04T08:00", "2027-03-04T15:00", "2027-03-08T08:00", "2027-03-08T15:00", "2027-03-09T12:00"):
        life.pass_to(at(f"{moment}+00:00"), step=timedelta(days=40))
    words = [mail for mail in life.mails() if mail["Subject"] == "About tomorrow"]
    assert [mail["Date"].datetime.date().isoformat() for mail in words] == ["2027-03-08"]
