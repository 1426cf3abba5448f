"""A meeting that somebody deletes, declines or moves in a calendar that we only read."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from service.domain.busy import OwnEvent
from service.domain.errors import AdapterError
from service.operations import booking
from service.operations.meetings import attendance_of, interval_of
from service.operations.proposing import open_proposals
from service.store.tables import Meeting, OutboxRow, Pair, Person, Sighting
from tests import cast
from tests.fakes import MemoryCalendar
from tests.operations.reading import connect, refresh
from tests.operations.test_booking import AGE, MONDAY, NOW, book, mark_sent
from workers import clock

LATER = timedelta(minutes=15)


@pytest.fixture
def pair_id(services):
    with services.database.write() as session:
        return cast.pair(session, NOW, place="Room 5").id


class Bens:
    """His calendar, read by us: a lecture, and the meetings that he accepted."""

    def __init__(self, services, pair_id, days=1):
        self.services, self.pair_id = services, pair_id
        self.connection_id = connect(services, pair_id)
        self.held: MemoryCalendar = services.calendars.by_url["bens"]
        self.held.put(MONDAY - timedelta(days=1))
        self.ids = [book(services, pair_id, MONDAY + timedelta(days=day)) for day in range(days)]
        for meeting_id in self.ids:
            mark_sent(services, meeting_id)
            with services.database.read() as session:
                meeting = session.get(Meeting, meeting_id)
                self.held.events.append((interval_of(meeting), meeting.uid))
        self.read()

    def read(self):
        self.held.version += 1
        self.look()

    def look(self):
        self.services.clock.now += LATER
        refresh(self.services, self.connection_id, self.services.clock.now)
        clock.settle_sightings(self.services)

    def ours(self):
        return [event for event in self.held.events if event[1] is not None]

    def delete(self, *events):
        self.held.events = [event for event in self.held.events if event not in events]

    def move(self, by):
        interval, uid = self.ours()[0]
        self.delete((interval, uid))
        self.held.put(interval.start + by, (interval.end - interval.start).seconds // 60, uid)

    def want(self, **wishes):
        with self.services.database.write() as session:
            ben = session.get(Pair, self.pair_id).mentor
            for name, wish in wishes.items():
                setattr(ben, name, wish)

    def phases(self):
        with self.services.database.read() as session:
            return [session.get(Meeting, meeting_id).phase for meeting_id in self.ids]

    def starts(self):
        with self.services.database.read() as session:
            return [session.get(Meeting, meeting_id).starts_at for meeting_id in self.ids]

    def proposed(self):
        with self.services.database.read() as session:
            found = open_proposals(session, self.services.clock(), self.pair_id)
            return [(each.pair.role(each.by_id), [time.starts_at for time in each.times]) for each in found]

    def to_come(self):
        with self.services.database.read() as session:
            rows = session.scalars(select(OutboxRow).where(OutboxRow.state == "pending"))
            return sorted((row.kind, session.get(Person, row.person_id).first_name) for row in rows)


@pytest.fixture
def bens(services, pair_id):
    return Bens(services, pair_id)


@pytest.mark.databases
def test_s14_what_its_owner_deletes_is_off_when_a_second_read_says_so_too(bens):
    bens.delete(*bens.ours())
    bens.read()
    assert bens.phases() == ["booked"]
    bens.read()
    assert bens.phases() == ["cancelled"]
    assert bens.to_come() == [("declined", "Ana"), ("declined", "Ben")]
    bens.read()
    assert bens.to_come() == [("declined", "Ana"), ("declined", "Ben")]


def test_a_server_that_says_unchanged_says_it_a_second_time(bens):
    bens.delete(*bens.ours())
    bens.read()
    bens.look()
    assert bens.phases() == ["cancelled"]


def test_what_comes_back_was_never_gone(bens):
    kept = bens.ours()
    bens.delete(*kept)
    bens.read()
    bens.held.events += kept
    for _ in range(3):
        bens.read()
    assert (bens.phases(), bens.to_come()) == (["booked"], [])


def test_who_wants_to_call_off_here_deletes_what_they_like(bens):
    bens.want(when_deleted="keep")
    bens.delete(*bens.ours())
    for _ in range(3):
        bens.read()
    assert (bens.phases(), bens.to_come()) == (["booked"], [])


@pytest.mark.parametrize("off", [{"cancelled": False, "partstat": "DECLINED"}, {"cancelled": True, "partstat": None}])
def test_s14_what_is_declined_there_is_off_at_once(services, bens, monkeypatch, off):
    interval, uid = bens.ours()[0]
    monkeypatch.setattr("tests.fakes.OwnEvent", lambda *_, **__: OwnEvent(uid, interval, **off))
    bens.read()
    assert bens.phases() == ["cancelled"]
    with services.database.read() as session:
        meeting = session.get(Meeting, bens.ids[0])
        assert attendance_of(session, meeting)[meeting.pair.mentor_id] == "DECLINED"


@pytest.mark.databases
def test_s14_a_move_there_is_a_proposal_and_is_asked_once(bens):
    bens.move(timedelta(hours=2))
    for _ in range(3):
        bens.read()
    assert bens.starts() == [MONDAY]
    assert bens.proposed() == [("mentor", [MONDAY + timedelta(hours=2)])]
    assert bens.to_come() == [("proposed", "Ana")]


def test_who_wants_to_move_here_moves_it_there_in_vain(bens):
    bens.want(when_moved="keep")
    bens.move(timedelta(hours=2))
    bens.read()
    assert (bens.starts(), bens.proposed(), bens.to_come()) == ([MONDAY], [], [])


@pytest.mark.databases
def test_s14_where_both_agreed_it_moves(services, bens):
    with services.database.write() as session:
        session.get(Pair, bens.pair_id).terms = {"calendar_moves": "move"}
    bens.move(timedelta(hours=1))
    for _ in range(2):
        bens.read()
    assert (bens.starts(), bens.proposed()) == ([MONDAY + timedelta(hours=1)], [])
    assert bens.to_come() == [("invitation", "Ana"), ("invitation", "Ben")]


def test_a_program_that_has_not_heard_of_a_move_here_moves_nothing_back(services, bens):
    with services.database.write() as session:
        meeting = session.get(Meeting, bens.ids[0])
        booking.reschedule(session, NOW, AGE, meeting, MONDAY + timedelta(hours=1), meeting.pair.mentee_id)
    bens.read()
    bens.delete(*bens.ours())  # and puts the new one in later
    for _ in range(2):
        bens.read()
    assert (bens.phases(), bens.starts(), bens.proposed()) == (["booked"], [MONDAY + timedelta(hours=1)], [])


def _empty(bens):
    bens.held.events = []


def _all_of_ours(bens):
    bens.delete(*bens.ours())


def _password(bens):
    bens.held.fault = AdapterError("unauthorized", permanent=True)


def _in_part(bens):
    bens.delete(bens.ours()[0])
    bens.held.partial = True


@pytest.mark.parametrize("broken", [_empty, _all_of_ours, _password, _in_part])
def test_a_calendar_that_broke_calls_off_nothing(services, pair_id, broken):
    bens = Bens(services, pair_id, days=4)
    broken(bens)
    for _ in range(4):
        bens.read()
    assert bens.phases() == ["booked"] * 4
    assert [mail for mail in bens.to_come() if mail[0] != "calendar-broken"] == []
    with services.database.read() as session:
        assert len(session.scalars(select(Sighting)).all()) == 4


def test_one_of_several_may_go(services, pair_id):
    bens = Bens(services, pair_id, days=4)
    bens.delete(bens.ours()[1])
    for _ in range(2):
        bens.read()
    assert bens.phases() == ["booked", "cancelled", "booked", "booked"]
