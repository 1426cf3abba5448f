"""What has happened in the made-up programme before the newcomer looks: told through the same operations that a real
one uses, at the moments it happened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.demo.clock import READ_TIMEOUT, Settle, machine_now, moment_of, move_to, read_calendars, set_offset
from service.demo.folder import Note
from service.demo.programme import ANA_AND_BEN, BEN, FEEDS, PAIRS, Matter, Someone, Two, ana, ben
from service.domain.answering import make_reply, request_in
from service.operations import (
    arcs,
    booking,
    calendars,
    commitments,
    followup,
    inbound,
    meetings,
    offering,
    people,
    refreshing,
)
from service.operations.arcs import DateInput
from service.operations.booking import BookingInput
from service.operations.calendars import NewConnection
from service.operations.commitments import Line
from service.operations.offering import SlotQuery
from service.operations.people import PersonInput
from service.store.tables import CriticalDate, Meeting, OutboxRow, Pair, Person
from service.wiring import Services

BEGAN = timedelta(days=18)  # when the programme began, before the day that the newcomer sees it
MET_BETWEEN = (timedelta(days=9), timedelta(days=5))
HALF_AN_HOUR = timedelta(minutes=30)

ASK = "How do you prepare a talk when you have never given one? And what was your own first one like?"
AGREED = (
    ("Write the talk's message in one sentence and send it", ana, 3),
    ("Look for the slides of my own first talk", ben, 6),
)
REFLECTION = "He was nervous too. I had not expected that, and it helped more than the advice."


@dataclass(frozen=True, slots=True)
class Told:
    """Whom the newcomer is shown."""

    pair_id: int
    date_id: int


def tell(services: Services, note: Note, settle: Settle) -> Told:
    """Writes the programme, lets Ana and Ben meet once in the past, and brings the clock back to the present."""
    set_offset(services.settings.data_dir, -BEGAN)
    with services.database.write() as session:
        for two in PAIRS:
            _add(session, services.clock(), two)
    _connect(services, note)
    _first_meeting(services, settle)
    move_to(services, machine_now(), settle)
    set_offset(services.settings.data_dir, timedelta())
    with services.database.write() as session:
        for two in PAIRS:
            if two.matter is not None:
                _add_matter(session, services.clock(), _pair(session, two), two.matter, note.day)
    read_calendars(services, services.clock())
    return whom_to_show(services)


def whom_to_show(services: Services) -> Told:
    with services.database.read() as session:
        pair = _pair(session, ANA_AND_BEN)
        talk = session.scalars(select(CriticalDate.id).where(CriticalDate.pair_id == pair.id)).first()
        assert talk is not None
        return Told(pair.id, talk)


def _add(session: Session, now: datetime, two: Two) -> None:
    people.add_pair(session, now, _input(two.mentee), _input(two.mentor), two.place)


def _input(someone: Someone) -> PersonInput:
    return PersonInput(someone.email, someone.name, someone.zone, someone.locale)


def _pair(session: Session, two: Two) -> Pair:
    mentee = people.load_person(session, two.mentee.email)
    mentor = people.load_person(session, two.mentor.email)
    return session.scalars(select(Pair).where(Pair.mentee_id == mentee.id, Pair.mentor_id == mentor.id)).one()


def _add_matter(session: Session, now: datetime, pair: Pair, matter: Matter, made_on: date) -> None:
    day = made_on + timedelta(days=matter.days)
    if matter.weekday is not None:
        day += timedelta(days=(matter.weekday - day.weekday() + 3) % 7 - 3)  # the nearest such day
    while day.weekday() > 4:
        day += timedelta(days=1)
    at = datetime.combine(day, time.fromisoformat(matter.at))  # a wall time, as somebody types it
    wanted = DateInput(
        matter.kind, at, pair.mentee.zone, until=None, run_minutes=matter.run_minutes, label=matter.label,
        shared_label=None,
    )  # fmt: skip
    arcs.add_date(session, now, pair, wanted)


def _connect(services: Services, note: Note) -> None:
    for name, diary in FEEDS.items():
        feed = NewConnection("ics", f"http://127.0.0.1:{note.feeds_port}/{name}.ics")
        _connect_one(services, diary.owner, feed)
    server = NewConnection("caldav", f"http://127.0.0.1:{note.dav_port}/", BEN, note.password)
    _connect_one(services, ben, server)


def _connect_one(services: Services, owner: Someone, wanted: NewConnection) -> None:
    with services.database.read() as session:
        request = refreshing.request_for(session, services.clock(), people.load_person(session, owner.email))
    readings = calendars.probe(services.calendars, wanted, request, READ_TIMEOUT)
    with services.database.write() as session:
        person = people.load_person(session, owner.email)
        calendars.add_connection(session, services.clock(), person, wanted, readings, services.settings.poll)


def _first_meeting(services: Services, settle: Settle) -> None:
    """A kick-off a week ago, from its booking to the list of the morning after."""
    read_calendars(services, services.clock())
    meeting_id = _book_kick_off(services)
    settle(services)
    _answer(services, meeting_id, "ACCEPTED")
    meeting = _load(services, meeting_id)
    move_to(services, moment_of(meeting, "three-days-before") + timedelta(hours=2), settle)
    with services.database.write() as session:
        asked = meetings.load_meeting(session, meeting_id, meeting.pair.mentee_id)
        followup.answer_ask(session, services.clock(), asked, asked.pair.mentee_id, ASK)
    move_to(services, meeting.starts_at + HALF_AN_HOUR, settle)
    with services.database.write() as session:
        held = meetings.load_meeting(session, meeting_id, meeting.pair.mentee_id)
        for text, owner, days in AGREED:
            due_on = meeting.starts_at.date() + timedelta(days=days)
            owner_id = people.load_person(session, owner.email).id
            commitments.agree(session, services.clock(), held, held.pair.mentee_id, Line(None, text, owner_id, due_on))
    move_to(services, moment_of(meeting, "hour-after") + HALF_AN_HOUR, settle)
    _confirm(services, meeting_id)
    move_to(services, moment_of(meeting, "next-morning"), settle)


def _book_kick_off(services: Services) -> int:
    now = services.clock()
    with services.database.write() as session:
        pair = _pair(session, ANA_AND_BEN)
        today = (now + BEGAN).astimezone(ZoneInfo(pair.mentee.zone)).date()
        query = SlotQuery(pair.id, "kick-off", first=today - MET_BETWEEN[0], last=today - MET_BETWEEN[1])
        offered = offering.offer(session, now, services.settings.busy_max_age, query)
        wanted = BookingInput(offered.proposals.slots[0].start, pair.mentee_id)
        return booking.book(session, now, services.settings.busy_max_age, query, wanted).id


def _answer(services: Services, meeting_id: int, partstat: str) -> None:
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
        reply = make_reply(request, person.email, partstat, services.clock())
        inbound_id = inbound.receive(session, services.clock(), reply)
        inbound.decide(session, services.clock(), services.settings.busy_max_age, inbound_id)


def _confirm(services: Services, meeting_id: int) -> None:
    with services.database.write() as session:
        mentee: Person = people.load_person(session, ana.email)
        meeting = meetings.load_meeting(session, meeting_id, mentee.id)
        lines = tuple(
            Line(each.id, each.text, each.owner_id, each.due_on)
            for each in meetings.agreed_at_meeting(session, meeting)
        )
        followup.submit_followup(
            session, services.clock(), meeting, mentee.id, happened=True, lines=lines, reflection=REFLECTION
        )


def _load(services: Services, meeting_id: int) -> Meeting:
    with services.database.read() as session:
        person = people.load_person(session, ana.email)
        return meetings.load_meeting(session, meeting_id, person.id)
