"""Rows of finding a time: three from both calendars, one click, both zones, and a word when nothing is booked."""

from __future__ import annotations

import re
from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

from icalendar import Calendar

from service.domain.interval import Interval
from tests.mails import ics_of
from tests.rows.life import at, plain
from tests.web.walk import forms_of, text_of

HOURS = {"ana": ("Europe/Lisbon", 10, 18), "ben": ("America/New_York", 8, 12)}
BUSY = {  # in the only hours of a day that suit both, 13:00 to 17:00 in UTC
    "ana": [("2027-02-03T13:00+00:00", 240), ("2027-02-04T14:00+00:00", 60)],
    "ben": [("2027-02-04T16:00+00:00", 60), ("2027-02-05T13:00+00:00", 180)],
}


def connect(life, who):
    """Their working hours, and a calendar with what fills them."""
    _, first, last = HOURS[who]
    said = {"hours": f"Mon-Fri {first:02}:00-{last:02}:00", "notice": "24h"}
    assert life.client.post(f"/p/{life.tokens[who]}/hours", data=said).status_code == 303
    calendar = life.services.calendars("ics", f"webcal://{who}", None, None)
    for start, minutes in BUSY[who]:
        calendar.put(at(start), minutes)
    wanted = {"provider": "ics", "url": f"webcal://{who}"}
    assert life.client.post(f"/p/{life.tokens[who]}/calendar", data=wanted).status_code == 303


def test_e11_three_times_from_both_calendars_and_the_mentor_takes_one_by_a_click_in_a_mail(life):
    life.services.clock.now = at("2027-02-01T15:00+00:00")  # ten in New York
    for who in HOURS:
        connect(life, who)
    found = life.client.post(f"/p/{life.tokens['ana']}/schedule", data={"pair": life.pair_id, "session": "check-in"})
    screen = life.client.get(found.headers["Location"])
    three = re.findall(r'class="card(?: best)?" href="[^"]*start=([^"&]+)', screen.text)
    assert len(three) == 3
    for start in map(at, three):
        slot = Interval.lasting(start, timedelta(minutes=30))
        for who, (zone, first, last) in HOURS.items():
            begins, ends = (edge.astimezone(ZoneInfo(zone)) for edge in (slot.start, slot.end))
            assert begins.weekday() < 5
            assert first <= begins.hour, "inside their working hours"
            assert (ends.hour, ends.minute) <= (last, 0)
            for since, minutes in BUSY[who]:
                taken = Interval.lasting(at(since), timedelta(minutes=minutes))
                assert slot.end <= taken.start or taken.end <= slot.start, "free for both"
    (form,) = [form for form in forms_of(screen) if form.action.endswith("/proposals")]
    assert life.client.post(form.action, data={**form.fields, "start": three}).status_code == 303
    (asked,) = life.mails("ben")
    urls = re.findall(r"http://[^/]+(/s/\S+/proposed/\d+)", asked.get_body(("plain",)).get_content())
    assert len(urls) == 3
    page = life.client.get(urls[1])  # a click: no login, and a scanner that opens it books nothing
    assert life.meetings() == []
    (form,) = [form for form in forms_of(page) if form.method == "post"]
    assert form.send(life.client).status_code == 303
    (held,) = life.meetings()
    assert held.starts_at == at(three[1])
    entries = []
    for who in HOURS:
        (mail,) = life.mails(who)
        entries += Calendar.from_ical(ics_of(mail)).walk("VEVENT")
    assert len(entries) == 2, "two invitations"
    assert {(str(each["UID"]), each["DTSTART"].dt.astimezone(UTC)) for each in entries} == {(held.uid, held.starts_at)}


