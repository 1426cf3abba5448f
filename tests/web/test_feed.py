"""The address that a calendar program reads: the same entries as in mails, the same octets until something changes."""

from datetime import timedelta

import pytest
from icalendar import Calendar

from service.domain.answering import request_in
from service.operations import booking, details, feeds, personal_links
from service.operations.booking import BookingInput
from service.operations.offering import SlotQuery
from service.store.tables import Meeting, Person
from tests import cast
from tests.web.walk import NOW, SECRET, book, forms_of, link, text_of
from workers.deliver import drain


@pytest.fixture
def booked(services, client, ana):
    """Ana's meeting with Ben, told by mail: (meeting id, Ana's id, Ben's id)."""
    _, meeting_id = book(services, client, ana)
    drain(services)
    with services.database.read() as session:
        pair = session.get(Meeting, meeting_id).pair
        return meeting_id, pair.mentee_id, pair.mentor_id


def fetch(client, token, **headers):
    return client.get(f"/feeds/{token}.ics", headers=headers)


def events(response):
    assert response.status_code == 200
    calendar = Calendar.from_ical(response.data)
    assert calendar["method"] == "PUBLISH"
    return calendar.walk("VEVENT")


def told(event):
    names = ("uid", "sequence", "dtstart", "dtend", "summary", "description", "location", "organizer", "class")
    return {name: str(event[name]) if name not in {"dtstart", "dtend"} else event[name].dt for name in names}


def change(services, meeting_id, what, *values):
    services.clock.now += timedelta(minutes=1)
    with services.database.write() as session:
        what(session, services.clock.now, session.get(Meeting, meeting_id), *values)


def test_it_says_what_the_invitation_said(services, client, booked):
    answer = fetch(client, link(services, "feed", booked[2]))
    (event,) = events(answer)
    mail = next(mail for mail in services.mailer.sent if mail.recipient == "ben@example.org")
    (invited,) = Calendar.from_ical(request_in(mail.octets)).walk("VEVENT")
    assert told(event) == told(invited)
    assert "/i/" in event["description"]
    assert "attendee" not in event
    assert (answer.mimetype, answer.headers["Cache-Control"]) == ("text/calendar", "private, no-cache")
    assert SECRET not in answer.get_data(as_text=True)


def test_two_fetches_differ_only_when_something_changed(services, client, booked):
    meeting_id, ana_id, _ = booked
    token = link(services, "feed", ana_id)
    first = fetch(client, token)
    services.clock.now += timedelta(days=1)
    assert fetch(client, token).data == first.data
    again = fetch(client, token, **{"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data, again.headers["Cache-Control"]) == (304, b"", "private, no-cache")
    seen = [events(first)[0]]
    for what, *values in ((details.set_meeting_place, ana_id, "Room 5"), (details.edit_agenda, ana_id, ())):
        change(services, meeting_id, what, *values)
        changed = fetch(client, token, **{"If-None-Match": first.headers["ETag"]})
        seen += events(changed)
    stamps = [event["dtstamp"].dt for event in seen]
    assert stamps == sorted(set(stamps))
    assert [event["sequence"] for event in seen] == [0, 1, 1]
    assert len({event["uid"] for event in seen}) == 1


@pytest.mark.parametrize(("what", "values"), [(booking.cancel, ("SECRET-REASON",)), (booking.decline, ())])
def test_a_cancelled_meeting_is_said_to_be_for_a_while(services, client, booked, what, values):
    meeting_id, ana_id, _ = booked
    change(services, meeting_id, what, ana_id, *values)
    token = link(services, "feed", ana_id)
    answer = fetch(client, token)
    (event,) = events(answer)
    assert (event["status"], event["sequence"], event["dtstamp"].dt) == ("CANCELLED", 1, services.clock.now)
    assert b"SECRET-REASON" not in answer.data
    services.clock.now += timedelta(days=31)
    assert events(fetch(client, token)) == []


def test_what_is_over_stays_and_what_is_long_over_does_not(services, client, booked):
    token = link(services, "feed", booked[1])
    services.clock.now += timedelta(days=60)
    assert len(events(fetch(client, token))) == 1
    services.clock.now += timedelta(days=200)
    assert events(fetch(client, token)) == []


def test_nobody_sees_another_ones_meetings(services, client, booked):
    with services.database.write() as session:
        dan_id = cast.dan(session, NOW).id
    assert events(fetch(client, link(services, "feed", dan_id))) == []


def test_the_page_makes_the_address_and_ends_it(services, client, booked):
    page = link(services, "person", booked[1])
    shown = client.get(f"/p/{page}")
    assert "/feeds/" not in shown.get_data(as_text=True)
    (make,) = [form for form in forms_of(shown) if form.action.endswith("/feed")]
    for _ in range(2):
        assert make.send(client).status_code == 303
    shown = client.get(f"/p/{page}")
    first = address_on(shown)
    assert len(events(client.get(first))) == 1
    (again,) = [form for form in forms_of(shown) if form.action.endswith("/feed")]
    for _ in range(2):
        again.send(client)
        second = address_on(client.get(f"/p/{page}"))
    assert second != first
    gone = client.get(first)
    assert (gone.status_code, gone.mimetype) == (410, "text/plain")
    assert "Make a new one" in text_of(gone)
    assert len(events(client.get(second))) == 1
    with services.database.write() as session:
        personal_links.rotate_links(session, NOW, session.get(Person, booked[1]))
    assert client.get(second).status_code == 410


def address_on(page):
    html = page.get_data(as_text=True)
    return "/feeds/" + html.partition("/feeds/")[2].partition('"')[0]


def test_other_addresses_are_a_line_of_text(services, client, booked):
    foreign = link(services, "person", booked[1])
    for token in ("nothing-like-it", foreign):
        answer = fetch(client, token)
        assert (answer.status_code, answer.mimetype) == (404, "text/plain")
    own = link(services, "feed", booked[1])
    services.clock.now += timedelta(days=4 * 365)
    assert (fetch(client, own).status_code, fetch(client, own).mimetype) == (410, "text/plain")


def test_the_programmes_feed_says_when_anybody_meets_and_nothing_else(services, client, booked):
    with services.database.write() as session:
        token = feeds.programme_feed_link(session, NOW).token
        assert feeds.programme_feed_link(session, NOW).token == token
        meeting = session.get(Meeting, booked[0])
        uid, starts, ends = meeting.uid, meeting.starts_at, meeting.ends_at
        beside = cast.pair(session, NOW, "eve", "dan")
        query = SlotQuery(beside.id, "check-in", minutes=(ends - starts) // timedelta(minutes=1))
        booking.book(session, NOW, timedelta(hours=1), query, BookingInput(start=starts, by_id=beside.mentee_id))
    answer = fetch(client, token)
    (block,) = Calendar.from_ical(answer.data).walk("VEVENT")
    assert (block["dtstart"].dt, block["dtend"].dt, block["summary"]) == (starts, ends, "2 meetings")
    said = answer.get_data(as_text=True)
    for private in (uid, "Ana", "Ben", "Eve", "example.org", "ATTENDEE", "ORGANIZER", "/i/", SECRET):
        assert private not in said
    services.clock.now += timedelta(days=1)
    assert fetch(client, token, **{"If-None-Match": answer.headers["ETag"]}).status_code == 304
    with services.database.write() as session:
        fresh = feeds.programme_feed_link(session, services.clock(), again=True).token
    assert fetch(client, token).status_code == 410
    assert fetch(client, fresh).data == answer.data
    assert client.get(f"/p/{fresh}").status_code == 404
