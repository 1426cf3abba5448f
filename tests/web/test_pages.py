"""Every page through a client: the whole journey without JavaScript, and what goes wrong on it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from service.operations import followup, people
from service.operations.meetings import agenda_of
from service.store.tables import CriticalDate, Link, Meeting, OutboxRow, Person
from service.web import create_app
from tests import cast
from workers.deliver import drain

NOW = datetime(2027, 2, 1, 9, 0, tzinfo=UTC)
SECRET = "SECRET-LABEL"


@pytest.fixture
def client(services):
    return create_app(services).test_client()


@pytest.fixture
def ana(services):
    """Ana's scheduling link for the practice before her talk: (token, pair id, date id)."""
    with services.database.write() as session:
        pair = cast.pair(session, NOW, place="https://meet.example.org/ben")
        talk = cast.talk(session, NOW, pair)
        return people.scheduling_link(session, NOW, pair, "practice", talk.id).token, pair.id, talk.id


def link(services, purpose, person_id, **subject):
    from service.links import link_for

    with services.database.write() as session:
        return link_for(session, services.clock(), purpose, person_id, **subject).token


def text_of(response):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.get_data(as_text=True)))


def form_of(response, submit):
    """The fields of the page's form with this submit value, as a browser would send them."""
    html = response.get_data(as_text=True)
    fields = {}
    for found in re.finditer(r"<(input|textarea)([^>]*)>([^<]*)", html):
        attributes = dict(re.findall(r'([\w.-]+)="([^"]*)"', found[2]))
        if "name" in attributes and attributes.get("type") not in {"checkbox", "radio", "submit", "file"}:
            fields[attributes["name"]] = attributes.get("value", found[3].strip() if found[1] == "textarea" else "")
    fields["action"] = submit
    return fields


def first_card(response):
    return re.search(r'class="card best" href="([^"]+)"', response.get_data(as_text=True))[1].replace("&amp;", "&")


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
    assert "Debrief after it? Add" in text_of(page) or "Move it" in text_of(page)
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
    start = re.search(r'name="start" value="([^"]+)"', html)[1]
    back = client.post(f"/s/{ana[0]}/time", data=form_of(decide, "show") | {"ask": "KEEP-ME", "start": start})
    assert "KEEP-ME" in back.get_data(as_text=True)


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
        token = people.scheduling_link(session, NOW, session.get(cast.Pair, ana[1])).token
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


@pytest.mark.parametrize("path", ["/s/{}", "/m/{}", "/i/{}", "/f/{}", "/p/{}", "/connect/{}"])
def test_old_foreign_and_cut_links_get_a_kind_page(services, client, ana, path):
    for token in ("cut", ana[0][:-1], "x" * 32):
        answer = client.get(path.format(token))
        assert answer.status_code == 404
        assert "mail you" in text_of(answer)
    if path != "/s/{}":
        assert client.get(path.format(ana[0])).status_code == 404, "for another purpose"
    services.clock.now = NOW + timedelta(days=400)
    assert client.get(f"/s/{ana[0]}").status_code == 410


def book(services, client, ana):
    decide = client.get(first_card(client.get(f"/s/{ana[0]}")))
    location = client.post(f"/s/{ana[0]}/time", data=form_of(decide, "book")).headers["Location"]
    with services.database.read() as session:
        return location.split("/m/")[1].split("?")[0], session.scalars(select(Meeting)).one().id


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
    assert client.post(f"/p/{token}/switch", data={"connection": connection_id}).status_code == 303
    assert "switched off" in text_of(client.get(f"/p/{token}"))


def test_the_front_page_answers_everyone_the_same(services, client, ana):
    answers = [
        client.post("/", data={"email": email}) for email in ("ana@example.org", "nobody@example.org", "nonsense")
    ]
    assert {(answer.status_code, answer.headers["Location"]) for answer in answers} == {(303, "/?sent=1")}
    with services.database.read() as session:
        assert [row.kind for row in session.scalars(select(OutboxRow))] == ["links"]


