"""What has happened in the made-up programme before the newcomer looks: told through the same operations that a real
one uses, at the moments it happened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.demo import held
from service.demo.clock import READ_TIMEOUT, Settle, machine_now, move_to, read_calendars, set_offset
from service.demo.folder import Note
from service.demo.programme import (
    ANA_AND_BEN,
    BEN,
    JONAS_AND_MARIA,
    KICK_OFF,
    PAIRS,
    SHAPE,
    Held,
    Matter,
    Someone,
    Two,
    ana,
    ben,
    dilip,
)
from service.operations import arcs, calendars, people, refreshing
from service.operations.arcs import DateInput
from service.operations.calendars import NewConnection
from service.operations.offering import SlotQuery
from service.operations.people import PersonInput
from service.store.tables import CriticalDate, Pair
from service.wiring import Services

BEGAN = timedelta(days=30)  # when the programme began, before the day that the newcomer sees it


@dataclass(frozen=True, slots=True)
class Told:
    """Whom the newcomer is shown."""

    pair_id: int
    date_id: int


def tell(services: Services, note: Note, settle: Settle) -> Told:
    """Writes the programme, lets Ana and Ben sign, meet twice and book what follows her talk, and brings the clock back
    to the present."""
    set_offset(services.settings.data_dir, -BEGAN)
    with services.database.write() as session:
        for two in PAIRS:
            if two is not JONAS_AND_MARIA:
                _add(session, services.clock(), two)
        held.answer_alone(session, services.clock(), _pair(session, ANA_AND_BEN))
    for someone in (ana, ben):  # the others' calendars matter to nobody before the newcomer looks
        _connect(services, note, someone)
    read_calendars(services, services.clock())
    _kick_off(services, note, settle)
    _shape(services, note, settle)
    move_to(services, machine_now(), settle)
    set_offset(services.settings.data_dir, timedelta())
    with services.database.write() as session:
        _add(session, services.clock(), JONAS_AND_MARIA)
        for two in PAIRS:
            if two.matter is not None:
                _add_matter(session, services.clock(), _pair(session, two), two.matter, note.day)
    _connect(services, note, dilip)
    told = whom_to_show(services)
    debrief = held.book_best(services, SlotQuery(told.pair_id, "debrief", told.date_id))
    settle(services)
    held.accept(services, debrief)
    return told


def _kick_off(services: Services, note: Note, settle: Settle) -> None:
    with services.database.read() as session:
        pair = _pair(session, ANA_AND_BEN)
    meeting = held.hold(services, settle, _in_those_days(pair.id, note, KICK_OFF), KICK_OFF)
    with services.database.write() as session:
        now = services.clock()
        held.sign(session, now, _pair(session, ANA_AND_BEN))
    held.finish(services, settle, meeting, KICK_OFF)


def _shape(services: Services, note: Note, settle: Settle) -> None:
    """Ana writes down what she wants and when her talk is, and they shape it."""
    assert ANA_AND_BEN.matter is not None
    with services.database.write() as session:
        pair, now = _pair(session, ANA_AND_BEN), services.clock()
        talk = _add_matter(session, now, pair, ANA_AND_BEN.matter, note.day)
        held.write_goals(session, now, pair, talk)
        held.keep_word(session, now, pair)
        query = _in_those_days(pair.id, note, SHAPE, talk.id)
    held.finish(services, settle, held.hold(services, settle, query, SHAPE), SHAPE)


def _in_those_days(pair_id: int, note: Note, which: Held, date_id: int | None = None) -> SlotQuery:
    first, last = (note.day - timedelta(days=days) for days in (which.first_day, which.last_day))
    return SlotQuery(pair_id, which.session, date_id, first=first, last=last)


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


def _add_matter(session: Session, now: datetime, pair: Pair, matter: Matter, made_on: date) -> CriticalDate:
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
    return arcs.add_date(session, now, pair, wanted)


def _connect(services: Services, note: Note, owner: Someone) -> None:
    name = owner.email.partition("@")[0]
    if name == BEN:
        wanted = NewConnection("caldav", f"http://127.0.0.1:{note.dav_port}/", BEN, note.password)
    else:
        wanted = NewConnection("ics", f"http://127.0.0.1:{note.feeds_port}/{name}.ics")
    with services.database.read() as session:
        request = refreshing.request_for(session, services.clock(), people.load_person(session, owner.email))
    readings = calendars.probe(services.calendars, wanted, request, READ_TIMEOUT)
    with services.database.write() as session:
        person = people.load_person(session, owner.email)
        calendars.add_connection(session, services.clock(), person, wanted, readings, services.settings.poll)
