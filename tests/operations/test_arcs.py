"""Dates that matter: added, moved, dropped; what is booked for them is kept and asked about once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from service.domain.errors import InvalidInput, NotFound
from service.operations import arcs, booking
from service.operations.arc_booking import offers_of
from service.operations.arcs import DateInput
from service.operations.booking import BookingInput
from service.operations.offering import SlotQuery, offer
from service.store.tables import CriticalDate, Meeting, OutboxRow
from tests import cast
from tests.date_files import ODD, UNREADABLE, event_file

NOW = datetime(2027, 2, 1, 9, 0, tzinfo=UTC)
AGE = timedelta(hours=1)
WANTED = DateInput("presentation", datetime(2027, 3, 4, 15), "Europe/Lisbon", run_minutes=15, label="SECRET-LABEL")


@pytest.fixture
def date_id(services):
    with services.database.write() as session:
        return arcs.add_date(session, NOW, cast.pair(session, NOW), WANTED).id


def change(services, date_id, action):
    with services.database.write() as session:
        return action(session, session.get(CriticalDate, date_id))


def asked(services):
    with services.database.read() as session:
        return [(row.kind, row.date_id) for row in session.scalars(select(OutboxRow)) if row.kind == "date-moved"]


def book_practice(services, date_id):
    with services.database.write() as session:
        pair = session.get(cast.Pair, session.get(CriticalDate, date_id).pair_id)
        query = SlotQuery(pair.id, "practice", date_id)
        start = offer(session, NOW, AGE, query).proposals.slots[0].start
        return booking.book(session, NOW, AGE, query, BookingInput(start=start, by_id=pair.mentee_id)).id


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"at": datetime(2020, 1, 1, 10)}, "at", "past"),
        ({"at": datetime(2027, 3, 28, 1, 30)}, "at", "no_such_time"),
        ({"at": datetime(2035, 1, 1, 10)}, "at", "too_far"),
        ({"until": datetime(2027, 3, 4, 14)}, "until", "not_after_at"),
        ({"kind": "party"}, "kind", "unknown_kind"),
        ({"zone": "Mars/Olympus"}, "zone", "unknown_zone"),
        ({"run_minutes": 0}, "run_minutes", "run_minutes"),
        ({"label": "x" * 300}, "label", "too_long"),
    ],
)
def test_a_date_that_cannot_be_is_told(services, date_id, change, field, code):
    with services.database.write() as session, pytest.raises(InvalidInput) as caught:
        arcs.add_date(session, NOW, session.get(cast.Pair, 1), replace(WANTED, **change))
    assert [(fault.field, fault.code) for fault in caught.value.faults] == [(field, code)]


def test_a_repeated_hour_is_its_first(services, date_id):
    with services.database.write() as session:
        made = arcs.add_date(session, NOW, session.get(cast.Pair, 1), replace(WANTED, at=datetime(2027, 10, 31, 1, 30)))
        assert made.starts_at == datetime(2027, 10, 31, 0, 30, tzinfo=UTC)


def test_it_is_the_mentees_alone_until_they_book_or_share(services, date_id):
    def seen(session, critical):
        pair = session.get(cast.Pair, critical.pair_id)
        return [len(arcs.dates_of(session, NOW, pair, person)) for person in (pair.mentee_id, pair.mentor_id)]

    assert change(services, date_id, seen) == [1, 0]
    with pytest.raises(NotFound):
        change(services, date_id, lambda s, c: arcs.load_date(s, c.id, s.get(cast.Pair, c.pair_id).mentor_id))
    book_practice(services, date_id)
    assert change(services, date_id, seen) == [1, 1]


def test_the_arc_knows_what_is_booked(services, date_id):
    meeting_id = book_practice(services, date_id)
    lines = change(services, date_id, lambda s, c: arcs.arc_of(s, NOW, c))
    assert [(line.part.role, line.meeting and line.meeting.id) for line in lines] == [
        ("shape", None), ("practice", meeting_id), ("word", None), ("debrief", None),
    ]  # fmt: skip


@pytest.mark.parametrize("happened", [True, None, False])
def test_a_part_they_have_met_for_is_not_offered_again(services, date_id, happened):
    meeting_id = book_practice(services, date_id)
    with services.database.write() as session:
        meeting = session.get(Meeting, meeting_id)
        meeting.phase, meeting.happened = "ended", happened
    with services.database.read() as session:
        critical = session.get(CriticalDate, date_id)
        (practice,) = (line for line in arcs.arc_of(session, NOW, critical) if line.part.role == "practice")
        offered = {each.line.part.role for each in offers_of(session, NOW, AGE, critical) if each.slot}
    assert (practice.meeting is None) == (happened is False)
    assert offered == {"shape", "debrief"} | ({"practice"} if happened is False else set())


def test_moving_it_keeps_what_is_booked_and_asks_once_a_move(services, date_id):
    meeting_id = book_practice(services, date_id)
    later = replace(WANTED, at=datetime(2027, 3, 18, 15))
    for _ in range(2):
        change(services, date_id, lambda s, c: arcs.move_date(s, NOW, c, later))
    assert asked(services) == [("date-moved", date_id)]
    change(services, date_id, lambda s, c: arcs.move_date(s, NOW, c, replace(later, label="Another name")))
    assert len(asked(services)) == 1, "another name is no move"
    with services.database.read() as session:
        assert session.get(Meeting, meeting_id).phase == "booked"
        debrief = offer(session, NOW, AGE, SlotQuery(1, "debrief", date_id)).proposals.slots
        assert min(slot.start for slot in debrief) > datetime(2027, 3, 18, 15, tzinfo=UTC)


def test_a_date_that_goes_back_and_forth_is_asked_about_as_it_is_now(services, date_id):
    book_practice(services, date_id)
    later = replace(WANTED, at=datetime(2027, 3, 18, 15))
    for hours, wanted in enumerate((later, WANTED, later)):
        change(services, date_id, lambda s, c, h=hours, w=wanted: arcs.move_date(s, NOW + timedelta(hours=h), c, w))
        with services.database.read() as session:
            rows = session.scalars(select(OutboxRow).where(OutboxRow.kind == "date-moved").order_by(OutboxRow.id)).all()
            assert [row.state for row in rows] == ["cancelled"] * hours + ["pending"]


def test_dropping_it_keeps_what_is_booked_and_asks_once(services, date_id):
    book_practice(services, date_id)
    for _ in range(2):
        change(services, date_id, lambda s, c: arcs.drop_date(s, NOW, c))
    assert asked(services) == [("date-moved", date_id)]
    with pytest.raises(NotFound):
        change(services, date_id, lambda s, c: arcs.load_date(s, c.id, s.get(cast.Pair, c.pair_id).mentee_id))


def test_nothing_booked_nothing_asked(services, date_id):
    change(services, date_id, lambda s, c: arcs.move_date(s, NOW, c, replace(WANTED, at=datetime(2027, 3, 18, 15))))
    assert asked(services) == []


def test_a_short_lead_says_so_and_finds_the_nearest(services, date_id):
    soon = replace(WANTED, at=datetime(2027, 2, 4, 15))
    with services.database.write() as session:
        made = arcs.add_date(session, NOW, session.get(cast.Pair, 1), soon)
        found = offer(session, NOW, AGE, SlotQuery(1, "practice", made.id))
    assert found.frame.part.note == "shrunk"
    assert found.proposals.slots == [], "what is left of the usual days is within a day's notice"
    assert found.nearest.slots
    assert all(slot.end <= datetime(2027, 2, 4, 15, tzinfo=UTC) for slot in found.nearest.slots)


@pytest.mark.parametrize("lines", UNREADABLE)
def test_times_that_cannot_be_read_are_a_sentence(lines):
    with pytest.raises(InvalidInput) as refused:
        arcs.read_ics_date(event_file(lines), "exam", "Europe/Lisbon")
    assert [(fault.field, fault.code) for fault in refused.value.faults] == [("ics", "unreadable_times")]


@pytest.mark.parametrize(("lines", "read"), ODD.items())
def test_odd_files_are_read_as_far_as_they_can_be(lines, read):
    found = arcs.read_ics_date(event_file(lines), "exam", "Europe/Lisbon")
    assert (found.at, found.until, found.label, found.zone) == (*read, "Europe/Lisbon")
