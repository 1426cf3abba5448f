"""Rows of what the mentee says they need, and when: the ask before a meeting, and dates whose name is theirs alone."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from service.store.tables import CriticalDate
from tests.rows.life import at, plain
from tests.web.walk import text_of

MET = at("2027-02-12T15:00+00:00")
LABEL = "SECRET-LABEL"


def asks(mails):
    return [mail for mail in mails if "What do you want from your time with Ben?" in plain(mail)]


def test_e13_an_empty_ask_prompts_the_mentee_once_and_the_brief_says_honestly_that_there_is_none(life):
    life.book(MET)
    life.mails()
    life.pass_to(MET - timedelta(hours=73))
    assert not asks(life.mails("ana"))
    life.pass_to(MET - timedelta(hours=25))
    assert len(asks(life.mails("ana"))) == 1
    life.pass_to(MET - timedelta(hours=18))
    assert "Ana has not said yet what they want from it" in plain(life.mails("ben")[-1])


def test_e13_what_was_asked_for_stands_in_the_brief_word_by_word(life):
    met = life.book(MET)
    page = life.client.get(life.meeting("ana", met))
    assert life.send(page, {"ask": None}, ask="Listen to my opening & say\nwhat drags").status_code == 303
    life.mails()
    life.pass_to(MET - timedelta(hours=18))
    assert not asks(life.mails("ana"))
    brief = life.mails("ben")[-1]
    assert "Listen to my opening & say" in plain(brief)
    assert "Listen to my opening" not in brief["Subject"]


def test_e14_a_date_makes_an_arc_and_its_private_name_is_in_nothing_but_the_mentees_own_views(life):
    said = {"pair": life.pair_id, "kind": "presentation", "day": "2027-03-04", "time": "15:00", "label": LABEL,
            "shared_label": "A talk"}  # fmt: skip
    assert life.client.post(f"/p/{life.tokens['ana']}/date", data=said).status_code == 303
    with life.services.database.read() as session:
        date_id = session.scalars(select(CriticalDate.id)).one()
    own = life.page("ana").get_data(as_text=True)
    assert LABEL in own
    assert "practice run" in own.lower()
    assert LABEL not in life.page("ana", "?curtain=1").get_data(as_text=True)
    assert life.client.post(f"/p/{life.tokens['ana']}/share_date", data={"date": date_id}).status_code == 303
    theirs = life.page("ben")
    assert "A talk" in text_of(theirs)
    met = life.book(at("2027-02-25T15:00+00:00"), session="practice", date_id=date_id)
    seen = [theirs.data, life.client.get(life.meeting("ben", met)).data]
    for who in ("ana", "ben"):
        seen.append(life.client.get(f"{life.meeting(who, met)}/meeting.ics").data)
    for path in (f"/pairs/{life.pair_id}/dates", f"/meetings/{met}"):
        seen.append(life.client.get(f"/api/v1{path}", headers=life.api("ben")).data)
    life.pass_to(at("2027-02-26T15:00+00:00"), timedelta(hours=12))
    mails = life.mails()
    assert mails
    seen += [mail.as_bytes() for mail in mails] + [plain(mail).encode() for mail in mails]
    assert not [each for each in seen if LABEL.encode() in each]
    assert b"A talk" in b"".join(seen)
