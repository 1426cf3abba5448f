"""What somebody typed is still there after a refusal, on every page, whatever the reason was."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import replace
from datetime import timedelta

import pytest

from service.operations import arcs, commitments, people
from service.operations.commitments import Line
from service.store.tables import Commitment, CriticalDate, Meeting, Pair
from service.web import create_app
from tests.web.walk import NOW, book, first_card, form_of, forms_of, link, text_of


@pytest.fixture
def mine(services, client, ana):
    """Ana's own page."""
    with services.database.read() as session:
        mentee = session.get(Pair, ana[1]).mentee_id
    return link(services, "person", mentee)


@pytest.mark.parametrize(
    ("what", "form", "typed"),
    [
        ("hours", {"form": "hours", "hours": "Mon 17:00-09:00", "off": "MY-DAYS"}, ["Mon 17:00-09:00", "MY-DAYS"]),
        ("person", {"form": "person", "name": "MY-NAME", "own_zone": "Mars/Olympus"}, ["MY-NAME", "Mars/Olympus"]),
        ("calendar", {"form": "calendar", "provider": "caldav", "url": " ", "username": "MY-LOGIN"},
         ["MY-LOGIN"]),
    ],
)  # fmt: skip
def test_on_a_persons_page(client, mine, what, form, typed):
    answer = client.post(f"/p/{mine}/{what}", data=form)
    assert answer.status_code == 422
    html = answer.get_data(as_text=True)
    assert [text for text in typed if text not in html] == []
    assert html.count('<details class="panel" open>') == (what != "person"), "the form that was refused is open"


def test_in_a_date_and_a_place(client, mine, ana):
    date = {"form": f"n{ana[1]}", "pair": ana[1], "kind": "exam", "day": "2020-01-01", "time": "10:00", "label": "MINE"}
    place = {"form": f"place{ana[1]}", "pair": ana[1], "place": "P" * 301}
    for what, form in (("date", date), ("place", place)):
        answer = client.post(f"/p/{mine}/{what}", data=form)
        assert answer.status_code == 422
        assert form.get("label", form.get("place")) in answer.get_data(as_text=True)


def test_a_password_never_comes_back(client, mine, services, ana):
    with services.database.read() as session:
        mentee = session.get(Pair, ana[1]).mentee_id
    connect = link(services, "connect", mentee)
    form = {"form": "calendar", "provider": "caldav", "url": " ", "username": "MY-LOGIN", "password": "MY-SECRET"}
    for path in (f"/p/{mine}/calendar", f"/connect/{connect}"):
        answer = client.post(path, data=form)
        assert answer.status_code == 422
        assert '"MY-LOGIN"' in answer.get_data(as_text=True)
        assert "MY-SECRET" not in answer.get_data(as_text=True)


def test_in_an_agenda_and_what_was_agreed(services, client, ana):
    token, meeting_id = book(services, client, ana)
    agenda = {"form": "agenda", "point.0.text": "MY-POINT", "point.1.text": "x" * 600}
    answer = client.post(f"/m/{token}/agenda", data=agenda)
    assert answer.status_code == 422
    assert "MY-POINT" in answer.get_data(as_text=True)
    with services.database.read() as session:
        meeting = session.get(Meeting, meeting_id)
        ids = {"pair_id": meeting.pair_id, "meeting_id": meeting_id}
        after = link(services, "followup", meeting.pair.mentee_id, **ids)
    services.clock.now = meeting.ends_at + timedelta(hours=2)
    form = {
        "form": "followup", "happened": "yes", "reflection": "MY-THOUGHTS", "line.0.text": "MY-LINE",
        "line.1.text": "x" * 600, "line.1.due_on": "2027-03-01",
    }  # fmt: skip
    answer = client.post(f"/f/{after}", data=form)
    assert answer.status_code == 422
    html = answer.get_data(as_text=True)
    assert [text for text in ("MY-THOUGHTS", "MY-LINE", "2027-03-01") if text not in html] == []


@pytest.mark.parametrize("happened", ["yes", "no"])
def test_no_line_and_no_reflection_is_lost_beside_a_list_that_changed(services, client, ana, happened):
    """Also when it did not happen; a line that is gone meanwhile is a new one if it says something, else nothing."""
    _, meeting_id = book(services, client, ana)
    with services.database.write() as session:
        meeting = session.get(Meeting, meeting_id)
        mine, ids = meeting.pair.mentee_id, {"pair_id": meeting.pair_id, "meeting_id": meeting_id}
        gone = [commitments.agree(session, NOW, meeting, mine, Line(None, text)) for text in ("One", "Two")]
    services.clock.now = meeting.ends_at + timedelta(hours=2)
    after = link(services, "followup", mine, **ids)
    form = next(form for form in forms_of(client.get(f"/f/{after}")) if "reflection" in form.fields)
    with services.database.write() as session:
        for line in gone:
            session.delete(session.get(Commitment, line.id))
    typed = {"line.0.text": "", "line.1.text": "Two, in other words", "line.2.text": "MY-LINE"}
    answer = form.send(client, ("happened", happened), reflection="MY-THOUGHTS", **typed)
    assert answer.status_code == 303
    shown = next(form for form in forms_of(client.get(f"/f/{after}")) if "reflection" in form.fields).fields
    assert [shown[f"line.{at}.text"] for at in range(3)] == ["Two, in other words", "MY-LINE", ""]
    assert shown["reflection"] == "MY-THOUGHTS"