def test_s20_get_changes_nothing(services, client, ana):
    token, meeting_id = book(services, client, ana)
    with services.database.read() as session:
        meeting = session.get(Meeting, meeting_id)
        mentee = meeting.pair.mentee_id
    tokens = {
        purpose: link(services, purpose, mentee, pair_id=meeting.pair_id, meeting_id=meeting_id)
        for purpose in ("meeting", "entry", "followup")
    }
    person = link(services, "person", mentee)
    before = dump(services)
    for path in (
        "/", f"/s/{ana[0]}", f"/m/{token}", f"/m/{token}/move", f"/m/{token}/meeting.ics", f"/i/{tokens['entry']}",
        f"/f/{tokens['followup']}", f"/p/{person}", "/mailbox", "/health/live", "/health/ready",
    ):  # fmt: skip
        client.get(path)
    assert dump(services) == before


def dump(services):
    with services.database.engine.connect() as connection:
        return list(connection.connection.driver_connection.iterdump())


def test_s20_a_token_is_in_no_calendar_file_and_only_hashed(services, client, ana):
    token, _ = book(services, client, ana)
    drain(services)
    stored = "\n".join(dump(services))
    with services.database.read() as session:
        tokens = [found.token for found in session.scalars(select(Link))]
        uid = session.scalars(select(Meeting.uid)).one()
    assert token in tokens
    assert uid not in tokens
    assert not any(found in stored for found in tokens)
    assert SECRET not in stored


def test_s21_a_link_mails_only_the_two_and_is_limited(services, client, ana):
    book(services, client, ana)
    with services.database.read() as session:
        pair = session.get(cast.Pair, ana[1])
        assert {row.person_id for row in session.scalars(select(OutboxRow))} == {pair.mentee_id, pair.mentor_id}
    answers = [client.post(f"/s/{ana[0]}/time", data={"start": "2027-02-26T03:00:00Z"}).status_code for _ in range(80)]
    assert answers[0] == 422
    assert answers[-1] == 429
    assert "Wait" in text_of(client.post(f"/s/{ana[0]}/time"))


def test_the_mailbox_answers_like_a_mail_program(services, client, ana):
    from dataclasses import replace

    from integrations.maildir_mail import MaildirMailer

    services_local = replace(services, mailer=MaildirMailer(services.settings.data_dir / "mailbox"))
    client = create_app(services_local).test_client()
    assert "No mail yet" in text_of(client.get("/mailbox"))
    _, meeting_id = book(services_local, client, ana)
    drain(services_local)
    box = client.get("/mailbox?person=ben@example.org")
    key = re.search(r'href="/mailbox/([^"?]+)"', box.get_data(as_text=True))[1]
    mail = client.get(f"/mailbox/{key}")
    assert "Accept" in text_of(mail)
    assert "Booked" in text_of(client.get(f"/mailbox/{key}/html"))
    answered = client.post(f"/mailbox/{key}/answer", data={"answer": "DECLINED"})
    assert "Declined" in text_of(client.get(answered.headers["Location"]))
    with services.database.read() as session:
        assert session.get(Meeting, meeting_id).phase == "cancelled"
    assert client.get("/mailbox", headers={"Host": "evil.example.org"}).status_code == 404


def test_a_date_is_its_mentees_alone_on_every_page(services, client, ana):
    """The mentor may know a date, when it is shared; they may not find, move or drop it."""
    with services.database.write() as session:
        pair = session.get(cast.Pair, ana[1])
        people.add_pair(  # Ben is a mentee as well, of somebody else
            session, NOW, people.PersonInput("ben@example.org", "Ben Okafor", "America/New_York"),
            people.PersonInput("dan@example.org", "Dan Roe", "Europe/Berlin"),
        )  # fmt: skip
        bens_times = people.scheduling_link_for(session, NOW, pair, pair.mentor_id).token
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


@pytest.mark.parametrize("query", ["day=9999-12-31&at=23:59", "date=²", "minutes=²", "day=0001-01-01&at=00:00"])
def test_odd_numbers_and_years_are_no_accident(client, ana, query):
    assert client.get(f"/s/{ana[0]}?{query}").status_code in {200, 404}
    for start in ("0001-01-01T00:00:00%2B14:00", "9999-12-31T23:00:00-11:00"):
        assert client.get(f"/s/{ana[0]}/time?start={start}").status_code == 422


def test_what_somebody_typed_is_in_no_log(services, client, ana, monkeypatch, caplog):
    def broken(*_arguments, **_named):
        raise ValueError("-".join(("SECRET", "TYPED")))

    monkeypatch.setattr("service.web.front.people.queue_links_mail", broken)
    answer = client.post("/", data={"email": "SECRET-TYPED"})
    assert answer.status_code == 500
    assert "ValueError" in caplog.text
    assert "SECRET-TYPED" not in caplog.text