def test_e27_the_invitation_has_the_link_and_both_clocks_on_either_side_of_a_change_of_time(life):
    """New York changes its clocks on 14 March 2027, Lisbon on the 28th: between them the two are an hour closer."""
    assert "By video, camera optional" in text_of(life.agreement("ben"))
    room = "https://meet.example.org/ana-ben"
    assert (
        life.client.post(f"/p/{life.tokens['ben']}/place", data={"pair": life.pair_id, "place": room}).status_code
        == 303
    )
    clocks = {
        "2027-03-10T15:00+00:00": ("15:00", "10:00"),
        "2027-03-17T15:00+00:00": ("15:00", "11:00"),
        "2027-03-31T15:00+00:00": ("16:00", "11:00"),
    }
    life.mails()
    for start, (lisbon, new_york) in clocks.items():
        life.book(at(start))
        for who, mine, theirs, other in (("ana", lisbon, new_york, "Ben"), ("ben", new_york, lisbon, "Ana")):
            (mail,) = life.mails(who)
            told = plain(mail)
            assert f"{mine}–" in told
            assert f"{theirs} for {other}" in told, "both local times"
            assert room in told
            (event,) = Calendar.from_ical(ics_of(mail)).walk("VEVENT")
            assert event["DTSTART"].to_ical().decode() == f"{at(start):%Y%m%dT%H%M%SZ}"
            assert event["LOCATION"] == room
            assert "VTIMEZONE" not in ics_of(mail), "in UTC"


def test_e27_between_two_meetings_the_clocks_change_and_the_reminder_says_the_hour_of_that_day(life):
    start = at("2027-03-15T14:00+00:00")  # the day after New York's change; Lisbon's is in two weeks
    life.book(start)
    life.mails()
    life.pass_to(start - timedelta(minutes=90), step=timedelta(days=2))
    told = {who: plain(life.mails(who)[-1]) for who in ("ana", "ben")}
    assert "14:00–14:30 (Lisbon time) · 10:00 for Ben in New York" in told["ana"]
    assert "10:00–10:30 (New York time) · 14:00 for Ana in Lisbon" in told["ben"]


NUDGE = "A time for the next meeting"
GAP = timedelta(days=28)


def nudges(life):
    """Who was asked to find a time, since somebody last looked."""
    return [mail["To"].addresses[0].username for mail in life.mails() if mail["Subject"] == NUDGE]


def test_e12_the_page_says_what_is_next_what_was_agreed_and_which_date_comes(life):
    met = life.book(at("2027-02-08T15:00+00:00"))
    day = {"kind": "presentation", "day": "2027-03-04", "time": "15:00"}
    life.client.post(f"/p/{life.tokens['ana']}/date", data={"pair": life.pair_id, **day})
    life.pass_to(at("2027-02-08T17:00+00:00"), timedelta(days=9))
    assert "Nothing is booked" in life.text("ana")
    page = life.client.get(life.followup("ana", met))
    life.send(page, {"line.0.text": None}, line__0__text="Shorter slides", happened="yes")
    life.book(at("2027-02-22T15:00+00:00"))
    told = life.text("ana")
    following, agreed, coming = (told.index(each) for each in ("Mon 22 Feb", "Shorter slides", "Thu 4 Mar"))
    assert following < agreed < coming


def test_e12_a_gap_with_nothing_booked_is_told_once_and_not_while_a_meeting_stands_or_the_two_pause(life):
    end, jump = at("2027-02-08T15:30+00:00"), timedelta(days=30)
    life.book(end - timedelta(minutes=30))
    life.pass_to(end + GAP - timedelta(hours=1), jump)
    assert nudges(life) == []
    for _ in range(3):  # the clock stands: however often it looks, it is one mail
        life.pass_to(end + GAP)
    assert nudges(life) == ["ana"]
    again = at("2027-03-10T15:00+00:00")
    life.book(again)
    life.pass_to(end + 2 * GAP, jump)
    assert nudges(life) == [], "a new gap begins with the end of the meeting"
    end = again + timedelta(minutes=30)
    pause = {"pair": life.pair_id, "until": "2027-05-03"}
    assert life.client.post(f"/p/{life.tokens['ben']}/pause", data=pause).status_code == 303
    life.pass_to(end + GAP + timedelta(days=12), jump)
    assert nudges(life) == []
    for _ in range(2):
        life.pass_to(at("2027-05-03T12:00+00:00"), jump)
    assert nudges(life) == ["ana"], "and the second gap has its own one"
