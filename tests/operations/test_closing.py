"""An ended pair: both are told until when everything stays, then what they said goes, and in the end that they met."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from service.domain.errors import NotAllowed
from service.domain.goals import GoalDraft
from service.domain.retention import PERIODS, TABLES, Period, Stage, step
from service.domain.terms import DEFAULT
from service.operations import closing, erasing, goals, keeping, notes, people, pulses, shelf, suggestions
from service.store import held
from service.store.tables import Base, Goal, Inbound, Meeting, Note, OutboxRow, Pair, Reflection
from tests import cast
from tests.lived import AGE, ANAS, BENS, MONDAY, everything, lived_in
from workers import clock
from workers.deliver import drain

END = MONDAY + timedelta(days=1)
DAY = timedelta(days=1)
THE_PERSONS = {"ANAS-CALENDAR", "ANAS-ACCOUNT", "ANAS-VERIFIER", "ANAS-JOURNAL", "ANAS-HELP"}  # and no pair's
OWN = {"ANAS-THOUGHT", "ANAS-NOTE", "ANAS-STORY"}


@pytest.fixture
def pair_id(services):
    return lived_in(services)


def end(services, pair_id, now=END):
    services.clock.now = now
    with services.database.write() as session:
        people.end_pair(session, now, session.get(Pair, pair_id))


def at(services, now):
    services.clock.now = now
    clock.sweep(services)
    clock.clear(services)
    drain(services)


def closings(services):
    with services.database.read() as session:
        rows = session.execute(select(OutboxRow.kind, func.count()).group_by(OutboxRow.kind)).all()
    return {kind: count for kind, count in rows if kind in {"closure", "purge-14"}}


def left(services):
    after = everything(services)
    return {word for word in (*ANAS, *BENS) if word in after}


def rows(services, table):
    with services.database.read() as session:
        return session.scalar(select(func.count()).select_from(Base.metadata.tables[table]))


@pytest.mark.databases
def test_what_a_pair_said_goes_sixty_days_after_its_end_and_both_were_told_twice(services, pair_id):
    end(services, pair_id)
    for day, told in ((0, {"closure": 2}), (45, {"closure": 2}), (46, {"closure": 2, "purge-14": 2})):
        for _ in range(2):
            at(services, END + day * DAY)
        assert closings(services) == told
    at(services, END + 60 * DAY - timedelta(seconds=1))
    assert {"ANAS-ASK", "BENS-PROMISE", "ANAS-NOTE"} <= left(services)
    at(services, END + 60 * DAY)
    assert left(services) == THE_PERSONS
    content = [table for table, periods in TABLES.items() if Period.CONTENT in periods]
    assert {table: count for table in content if (count := rows(services, table))} == {"links": rows(services, "links")}
    with services.database.read() as session:
        pair = session.get(Pair, pair_id)
        assert (pair.place, pair.terms, pair.stage) == (None, None, "cleared")
        told = [(meeting.phase, meeting.place, meeting.session) for meeting in session.scalars(select(Meeting))]
        assert told == [("closed", None, "check-in"), ("cancelled", None, "check-in")], "that they met is all"
    assert closings(services) == {"closure": 2, "purge-14": 2}


def test_who_wants_to_keep_their_own_notes_keeps_them_and_nobody_else_reads_them(services, pair_id):
    with services.database.write() as session:
        session.get(Pair, pair_id).mentee.keeps_notes = True
        for each in session.scalars(select(Note)):
            notes.share(each, END, shared=True)
    end(services, pair_id)
    for day in (0, 46, 60, 730, 1095):
        at(services, END + day * DAY)
    assert left(services) & {*OWN, *BENS, "ANAS-PROMISE"} == OWN
    with services.database.read() as session:
        pair = session.get(Pair, pair_id)
        assert {each.text for each in notes.notes_of(session, pair, pair.mentee_id)} == {"ANAS-NOTE", "ANAS-STORY"}
        assert notes.shared_with(session, pair, pair.mentor_id) == []
        assert [each.person_id for each in session.scalars(select(Reflection))] == [pair.mentee_id]


@pytest.mark.databases
def test_two_years_later_nobody_knows_that_they_were_a_pair(services, pair_id):
    end(services, pair_id)
    for day in (0, 46, 60, 729):
        at(services, END + day * DAY)
    assert (rows(services, "pairs"), rows(services, "meetings")) == (1, 2)
    for _ in range(2):
        at(services, END + 730 * DAY)
    assert {table for table in ("pairs", "meetings", "outbox") if rows(services, table)} == set()


def test_who_are_paired_anew_keep_what_they_had(services, pair_id):
    end(services, pair_id)
    at(services, END)
    with services.database.write() as session:
        pair = session.get(Pair, pair_id)
        known = [people.PersonInput(each.email, each.name, each.zone) for each in (pair.mentee, pair.mentor)]
        people.add_pair(session, END + DAY, *known)
    at(services, END + 70 * DAY)
    assert closings(services) == {"closure": 2}
    assert {"ANAS-ASK", "BENS-PROMISE"} <= left(services)
    end(services, pair_id, END + 80 * DAY)
    at(services, END + 80 * DAY)
    assert closings(services) == {"closure": 4}, "and hear of the second end, too"


def test_however_late_the_first_look_nothing_goes_before_they_were_told():
    for stage in (None, Stage.CLOSED):
        late = step(END, PERIODS[Period.CONTENT], stage, END + 400 * DAY)
        assert (late.stage, late.mail, late.look_again_at) == (Stage.TOLD, "purge-14", END + 414 * DAY)
    for keep in (PERIODS[Period.CONTENT], 30 * DAY, 180 * DAY):
        assert step(END, keep, None, END).look_again_at == END + keep - PERIODS[Period.NOTICE]


@pytest.mark.parametrize(("agreed", "day"), [("30", 30), ("180", 180)])
def test_e44_how_long_it_is_kept_is_what_they_agreed_on(services, pair_id, agreed, day):
    with services.database.write() as session:
        pair = session.get(Pair, pair_id)
        pair.terms = {**DEFAULT.values, **(pair.terms or {}), "retention": agreed}
    end(services, pair_id)
    at(services, END)
    with services.database.read() as session:
        assert closing.goes_at(session.get(Pair, pair_id)) == END + day * DAY, "as the mail and the page say"
    at(services, END + (day - 14) * DAY)
    assert closings(services)["purge-14"] == 2
    at(services, END + day * DAY - timedelta(seconds=1))
    assert "ANAS-ASK" in left(services)
    at(services, END + day * DAY)
    assert left(services) == THE_PERSONS


def test_of_a_cleared_meeting_nothing_is_left_but_that_and_when_it_was(services, pair_id):
    with services.database.write() as session:
        for meeting in session.scalars(select(Meeting)):
            meeting.card, meeting.agreed_at = "limits", MONDAY
            meeting.changed_by = meeting.declined_by = meeting.pair.mentor_id
    end(services, pair_id)
    for day in (0, 46, 60):
        at(services, END + day * DAY)
    with services.database.read() as session:
        for meeting in session.scalars(select(Meeting)):
            said = (meeting.card, meeting.changed_by, meeting.declined_by, meeting.agreed_at, meeting.place)
            assert said == (None,) * 5


def test_a_restore_holds_what_both_would_be_told(services, pair_id):
    end(services, pair_id)
    with services.database.write() as session:
        keeping.hold_what_was_due(session, END + 46 * DAY, AGE)
        assert held.kinds(session)["purge-14"] == 2
    services.clock.now = END + 46 * DAY
    drain(services)
    assert services.mailer.sent == []


def test_nothing_goes_before_the_mail_that_tells_of_it_has_left_and_its_days_are_over(services, pair_id):
    end(services, pair_id)
    at(services, END)
    services.clock.now = END + 46 * DAY
    clock.sweep(services)
    with services.database.write() as session:
        told = OutboxRow.kind == "purge-14"
        session.execute(update(OutboxRow).where(told).values(held_at=END + 46 * DAY))
    at(services, END + 60 * DAY)
    assert "ANAS-ASK" in left(services), "nobody was told"
    with services.database.write() as session:
        held.release(session, END + 61 * DAY, kind="purge-14")
    at(services, END + 61 * DAY)
    at(services, END + 74 * DAY)
    assert "ANAS-ASK" in left(services), "they were told thirteen days ago"
    at(services, END + 75 * DAY)
    assert left(services) == THE_PERSONS


def test_an_erased_persons_pair_goes_as_any_other_and_mails_the_other_alone(services, pair_id):
    services.clock.now = END
    with services.database.write() as session:
        erasing.erase(session, END, session.get(Pair, pair_id).mentee)
    for day in (0, 46, 60):
        at(services, END + day * DAY)
        services.clock.now = END + day * DAY + timedelta(hours=12)
        drain(services)
    assert {mail.recipient for mail in services.mailer.sent} == {"ben@example.org"}
    assert left(services) & {*ANAS, *BENS} == set()


def test_a_pair_that_cannot_be_looked_at_holds_up_no_other(services, pair_id):
    end(services, pair_id)
    with services.database.write() as session:
        other = cast.pair(session, END, mentor="dan")
        people.end_pair(session, END, other)
        session.get(Pair, pair_id).stage = "nonsense"
        other_id = other.id
    with services.database.write() as session:
        closing.run_due(session, END)
        assert session.get(Pair, other_id).stage == "closed"
        assert session.get(Pair, pair_id).clear_at == END + timedelta(hours=1)


def test_words_of_answers_go_with_the_pair(services, pair_id):
    end(services, pair_id)
    for day in (0, 46, 60):
        at(services, END + day * DAY)
    with services.database.read() as session:
        assert [each.raw for each in session.scalars(select(Inbound))] == [b""]


WRITES = {
    "pulse": lambda session, pair: pulses.write(session, END, pair, pair.mentee_id, {"more": "LATE"}),
    "story": lambda session, pair: notes.tell_story(session, END, pair, pair.mentee_id, {"text": "LATE"}),
    "summary": lambda session, pair: notes.sum_up(session, END, pair, pair.mentee_id, "LATE"),
    "goal": lambda session, pair: goals.add(session, END, pair, pair.mentee_id, GoalDraft("LATE")),
    "suggestion": lambda session, pair: suggestions.suggest(session, END, pair, pair.mentor_id, "goal", "LATE"),
    "matters": lambda session, pair: suggestions.set_matters(session, END, pair, pair.mentee_id, "LATE"),
    "question": lambda session, pair: shelf.leave_question(session, END, pair, pair.mentor_id, "LATE"),
}


def test_an_ended_pair_takes_no_more_words_and_what_was_shared_is_still_taken_back(services, pair_id):
    end(services, pair_id)
    for write in WRITES.values():
        with services.database.write() as session, pytest.raises(NotAllowed, match="pair_ended"):
            write(session, session.get(Pair, pair_id))
    with services.database.write() as session:
        goal = session.scalars(select(Goal).where(Goal.pair_id == pair_id)).first()
        with pytest.raises(NotAllowed):
            goals.change(session, END, goal, {"text": "LATE", "shared": False})
        goals.change(session, END, goal, {"text": goal.text, "shared": False})
    assert "LATE" not in everything(services)
