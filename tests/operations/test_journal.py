"""A person's journal: taken away whole, and brought to another installation as it was."""

from __future__ import annotations

import io
import json
import zipfile
from contextlib import suppress
from datetime import UTC, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar
from jsonschema import Draft202012Validator
from sqlalchemy import func, select

from service.domain.errors import InvalidInput, NotAllowed, NotFound
from service.journal import MOST_PAIRS, Journal, schema
from service.operations import agreements, bringing, goals, journal_file, notes, people
from service.operations.journal import journal_of
from service.operations.people import PersonInput
from service.store.database import Database, connect, sqlite_url
from service.store.tables import Agreement, Base, CriticalDate, Goal, Meeting, OutboxRow, Pair, Person
from service.store.types import Keyring
from tests import cast
from tests.lived import MONDAY, NOW, lived_in
from tests.lived import elsewhere as elsewhere_pair
from tests.web.walk import SECRET

SCHEMA = Path(__file__).parents[2] / "docs" / "export.schema.json"
LISBON = ZoneInfo("Europe/Lisbon")
BOMB = b"\0" * (journal_file.MOST_DATA + 1)


EMPTY = Journal(
    format="greenroom-journal", version=1, name="Ana", email="ana@example.org", zone="UTC", hours=None,
    mails_come_back_since=None, unsure=[], asked_for_help=[], pairs=[elsewhere_pair()],
)  # fmt: skip


@cache
def packed():
    return journal_file.pack(EMPTY, "en", LISBON, NOW)


@pytest.fixture
def pair_id(services):
    return lived_in(services)


@pytest.fixture
def other_database(tmp_path):
    made = Database(connect(sqlite_url(tmp_path / "elsewhere.db"), Keyring(("other" * 10,))))
    Base.metadata.create_all(made.engine)
    yield made
    made.close()


def journals(services, pair_id):
    with services.database.read() as session:
        pair = session.get_one(Pair, pair_id)
        return journal_of(session, pair.mentee), journal_of(session, pair.mentor)


def zipped(**members):
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return into.getvalue()


def changed(octets, **values):
    """The same file with other values at the top of its data."""
    with zipfile.ZipFile(io.BytesIO(octets)) as file:
        return zipped(**{"data.json": json.dumps(json.loads(file.read("data.json")) | values)})


def elsewhere(session, journal):
    """Its owner, as another installation knows them: by another address, and in no pair."""
    return people.add_person(session, NOW, PersonInput("me@elsewhere.example", journal.name, journal.zone), "person")


def test_what_is_handed_out_is_ones_own_and_what_was_shared(services, pair_id):
    ana, ben = (each.as_json() for each in journals(services, pair_id))
    own = ("ANAS-LABEL", "ANAS-ASK", "ANAS-POINT", "ANAS-THOUGHT", "ANAS-PROMISE", "ANAS-ANSWER", "ANAS-STORY")
    assert [word for word in own if word not in ana] == []
    assert "BENS-THOUGHT" not in ana
    private = ("ANAS-LABEL", "ANAS-THOUGHT", "ANAS-GOAL", "ANAS-ANSWER", "ANAS-JOURNAL")
    assert [word for word in private if word in ben] == []
    assert all(word in ben for word in ("BENS-THOUGHT", "BENS-DEBRIEF", "ANAS-DEBRIEF"))


def test_the_schema_is_published_and_every_export_keeps_to_it(services, pair_id):
    published = json.loads(SCHEMA.read_text())
    assert published == schema(), "write docs/export.schema.json anew from service.journal.schema()"
    Draft202012Validator.check_schema(published)
    for each in journals(services, pair_id):
        assert list(Draft202012Validator(published).iter_errors(json.loads(each.as_json()))) == []


def test_the_file_holds_the_same_for_people_programs_and_calendars(services, pair_id):
    ana, _ = journals(services, pair_id)
    octets = journal_file.pack(ana, "en", LISBON, NOW)
    assert octets == journal_file.pack(ana, "en", LISBON, NOW)
    with services.database.read() as session:
        signed = session.scalars(select(Agreement)).one()
        uids = {meeting.uid for meeting in session.scalars(select(Meeting))}
        pdf, document = agreements.as_pdf(signed), signed.document
    with zipfile.ZipFile(io.BytesIO(octets)) as file:
        assert file.testzip() is None
        assert file.read("agreements/1/agreement-v1.pdf") == pdf
        assert file.read("agreements/1/agreement-v1.md").decode() == document
        assert file.read("data.json").decode() == ana.as_json()
        calendar = Calendar.from_ical(file.read("meetings.ics"))
        text = file.read("journal.md").decode()
    events = calendar.walk("VEVENT")
    assert {str(event["UID"]) for event in events} == uids
    assert min(event.start for event in events) == MONDAY.astimezone(UTC) + timedelta(hours=1)
    assert "METHOD" not in calendar
    assert "#### Mon 8 Feb 2027, 16:00: Check-in\n" in text
    assert "> ANAS-THOUGHT\n" in text


