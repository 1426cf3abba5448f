"""What pages, mails and the API say of a meeting that a person's own calendar holds."""

from __future__ import annotations

from email import message_from_bytes, policy
from html import unescape

import pytest

from service.domain.errors import AdapterError
from service.store.tables import Pair
from tests.operations.test_events import calendar, connect, rows, run
from tests.operations.test_video import LINK, connect_with_video
from tests.web.api import client as api
from tests.web.api.conftest import world as world
from tests.web.walk import first_card, form_of, forms_of, link, text_of
from workers.deliver import drain


@pytest.fixture
def invited(services, world):
    """Ana's calendar invites Ben: the meeting's id, and the links of both to its page."""
    connect(services, "ana")
    made = api.book(world, invite_by="calendar")
    assert (made.status_code, made.json["calendar"]) == (201, "pending")
    with services.database.read() as session:
        pair = session.get(Pair, world["pair"])
    about = {"pair_id": pair.id, "meeting_id": made.json["id"]}
    return made.json["id"], *(link(services, "meeting", each, **about) for each in (pair.mentee_id, pair.mentor_id))


def parts(services):
    """Whom was mailed, and with which parts."""
    drain(services)
    sent = [(each.recipient, message_from_bytes(each.octets, policy=policy.default)) for each in services.mailer.sent]
    services.mailer.sent.clear()
    return {name: {part.get_content_type() for part in mail.walk()} for name, mail in sent}, [
        mail.get_body(("plain",)).get_content() for _, mail in sent
    ]


def page(world, token, **query):
    return unescape(text_of(world["client"].get(f"/m/{token}", query_string=query)))


def test_s16_the_page_tells_the_truth_until_it_is_written(services, world, invited):
    meeting_id, ana, ben = invited
    assert "on its way into your calendar" in page(world, ana, booked=1)
    assert "The invitation comes from greenroom" not in page(world, ana, booked=1)
    assert "about to invite you" in page(world, ben)
    run(services)
    assert "It stands in your calendar" in page(world, ana)
    assert "comes from Ana's calendar" in page(world, ben)
    assert world["ben"]("GET", f"/meetings/{meeting_id}").json["calendar"] == "written"


@pytest.mark.parametrize("told_before", [True, False])
def test_where_the_calendar_cannot_invite_our_mail_does_once(services, world, invited, told_before):
    meeting_id, ana, ben = invited
    if told_before:
        assert all("text/calendar" not in types for types in parts(services)[0].values())
    calendar(services, "ana").fault = AdapterError("reconnect", permanent=True)
    run(services)
    for token in (ana, ben):
        assert "so it comes by mail" in page(world, token)
    assert world["ana"]("GET", f"/meetings/{meeting_id}").json["calendar"] == "failed"
    told, texts = parts(services)
    assert {name: "text/calendar" in types for name, types in told.items()} == dict.fromkeys(
        ("ana@example.org", "ben@example.org"), True
    )
    assert (len(texts), parts(services)[1]) == (2, [])
    calendar(services, "ana").fault = None
    assert world["ana"]("PATCH", f"/meetings/{meeting_id}", {"place": "Room 6"}).status_code == 200
    run(services)
    assert calendar(services, "ana").events == {}, "one sender of record, from the first invitation on"
    assert all("text/calendar" in types for types in parts(services)[0].values())


def test_a_change_that_the_calendar_does_not_take_is_told_to_both(services, world, invited):
    meeting_id, ana, ben = invited
    run(services)
    calendar(services, "ana").fault = AdapterError("reconnect", permanent=True)
    assert world["ana"]("PATCH", f"/meetings/{meeting_id}", {"place": "Room 6"}).status_code == 200
    run(services)
    assert "your calendar did not take it" in page(world, ana)
    assert "could not be sent from Ana's calendar" in page(world, ben)
    assert world["ana"]("GET", f"/meetings/{meeting_id}").json["calendar"] == "failed"


def test_s11_no_mail_of_ours_carries_a_second_invitation(services, world, invited):
    meeting_id, *_ = invited
    for place in ("Room 6", "Room 7"):
        told, texts = parts(services)
        assert set(told) == {"ana@example.org", "ben@example.org"}
        assert all("text/calendar" not in types for types in told.values())
        assert any("comes from Ana's calendar" in text for text in texts)
        run(services)
        assert world["ana"]("PATCH", f"/meetings/{meeting_id}", {"place": place}).status_code == 200
        assert world["ana"]("GET", f"/meetings/{meeting_id}").json["calendar"] == "pending"
    parts(services)
    assert world["ben"]("POST", f"/meetings/{meeting_id}/cancel", {}).status_code == 200
    told, texts = parts(services)
    assert all("text/calendar" not in types for types in told.values())
    assert all("leaves your calendar by itself" in text for text in texts)


