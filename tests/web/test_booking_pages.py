"""The scheduling link: times and why, the decisive page, booked or told why not."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from service.operations import personal_links
from service.operations.meetings import agenda_of
from service.store.tables import CriticalDate, Meeting, OutboxRow
from tests import cast
from tests.web.walk import NOW, SECRET, first_card, form_of, forms_of, text_of


def test_the_times_page_says_what_for_and_why(client, ana):
    page = client.get(f"/s/{ana[0]}")
    told = text_of(page)
    assert page.status_code == 200
    for words in ("You are Ana", "Practice run with Ben", "before your presentation", "45 minutes", "15 minutes, twice",
                  "Best", "for Ben in New York", "More times", "A time in mind?", "their usual hours",
                  "Times in Lisbon",
                  "Ask Ben", "6 days before"):  # fmt: skip
        assert words in told, words
    assert SECRET not in told
    assert page.get_data(as_text=True).count('class="card') == 4, "three cards in their list"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in page.headers


def test_the_whole_way_to_a_booking(services, client, ana):
    decide = client.get(first_card(client.get(f"/s/{ana[0]}")))
    told = text_of(decide)
    assert "not booked yet" in told
    assert "Book and invite Ben" in told
    assert "Meeting: Ana &amp; Ben" in told
    fields = form_of(decide, "book") | {"ask": "Be sure of my opening שלום 🎉"}
    booked = client.post(f"/s/{ana[0]}/time", data=fields)
    assert booked.status_code == 303
    again = client.post(f"/s/{ana[0]}/time", data=fields)
    assert again.headers["Location"] == booked.headers["Location"], "the same form twice is one booking"
    page = client.get(booked.headers["Location"])
    assert "Booked." in text_of(page)
    assert "Ben has not answered yet" in text_of(page)
    assert "Debrief after it? Add" in text_of(page)
    with services.database.read() as session:
        meeting = session.scalars(select(Meeting)).one()
        assert meeting.ask == "Be sure of my opening שלום 🎉"
        assert agenda_of(session, meeting)[0].key == "practice.frame"
        assert session.get(CriticalDate, ana[2]).shared_at is not None
        assert len(session.scalars(select(OutboxRow)).all()) == 2


def test_other_times_keep_what_was_typed(client, ana):
    decide = client.get(first_card(client.get(f"/s/{ana[0]}")))
    times = client.post(f"/s/{ana[0]}/time", data=form_of(decide, "other") | {"ask": "KEEP-ME", "point.0.text": "MINE"})
    html = times.get_data(as_text=True)
    assert times.status_code == 200
    assert 'value="KEEP-ME"' in html
    assert 'value="MINE"' in html
    back = next(form for form in forms_of(times) if "start" in form.fields).send(client, ("action", "show"))
    assert "not booked yet" in text_of(back)
    assert {"KEEP-ME", "MINE"} <= set(forms_of(back)[0].fields.values())


@pytest.mark.parametrize("gone", ["other", "post", "get"])
@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"day": "2027-02-26", "at": "15:00"}, "Yes, Fri 26 Feb, 15:00 would suit you both."),
        ({"minutes": "30"}, "30 minutes"),
        ({"zone": "Pacific/Auckland"}, "Times in Auckland"),
    ],
)
def test_every_form_of_the_times_page_works_wherever_it_stands(client, ana, gone, asked, told):
    """Also as the answer to "other times" or to a time that has gone; what was typed then goes on to the booking."""
    decide = client.get(first_card(client.get(f"/s/{ana[0]}")))
    typed = {"ask": "KEEP-ME", "point.0.text": "MINE"}
    if gone == "get":
        times = client.get(f"/s/{ana[0]}/time?start=2027-02-26T03:00:00Z")
    else:
        night = {"start": "2027-02-26T03:00:00Z"} if gone == "post" else {}
        times = forms_of(decide)[0].send(client, ("action", "other" if gone == "other" else "book"), **typed, **night)
    form = next(form for form in forms_of(times) if asked.keys() <= form.fields.keys() and "start" not in form.fields)
    answer = form.send(client, *form.buttons, **asked)
    assert answer.status_code == 200
    assert told in text_of(answer)
    if gone == "get":
        return
    assert "KEEP-ME" not in answer.request.full_path, "what was typed is in no address"
    chosen = next(form for form in forms_of(answer) if "start" in form.fields).send(client, ("action", "show"))
    fields = forms_of(chosen)[0].fields
    assert {"KEEP-ME", "MINE"} <= set(fields.values())
    assert fields.get("zone") == asked.get("zone")
    assert asked.get("minutes", "45") + " minutes" in text_of(chosen)
    assert forms_of(chosen)[0].send(client, ("action", "book")).status_code == 303


def test_back_after_booking_says_what_is_booked_and_loses_nothing(services, client, ana):
    decide = client.get(first_card(client.get(f"/s/{ana[0]}")))
    form = forms_of(decide)[0]
    form.fields["ask"] = "KEEP-ME"
    booked = form.send(client, ("action", "book"))
    times = form.send(client, ("action", "other"))
    chosen = [form for form in forms_of(times) if "start" in form.fields][-1]
    looked = chosen.send(client, ("action", "show"))
    at_once = form.send(client, ("action", "book"), start=chosen.fields["start"])
    assert (looked.status_code, at_once.status_code) == (200, 409)
    for page in (looked, at_once):
        assert "This form has booked Fri 26 Feb, 15:00 already" in text_of(page)
        assert f'<a href="{booked.headers["Location"].partition("?")[0]}">' in page.get_data(as_text=True)
    again = forms_of(at_once)[0]
    assert again.fields["ask"] == "KEEP-ME"
    assert again.fields["key"] != form.fields["key"]
    assert again.send(client, ("action", "book")).status_code == 303, "this one too, if that is what they want"
    with services.database.read() as session:
        assert len(session.scalars(select(Meeting)).all()) == 2


def test_the_decisive_page_names_both_days_and_both_places(services, client, ana):
    """Where the other person's day is another one, and the reader looks from a third zone."""
    page = client.get(f"/s/{ana[0]}/time?start=2027-02-26T15:00:00Z&zone=Pacific/Auckland")
    assert "Book Sat 27 Feb, 04:00? (Auckland)" in text_of(page)
    assert "Fri 26 Feb, 10:00 for Ben in New York" in text_of(page)


