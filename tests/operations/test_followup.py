"""Before and after a meeting, through the sweep: what is written, to whom, and what an answer changes."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select, text, update

from service.domain.errors import InvalidInput, MoveNotAllowed, NotFound
from service.operations import booking, commitments, followup
from service.operations.booking import BookingInput
from service.operations.commitments import Answer, Line
from service.operations.meetings import agreed_at_meeting, commitments_of
from service.operations.offering import SlotQuery
from service.store.tables import Meeting, OutboxRow
from tests import cast

NOW = datetime(2027, 2, 1, 9, 0, tzinfo=UTC)
START = datetime(2027, 2, 8, 15, 0, tzinfo=UTC)
END = START + timedelta(minutes=30)


@pytest.fixture
def meeting_id(services):
    with services.database.write() as session:
        pair = cast.pair(session, NOW)
        wanted = BookingInput(start=START, by_id=pair.mentee_id)
        return booking.book(session, NOW, timedelta(hours=1), SlotQuery(pair.id, "check-in"), wanted).id


def sweep(services, until):
    """Runs the sweep at every due moment up to `until`; returns what it wrote, as (kind, role)."""
    written = []
    while True:
        with services.database.write() as session:
            due = followup.next_due(session)
            if due is None or due > until:
                return written
            before = {row.id for row in session.scalars(select(OutboxRow))}
            followup.run_due(session, due)
            session.flush()
            for row in session.scalars(select(OutboxRow).order_by(OutboxRow.id)):
                if row.id not in before:
                    meeting = session.get(Meeting, row.meeting_id)
                    written.append((row.kind, meeting.pair.role(row.person_id)))


def change(services, meeting_id, action):
    with services.database.write() as session:
        return action(session, session.get(Meeting, meeting_id))


def test_the_whole_life_of_a_meeting(services, meeting_id):
    assert sweep(services, START) == [("agenda-ask", "mentee"), ("reminder", "mentee"), ("brief", "mentor")]
    change(
        services,
        meeting_id,
        lambda s, m: commitments.agree(s, START, m, m.pair.mentor_id, Line(None, "Read the piece on openings")),
    )
    assert sweep(services, END + timedelta(days=1)) == [("followup", "mentee"), ("list", "mentor")]
    assert sweep(services, END + timedelta(days=60)) == []
    change(services, meeting_id, lambda s, m: [m.phase, m.due_at] == ["closed", None] or pytest.fail(m.phase))


def test_s15_nothing_after_a_cancellation(services, meeting_id):
    sweep(services, START - timedelta(hours=25))
    change(services, meeting_id, lambda s, m: booking.cancel(s, START - timedelta(hours=24), m, m.pair.mentee_id))
    assert sweep(services, END + timedelta(days=60)) == []
    with services.database.read() as session:
        states = {row.kind: row.state for row in session.scalars(select(OutboxRow))}
    assert states == {"invitation": "cancelled", "agenda-ask": "cancelled"}


@pytest.mark.parametrize("went_out", [True, False])
def test_s15_after_a_move_what_was_not_yet_sent_follows_the_new_time(services, meeting_id, went_out):
    move_at = START - timedelta(hours=20)
    before = sweep(services, move_at if went_out else START - timedelta(hours=100))
    with services.database.write() as session:
        session.execute(update(OutboxRow).values(state="sent"))
    later = START + timedelta(days=7)
    change(
        services,
        meeting_id,
        lambda s, m: booking.reschedule(s, move_at, timedelta(hours=1), m, later, m.pair.mentee_id),
    )
    mails = {("agenda-ask", "mentee"), ("reminder", "mentee"), ("brief", "mentor")}
    assert set(before) == (mails if went_out else set())
    assert set(sweep(services, later)) == (set() if went_out else mails), "the changed invitation is the news"


def test_whoever_said_what_they_want_is_not_asked(services, meeting_id):
    change(services, meeting_id, lambda s, m: followup.answer_ask(s, NOW, m, m.pair.mentee_id, "Be sure of my opening"))
    assert ("agenda-ask", "mentee") not in sweep(services, START)


def test_the_mentor_cannot_say_what_the_mentee_wants(services, meeting_id):
    with pytest.raises(NotFound):
        change(services, meeting_id, lambda s, m: followup.answer_ask(s, NOW, m, m.pair.mentor_id, "x"))


def test_it_did_not_happen_tells_the_other_and_stops(services, meeting_id):
    sweep(services, END + timedelta(hours=2))
    after = END + timedelta(hours=3)
    for _ in range(2):
        change(
            services, meeting_id, lambda s, m: followup.submit_followup(s, after, m, m.pair.mentee_id, happened=False)
        )
    with services.database.read() as session:
        told = [row.kind for row in session.scalars(select(OutboxRow)) if row.kind == "not-happened"]
    assert told == ["not-happened"]
    assert sweep(services, END + timedelta(days=3)) == []


def test_the_list_is_put_right_and_comes_back(services, meeting_id):
    in_the_hour = START + timedelta(minutes=20)
    first = change(
        services,
        meeting_id,
        lambda s, m: commitments.agree(s, in_the_hour, m, m.pair.mentor_id, Line(None, "Sent slides")),
    )
    sweep(services, END + timedelta(hours=2))

    def answer(session, meeting):
        lines = (
            Line(first.id, "Send the slides", meeting.pair.mentee_id, date(2027, 2, 12)),
            Line(None, "Introduce Ana to Kim", meeting.pair.mentor_id),
        )
        followup.submit_followup(
            session, END + timedelta(hours=2), meeting, meeting.pair.mentee_id,
            happened=True, lines=lines, reflection="Slow down",
        )  # fmt: skip

    change(services, meeting_id, answer)

    def check(session, meeting):
        assert [(line.text, line.due_on) for line in agreed_at_meeting(session, meeting)] == [
            ("Send the slides", date(2027, 2, 12)),
            ("Introduce Ana to Kim", None),
        ]
        assert followup.reflection_of(session, meeting, meeting.pair.mentee_id) == "Slow down"
        assert followup.reflection_of(session, meeting, meeting.pair.mentor_id) is None
        line = commitments.load_commitment(session, first.id, meeting.pair.mentor_id)
        commitments.set_commitment(NOW, line, Answer("done", note="The part on openings helped"))
        still_open = commitments_of(session, meeting.pair_id, open_only=True)
        assert [line.text for line in still_open] == ["Introduce Ana to Kim"]
        with pytest.raises(InvalidInput):
            commitments.set_commitment(NOW, line, Answer("overdue"))
        with pytest.raises(NotFound):
            commitments.load_commitment(session, first.id, cast.dan(session, NOW).id)

    change(services, meeting_id, check)
    assert sweep(services, END + timedelta(days=1)) == [("list", "mentor")]


def test_an_answer_that_comes_late_still_sends_the_list(services, meeting_id):
    sweep(services, END + timedelta(days=2))
    late = END + timedelta(days=2)
    change(
        services,
        meeting_id,
        lambda s, m: followup.submit_followup(
            s, late, m, m.pair.mentee_id, happened=True, lines=(Line(None, "Write the abstract"),)
        ),
    )
    assert sweep(services, late) == [("list", "mentor")]


def test_nothing_can_be_agreed_on_a_cancelled_meeting(services, meeting_id):
    change(services, meeting_id, lambda s, m: booking.cancel(s, NOW, m, m.pair.mentee_id))
    with pytest.raises(MoveNotAllowed):
        (change(services, meeting_id, lambda s, m: commitments.agree(s, NOW, m, m.pair.mentor_id, Line(None, "x"))),)
    with pytest.raises(MoveNotAllowed):
        change(services, meeting_id, lambda s, m: followup.submit_followup(s, END, m, m.pair.mentee_id, happened=True))


BROKEN = {
    "a zone that no clock follows": "UPDATE people SET zone = 'Nowhere/Near' WHERE id = :mentee",
    "a text that cannot be opened": "UPDATE meetings SET place = :octets WHERE id = :meeting",
    "a phase that there is none of": "UPDATE meetings SET phase = 'lost' WHERE id = :meeting",
}


@pytest.mark.databases
@pytest.mark.parametrize("statement", BROKEN.values(), ids=BROKEN.keys())
def test_a_meeting_that_cannot_be_looked_at_holds_up_no_other(services, meeting_id, caplog, statement):
    with services.database.write() as session:
        other = cast.pair(session, NOW, "dan", "eve")
        wanted = BookingInput(start=START, by_id=other.mentee_id)
        well = booking.book(session, NOW, timedelta(hours=1), SlotQuery(other.id, "check-in"), wanted).id
        mentee_id = session.get(Meeting, meeting_id).pair.mentee_id
        session.execute(update(Meeting).values(due_at=NOW))
        asked = text(statement)
        known = {"mentee": mentee_id, "octets": b"garbage" * 9, "meeting": meeting_id}
        session.execute(asked, {name: known[name] for name in asked.compile().params})
    at = START - timedelta(hours=1)
    for _ in range(2):
        with services.database.write() as session:
            followup.run_due(session, at)
    with services.database.read() as session:
        told = {row.meeting_id for row in session.scalars(select(OutboxRow).where(OutboxRow.kind != "invitation"))}
        assert told == {well}
        put_off = session.scalar(select(Meeting.due_at).where(Meeting.id == meeting_id))
    assert put_off == at + followup.PUT_OFF
    assert [record.row for record in caplog.records] == [meeting_id], "it is told once and waits"