def test_who_has_it_in_their_own_calendar_gets_no_second_entry_and_the_other_an_invitation(services, world):
    connect(services, "ben")
    made = api.book(world)
    assert made.json["calendar"] == "none", "Ben's calendar is Ben's"
    assert world["ben"]("GET", f"/meetings/{made.json['id']}").json["calendar"] == "pending"
    told, texts = parts(services)
    assert {name: "text/calendar" in types for name, types in told.items()} == {
        "ana@example.org": True,
        "ben@example.org": False,
    }
    assert any("goes into your calendar by itself" in text for text in texts)


def test_the_entry_on_the_page_is_the_one_that_stands_there(services, world, invited):
    _, ana, _ = invited
    run(services)
    [row] = rows(services)
    assert f"UID:{row.alias}" in world["client"].get(f"/m/{ana}/meeting.ics").get_data(as_text=True)


def test_the_page_recommends_the_own_calendar_for_a_first_meeting(services, client, ana):
    card = first_card(client.get(f"/s/{ana[0]}"))
    assert "from my own calendar" not in text_of(client.get(card)), "there is none"
    connect(services, "ana")
    decide = client.get(card)

    assert 'value="calendar" checked' in decide.get_data(as_text=True)
    other = client.post(f"/s/{ana[0]}/time", data=form_of(decide, "up-1"))
    assert 'value="calendar" checked' not in other.get_data(as_text=True), "a tick that was taken away stays away"
    to = client.post(f"/s/{ana[0]}/time", data=form_of(decide, "book") | {"invite_by": "calendar"})
    assert "on its way into your calendar" in text_of(client.get(to.headers["Location"]))
    run(services)
    assert calendar(services, "ana").told == [("invite", "ben@example.org")]
    again = client.get(first_card(client.get(f"/s/{ana[0]}"))).get_data(as_text=True)
    assert 'value="calendar"' in again
    assert 'value="calendar" checked' not in again


def test_who_has_no_calendar_to_write_to_cannot_let_it_invite(client, ana):
    decide = client.get(first_card(client.get(f"/s/{ana[0]}")))
    to = client.post(f"/s/{ana[0]}/time", data=form_of(decide, "book") | {"invite_by": "calendar"})
    assert to.status_code == 422
    assert "connected no calendar that may invite" in text_of(to)


def test_a_video_link_is_offered_where_the_calendar_makes_one(services, world):
    with services.database.read() as session:
        mentee_id = session.get(Pair, world["pair"]).mentee_id
    [schedule] = [link(services, "schedule", mentee_id, pair_id=world["pair"])]
    url = f"/s/{schedule}?session=check-in"
    assert 'name="video"' not in world["client"].get(first_card(world["client"].get(url))).get_data(as_text=True)
    connect_with_video(services, "ana")
    assert world["ana"]("GET", "/me/connections").json["connections"][0]["video"] == "meet"
    decide = world["client"].get(first_card(world["client"].get(url)))
    assert "my calendar makes a Google Meet link" in unescape(decide.get_data(as_text=True))
    [form] = [each for each in forms_of(decide) if ("action", "book") in each.buttons]
    assert "video" not in form.fields, "nobody has chosen it yet"
    kept = form.send(world["client"], ("action", "up-1"), video="meet")
    [form] = [each for each in forms_of(kept) if ("action", "book") in each.buttons]
    booked = form.send(world["client"], ("action", "book"))
    token = booked.headers["Location"].split("/m/")[1].split("?")[0]
    assert "its link is being made" in page(world, token)
    [meeting_id] = [row.meeting_id for row in rows(services)]
    assert world["ana"]("GET", f"/meetings/{meeting_id}").json["video"] == "wanted"
    assert parts(services) == ({}, []), "they wait for it"
    run(services)
    answer = world["ana"]("GET", f"/meetings/{meeting_id}").json
    assert (answer["place"], answer["video"]) == (LINK, "made")
    assert LINK in page(world, token)
    told, texts = parts(services)
    assert (len(told), all(LINK in text for text in texts)) == (2, True)


def test_a_video_link_that_failed_is_told_on_the_page(services, world):
    connect_with_video(services, "ana")
    calendar(services, "ana").video = None
    made = api.book(world, video="meet")
    assert (made.status_code, made.json["place"], made.json["video"]) == (201, None, "wanted")
    run(services)
    with services.database.read() as session:
        pair = session.get(Pair, world["pair"])
    token = link(services, "meeting", pair.mentee_id, pair_id=pair.id, meeting_id=made.json["id"])
    assert "The calendar made no video link" in page(world, token)