def test_agenda_points_move_and_can_stay_out_of_the_calendar(services, client, ana):
    decide = client.get(first_card(client.get(f"/s/{ana[0]}")))
    fields = form_of(decide, "down.0")
    moved = client.post(f"/s/{ana[0]}/time", data=fields)
    sent = form_of(moved, "book") | {"point.1.hidden": "1", "point.2.text": "My own words", "point.2.help": "feedback"}
    assert client.post(f"/s/{ana[0]}/time", data=sent).status_code == 303
    with services.database.read() as session:
        items = agenda_of(session, session.scalars(select(Meeting)).one())
    assert [item.key for item in items][:2] == ["practice.run", "practice.frame"]
    assert [item.hidden for item in items][:3] == [False, True, False]
    assert (items[2].text, items[2].key, items[2].help) == ("My own words", None, "feedback")


def test_s25_a_time_that_has_gone_says_so_first_and_keeps_the_text(services, client, ana):
    decide = client.get(first_card(client.get(f"/s/{ana[0]}")))
    fields = form_of(decide, "book") | {"ask": "KEEP-ME"}
    assert client.post(f"/s/{ana[0]}/time", data=fields).status_code == 303
    gone = client.post(f"/s/{ana[0]}/time", data=fields | {"key": "another"})
    assert gone.status_code == 409
    assert text_of(gone).index("Not booked") < text_of(gone).index("Practice run")
    assert 'value="KEEP-ME"' in gone.get_data(as_text=True)


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"start": "2027-02-26T03:00:00Z"}, 422, "Not booked"),
        ({"start": "2020-02-26T15:00:00Z"}, 422, "Not booked"),
        ({"start": "nonsense"}, 422, "write a time"),
        ({"start": "2027-02-26T15:00:00"}, 422, "offset"),
        ({"point.0.text": "x" * 100_000}, 422, "at most 500 characters"),
        ({"ask": "x" * 5_000}, 422, "at most 4000 characters"),
        ({"point.0.minutes": "-3"}, 422, "whole number"),
        ({"ask": "x" * 3_000_000}, 413, "more than we can take"),
    ],
)
def test_bad_forms_get_a_sentence_and_book_nothing(services, client, ana, change, status, words):
    decide = client.get(first_card(client.get(f"/s/{ana[0]}")))
    answer = client.post(f"/s/{ana[0]}/time", data=form_of(decide, "book") | change)
    assert answer.status_code == status
    assert words in text_of(answer)
    assert "Traceback" not in answer.get_data(as_text=True)
    with services.database.read() as session:
        assert session.scalars(select(Meeting)).all() == []


