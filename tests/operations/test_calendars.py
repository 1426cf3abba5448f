"""Calendars that work, fail and come back: what counts, who is told, and that unreadable is never free."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from service.domain.availability import DEFAULT
from service.domain.errors import AdapterError, CalendarUnreadable, InvalidInput, NotFound
from service.operations import booking, calendars, people, refreshing
from service.operations.booking import BookingInput
from service.operations.calendars import NewConnection
from service.operations.offering import SlotQuery, offer
from service.operations.people import PersonChange, edit_person
from service.operations.times import times_of_pair
from service.store.pair_rows import load_pair
from service.store.tables import Calendar, Connection, Meeting, OutboxRow
from service.web import confirm
from tests import cast
from tests.operations.reading import NOW, POLL, WAIT, connect, refresh, state
from tests.stored import dump

AGE = timedelta(hours=1)
MONDAY = datetime(2027, 2, 8, 15, 0, tzinfo=UTC)
WRONG_PASSWORD = AdapterError("unauthorized", permanent=True, host="x")
DOWN = AdapterError("timeout", permanent=False, host="x")


@pytest.fixture
def pair_id(services):
    with services.database.write() as session:
        return cast.pair(session, NOW).id


def starts(services, pair_id, now=NOW):
    with services.database.read() as session:
        return {slot.start for slot in offer(session, now, AGE, SlotQuery(pair_id, "check-in")).proposals.slots}


def test_what_is_busy_is_not_offered_and_no_title_is_kept(services, pair_id):
    bens = services.calendars("ics", "bens", None, None)
    bens.put(MONDAY, 60)
    free = starts(services, pair_id)
    connect(services, pair_id)
    assert free - starts(services, pair_id) == {MONDAY + timedelta(minutes=15 * at) for at in range(-1, 4)}
    with services.database.read() as session:
        assert session.scalars(select(Calendar)).one().verified_at == NOW


@pytest.mark.parametrize(
    ("change", "anew"),
    [
        (PersonChange(zone="Asia/Tokyo"), True),
        (PersonChange(email="b@example.org"), True),
        (PersonChange(name="B"), False),
    ],
)
def test_a_calendar_is_read_anew_for_another_zone_or_address(services, pair_id, change, anew):
    connection_id = connect(services, pair_id)
    with services.database.write() as session:
        edit_person(session, NOW, session.get(cast.Pair, pair_id).mentor, change)
    with services.database.read() as session:
        plan = refreshing.plan_refresh(session, NOW, connection_id)
    assert [known.mark is None for known in plan.calendars] == [anew]


def test_a_change_is_seen_by_the_next_read_and_nothing_is_read_twice(services, pair_id):
    connection_id = connect(services, pair_id)
    bens = services.calendars("ics", "bens", None, None)
    refresh(services, connection_id, NOW + POLL)
    with services.database.read() as session:
        assert session.scalars(select(Calendar)).one().verified_at == NOW + POLL
    bens.put(MONDAY, 60)
    refresh(services, connection_id, NOW + 2 * POLL)
    assert MONDAY not in starts(services, pair_id, NOW + 2 * POLL)


def test_our_own_meeting_in_a_calendar_does_not_stand_in_its_own_way(services, pair_id):
    connection_id = connect(services, pair_id)
    with services.database.write() as session:
        mentee_id = session.get(cast.Pair, pair_id).mentee_id
        wanted = BookingInput(start=MONDAY, by_id=mentee_id)
        meeting = booking.book(session, NOW, AGE, SlotQuery(pair_id, "check-in"), wanted)
        uid, meeting_id = meeting.uid, meeting.id
    services.calendars("ics", "bens", None, None).put(MONDAY, 30, uid)
    refresh(services, connection_id, NOW + POLL)
    with services.database.write() as session:
        meeting = session.get(Meeting, meeting_id)
        later = MONDAY + timedelta(minutes=15)
        booking.reschedule(session, NOW + POLL, AGE, meeting, later, meeting.pair.mentor_id)
        assert meeting.starts_at == later


def test_s08_the_last_good_copy_counts_until_it_is_too_old_and_then_nothing_is_free(services, pair_id):
    connection_id = connect(services, pair_id)
    services.calendars("ics", "bens", None, None).fault = DOWN
    for minutes in (5, 10, 15, 20):
        refresh(services, connection_id, NOW + timedelta(minutes=minutes))
    assert state(services, connection_id) == "stale"
    assert starts(services, pair_id, NOW + timedelta(minutes=59))
    assert starts(services, pair_id, NOW + timedelta(minutes=61)) == set()
    with services.database.read() as session:
        pair = load_pair(session, pair_id)
        _, mentor, sources = times_of_pair(session, NOW + timedelta(minutes=61), pair, AGE)
        assert mentor.unreadable
        assert [(source.provider, source.state) for source in sources] == [("hours", "connected"), ("ics", "stale")]
        told = session.scalars(select(OutboxRow).where(OutboxRow.kind == "calendar-broken")).all()
        assert [row.person_id for row in told] == [pair.mentor_id], "its owner is told, once"


def test_a_wrong_password_is_told_at_once_and_mended_by_connecting_again(services, pair_id):
    connection_id = connect(services, pair_id)
    bens = services.calendars("ics", "bens", None, None)
    bens.fault = WRONG_PASSWORD
    refresh(services, connection_id, NOW + POLL)
    assert state(services, connection_id) == "reconnect"
    bens.fault = None
    assert connect(services, pair_id, now=NOW + 2 * POLL) == connection_id, "it is the same connection"
    assert state(services, connection_id) == "connected"
    bens.fault = DOWN
    refresh(services, connection_id, NOW + 3 * POLL)
    assert told_of(services) == 1


def test_a_state_that_nobody_noticed_is_told_by_its_age(services, pair_id):
    connect(services, pair_id)
    for minutes, said in ((59, "connected"), (61, "stale")):
        with services.database.read() as session:
            pair = load_pair(session, pair_id)
            _, mentor, sources = times_of_pair(session, NOW + timedelta(minutes=minutes), pair, AGE)
        assert (sources[1].state, mentor.unreadable) == (said, said == "stale")


def test_days_that_were_never_read_are_not_free_when_the_horizon_grows(services, pair_id):
    connection_id = connect(services, pair_id)
    with services.database.write() as session:
        pair = session.get(cast.Pair, pair_id)
        for person in (pair.mentee, pair.mentor):
            people.set_availability(person, replace(DEFAULT, horizon=timedelta(days=200)))
        until = session.scalars(select(Calendar)).one().window_until
    assert max(starts(services, pair_id)) < until < NOW + timedelta(days=199)
    refresh(services, connection_id, NOW + POLL)
    assert max(starts(services, pair_id, NOW + POLL)) > NOW + timedelta(days=198)


def test_switched_off_it_counts_by_hours_alone(services, pair_id):
    services.calendars("ics", "bens", None, None).put(MONDAY, 60)
    connection_id = connect(services, pair_id)
    with services.database.write() as session:
        calendars.switch_off(session.get(Connection, connection_id))
    assert MONDAY in starts(services, pair_id)
    with services.database.read() as session:
        assert refreshing.plan_refresh(session, NOW, connection_id) is None
        assert refreshing.begin_live_reads(session, NOW, session.get(cast.Pair, pair_id)) == []
    with services.database.write() as session:
        calendars.switch_on(session.get(Connection, connection_id), NOW)
    assert state(services, connection_id) == "stale"


def test_a_part_that_cannot_be_read_is_busy_and_told(services, pair_id):
    services.calendars("ics", "bens", None, None).partial = True
    connection_id = connect(services, pair_id)
    assert state(services, connection_id) == "partial"


def test_s09_confirming_reads_live_whatever_the_copy_says(services, pair_id):
    connect(services, pair_id)
    bens = services.calendars("ics", "bens", None, None)
    bens.put(MONDAY, 60)
    with services.database.read() as session:
        mentee_id = session.get(cast.Pair, pair_id).mentee_id
    assert MONDAY in starts(services, pair_id), "the copy does not know yet"
    with pytest.raises(booking.SlotTaken):
        confirm.book(services, SlotQuery(pair_id, "check-in"), BookingInput(start=MONDAY, by_id=mentee_id))
    bens.fault = DOWN
    later = MONDAY + timedelta(days=1)
    with pytest.raises(CalendarUnreadable) as caught:
        confirm.book(services, SlotQuery(pair_id, "check-in"), BookingInput(start=later, by_id=mentee_id))
    assert caught.value.names == ("Ben Okafor",)
    with services.database.read() as session:
        assert session.scalars(select(Meeting)).all() == []


def test_which_calendars_count_is_the_owners_to_say(services, pair_id):
    services.calendars("ics", "bens", None, None).put(MONDAY, 60)
    connection_id = connect(services, pair_id)
    with services.database.write() as session:
        connection = session.get(Connection, connection_id)
        calendars.set_counts(connection, connection.calendars[0].id, False, NOW)
        with pytest.raises(NotFound):
            calendars.set_counts(connection, 999, True, NOW)
    assert MONDAY in starts(services, pair_id)


def test_nonsense_is_refused_before_anything_is_stored(services, pair_id):
    for provider, url in (("fax", "x"), ("ics", "  ")):
        with services.database.read() as session:
            asked = refreshing.request_for(session, NOW, session.get(cast.Pair, pair_id).mentor)
        with pytest.raises(InvalidInput):
            calendars.probe(services.calendars, NewConnection(provider, url), asked, WAIT)


def test_secrets_are_sealed_in_the_database(services, pair_id):
    connect(services, pair_id, url="https://x/PRIVATE-KEY.ics")
    assert "PRIVATE-KEY" not in "\n".join(dump(services.database.engine))


def test_a_removed_connection_leaves_nothing(services, pair_id):
    connection_id = connect(services, pair_id)
    with services.database.write() as session:
        with pytest.raises(NotFound):
            calendars.load_connection(session, connection_id, 999)
        calendars.remove_connection(session, session.get(Connection, connection_id))
    with services.database.read() as session:
        assert session.scalars(select(Calendar)).all() == []


@pytest.mark.parametrize("code", ["forbidden", "not_found", "timeout"])
def test_a_calendar_that_fails_now_and_then_is_told_once_a_day(services, pair_id, code):
    connection_id = connect(services, pair_id)
    bens = services.calendars("ics", "bens", None, None)
    told = []
    for poll in (*range(1, 25), *range(280, 300)):  # three failures, one success; the second day from its start
        bens.fault = None if poll % 4 == 0 else AdapterError(code, permanent=code != "timeout", host="x")
        refresh(services, connection_id, NOW + poll * POLL)
        if told_of(services) > len(told):
            told.append(poll)
    assert told == [3, 3 + 24 * 12], "two polls in vain, then not again within a day"


def told_of(services):
    with services.database.read() as session:
        return len(session.scalars(select(OutboxRow).where(OutboxRow.kind == "calendar-broken")).all())


@pytest.mark.parametrize("code", ["forbidden", "timeout"])
def test_a_calendar_that_fails_every_second_time_is_known_well_enough_to_trouble_nobody(services, pair_id, code):
    connection_id = connect(services, pair_id)
    bens = services.calendars("ics", "bens", None, None)
    for poll in range(1, 25):
        bens.fault = AdapterError(code, permanent=code != "timeout", host="x") if poll % 2 else None
        refresh(services, connection_id, NOW + poll * POLL)
        assert starts(services, pair_id, NOW + (poll + 1) * POLL)
    assert told_of(services) == 0


def test_after_connecting_again_new_trouble_is_told_anew(services, pair_id):
    connection_id = connect(services, pair_id)
    bens = services.calendars("ics", "bens", None, None)
    for poll, fault, told in (
        (1, WRONG_PASSWORD, 1),
        (2, WRONG_PASSWORD, 1),
        (3, None, 1),
        (4, WRONG_PASSWORD, 1),  # it came back by itself, and went again: the same trouble
    ):
        bens.fault = fault
        refresh(services, connection_id, NOW + poll * POLL)
        assert told_of(services) == told, poll
    bens.fault = None
    assert connect(services, pair_id, now=NOW + 5 * POLL) == connection_id
    bens.fault = WRONG_PASSWORD
    refresh(services, connection_id, NOW + 6 * POLL)
    assert told_of(services) == 2


def test_connecting_again_drops_what_the_server_no_longer_names(services, pair_id):
    connection_id = connect(services, pair_id)
    with services.database.write() as session:
        connection = session.get(Connection, connection_id)
        kept = connection.calendars[0].key
        connection.calendars[0].counts = False
        connection.calendars.append(Calendar(key="gone", key_hash="gone", name="Gone", counts=True))
    assert connect(services, pair_id, now=NOW + POLL) == connection_id
    with services.database.read() as session:
        assert [(row.key, row.counts) for row in session.scalars(select(Calendar))] == [(kept, False)]
