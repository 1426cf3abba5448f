"""Rows of being there without being on call: caps, notice, and a pledge for the times that matter."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from service.domain.errors import SlotTaken
from service.store.tables import CriticalDate
from tests.rows.life import at, plain
from tests.web.walk import link, text_of

HOURS = {"hours": "Mon-Fri 09:00-17:00", "notice": "7d", "cap_month": "1", "pledge": "2/month at 24h"}


def times(life, session_key, date_id=None):
    schedule = link(life.services, "schedule", life.ids["ana"], pair_id=life.pair_id)
    about = f"&date={date_id}" if date_id else ""
    return text_of(life.client.get(f"/s/{schedule}?session={session_key}{about}"))


def date_of(life, day):
    life.client.post(f"/p/{life.tokens['ana']}/date", data={"pair": life.pair_id, "kind": "conversation", "day": day})
    with life.services.database.read() as session:
        return session.scalars(select(CriticalDate.id).order_by(CriticalDate.id.desc())).first()


def test_e30_over_the_cap_only_what_is_for_a_date_is_offered_and_marked(life):
    life.client.post(f"/p/{life.tokens['ben']}/hours", data=HOURS)
    life.book(at("2027-02-09T15:00+00:00"))
    with pytest.raises(SlotTaken):
        life.book(at("2027-02-16T15:00+00:00"))
    date_id = date_of(life, "2027-02-19")
    assert "Ben keeps room for dates like this one" in times(life, "practice", date_id)
    assert life.book(at("2027-02-17T15:00+00:00"), "practice", date_id)
    life.sign_up(reply_time="day")
    assert "The same day" in text_of(life.agreement("ana"))


def test_e32_a_pledge_is_counted_and_once_used_up_the_usual_notice_holds(life):
    life.client.post(f"/p/{life.tokens['ben']}/hours", data={**HOURS, "cap_month": ""})
    date_id, other, third = date_of(life, "2027-02-05"), date_of(life, "2027-02-05"), date_of(life, "2027-02-06")
    assert date_id == other, "the same date is one"
    first = life.book(at("2027-02-03T15:00+00:00"), "practice", date_id)
    life.book(at("2027-02-04T16:00+00:00"), "practice", third)
    with pytest.raises(SlotTaken):  # two a month, and no more
        life.book(at("2027-02-04T14:00+00:00"), "practice", third)
    life.client.post(f"{life.meeting('ana', first)}/cancel")
    assert life.book(at("2027-02-04T14:00+00:00"), "practice", third), "what is called off is not used up"


def test_e32_nothing_that_nobody_asked_for_leaves_in_quiet_hours(life):
    life.book(at("2027-02-08T14:00+00:00"))  # nine in New York: the brief would be due at nine on a Sunday
    life.services.clock.now = at("2027-02-06T09:00+00:00")
    life.pass_to(at("2027-02-09T15:00+00:00"), step=timedelta(hours=1))
    zones = {"ana": 0, "ben": -5}
    told = [
        (mail["To"].addresses[0].username, mail["Date"].datetime)
        for mail in life.mails()
        if "Booked" not in plain(mail)
    ]
    assert told
    assert all(8 <= (sent + timedelta(hours=zones[who])).hour < 20 for who, sent in told)


def test_e31_the_mirror_is_the_mentors_alone(life):
    mirror = "minutes open. You two agreed on 30"
    assert mirror not in life.text("ben"), "as long as it is enough"
    assert life.client.post(f"/p/{life.tokens['ben']}/hours", data={"hours": "Sun 03:00-03:05"}).status_code == 303
    shown = life.text("ben")
    assert "In the next four weeks you have 20 minutes open. You two agreed on 30." in shown
    assert "Only you see this" in shown
    assert mirror not in life.text("ana")
    page = life.page("ana").text + life.agreement("ana").text + times(life, "check-in")
    assert "20 minutes" not in page
