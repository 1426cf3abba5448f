"""One meeting: answered, moved, edited, cancelled, held, and followed up."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from service.operations import arcs, followup, people
from service.store.tables import CriticalDate, Meeting, OutboxRow, Pair
from tests.web.walk import NOW, SECRET, book, first_card, form_of, forms_of, link, text_of
from workers.deliver import drain


def test_the_mentor_declines_on_the_page(services, client, ana):
    _, meeting_id = book(services, client, ana)
    drain(services)
    with services.database.read() as session:
        mentor_id = session.get(Meeting, meeting_id).pair.mentor_id
        pair_id = session.get(Meeting, meeting_id).pair_id
    token = link(services, "meeting", mentor_id, pair_id=pair_id, meeting_id=meeting_id)
    page = client.get(f"/m/{token}")
    assert SECRET not in page.get_data(as_text=True)
    assert "This does not suit me" in text_of(page)
    assert client.post(f"/m/{token}/accept").status_code == 303
    assert "You have accepted" in text_of(client.get(f"/m/{token}"))
    assert client.post(f"/m/{token}/decline").status_code == 303
    assert "Not on any more" in text_of(client.get(f"/m/{token}"))


def test_moving_changes_nothing_until_confirmed(services, client, ana):
    token, meeting_id = book(services, client, ana)
    times = client.get(f"/m/{token}/move")
    assert "changes nothing yet" in text_of(times)
    ask = client.get(first_card(times))
    assert "not moved yet" in text_of(ask)
    start = re.search(r'name="start" value="([^"]+)"', ask.get_data(as_text=True))[1]
    assert client.post(f"/m/{token}/move", data={"start": start, "reason": "A clash"}).status_code == 303
    with services.database.read() as session:
        meeting = session.get(Meeting, meeting_id)
        assert (meeting.sequence, f"{meeting.starts_at:%Y-%m-%dT%H:%M:%SZ}") == (1, start)
    night = client.post(f"/m/{token}/move", data={"start": "2027-02-26T03:00:00Z"})
    assert night.status_code == 422
    assert "stands as it was" in text_of(night)


def test_a_meeting_that_is_off_is_not_moved_and_the_reason_is_true(services, client, ana):
    token, _ = book(services, client, ana)
    ask = client.get(first_card(client.get(f"/m/{token}/move")))
    assert client.post(f"/m/{token}/cancel").status_code == 303
    for path in (f"/m/{token}/move", f"/m/{token}/move?start=2027-02-26T16:00:00Z"):
        assert client.get(path).headers["Location"] == f"/m/{token}"
    for action in ("move", "other", "show"):
        told = forms_of(ask)[0].send(client, ("action", action), reason="MY-REASON")
        assert told.status_code == 409
        assert "This meeting is cancelled" in text_of(told)
        assert "MY-REASON" in text_of(told)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda session, ids: arcs.drop_date(session, NOW, session.get(CriticalDate, ids[2])), "Booked."),
        (lambda session, ids: people.end_pair(session, NOW, session.get(Pair, ids[1])), "Not on any more"),
    ],
    ids=["date dropped", "pair ended"],
)
def test_the_address_after_booking_outlives_date_and_pair(services, client, ana, change, words):
    token, _ = book(services, client, ana)
    assert "Debrief after it?" in text_of(client.get(f"/m/{token}?booked=1"))
    with services.database.write() as session:
        change(session, ana)
    page = client.get(f"/m/{token}?booked=1")
    assert page.status_code == 200
    assert words in text_of(page)
    assert "Debrief after it?" not in text_of(page)
    assert client.get(f"/m/{token}/move").status_code in {200, 303}


def test_the_meeting_page_edits_cancels_and_downloads(services, client, ana):
    token, meeting_id = book(services, client, ana)
    assert client.post(f"/m/{token}/ask", data={"ask": "My opening"}).status_code == 303
    assert client.post(f"/m/{token}/place", data={"place": "Room 5"}).status_code == 303
    assert (
        client.post(f"/m/{token}/agenda", data={"point.0.text": "One thing", "point.0.minutes": "45"}).status_code
        == 303
    )
    too_long = client.post(f"/m/{token}/agenda", data={"point.0.text": "x" * 600})
    assert too_long.status_code == 422
    ics = client.get(f"/m/{token}/meeting.ics")
    assert ics.mimetype == "text/calendar"
    assert b"METHOD:PUBLISH" in ics.data
    assert b"ATTENDEE" not in ics.data
    page = text_of(client.get(f"/m/{token}"))
    assert "Room 5" in page
    assert client.post(f"/m/{token}/cancel", data={"reason": "Ill"}).status_code == 303
    assert "Not on any more" in text_of(client.get(f"/m/{token}"))
    with services.database.read() as session:
        assert session.get(Meeting, meeting_id).phase == "cancelled"


def test_the_hour_and_what_follows(services, client, ana):
    token, meeting_id = book(services, client, ana)
    with services.database.read() as session:
        meeting = session.get(Meeting, meeting_id)
    services.clock.now = meeting.starts_at + timedelta(minutes=4)
    page = client.get(f"/m/{token}")
    assert "By the clock" in text_of(page)
    assert "<h1>Practice run with Ben</h1>" in page.get_data(as_text=True)
    assert "Booked" not in text_of(page), "not whether it is booked, but what is on"
    assert 'aria-current="step"' in page.get_data(as_text=True)
    assert client.post(f"/m/{token}/agree", data={"text": "Shorter slides"}).status_code == 303
    assert client.post(f"/m/{token}/agree", data={"text": ""}).status_code == 422
    services.clock.now = meeting.ends_at + timedelta(hours=1)
    with services.database.write() as session:
        followup.run_due(session, services.clock.now)
    after = link(services, "followup", meeting.pair.mentee_id, pair_id=meeting.pair_id, meeting_id=meeting_id)
    form = client.get(f"/f/{after}")
    assert "Is this right?" in text_of(form)
    assert "Shorter slides" in form.get_data(as_text=True)
    fields = form_of(form, "x") | {"happened": "yes", "line.1.text": "Thank Kim", "reflection": "Slow down"}
    assert client.post(f"/f/{after}", data=fields).status_code == 303
    assert "Thank you" in text_of(client.get(f"/f/{after}?done=1"))
    mentors = link(services, "followup", meeting.pair.mentor_id, pair_id=meeting.pair_id, meeting_id=meeting_id)
    assert "Slow down" not in client.get(f"/f/{mentors}").get_data(as_text=True)


def test_the_entry_link_can_do_nothing(services, client, ana):
    _, meeting_id = book(services, client, ana)
    with services.database.read() as session:
        meeting = session.get(Meeting, meeting_id)
    entry = link(services, "entry", meeting.pair.mentor_id, pair_id=meeting.pair_id, meeting_id=meeting_id)
    page = client.get(f"/i/{entry}")
    assert "Ana and Ben" in text_of(page)
    for secret in (SECRET, "Practice", "ana@", "ben@", "Lima"):
        assert secret not in text_of(page)
    assert client.post(f"/i/{entry}").status_code == 303
    with services.database.read() as session:
        assert "links" in {row.kind for row in session.scalars(select(OutboxRow))}