def test_an_unreadable_calendar_is_told_and_books_nothing(services, client, ana):
    decide = client.get(first_card(client.get(f"/s/{ana[0]}")))
    with services.database.write() as session:
        cast.broken_calendar(session, NOW, session.get(cast.Pair, ana[1]).mentor_id)
    from service.domain.errors import AdapterError

    services.calendars("ics", "broken", None, None).fault = AdapterError("timeout", permanent=False)
    page = client.get(f"/s/{ana[0]}")
    assert "cannot check Ben" in text_of(page)
    answer = client.post(f"/s/{ana[0]}/time", data=form_of(decide, "book") | {"ask": "KEEP-ME"})
    assert answer.status_code == 503
    assert "KEEP-ME" in answer.get_data(as_text=True)
    assert text_of(answer).index("Not booked") < text_of(answer).index("not booked yet")


def test_a_time_in_mind_is_answered_in_one_sentence(client, ana):
    yes = client.get(f"/s/{ana[0]}?day=2027-02-26&at=15:00")
    assert "Yes, Fri 26 Feb, 15:00 would suit you both." in text_of(yes)
    outside = client.get(f"/s/{ana[0]}?day=2027-02-10&at=15:00").get_data(as_text=True)
    taken = re.search(r'role="status".*?class="card" href="([^"]+)"', outside, re.DOTALL)[1].replace("&amp;", "&")
    assert "Book Wed 10 Feb, 15:00?" in text_of(client.get(taken)), "a yes can be taken, also outside the arc's days"
    no = client.get(f"/s/{ana[0]}?day=2027-02-26&at=09:00")
    assert "does not work" in text_of(no)
    assert "Ben" in text_of(no)
    assert "could not be read" in text_of(client.get(f"/s/{ana[0]}?day=xx&at=yy"))


def test_s06_another_zone_changes_labels_only(client, ana):
    here, there = (client.get(f"/s/{ana[0]}{query}").get_data(as_text=True) for query in ("", "?zone=Pacific/Auckland"))
    starts = re.compile(r"start=([0-9TZ%A-F:-]+)")
    assert set(starts.findall(here)) & set(starts.findall(there))
    assert "Times in Auckland" in there
    assert "Times in Lisbon" in here


def test_a_link_that_names_nothing_asks_in_one_tap(services, client, ana):
    with services.database.write() as session:
        token = personal_links.scheduling_link(session, NOW, session.get(cast.Pair, ana[1])).token
    page = text_of(client.get(f"/s/{token}"))
    assert "First meeting" in page
    assert "Practice run for your presentation" in page
    added = client.post(
        f"/s/{token}/dates",
        data={"kind": "interview", "day": "2027-03-20", "time": "10:00", "label": SECRET},
    )
    assert added.status_code == 303
    assert "session=practice" in added.headers["Location"]
    assert text_of(client.get(added.headers["Location"])).count("Practice run with Ben")
    wrong = client.post(f"/s/{token}/dates", data={"kind": "interview", "day": "2020-03-20", "time": "10:00"})
    assert wrong.status_code == 422
    assert "passed already" in text_of(wrong)


@pytest.mark.parametrize("query", ["day=9999-12-31&at=23:59", "date=²", "minutes=²", "day=0001-01-01&at=00:00"])
def test_odd_numbers_and_years_are_no_accident(client, ana, query):
    assert client.get(f"/s/{ana[0]}?{query}").status_code in {200, 404}
    for start in ("0001-01-01T00:00:00%2B14:00", "9999-12-31T23:00:00-11:00"):
        assert client.get(f"/s/{ana[0]}/time?start={start}").status_code == 422