def test_the_reason_of_a_move_goes_along_to_other_times(services, client, ana):
    token, _ = book(services, client, ana)
    night = {"start": "2027-02-26T03:00:00Z", "reason": "MY-REASON"}
    refused = client.post(f"/m/{token}/move", data=night)
    assert refused.status_code == 422
    assert "What you typed is kept" in text_of(refused)
    start = re.search(r'name="start" value="([^"]+)"', refused.get_data(as_text=True))[1]
    again = client.post(f"/m/{token}/move", data={"start": start, "reason": "MY-REASON", "action": "show"})
    assert again.status_code == 200
    fields = form_of(again, "move")
    assert (fields["reason"], fields["start"]) == ("MY-REASON", start)
    others = client.post(f"/m/{token}/move", data=fields | {"action": "other"})
    assert 'value="MY-REASON"' in others.get_data(as_text=True)
    too_long = client.post(f"/m/{token}/move", data=fields | {"reason": "r" * 501})
    assert too_long.status_code == 422
    assert "r" * 501 in too_long.get_data(as_text=True)
    assert "not moved yet" in text_of(too_long)
    assert client.post(f"/m/{token}/move", data=fields).status_code == 303


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda session, ids: people.end_pair(session, NOW, session.get(Pair, ids[1])), 403),
        (lambda session, ids: arcs.drop_date(session, NOW, session.get(CriticalDate, ids[2])), 404),
    ],
    ids=["pair ended", "date dropped"],
)
def test_where_nothing_can_be_booked_any_more_the_text_is_shown_to_keep(services, client, ana, change, status):
    decide = client.get(first_card(client.get(f"/s/{ana[0]}")))
    with services.database.write() as session:
        change(session, ana)
    answer = forms_of(decide)[0].send(client, ("action", "book"), **{"ask": "KEEP-ME", "point.1.text": "MY-POINT"})
    assert answer.status_code == status
    assert "What you had typed KEEP-ME" in text_of(answer)
    assert "MY-POINT" in text_of(answer)


@pytest.mark.sqlite
def test_a_database_that_is_away_gets_the_form_once_more(services, client, ana):
    decide = client.get(first_card(client.get(f"/s/{ana[0]}")))
    form = form_of(decide, "book") | {"ask": "KEEP-ME <b>", "password": "MY-SECRET"}
    services.database.engine.dispose()
    other = sqlite3.connect(services.settings.data_dir / "greenroom.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        with services.database.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA busy_timeout=20")
        answer = client.post(f"/s/{ana[0]}/time", data=form)
    finally:
        other.execute("ROLLBACK")
        other.close()
    assert answer.status_code == 503
    html = answer.get_data(as_text=True)
    assert "KEEP-ME &lt;b&gt;" in html
    assert "MY-SECRET" not in html
    assert "Try again" in text_of(answer)
    booked = client.post(f"/s/{ana[0]}/time", data=form_of(answer, "book") | {"ask": "KEEP-ME <b>"})
    assert booked.status_code == 303


def test_too_often_gets_the_form_once_more(client, ana):
    for _ in range(80):
        answer = client.post(f"/s/{ana[0]}/time", data={"start": "2027-02-26T03:00:00Z", "ask": "KEEP-ME"})
    assert answer.status_code == 429
    assert "KEEP-ME" in answer.get_data(as_text=True)


def test_limits_hold_on_the_front_page_and_behind_an_entry(services, client, ana):
    assert client.post("/", data={"email": "x@example.org"}).status_code == 303
    _, meeting_id = book(services, client, ana)
    with services.database.read() as session:
        meeting = session.get(Meeting, meeting_id)
        entry = link(services, "entry", meeting.pair.mentor_id, pair_id=meeting.pair_id, meeting_id=meeting_id)
    behind = [client.post(f"/i/{entry}").status_code for _ in range(80)]
    assert (behind[0], behind[-1]) == (303, 429)
    front = [client.post("/", data={"email": "x@example.org"}).status_code for _ in range(320)]
    assert (front[0], front[-1]) == (303, 429)
    assert services.clock.now == NOW


def test_an_address_is_what_the_proxy_says_that_we_trust_and_not_what_a_visitor_says(services):
    behind = create_app(replace(services, settings=replace(services.settings, trusted_proxies=1))).test_client()
    bare = create_app(services).test_client()

    def last(client, *forwarded, times=1):
        said = {"X-Forwarded-For": ", ".join(forwarded)}
        return [client.post("/", data={"email": "x@example.org"}, headers=said).status_code for _ in range(times)][-1]

    assert last(behind, "192.0.2.1", times=301) == 429
    assert last(behind, "192.0.2.9", "192.0.2.1") == 429, "the first is what the visitor sent"
    assert last(behind, "192.0.2.2") == 303
    for number in range(300):
        assert last(bare, f"192.0.2.{number % 250}") == 303
    assert last(bare, "198.51.100.1") == 429


def test_limits_are_counted_for_all_machines_together(services, valkey, ana):

    shared = replace(services, settings=replace(services.settings, redis_url=valkey))
    machines = [create_app(shared).test_client() for _ in range(2)]
    form = {"start": "2027-02-26T03:00:00Z"}
    answers = [machines[turn % 2].post(f"/s/{ana[0]}/time", data=form).status_code for turn in range(70)]
    assert answers.count(429) == 10
    assert answers[-1] == 429


def test_a_broker_that_is_away_refuses_nobody(services, tmp_path, ana):

    away = replace(services, settings=replace(services.settings, redis_url=f"unix://{tmp_path}/nobody"))
    client = create_app(away).test_client()
    assert client.get(first_card(client.get(f"/s/{ana[0]}"))).status_code == 200
    assert client.post("/", data={"email": "x@example.org"}).status_code == 303
