"""The meetings that Ana and Ben have had: each from its booking to the list of the morning after, told through the same
operations that a real one uses."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.demo.clock import Settle, moment_of, move_to
from service.demo.programme import ANSWERS, GOALS, Goal, Held, ana, ben
from service.domain.answering import make_reply, request_in
from service.domain.goals import GoalDraft
from service.operations import agreements, booking, commitments, followup, goals, inbound, meetings, offering, people
from service.operations.booking import BookingInput
from service.operations.commitments import Answer, Line
from service.operations.offering import SlotQuery
from service.store.tables import CriticalDate, Meeting, OutboxRow, Pair
from service.wiring import Services

HALF_AN_HOUR = timedelta(minutes=30)


def answer_alone(session: Session, now: datetime, pair: Pair) -> None:
    for someone, said in ANSWERS:
        agreements.answer(session, now, pair, people.load_person(session, someone.email).id, said)


def sign(session: Session, now: datetime, pair: Pair) -> None:
    """They talk about the one thing in which they differ, and both sign."""
    (differing,) = agreements.desk(session, pair, pair.mentor_id).differences
    agreements.change(session, now, pair, pair.mentee_id, {differing.clause.key: differing.mentee})
    for person_id in (pair.mentee_id, pair.mentor_id):
        row = agreements.desk(session, pair, person_id).row
        assert row is not None, "both have answered"
        agreements.sign(session, now, pair, person_id, row.text_sha256 or "")


def write_goals(session: Session, now: datetime, pair: Pair, talk: CriticalDate) -> None:
    for each in GOALS:
        goals.add(session, now, pair, pair.mentee_id, _draft(each, talk))


def _draft(goal: Goal, talk: CriticalDate) -> GoalDraft:
    if goal.worked_when is None:
        return GoalDraft(goal.text)
    return GoalDraft(goal.text, goal.worked_when, talk.starts_at.date(), state="open", shared=True)


def keep_word(session: Session, now: datetime, pair: Pair) -> None:
    """What Ben had promised is done; what Ana had comes back."""
    for line in meetings.commitments_of(session, pair.id, open_only=True):
        if line.owner_id == pair.mentor_id:
            commitments.set_commitment(now, line, Answer("done"))


def hold(services: Services, settle: Settle, query: SlotQuery, held: Held) -> Meeting:
    """Booked by Ana, accepted, held as far as its first half hour; `finish` tells the rest."""
    meeting_id = book_best(services, query)
    settle(services)
    accept(services, meeting_id)
    meeting = _load(services, meeting_id)
    move_to(services, moment_of(meeting, "three-days-before") + timedelta(hours=2), settle)
    with services.database.write() as session:
        asked = meetings.load_meeting(session, meeting_id, meeting.pair.mentee_id)
        followup.answer_ask(session, services.clock(), asked, asked.pair.mentee_id, held.ask)
    move_to(services, meeting.starts_at + HALF_AN_HOUR, settle)
    with services.database.write() as session:
        begun = meetings.load_meeting(session, meeting_id, meeting.pair.mentee_id)
        for text, owner, days in held.agreed:
            due_on = meeting.starts_at.date() + timedelta(days=days) if days is not None else None
            line = Line(None, text, people.load_person(session, owner.email).id, due_on)
            commitments.agree(session, services.clock(), begun, begun.pair.mentee_id, line)
    return meeting


def finish(services: Services, settle: Settle, meeting: Meeting, held: Held) -> None:
    """An hour after Ana says that it was so, and the list goes out in the morning."""
    move_to(services, moment_of(meeting, "hour-after") + HALF_AN_HOUR, settle)
    with services.database.write() as session:
        over = meetings.load_meeting(session, meeting.id, meeting.pair.mentee_id)
        lines = tuple(
            Line(each.id, each.text, each.owner_id, each.due_on if each.pinned else None)
            for each in meetings.agreed_at_meeting(session, over)
        )
        followup.submit_followup(
            session, services.clock(), over, over.pair.mentee_id, happened=True, lines=lines, reflection=held.reflection
        )
    move_to(services, moment_of(meeting, "next-morning"), settle)


def book_best(services: Services, query: SlotQuery) -> int:
    with services.database.write() as session:
        max_age, now = services.settings.busy_max_age, services.clock()
        offered = offering.offer(session, now, max_age, query)
        by_id = people.load_person(session, ana.email).id
        return booking.book(session, now, max_age, query, BookingInput(offered.proposals.slots[0].start, by_id)).id


def accept(services: Services, meeting_id: int) -> None:
    """Ben's program answers the invitation as any does, by mail."""
    with services.database.write() as session:
        person = people.load_person(session, ben.email)
        invitation = session.scalars(
            select(OutboxRow).where(
                OutboxRow.meeting_id == meeting_id, OutboxRow.kind == "invitation", OutboxRow.person_id == person.id
            )
        ).one()
        request = request_in(invitation.octets or b"")
        if request is None:
            return
        reply = make_reply(request, person.email, "ACCEPTED", services.clock())
        inbound_id = inbound.receive(session, services.clock(), reply)
        inbound.decide(session, services.clock(), services.settings.busy_max_age, inbound_id)


def _load(services: Services, meeting_id: int) -> Meeting:
    with services.database.read() as session:
        person = people.load_person(session, ana.email)
        return meetings.load_meeting(session, meeting_id, person.id)
