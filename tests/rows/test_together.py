"""Rows of what the two do together beyond talks: an event of several days, and a day of shadowing."""

from __future__ import annotations

import re
from datetime import timedelta

from icalendar import Calendar
from sqlalchemy import select

from service.store.tables import CriticalDate
from tests.rows.life import at, plain
from tests.web.walk import forms_of, link, text_of

DAY = {
    "kind": "conference",
    "day": "2027-03-27",
    "time": "09:00",
    "last_day": "2027-03-29",
    "date_zone": "Europe/Berlin",
}
TERMS = "HOSTS-NAME and the ward know; no patient files"
LAST = at("2027-03-29T00:00+00:00")


def test_e41_an_event_of_several_days_in_the_venues_zone(life):
    life.client.post(
        f"/p/{life.tokens['ana']}/date",
        data={"pair": life.pair_id, "label": "SECRET-LABEL", **DAY},
    )
    with life.services.database.read() as session:
        date_id = session.scalars(select(CriticalDate.id)).one()
    assert life.page("ben", f"/dates/{date_id}/holds.ics").status_code == 404, "as long as she has not shared it"
    life.client.post(f"/p/{life.tokens['ana']}/share_date", data={"date": date_id})
    files = {who: life.page(who, f"/dates/{date_id}/holds.ics").data for who in ("ana", "ben")}
    assert files["ana"] == files["ben"]
    assert b"SECRET-LABEL" not in files["ben"]
    held = {event["SUMMARY"]: [] for event in Calendar.from_ical(files["ana"]).walk("VEVENT")}
    for event in Calendar.from_ical(files["ana"]).walk("VEVENT"):
        held[event["SUMMARY"]].append((event["DTSTART"].dt.isoformat(), event["DTEND"].dt.isoformat()))
    assert held == {
        "Hold": [("2027-03-27", "2027-03-30")],
        "Hold: meet up": [("2027-03-27T07:30:00+00:00", "2027-03-27T08:00:00+00:00")],
        "Hold: how is it going?": [  # half past five there, an hour earlier in UTC once clocks have changed
            ("2027-03-27T16:30:00+00:00", "2027-03-27T16:45:00+00:00"),
            ("2027-03-29T15:30:00+00:00", "2027-03-29T15:45:00+00:00"),
        ],
    }
    arc = life.page("ana", f"/arc/{date_id}")
    debrief = at(re.search(r'name="start\.debrief" value="([^"]+)"', arc.text)[1].replace("Z", "+00:00"))
    working_days = [day for day in range(1, 8) if (at("2027-03-29T00:00+00:00") + timedelta(days=day)).weekday() < 5][
        :5
    ]
    assert (debrief.date() - at("2027-03-29T00:00+00:00").date()).days in working_days


def test_e42_a_shadow_day_cannot_be_booked_before_it_is_said_who_knows(life):
    schedule = link(life.services, "schedule", life.ids["ana"], pair_id=life.pair_id)
    address = f"/s/{schedule}/time?session=job-shadow&minutes=120&start=2027-02-18T14:00:00Z"
    page = life.client.get(address)
    (form,) = [form for form in forms_of(page) if "shadow" in form.fields]
    refused = form.send(life.client, ("action", "book"))
    assert refused.status_code == 422
    assert "say who has been told and what is off limits" in text_of(refused)
    assert life.meetings() == []
    body = {"session": "job-shadow", "minutes": 120, "start": "2027-02-18T14:00:00Z"}
    by_api = life.client.post(f"/api/v1/pairs/{life.pair_id}/meetings", json=body, headers=life.api("ana"))
    assert by_api.status_code == 422
    assert form.send(life.client, ("action", "book"), shadow=TERMS).status_code == 303
    (held,) = life.meetings()
    for who in ("ana", "ben"):
        assert TERMS in text_of(life.client.get(life.meeting(who, held.id)))
    sent = life.mails()
    life.pass_to(held.ends_at + timedelta(hours=3), step=timedelta(days=12))
    after = life.mails("ana")
    assert all("HOSTS-NAME" not in part.get_content() for mail in [*sent, *after] for part in mail.walk()
               if not part.is_multipart() and part.get_content_maintype() == "text")  # fmt: skip
    followed = next(mail for mail in after if "How was it" in plain(mail))
    page = re.search(r"(/f/[\w-]+)", followed.get_body(("plain",)).get_content())[1]
    assert "session=debrief" in life.client.get(page).text
