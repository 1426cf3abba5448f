"""Booking, moving, cancelling and declining: one decision, one transaction, everyone told once."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from service.domain.agenda import AgendaDraft
from service.domain.errors import (
    CalendarUnreadable,
    InvalidInput,
    KeyReused,
    MoveNotAllowed,
    NotAllowed,
    NotFound,
    RuleBroken,
    SlotTaken,
)
from service.operations import booking, details
from service.operations.booking import BookingInput
from service.operations.meetings import agenda_of, attendance_of, load_meeting
from service.operations.offering import SlotQuery, offer
from service.store.tables import Claim, Meeting, OutboxRow
from tests import cast

pytestmark = pytest.mark.databases

NOW = datetime(2027, 2, 1, 9, 0, tzinfo=UTC)
AGE = timedelta(hours=1)
MONDAY = datetime(2027, 2, 8, 15, 0, tzinfo=UTC)  # 15:00 in Lisbon, 10:00 in New York


@pytest.fixture
def pair_id(services):
    with services.database.write() as session:
        return cast.pair(session, NOW).id


def book(services, pair_id, start=MONDAY, now=NOW, session_key="check-in", **said):
    with services.database.write() as session:
        mentee_id = session.get(cast.Pair, pair_id).mentee_id
        query = SlotQuery(pair_id, session_key, said.pop("date_id", None), said.pop("minutes", None))
        wanted = BookingInput(start=start, by_id=said.pop("by_id", mentee_id), **said)
        return booking.book(session, now, AGE, query, wanted).id


def mails(session, state=None):
    rows = session.scalars(select(OutboxRow).order_by(OutboxRow.id))
    return [(row.kind, row.person_id, row.sequence, row.state) for row in rows if state in {None, row.state}]


def mark_sent(services, meeting_id):
    with services.database.write() as session:
        for row in session.scalars(
            select(OutboxRow).where(OutboxRow.meeting_id == meeting_id, OutboxRow.state == "pending")
        ):
            row.state = "sent"


def test_a_booking_is_a_meeting_an_agenda_two_claims_and_two_invitations(services, pair_id):
    meeting_id = book(services, pair_id, ask="Be sure of my opening", place="https://meet.example.org/ben")
    with services.database.read() as session:
        meeting = session.get(Meeting, meeting_id)
        mentee, mentor = meeting.pair.mentee_id, meeting.pair.mentor_id
        assert (meeting.phase, meeting.sequence, meeting.starts_at) == ("booked", 0, MONDAY)
        assert meeting.ends_at - meeting.starts_at == timedelta(minutes=30)
        assert meeting.ask == "Be sure of my opening"
        assert meeting.place == meeting.pair.place == "https://meet.example.org/ben"
        assert [item.key for item in agenda_of(session, meeting)][:2] == ["check-in.arrive", "check-in.commitments"]
        assert attendance_of(session, meeting) == {mentee: "NEEDS-ACTION", mentor: "NEEDS-ACTION"}
        assert sorted(mails(session)) == sorted(
            [("invitation", mentee, 0, "pending"), ("invitation", mentor, 0, "pending")]
        )
        assert {claim.person_id for claim in session.scalars(select(Claim))} == {mentee, mentor}
        assert meeting.due_at == MONDAY - timedelta(hours=24)  # it was asked on the page: no agenda-ask


def test_a_booking_without_a_word_is_asked_three_days_before(services, pair_id):
    meeting_id = book(services, pair_id)
    with services.database.read() as session:
        assert session.get(Meeting, meeting_id).due_at == MONDAY - timedelta(hours=72)


def test_a_taken_time_is_refused_and_leaves_nothing(services, pair_id):
    book(services, pair_id)
    with pytest.raises(SlotTaken):
        book(services, pair_id, start=MONDAY + timedelta(minutes=15))
    with services.database.read() as session:
        assert len(session.scalars(select(Meeting)).all()) == 1
        assert len(mails(session)) == 2


@pytest.mark.parametrize(
    ("start", "code"),
    [
        (NOW - timedelta(days=3), "past"),
        (NOW + timedelta(hours=6), "notice"),
        (MONDAY + timedelta(minutes=7), "grid"),
        (MONDAY + timedelta(days=70), "horizon"),
        (datetime(2027, 2, 8, 8, 0, tzinfo=UTC), "hours"),
    ],
)
def test_s19_every_rule_is_asked_again_on_submit(services, pair_id, start, code):
    with pytest.raises(RuleBroken) as caught:
        book(services, pair_id, start=start)
    assert caught.value.code == code


def test_s04_every_offered_time_books(services, pair_id):
    with services.database.read() as session:
        offered = offer(session, NOW, AGE, SlotQuery(pair_id, "check-in")).proposals.slots
    assert len(offered) > 100
    for slot in offered[::3]:
        with services.database.write() as session:
            mentee_id = session.get(cast.Pair, pair_id).mentee_id
            meeting = booking.book(
                session, NOW, AGE, SlotQuery(pair_id, "check-in"), BookingInput(start=slot.start, by_id=mentee_id)
            )
            booking.cancel(session, NOW, meeting, mentee_id)


def test_the_same_key_is_the_same_meeting_and_another_body_is_refused(services, pair_id):
    first = book(services, pair_id, key="k1", body_hash="a")
    assert book(services, pair_id, key="k1", body_hash="a") == first
    with pytest.raises(KeyReused):
        book(services, pair_id, key="k1", body_hash="b")
    with services.database.read() as session:
        assert len(mails(session)) == 2


def test_faults_are_told_before_anything_is_written(services, pair_id):
    with pytest.raises(InvalidInput):
        book(services, pair_id, agenda=(AgendaDraft(text="x" * 100_000),))
    with pytest.raises(InvalidInput):
        book(services, pair_id, place="p" * 1000)
    with pytest.raises(InvalidInput):
        book(services, pair_id, invite_by="calendar")
    with services.database.read() as session:
        assert session.scalars(select(Meeting)).all() == []


def test_a_move_raises_sequence_and_replaces_the_unsent_invitation(services, pair_id):
    meeting_id = book(services, pair_id)
    later = MONDAY + timedelta(days=1)
    with services.database.write() as session:
        meeting = session.get(Meeting, meeting_id)
        booking.reschedule(session, NOW, AGE, meeting, later, meeting.pair.mentor_id, reason="A clash, sorry")
    with services.database.read() as session:
        meeting = session.get(Meeting, meeting_id)
        assert (meeting.starts_at, meeting.sequence, meeting.reason) == (later, 1, "A clash, sorry")
        assert [(kind, sequence) for kind, _, sequence, state in mails(session) if state == "pending"] == [
            ("invitation", 1),
            ("invitation", 1),
        ]
        assert [claim.starts_at for claim in session.scalars(select(Claim))] == [later, later]


def test_a_move_may_overlap_its_own_old_time(services, pair_id):
    meeting_id = book(services, pair_id)
    with services.database.write() as session:
        meeting = session.get(Meeting, meeting_id)
        booking.reschedule(session, NOW, AGE, meeting, MONDAY + timedelta(minutes=15), meeting.pair.mentee_id)
        assert meeting.sequence == 1


def test_a_move_to_where_it_is_changes_nothing(services, pair_id):
    meeting_id = book(services, pair_id)
    with services.database.write() as session:
        meeting = session.get(Meeting, meeting_id)
        booking.reschedule(session, NOW, AGE, meeting, MONDAY, meeting.pair.mentee_id)
        assert meeting.sequence == 0


def test_two_hours_before_it_can_be_cancelled_and_not_moved(services, pair_id):
    meeting_id = book(services, pair_id)
    late = MONDAY - timedelta(minutes=119)
    with services.database.write() as session:
        meeting = session.get(Meeting, meeting_id)
        with pytest.raises(MoveNotAllowed):
            booking.reschedule(session, late, AGE, meeting, MONDAY + timedelta(days=1), meeting.pair.mentee_id)
        booking.cancel(session, late, meeting, meeting.pair.mentee_id)
        assert meeting.phase == "cancelled"


def test_what_was_never_announced_is_cancelled_in_silence(services, pair_id):
    meeting_id = book(services, pair_id)
    with services.database.write() as session:
        meeting = session.get(Meeting, meeting_id)
        booking.cancel(session, NOW, meeting, meeting.pair.mentee_id)
    with services.database.read() as session:
        assert mails(session, "pending") == []
        assert session.scalars(select(Claim)).all() == []
        assert session.get(Meeting, meeting_id).due_at is None


def test_what_was_announced_is_cancelled_for_both_once(services, pair_id):
    meeting_id = book(services, pair_id)
    mark_sent(services, meeting_id)
    with services.database.write() as session:
        meeting = session.get(Meeting, meeting_id)
        booking.cancel(session, NOW, meeting, meeting.pair.mentee_id, "Ill, sorry")
        booking.cancel(session, NOW, meeting, meeting.pair.mentee_id)
        assert meeting.sequence == 1
    with services.database.read() as session:
        assert [(kind, sequence) for kind, _, sequence, _ in mails(session, "pending")] == [("cancellation", 1)] * 2


def test_a_decline_frees_the_time_and_tells_both(services, pair_id):
    meeting_id = book(services, pair_id)
    mark_sent(services, meeting_id)
    with services.database.write() as session:
        meeting = session.get(Meeting, meeting_id)
        booking.decline(session, NOW, meeting, meeting.pair.mentor_id)
        assert attendance_of(session, meeting)[meeting.pair.mentor_id] == "DECLINED"
        assert (meeting.phase, meeting.declined_by) == ("cancelled", meeting.pair.mentor_id)
    with services.database.read() as session:
        assert [kind for kind, *_ in mails(session, "pending")] == ["declined", "declined"]
    assert book(services, pair_id) != meeting_id


def test_an_agenda_edit_mails_nobody_and_keeps_sequence(services, pair_id):
    meeting_id = book(services, pair_id)
    with services.database.write() as session:
        meeting = session.get(Meeting, meeting_id)
        details.edit_agenda(
            session, NOW, meeting, meeting.pair.mentor_id, (AgendaDraft(text="The Q&A part", minutes=10),)
        )
        assert meeting.sequence == 0
        assert [item.by_id for item in agenda_of(session, meeting)][-2:] == [
            meeting.pair.mentee_id,
            meeting.pair.mentor_id,
        ]
        assert len(mails(session)) == 2


def test_another_place_reaches_both_and_keeps_their_answers(services, pair_id):
    meeting_id = book(services, pair_id)
    mark_sent(services, meeting_id)
    with services.database.write() as session:
        meeting = session.get(Meeting, meeting_id)
        details.set_meeting_place(session, NOW, meeting, meeting.pair.mentee_id, "Room 5")
        assert (meeting.place, meeting.sequence) == ("Room 5", 1)
        assert len(mails(session, "pending")) == 2


def test_an_ended_pair_books_nothing(services, pair_id):
    with services.database.write() as session:
        session.get(cast.Pair, pair_id).ended_at = NOW
    with pytest.raises(NotAllowed):
        book(services, pair_id)


def test_a_stranger_finds_no_meeting(services, pair_id):
    meeting_id = book(services, pair_id)
    with services.database.write() as session:
        stranger = cast.dan(session, NOW)
        with pytest.raises(NotFound):
            load_meeting(session, meeting_id, stranger.id)


def test_an_unreadable_calendar_books_nothing(services, pair_id):
    with services.database.write() as session:
        mentor_id = session.get(cast.Pair, pair_id).mentor_id
        cast.broken_calendar(session, NOW, mentor_id)
    with pytest.raises(CalendarUnreadable) as caught:
        book(services, pair_id)
    assert caught.value.names == ("Ben Okafor",)