def test_what_was_typed_is_no_markup_in_the_journal(services, pair_id):
    typed = (
        "<img src=https://evil.example/t.png>\n# Not a heading\n- no list\n2. none\n![x](https://evil.example) 1 < 2!"
    )
    with services.database.write() as session:
        pair = session.get_one(Pair, pair_id)
        pair.mentor.name = "![x](https://evil.example) Okafor"
        notes.tell_story(session, NOW, pair, pair.mentee_id, {"text": typed})
    with zipfile.ZipFile(io.BytesIO(journal_file.pack(journals(services, pair_id)[0], "en", LISBON, NOW))) as file:
        text = file.read("journal.md").decode()
    for line in (r"\<img src", r"\# Not a heading", r"\- no list", r"2\. none", r"!\[x\](https://evil.example) 1 < 2!"):
        assert f"> {line}" in text
    assert "<img" not in text.replace(r"\<img", "")
    assert "![" not in text


def test_what_is_taken_away_and_brought_elsewhere_is_the_same_and_mails_nobody(services, other_database, pair_id):
    for journal in journals(services, pair_id):
        octets = journal_file.pack(journal, "en", LISBON, NOW)
        for _ in range(2):
            with other_database.write() as session:
                person = session.scalars(select(Person)).one_or_none() or elsewhere(session, journal)
                assert bringing.bring(session, NOW, person, journal_file.unpack(octets)) == len(journal.pairs)
        with other_database.write() as session:
            person = session.scalars(select(Person)).one()
            again = journal_of(session, person)
            assert again.asked_for_help == [], "that was for the coordinator there"
            theirs = {"email": journal.email, "asked_for_help": journal.asked_for_help}
            assert again.model_copy(update=theirs).as_json() == journal.as_json()
            assert session.scalar(select(func.count()).select_from(OutboxRow)) == 0
            assert session.scalars(select(Pair)).all() == [], "nobody who is named in it comes to be known"
            bringing.erase(session, person.id)
            session.delete(person)


def test_ones_own_journal_brings_nothing_where_it_comes_from(services, pair_id):
    ana, _ = journals(services, pair_id)
    with services.database.write() as session:
        mentee = session.get_one(Pair, pair_id).mentee
        assert bringing.bring(session, NOW, mentee, ana) == 1, "what was brought before is replaced"
        assert journal_of(session, mentee) == ana


def test_of_what_was_brought_no_pdf_is_made_and_it_has_a_most(services, pair_id):
    ana, _ = journals(services, pair_id)
    other = ana.pairs[0].model_copy(update={"other": "Cam Diaz"})
    large = [
        other.model_copy(update={"other": f"Cam {number}", "what_matters": "x" * 4_000_000}) for number in range(3)
    ]
    with services.database.write() as session:
        mentee = session.get_one(Pair, pair_id).mentee
        bringing.erase(session, mentee.id)
        bringing.bring(session, NOW, mentee, ana.model_copy(update={"pairs": [other]}))
        journal = journal_of(session, mentee)
        octets = journal_file.pack(journal, "en", LISBON, NOW, brought=bringing.count(session, mentee.id))
    with zipfile.ZipFile(io.BytesIO(octets)) as file:
        assert [name for name in file.namelist() if name.endswith(".pdf")] == ["agreements/1/agreement-v1.pdf"]
        assert "agreements/2/agreement-v1.md" in file.namelist()
    with services.database.write() as session, pytest.raises(InvalidInput) as refused:
        bringing.bring(session, NOW, session.get_one(Pair, pair_id).mentee, ana.model_copy(update={"pairs": large}))
    assert [fault.code for fault in refused.value.faults] == ["too_much_brought"]


