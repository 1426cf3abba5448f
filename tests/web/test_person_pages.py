"""A person's own page: dates, hours, calendars, mails; what is theirs alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from sqlalchemy import select

from service.operations import commitments, people, personal_links
from service.operations.commitments import Line
from service.operations.times import availability_of
from service.store.tables import Calendar, Connection, CriticalDate, Meeting, Person
from tests import cast
from tests.date_files import ODD, THREE, UNREADABLE, event_file
from tests.web.walk import NOW, SECRET, book, forms_of, link, text_of


def test_the_persons_page(services, client, ana):
    with services.database.read() as session:
        mentee = session.scalars(select(Person).where(Person.email == "ana@example.org")).one()
        mentor = session.scalars(select(Person).where(Person.email == "ben@example.org")).one()
    token, bens = link(services, "person", mentee.id), link(services, "person", mentor.id)
    assert SECRET in text_of(client.get(f"/p/{token}")), "a person's own label is theirs to see"
    assert SECRET not in text_of(client.get(f"/p/{bens}"))
    assert "presentation" not in text_of(client.get(f"/p/{bens}")).lower()
    assert client.post(f"/p/{token}/share_date", data={"date": ana[2]}).status_code == 303
    assert "presentation" in text_of(client.get(f"/p/{bens}")).lower()
    assert SECRET not in text_of(client.get(f"/p/{bens}"))
    assert client.post(f"/p/{bens}/drop_date", data={"date": 999}).status_code == 404
    hours = {"hours": "Mon-Thu 10:00-16:00", "notice": "48h", "off": "2027-02-15..2027-02-19"}
    assert client.post(f"/p/{token}/hours", data=hours).status_code == 303
    wrong = client.post(f"/p/{token}/hours", data={"hours": "Mon 17:00-09:00"})
    assert wrong.status_code == 422
    assert "ends before it starts" in text_of(wrong)
    assert client.post(f"/p/{token}/mails", data={"mails": "none"}).status_code == 303
    assert client.post(f"/p/{token}/person", data={"own_zone": "Mars/Olympus"}).status_code == 422
    assert client.post(f"/p/{token}/person", data={"locale": "en_US"}).status_code == 303
    to_times = client.post(f"/p/{bens}/schedule", data={"pair": ana[1], "session": "check-in"})
    assert client.get(to_times.headers["Location"]).status_code == 200
    fresh = client.post(f"/p/{token}/rotate").headers["Location"]
    assert client.get(f"/p/{token}").status_code == 410
    assert client.get(fresh).status_code == 200


def test_hours_keep_both_lines_of_a_day_and_a_cap_of_none_at_all(services, client, ana):
    with services.database.read() as session:
        mentee_id = session.get(cast.Pair, ana[1]).mentee_id
    token = link(services, "person", mentee_id)
    day = "2027-02-10 10:00-12:00\n2027-02-10 14:00-16:00"
    assert client.post(f"/p/{token}/hours", data={"hours": "none", "overrides": day, "cap_day": "0"}).status_code == 303
    for _ in range(2):  # what the page shows is what is saved again
        form = next(form for form in forms_of(client.get(f"/p/{token}")) if "cap_day" in form.fields)
        assert (form.fields["cap_day"], form.fields["cap_week"]) == ("0", "")
        assert form.fields["overrides"] == "2027-02-10 10:00-12:00 14:00-16:00"
        assert form.send(client).status_code == 303
    crossed = {"hours": "none", "overrides": "2027-02-10 10:00-12:00\n2027-02-10 11:00-16:00"}
    assert client.post(f"/p/{token}/hours", data=crossed).status_code == 422
    with services.database.read() as session:
        held = availability_of(session.get(Person, mentee_id))
    assert (held.cap_day, list(held.overrides.values())) == (0, [((600, 720), (840, 960))])


def test_what_was_agreed_says_whose_it_is(services, client, ana):
    _, meeting_id = book(services, client, ana)
    with services.database.write() as session:
        meeting = session.get(Meeting, meeting_id)
        mentee_id, mentor_id = meeting.pair.mentee_id, meeting.pair.mentor_id
        for owner_id, text in ((mentee_id, "Shorter slides"), (mentor_id, "Introduce Kim"), (None, "Meet again")):
            commitments.agree(session, NOW, meeting, mentee_id, Line(None, text, owner_id))
    told = text_of(client.get(f"/p/{link(services, 'person', mentee_id)}"))
    for line in ("Shorter slides · Ana", "Introduce Kim · Ben"):
        assert line in told
    assert "Meet again · Ana" not in told
    assert "Meet again · Ben" not in told


def test_connecting_a_calendar_reads_it_first(services, client, ana):
    with services.database.read() as session:
        mentor = session.scalars(select(Person).where(Person.email == "ben@example.org")).one()
    token = link(services, "person", mentor.id)
    services.calendars("ics", "webcal://x", None, None).put(datetime(2027, 2, 26, 15, 0, tzinfo=UTC), 60)
    done = client.post(f"/p/{token}/calendar", data={"provider": "ics", "url": "webcal://x"})
    assert done.status_code == 303
    page = text_of(client.get(f"/p/{token}"))
    assert "connected, checked" in page
    assert "Fri 26 Feb, 10:00" in page
    assert client.post(f"/p/{token}/calendar", data={"provider": "ics", "url": " "}).status_code == 422
    assert client.post(f"/p/{token}/calendar", data={"provider": "fax", "url": "x"}).status_code == 422
    with services.database.read() as session:
        connection_id = session.scalars(select(cast.Connection.id)).one()
    assert client.post(f"/p/{token}/switch", data={"connection": connection_id, "state": "off"}).status_code == 303
    assert "switched off" in text_of(client.get(f"/p/{token}"))


@pytest.mark.parametrize(
    ("state", "minutes", "told"),
    [
        ("connected", 1, "connected, checked 60 s ago"),
        ("stale", 12, "slow: using the copy from Mon 1 Feb, 08:48 (tried 60 s ago)"),
        (
            "stale",
            61,
            "its last copy is too old to count, so no times are offered (tried 60 s ago)",
        ),
        ("stale", None, "cannot be read, and its last copy is too old to count"),
        ("reconnect", 12, "needs you: connect it again"),
        ("off", 12, "switched off"),
    ],
)
def test_a_calendar_says_how_it_stands_and_which_copy_counts(services, client, state, minutes, told):
    with services.database.write() as session:
        ana = cast.person(session, NOW, "ana")
        connection = Connection(
            person_id=ana.id, provider="ics", url="https://x.example", state=state, created_at=NOW,
            checked_at=NOW - timedelta(minutes=1),
        )  # fmt: skip
        copied = NOW - timedelta(minutes=minutes) if minutes is not None else None
        connection.calendars = [Calendar(key="", key_hash="h", name="Work", verified_at=copied)]
        session.add(connection)
        ana_id = ana.id
    assert told in text_of(client.get(f"/p/{link(services, 'person', ana_id)}"))


def test_a_date_is_its_mentees_alone_on_every_page(services, client, ana):
    """The mentor may know a date, when it is shared; they may not find, move or drop it."""
    with services.database.write() as session:
        pair = session.get(cast.Pair, ana[1])
        people.add_pair(  # Ben is a mentee as well, of somebody else
            session, NOW, people.PersonInput("ben@example.org", "Ben Okafor", "America/New_York"),
            people.PersonInput("dan@example.org", "Dan Roe", "Europe/Berlin"),
        )  # fmt: skip
        bens_times = personal_links.scheduling_link_for(session, NOW, pair, pair.mentor_id).token
        mentor_id = pair.mentor_id
    bens = link(services, "person", mentor_id)
    query = f"session=practice&date={ana[2]}"
    assert client.get(f"/s/{bens_times}?{query}").status_code == 404
    assert client.get(f"/s/{bens_times}/time?start=2027-02-26T15:00:00Z&{query}").status_code == 404
    with services.database.write() as session:
        session.get(CriticalDate, ana[2]).shared_at = NOW
    moved = {"pair": 2, "date": ana[2], "kind": "exam", "day": "2027-03-20", "time": "10:00"}
    assert client.post(f"/p/{bens}/date", data=moved).status_code == 404
    assert client.post(f"/p/{bens}/drop_date", data={"date": ana[2]}).status_code == 404
    with services.database.read() as session:
        kept = session.get(CriticalDate, ana[2])
        assert (kept.kind, kept.label, kept.dropped_at) == ("presentation", SECRET, None)


def with_file(client, url, lines, **typed):
    fields = {"kind": "exam", "ics": (BytesIO(event_file(lines)), "x.ics"), **typed}
    return client.post(url, data=fields, content_type="multipart/form-data")


@pytest.mark.parametrize("page", ["person", "times"])
def test_a_file_whose_times_cannot_be_read_is_a_sentence_and_what_was_typed_stays(services, client, ana, page):
    with services.database.read() as session:
        mentee_id = session.get(cast.Pair, ana[1]).mentee_id
    person = link(services, "person", mentee_id)
    url, form = (f"/p/{person}/date", f"n{ana[1]}") if page == "person" else (f"/s/{ana[0]}/dates", "new")
    for lines in UNREADABLE:
        answer = with_file(client, url, lines, form=form, pair=ana[1], label="My oral")
        assert answer.status_code == 422, lines
        assert "the times in this file cannot be read" in text_of(answer), lines
        assert "My oral" in answer.get_data(as_text=True), lines
    never = with_file(client, url, "DTSTART:99991231T235959Z", pair=ana[1])
    assert (never.status_code, "years ahead" in text_of(never)) == (422, True)
    with services.database.read() as session:
        assert [row.id for row in session.scalars(select(CriticalDate))] == [ana[2]], "nothing was added"


def test_a_files_title_is_the_private_label_unless_one_was_typed(services, client, ana):
    with services.database.read() as session:
        mentee_id = session.get(cast.Pair, ana[1]).mentee_id
    url = f"/p/{link(services, 'person', mentee_id)}/date"
    twice = next(lines for lines, read in ODD.items() if read[2] == "A")
    assert with_file(client, url, twice, pair=ana[1]).status_code == 303
    typed = {"label": "My oral", "shared_label": "An exam", "run_minutes": "20"}
    assert with_file(client, url, twice, pair=ana[1], **typed).status_code == 303
    with services.database.read() as session:
        made = session.scalars(select(CriticalDate).where(CriticalDate.kind == "exam").order_by(CriticalDate.id)).all()
    assert {row.starts_at for row in made} == {THREE.replace(tzinfo=UTC)}
    assert [(row.label, row.shared_label, row.run_minutes) for row in made] == [
        ("A", None, None),
        ("My oral", "An exam", 20),
    ]
