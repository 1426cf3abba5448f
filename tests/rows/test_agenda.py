"""Rows of the agenda: who decides what is on it, and what the two settle at their first meeting."""

from __future__ import annotations

from datetime import timedelta

from service.domain.agenda import AgendaDraft
from tests.rows.life import at, plain
from tests.web.walk import forms_of, text_of

MET = at("2027-02-08T15:00+00:00")
POINTS = (AgendaDraft(text="My talk", minutes=10), AgendaDraft(text="My manager", minutes=10))


def form_of(life, page):
    return next(form for form in forms_of(life.client.get(page)) if form.action.endswith("/agenda"))


def points(life, page):
    return [value for name, value in form_of(life, page).fields.items() if name.endswith(".was")]


def test_e3_the_mentee_orders_and_parks_and_what_the_mentor_adds_is_marked(life):
    first = life.book(MET, agenda=POINTS)
    anas, bens = life.meeting("ana", first), life.meeting("ben", first)
    form = form_of(life, bens)
    assert not any(value.startswith(("up", "down", "park")) for _, value in form.buttons)
    assert (
        form.send(life.client, **{"point.0.text": "BENS RULE", "point.2.text": "Questions at the end"}).status_code
        == 303
    )
    assert points(life, anas)[:2] == ["My talk", "My manager"], "the mentor changes none of hers"
    assert points(life, anas)[2:] == ["BENS RULE", "Questions at the end"]
    assert text_of(life.client.get(anas)).count("Suggested by Ben") == 2
    form_of(life, anas).send(life.client, ("action", "up.3"))
    form_of(life, anas).send(life.client, ("action", "park.3"))
    assert points(life, bens) == ["My talk", "My manager", "Questions at the end"]
    forced = form_of(life, bens).send(life.client, ("action", "park.0"))
    assert (forced.status_code, points(life, anas)[0]) == (403, "My talk")
    life.pass_to(MET + timedelta(days=1))
    following = life.book(MET + timedelta(days=7), agenda=(AgendaDraft(text="News", minutes=5),))
    assert points(life, life.meeting("ana", following)) == ["News", "BENS RULE"], "what was parked is back"
    assert "Suggested by Ben" in text_of(life.client.get(life.meeting("ana", following)))


def test_e3_a_parked_point_goes_to_the_next_meeting_at_once_where_that_is_booked(life):
    first, second = life.book(MET, agenda=POINTS), life.book(MET + timedelta(days=7), agenda=POINTS[:1])
    form = form_of(life, life.meeting("ana", first))
    for _ in range(2):
        assert form.send(life.client, ("action", "park.1")).status_code == 303
    assert points(life, life.meeting("ana", first)) == ["My talk"]
    assert points(life, life.meeting("ben", second)) == ["My talk", "My manager"]


def test_e7_the_first_meeting_lists_exactly_the_clauses_that_differ(life):
    page = life.meeting("ana", life.book(MET, session="kick-off"))
    usual = points(life, page)
    life.act("ana", "answer", cadence="sprint", reply_time="day", months="6")
    life.act("ben", "answer", months="6")
    told = points(life, page)
    assert [point for point in told if point not in usual] == [
        "To settle: how often we meet",
        "To settle: when an answer may be expected",
    ]
    assert told.index("To settle: how often we meet") == usual.index("How we want to work together") + 1
    life.act("ben", "change", cadence="sprint")
    assert [point for point in points(life, page) if point not in usual] == [
        "To settle: when an answer may be expected"
    ]
    life.act("ben", "change", reply_time="day")
    assert points(life, page) == usual
    life.services.clock.now = MET - timedelta(hours=24)
    life.pass_to(MET - timedelta(hours=20))
    assert not [mail for mail in life.mails() if "To settle" in plain(mail)]
