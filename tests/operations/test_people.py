"""People and pairs: who they are, how they are added, one by one or from a file, and what their links are worth."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, func, select

from service import links
from service.domain.errors import InvalidInput, LinkGone, NotFound
from service.operations import booking, importing, people, personal_links
from service.operations.booking import BookingInput
from service.operations.offering import SlotQuery
from service.operations.people import PersonChange, PersonInput
from service.store.tables import Meeting, OutboxRow, Pair, Person
from tests import cast

NOW = datetime(2027, 2, 1, 9, 0, tzinfo=UTC)
MONDAY = datetime(2027, 2, 8, 15, 0, tzinfo=UTC)
ANA = PersonInput("ana@example.org", "Ana Lima", "Europe/Lisbon")
BEN = PersonInput("ben@example.org", "Ben Okafor", "America/New_York")
HEADER = ",".join((*importing.REQUIRED, "place"))


def csv(*rows):
    return "\n".join((HEADER, *rows)).encode()


def row(mentee, mentor="Ben Okafor,ben@example.org,America/New_York", place=""):
    return f"{mentee},{mentor},{place}"


ANA_ROW = "Ana Lima,ana@example.org,Europe/Lisbon"
EVE_ROW = "Eve Sato,eve@example.org,Europe/Paris"


def faults(caught):
    return [(fault.field, fault.code) for fault in caught.value.faults]


@pytest.fixture
def session(services):
    with services.database.write() as opened:
        yield opened


@pytest.mark.parametrize(
    ("typed", "name", "email"),
    [
        ("Ana Lima <ana@example.org>", "Ana Lima", "ana@example.org"),
        ('"Lima, Ana" <ana@example.org>', "Lima, Ana", "ana@example.org"),
        ("ana@example.org", "", "ana@example.org"),
    ],
)
def test_a_person_as_mail_programs_write_them(typed, name, email):
    assert people.parse_person(typed) == (name, email)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (PersonInput("ana", "Ana", "Europe/Lisbon"), [("mentee_email", "bad_email")]),
        (PersonInput("ana@example.org\nBcc: x@y.org", "Ana", "Europe/Lisbon"), [("mentee_email", "bad_email")]),
        (PersonInput("ana@example.org", " ", "Europe/Lisbon"), [("mentee_name", "no_name")]),
        (PersonInput("ana@example.org", "Ana\x07", "Europe/Lisbon"), [("mentee_name", "bad_name")]),
        (PersonInput("ana@example.org", "Ana \u202egro.live", "Europe/Lisbon"), [("mentee_name", "bad_name")]),
        (PersonInput("ana@example.org", "<b>Ana", "Europe/Lisbon"), [("mentee_name", "bad_name")]),
        (PersonInput("ana@example.org", "A" * 101, "Europe/Lisbon"), [("mentee_name", "bad_name")]),
        (PersonInput("ana@example.org", "Ana", "../../etc/localtime"), [("mentee_zone", "unknown_zone")]),
        (PersonInput("ana@example.org", "Ana", "localtime"), [("mentee_zone", "unknown_zone")]),
        (
            PersonInput("", "", ""),
            [("mentee_email", "bad_email"), ("mentee_name", "no_name"), ("mentee_zone", "unknown_zone")],
        ),
    ],
)
def test_everything_that_is_wrong_is_said_at_once(session, wanted, expected):
    with pytest.raises(InvalidInput) as caught:
        people.add_pair(session, NOW, wanted, BEN)
    assert faults(caught) == expected
    assert session.scalar(select(func.count()).select_from(Person)) == 0


@pytest.mark.parametrize("name", ["José Ñandú", "山田 花子", "نور الهدى", "क्‍ष", "O'Brien-Smith"])
def test_names_of_every_script_are_names(session, name):
    assert people.add_pair(session, NOW, PersonInput("x@example.org", name, "Asia/Tokyo"), BEN).mentee.name == name


def test_an_address_is_one_person_however_it_is_written(session):
    first = people.add_pair(session, NOW, ANA, BEN)
    eve = PersonInput("eve@example.org", "Eve Sato", "Europe/Paris")
    shouted = PersonInput(" BEN@Example.ORG ", "Ben  Okafor", "America/New_York")
    second = people.add_pair(session, NOW, eve, shouted)
    assert second.mentor_id == first.mentor_id
    assert people.load_person(session, "Ben@example.org").id == first.mentor_id
    assert [pair.id for pair in people.list_pairs(session, first.mentor_id)] == [first.id, second.id]
    assert [pair.id for pair in people.list_pairs(session, first.mentee_id)] == [first.id]


def test_somebody_elses_pair_is_as_unknown_as_none(session):
    made = people.add_pair(session, NOW, ANA, BEN)
    for pair_id, person_id in ((made.id, cast.dan(session, NOW).id), (999, made.mentee_id), (999, None)):
        with pytest.raises(NotFound):
            people.load_pair(session, pair_id, person_id)


def test_a_pair_ends_with_what_is_ahead_and_takes_up_where_it_was(services):
    with services.database.write() as session:
        pair = people.add_pair(session, NOW, ANA, BEN, "Room 5")
        query = SlotQuery(pair.id, "check-in")
        meeting = booking.book(
            session, NOW, timedelta(hours=1), query, BookingInput(start=MONDAY, by_id=pair.mentee_id)
        )
        ids = pair.id, meeting.id
    with services.database.write() as session:
        for _ in range(2):
            people.end_pair(session, NOW, people.load_pair(session, ids[0]))
        assert session.get(Meeting, ids[1]).phase == "cancelled"
    with services.database.write() as session:
        again = people.add_pair(session, NOW, ANA, BEN)
        assert (again.id, again.ended_at, again.place) == (ids[0], None, "Room 5")
        people.end_pair(session, NOW, again)
    with services.database.write() as session:
        (imported,) = importing.import_pairs(session, NOW, csv(row(ANA_ROW, place="Room 6")))
        assert (imported.id, imported.ended_at, imported.place) == (ids[0], None, "Room 6")


def test_a_person_is_edited_and_nobody_becomes_somebody_else(session):
    pair = people.add_pair(session, NOW, ANA, BEN)
    people.edit_person(
        session, NOW, pair.mentee, PersonChange(name="Ana Lima Costa", zone="Asia/Tokyo", locale="en_US")
    )
    assert (pair.mentee.name, pair.mentee.zone, pair.mentee.email) == ("Ana Lima Costa", "Asia/Tokyo", ANA.email)
    for change, fault in (
        (PersonChange(email="BEN@example.org"), ("email", "email_taken")),
        (PersonChange(locale="xx_YY"), ("locale", "unknown_locale")),
        (PersonChange(locale="../x"), ("locale", "unknown_locale")),
        (PersonChange(mails="some"), ("mails", "unknown_choice")),
        (PersonChange(zone="Mars/Olympus"), ("person_zone", "unknown_zone")),
    ):
        with pytest.raises(InvalidInput) as caught:
            people.edit_person(session, NOW, pair.mentee, change)
        assert faults(caught) == [fault]
    assert pair.mentee.locale == "en_US"


def test_rotated_links_are_worth_nothing_and_the_others_stay(session):
    pair = people.add_pair(session, NOW, ANA, BEN)
    before = personal_links.links_of(session, NOW, pair)
    assert personal_links.links_of(session, NOW, pair)["mentee"].token == before["mentee"].token
    fresh = personal_links.rotate_links(session, NOW, pair.mentee)
    assert [link.purpose for link in fresh] == ["person", "schedule"]
    with pytest.raises(LinkGone):
        links.resolve(session, NOW, "person", before["mentee"].token)
    assert links.resolve(session, NOW, "person", fresh[0].token).person_id == pair.mentee_id
    assert links.resolve(session, NOW, "person", before["mentor"].token).person_id == pair.mentor_id
    with pytest.raises(NotFound):
        links.resolve(session, NOW, "schedule", fresh[0].token)


def test_the_front_page_mails_links_to_whom_we_know_and_not_without_end(session):
    people.add_pair(session, NOW, ANA, BEN)
    asked = [
        personal_links.queue_links_mail(session, NOW, text) for text in ("Ana@Example.org", "x@example.org", "nonsense")
    ]
    assert asked == [True, False, False]
    for _ in range(5):
        personal_links.queue_links_mail(session, NOW + timedelta(seconds=1), "ana@example.org")
    personal_links.queue_links_mail(session, NOW + timedelta(minutes=11), "ana@example.org")
    assert session.scalar(select(func.count()).select_from(OutboxRow)) == 2


def test_each_is_greeted_once_whatever_the_number_of_pairs(session):
    pair = people.add_pair(session, NOW, ANA, BEN)
    assert [person.email for person in people.queue_welcome(session, NOW, pair)] == [ANA.email, BEN.email]
    assert people.queue_welcome(session, NOW, pair) == []
    other = people.add_pair(session, NOW, PersonInput("eve@example.org", "Eve Sato", "Europe/Paris"), BEN)
    assert [person.email for person in people.queue_welcome(session, NOW, other)] == ["eve@example.org"]


def test_a_file_of_ten_thousand_rows_takes_a_handful_of_queries(services):
    rows = [
        row(f"Mentee {at},m{at}@example.org,Europe/Lisbon", f"Mentor {at % 500},t{at % 500}@example.org,Asia/Tokyo")
        for at in range(10_000)
    ]
    selects = 0

    def count(_connection, _cursor, statement, *_rest):
        nonlocal selects
        selects += statement.startswith("SELECT")

    event.listen(services.database.engine, "before_cursor_execute", count)
    with services.database.write() as session:
        assert len(importing.import_pairs(session, NOW, csv(*rows))) == 10_000
    assert selects <= 5
    with services.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Person)) == 10_500


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (
            [ANA_ROW + ",,,,"],
            [
                ("line 2, mentor_email", "bad_email"),
                ("line 2, mentor_name", "no_name"),
                ("line 2, mentor_zone", "unknown_zone"),
            ],
        ),
        ([row(ANA_ROW), row(ANA_ROW, ANA_ROW)], [("line 3", "same_person")]),
        ([row(ANA_ROW), row(EVE_ROW, place="Room 5, second floor")], [("line 3", "too_many_cells")]),
        ([row(ANA_ROW), row(ANA_ROW.replace("Lima", "Costa"), EVE_ROW)], [("line 3", "two_names")]),
        ([row(ANA_ROW, place="x" * 400)], [("line 2, place", "too_long")]),
    ],
)
def test_a_wrong_line_is_named_and_nothing_is_added(services, rows, expected):
    with services.database.write() as session, pytest.raises(InvalidInput) as caught:
        importing.import_pairs(session, NOW, csv(*rows))
    assert faults(caught) == expected
    with services.database.read() as session:
        assert session.scalars(select(Person)).all() == []


def test_a_pair_that_stands_is_named_by_its_line(services):
    with services.database.write() as session:
        people.add_pair(session, NOW, ANA, BEN)
    with services.database.write() as session, pytest.raises(InvalidInput) as caught:
        importing.import_pairs(session, NOW, csv(row(EVE_ROW), row(ANA_ROW)))
    assert faults(caught) == [("line 3", "pair_known_here")]
    with services.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Pair)) == 1
