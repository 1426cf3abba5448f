"""The coordinator's page: who is paired and whether they meet, a hand where one is needed, and not a word of theirs."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from service.operations import cadence, coordinators, help_requests, looks, people
from service.operations.people import PersonInput
from service.operations.programme import LATELY
from service.store.tables import Connection, Look, Meeting, OutboxRow, Pair, Person
from tests import cast
from tests.web.walk import NOW, book, forms_of, link, text_of

HEADER = "mentee_name,mentee_email,mentee_zone,mentor_name,mentor_email,mentor_zone,place"
ROWS = f"{HEADER}\nFay Ito,fay@example.org,Asia/Tokyo,Ben Okafor,ben@example.org,America/New_York,Room 5\n"


@pytest.fixture
def cleo(services):
    with services.database.write() as session:
        person = coordinators.appoint(session, NOW, PersonInput("cleo@example.org", "Cleo Park", "Europe/Lisbon"))
        return coordinators.programme_link(session, NOW, person).token


@pytest.fixture
def pair_id(services):
    with services.database.write() as session:
        return cast.pair(session, NOW).id


def lines(services, pair_id):
    with services.database.read() as session:
        pair = session.get(Pair, pair_id)
        return [each.what for each in looks.looks_of(session, pair, pair.mentee_id)]


def mails(services, kind):
    with services.database.read() as session:
        return session.scalars(select(OutboxRow.person_id).where(OutboxRow.kind == kind)).all()


def press(client, cleo, what, which=0, query="", **typed):
    """The form of the page that does this, as it stands, with what is typed into it."""
    forms = [each for each in forms_of(client.get(f"/programme/{cleo}{query}")) if f"/{what}" in each.action]
    return forms[which].send(client, **typed)


def many(session, count):
    """That many pairs, all of Ben."""
    mentor = cast.person(session, NOW, "ben")
    for nth in range(count):
        mentee = Person(name=f"M{nth} X", email=f"m{nth}@example.org", zone="UTC", mails="all", created_at=NOW)
        session.add(mentee)
        session.flush()
        session.add(Pair(mentee_id=mentee.id, mentor_id=mentor.id, created_at=NOW))


def test_an_empty_programme_says_what_to_do(client, cleo):
    answer = client.get(f"/programme/{cleo}")
    said = text_of(answer)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    for sentence in ("There are no pairs yet", "Nobody waits for you", "Mail arrives", "Figures are shown from 5"):
        assert sentence in said


@pytest.mark.databases
def test_it_says_whether_they_meet_and_neither_when_nor_what(services, client, ana, cleo):
    said = text_of(client.get(f"/programme/{cleo}"))
    assert "Ana Lima and Ben Okafor Nothing is booked. New: not met yet." in said
    book(services, client, ana)
    with services.database.read() as session:
        meeting = session.scalars(select(Meeting)).one()
    html = client.get(f"/programme/{cleo}?pair={ana[1]}").get_data(as_text=True)
    assert "Has a next meeting." in html
    typed = ("SECRET-LABEL", "meet.example.org", "26 Feb", "ractice", meeting.uid)
    assert [word for word in typed if word in html] == []
    services.clock.now = NOW + LATELY + timedelta(days=1)
    with services.database.write() as session:
        held = session.get(Meeting, meeting.id)
        held.phase, held.happened = "closed", True
    assert "Every pair has met in the past six weeks" in text_of(client.get(f"/programme/{cleo}"))
    services.clock.now = meeting.ends_at + LATELY + timedelta(minutes=1)
    said = text_of(client.get(f"/programme/{cleo}?show=quiet"))
    assert "A kind word from you may be all that they need. Ana Lima and Ben Okafor" in said
    assert "Nothing is booked. Not met in the past six weeks." in said


def test_figures_are_of_five_pairs_or_none(services, client, cleo):
    with services.database.write() as session:
        many(session, 4)
    few = client.get(f"/programme/{cleo}").get_data(as_text=True)
    assert "<dd>" not in few
    with services.database.write() as session:
        cast.pair(session, NOW)
    enough = text_of(client.get(f"/programme/{cleo}"))
    assert "Pairs 5 With a next meeting 0 Met in the past six weeks 0 With a signed agreement 0" in enough


@pytest.mark.databases
def test_a_look_at_the_page_is_one_line_a_day_for_each_pair_on_it(services, client, cleo):
    with services.database.write() as session:
        many(session, 51)
    for _ in range(2):
        client.get(f"/programme/{cleo}")
    with services.database.read() as session:
        found = session.execute(select(Look.pair_id, Look.role, Look.what)).all()
    assert len(found) == len(set(found)) == 50, "and none for the one that stood on the next page"
    assert {(role, what) for _, role, what in found} == {("coordinator", "list")}
    assert "Further in the list" in text_of(client.get(f"/programme/{cleo}"))
    client.get(f"/programme/{cleo}?page=1")
    services.clock.advance(days=1)
    client.get(f"/programme/{cleo}")
    with services.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Look)) == 101


@pytest.mark.databases
def test_who_asked_and_whose_mail_or_calendar_is_broken_come_first(services, client, pair_id, cleo):
    with services.database.write() as session:
        pair = session.get(Pair, pair_id)
        help_requests.ask(session, NOW, pair.mentee, "May I have <another> mentor?")
        cast.broken_calendar(session, NOW, pair.mentor_id)
        pair.mentee.refused_at = NOW
    answer = client.get(f"/programme/{cleo}")
    said = text_of(answer)
    assert "May I have &lt;another&gt; mentor?" in answer.get_data(as_text=True)
    assert "A calendar of Ben cannot be read" in said
    assert "Mail to ana@example.org comes back" in said
    assert "broken" not in said.replace("cannot be read", ""), "neither its address nor what is wrong with it"
    assert press(client, cleo, "answered").status_code == 303
    assert "May I have" not in text_of(client.get(f"/programme/{cleo}"))
    with services.database.write() as session:
        session.scalars(select(Connection)).one().state = "off"
    assert "cannot be read, and" not in text_of(client.get(f"/programme/{cleo}"))


def test_an_address_is_corrected_and_the_old_links_end(services, client, pair_id, cleo):
    with services.database.read() as session:
        mine = session.get(Pair, pair_id).mentee_id
    old = link(services, "person", mine)
    answer = press(client, cleo, "address", email="Ana.Lima@example.org")
    assert answer.status_code == 303
    assert "The address is corrected" in text_of(client.get(answer.headers["Location"]))
    assert client.get(f"/p/{old}").status_code == 410
    with services.database.read() as session:
        assert session.get(Person, mine).email == "ana.lima@example.org"
    assert lines(services, pair_id) == ["address", "list"]
    for email, sentence in (("nonsense", "nonsense"), ("ben@example.org", "ben@example.org")):
        refused = press(client, cleo, "address", email=email)
        assert refused.status_code == 422
        assert sentence in text_of(refused)


@pytest.mark.databases
def test_no_coordinator_can_take_over_pages_that_are_in_use(services, client, ana, cleo):
    with services.database.write() as session:
        talk = session.get(Pair, ana[1])
        mine = talk.mentee_id
    refused = press(client, cleo, "address", email="cleo+ana@example.org")
    assert refused.status_code == 422
    assert "only whoever runs this service can change the address" in text_of(refused)
    with services.database.write() as session:
        session.get(Person, mine).refused_at = NOW
    assert press(client, cleo, "address", email="cleo+ana@example.org").status_code == 422, "also while mail comes back"


def test_no_address_changes_in_a_pair_that_has_ended(services, client, pair_id, cleo):
    with services.database.write() as session:
        pair = session.get(Pair, pair_id)
        mine, pair.mentee.refused_at = pair.mentee_id, NOW
        people.end_pair(session, NOW, pair)
    wrong = {"pair": pair_id, "person": mine, "email": "cleo+ana@example.org"}
    refused = client.post(f"/programme/{cleo}/address", data=wrong)
    assert refused.status_code == 422
    assert "This pair has ended, so no address in it changes" in text_of(refused)


def test_the_welcome_goes_again_once_a_day_and_not_to_whom_wants_none(services, client, pair_id, cleo):
    for _ in range(2):
        assert press(client, cleo, "welcome").status_code == 303
    assert len(mails(services, "welcome")) == 1
    services.clock.advance(days=1)
    for _ in range(2):
        assert press(client, cleo, "welcome").status_code == 303
    assert len(mails(services, "welcome")) == 2
    assert lines(services, pair_id).count("welcome") == 2
    with services.database.write() as session:
        session.get(Pair, pair_id).mentor.mails = "none"
    refused = press(client, cleo, "welcome", which=1)
    assert refused.status_code == 422
    assert "no thank you" in text_of(refused)


def test_two_that_a_coordinator_pairs_and_greets_are_asked_to_find_a_time(services, client, cleo):
    pair = {"mentee_email": "fay@example.org", "mentee_name": "Fay Ito", "mentee_zone": "UTC"}
    pair |= {"mentor_email": "gus@example.org", "mentor_name": "Gus Oy", "mentor_zone": "UTC"}
    assert press(client, cleo, "two", **pair).status_code == 303
    for which in range(2):
        assert press(client, cleo, "welcome", which=which).status_code == 303
    for _ in range(3):
        with services.database.write() as session:
            cadence.run_due(session, services.clock())
        services.clock.advance(days=10)
    assert mails(services, "book-nudge") != []


def test_a_pair_on_a_list_goes_on_without_the_pause_that_it_ended_in(services, client, pair_id, cleo):
    with services.database.write() as session:
        pair = session.get(Pair, pair_id)
        pair.paused_until, pair.due_at = NOW + timedelta(days=300), None
        people.end_pair(session, NOW, pair)
    row = "Ana Lima,ana@example.org,Europe/Lisbon,Ben Okafor,ben@example.org,America/New_York,"
    assert client.post(f"/programme/{cleo}/add", data={"csv": f"{HEADER}\n{row}\n"}).status_code == 303
    with services.database.read() as session:
        pair = session.get(Pair, pair_id)
        assert (pair.ended_at, pair.paused_until, pair.due_at) == (None, None, NOW)


def test_a_pair_ends_and_goes_on(services, client, ana, cleo):
    book(services, client, ana)
    ended = press(client, cleo, "end")
    said = text_of(client.get(ended.headers["Location"]))
    assert "The pair has ended" in said
    with services.database.read() as session:
        assert session.get(Pair, ana[1]).ended_at == NOW
        assert session.scalars(select(Meeting.phase)).all() == ["cancelled"]
    assert text_of(client.get(f"/programme/{cleo}")).count("There are no pairs yet") == 1
    services.clock.advance(hours=1)
    assert press(client, cleo, "again", query="?show=ended").status_code == 303
    assert client.post(f"/programme/{cleo}/again", data={"pair": ana[1]}).status_code == 303
    assert len(mails(services, "welcome")) == 2, "one may have left it, and both are told"
    assert lines(services, ana[1]) == ["paired", "end", "list"]
    with services.database.read() as session:
        assert session.get(Pair, ana[1]).ended_at is None


def test_two_are_paired_by_address_and_a_stranger_needs_a_name(services, client, pair_id, cleo):
    with services.database.write() as session:
        cast.person(session, NOW, "eve")
    known = {"mentee_email": "Eve@example.org", "mentor_email": "ben@example.org"}
    assert press(client, cleo, "two", **known).status_code == 303
    again = press(client, cleo, "two", **known)
    assert again.status_code == 422
    refused = press(client, cleo, "two", mentee_email="fay@example.org", mentor_email="ben@example.org")
    assert refused.status_code == 422
    assert 'value="fay@example.org"' in refused.get_data(as_text=True), "nothing that was typed is lost"
    new = {"mentee_email": "fay@example.org", "mentee_name": "Fay Ito", "mentee_zone": "Asia/Tokyo"}
    assert press(client, cleo, "two", mentor_email="ben@example.org", **new).status_code == 303
    with services.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Pair)) == 3
        assert session.scalars(select(OutboxRow)).all() == []


def test_a_list_is_looked_at_first_and_added_whole_or_not_at_all(services, client, pair_id, cleo):
    def count():
        with services.database.read() as session:
            return session.scalar(select(func.count()).select_from(Pair))

    sent = {"file": (io.BytesIO(b"\xef\xbb\xbf" + ROWS.encode()), "pairs.csv")}
    shown = client.post(f"/programme/{cleo}/import", data=sent)
    assert shown.status_code == 200
    assert "Nothing is added yet. New people among them: 1." in text_of(shown)
    assert count() == 1
    (form,) = forms_of(shown)
    assert form.send(client).status_code == 303
    assert count() == 2
    assert form.send(client).status_code == 422, "that pair stands by now"
    wrong = press(client, cleo, "import", csv=ROWS + "Gil,nonsense,Nowhere,Ben Okafor,ben@example.org,UTC,\n")
    assert wrong.status_code == 422
    assert "line 3" in text_of(wrong)
    assert "Gil,nonsense" in wrong.get_data(as_text=True)
    assert count() == 2
    for data in ({}, {"file": (io.BytesIO(b"\xff\xfe"), "pairs.csv")}, {"csv": "a,b\n1,2"}):
        assert client.post(f"/programme/{cleo}/import", data=data).status_code == 422


def test_whoever_coordinates_no_more_gets_in_no_more(services, client, pair_id, cleo):
    with services.database.write() as session:
        coordinators.coordinators(session)[0].coordinates = False
    assert client.get(f"/programme/{cleo}").status_code == 410
    assert client.post(f"/programme/{cleo}/end", data={"pair": pair_id}).status_code == 410
    with services.database.read() as session:
        mine = session.get(Pair, pair_id).mentee_id
    assert client.get(f"/programme/{link(services, 'person', mine)}").status_code == 404
    assert lines(services, pair_id) == []


@pytest.mark.parametrize("path", ["?show=all+of+it", "?pair=99"])
def test_what_is_not_there_is_said_kindly(client, cleo, path):
    assert client.get(f"/programme/{cleo}{path}").status_code == 404


@pytest.mark.parametrize("what", ["end", "address", "welcome", "again", "answered", "nonsense"])
def test_a_form_about_nobody_changes_nothing(client, pair_id, cleo, what):
    wrong = {"pair": pair_id, "person": 99, "asked": 99, "email": "x@example.org"}
    if what in {"end", "again"}:
        wrong["pair"] = 99
    assert client.post(f"/programme/{cleo}/{what}", data=wrong).status_code == 404