def test_who_brought_as_many_pairs_as_there_is_room_for_still_takes_all_away(services, pair_id):
    ana, _ = journals(services, pair_id)
    more = [elsewhere_pair().model_copy(update={"other": f"Cam {number}"}) for number in range(MOST_PAIRS)]
    with services.database.write() as session:
        mentee = session.get_one(Pair, pair_id).mentee
        bringing.erase(session, mentee.id)
        bringing.bring(session, NOW, mentee, ana.model_copy(update={"pairs": more}))
        assert len(journal_of(session, mentee).pairs) == MOST_PAIRS + 1


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        (b"", "not_journal"),
        (b"PK\x03\x04 and no more", "not_journal"),
        (zipped(**{"readme.txt": "hello"}), "not_journal"),
        (zipped(**{"data.json": '{"goals": []}'}), "not_journal"),
        (zipped(**{"data.json": "[]"}), "not_journal"),
        (zipped(**{"data.json": "{}", "../../etc/cron.d/x": "x"}), "not_journal"),
        (zipped(**{"data.json": "{}", "/etc/passwd": "x"}), "not_journal"),
        (zipped(**{"data.json": "{}", "..\\x": "x"}), "not_journal"),
        (zipped(**{"data.json": "[" * 100_000}), "journal_broken"),
        (zipped(**{"data.json": b"\xff\xfe"}), "journal_broken"),
        (zipped(**{"data.json": BOMB}), "journal_too_large"),
        (b"\0" * (journal_file.MOST_FILE + 1), "file_too_large"),
    ],
    ids=range(12),
)  # fmt: skip
def test_what_is_no_journal_is_refused(octets, code):
    with pytest.raises(InvalidInput) as refused:
        journal_file.unpack(octets)
    assert [fault.code for fault in refused.value.faults] == [code]


def test_a_journal_that_was_changed_cut_or_is_newer_is_refused(services, pair_id):
    ana, _ = journals(services, pair_id)
    octets = journal_file.pack(ana, "en", LISBON, NOW)
    pairs = json.loads(ana.as_json())["pairs"]
    late = [pairs[0] | {"began_at": "9999-12-31T23:59:59Z"}]
    wrong = {"pairs": [pairs[0] | {"goals": [{"text": SECRET}]}]}
    at = octets.index(b"data.json") + 200
    cases = {
        "journal_newer": changed(octets, version=2, more="?"),
        "journal_broken": changed(octets, **wrong),
        "journal_broken ": changed(octets, pairs=late),
        "journal_broken  ": changed(octets, more="?"),
        "journal_broken   ": octets[:at] + bytes([octets[at] ^ 0xFF]) + octets[at + 1 :],
        "not_journal": octets[:-30],
    }
    for code, file in cases.items():
        with pytest.raises(InvalidInput) as refused:
            journal_file.unpack(file)
        (fault,) = refused.value.faults
        assert (fault.code, SECRET in str(fault)) == (code.strip(), False)


@given(at=st.integers(0, 10**9), octet=st.integers(0, 255), cut=st.integers(0, 10**9))
def test_a_journal_with_a_wrong_octet_or_a_cut_is_refused_or_the_same(at, octet, cut):
    whole = packed()
    at, cut = at % len(whole), cut % len(whole)
    for octets in (whole[:at] + bytes([octet]) + whole[at + 1 :], whole[:cut]):
        with suppress(InvalidInput):
            assert journal_file.unpack(octets).as_json() == EMPTY.as_json()


@pytest.mark.databases
def test_goals_notes_and_dates_ahead_come_along_as_ones_own_and_private(services, pair_id):
    ana, ben = journals(services, pair_id)
    with services.database.write() as session:
        fresh = cast.pair(session, NOW, mentee="eve", mentor="dan")
        bringing.bring(session, NOW, fresh.mentee, ana)
        bringing.bring(session, NOW, fresh.mentor, ben)
        (mine, *_), (theirs,) = (
            list(bringing.brought_of(session, each)) for each in (fresh.mentee_id, fresh.mentor_id)
        )
        for _ in range(2):
            bringing.take_along(session, NOW, fresh.mentee_id, mine, fresh)
        held = goals.goals_of(session, fresh, fresh.mentee_id)
        assert [(goal.text, goal.shared_at) for goal in held] == [("ANAS-GOAL", None)]
        dates = session.scalars(select(CriticalDate).where(CriticalDate.pair_id == fresh.id)).all()
        assert [(date.label, date.shared_at) for date in dates] == [("ANAS-LABEL", None)]
        told = [(note.text, note.shared_at) for note in notes.notes_of(session, fresh, fresh.mentee_id)]
        assert told == [("ANAS-NOTE", None), ("ANAS-STORY", None)]
        with pytest.raises(NotFound):
            bringing.take_along(session, NOW, fresh.mentee_id, theirs, fresh)
        with pytest.raises(NotAllowed):
            bringing.take_along(session, NOW, fresh.mentor_id, theirs, fresh)
        assert len(session.scalars(select(Goal)).all()) == 2
        bringing.remove(session, fresh.mentor_id, mine)
        assert mine in bringing.brought_of(session, fresh.mentee_id), "not theirs to remove"
