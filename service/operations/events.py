"""Meetings as events in people's own calendars: wanted with the booking, written with no session open, and followed by
every change. Nobody waits for it: a calendar that cannot be written to delays its own entry and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from service.domain.errors import AdapterError, InvalidInput
from service.domain.meeting import Phase
from service.domain.retries import KEEP_TRYING, MOST_ATTEMPTS, Failure, back_off, given_up
from service.links import link_for, url_of
from service.operations import video
from service.operations.entries import PageSettings, invitation_for
from service.operations.followup import queue_about
from service.operations.meetings import agenda_of, attendance_of
from service.operations.whereabouts import TIMEOUT, find
from service.ports import CalendarWriter, EventAddress, EventToWrite, Guest, WriterFactory
from service.store import outbox, writes
from service.store.database import load_row
from service.store.tables import CalendarWrite, Connection, Meeting, Person

LOOKING = frozenset({"look", "missing"})
DELETED = "not_found"
BY_CALENDAR = "calendar"
SEARCHABLE = timedelta(minutes=2)  # Graph says nowhere how long a search may lag behind what was just written


@dataclass(frozen=True, slots=True)
class WritePlan:
    """All that a write needs, so that it can run with no session open. `elsewhere`: the account's other calendars.
    `fresh`: what was wanted before may have been written so short a while ago that the calendar does not know of it."""

    write_id: int
    provider: str
    url: str
    connection_id: int
    event: EventToWrite
    at: EventAddress | None
    elsewhere: tuple[str, ...]
    remove: bool
    look: bool
    fresh: bool


@dataclass(frozen=True, slots=True)
class WriteResult:
    plan: WritePlan
    at: EventAddress | None
    error: AdapterError | None


def want(session: Session, now: datetime, meeting: Meeting) -> None:
    """The events of a meeting that was just booked. Where the mentee's calendar invites, it is the one event of both;
    else each person who gave us their calendar for it gets their own, and nobody is told by it.

    Raises InvalidInput when the mentee's calendar is to invite and there is none.
    """
    invites = meeting.invite_by == BY_CALENDAR
    people = (meeting.pair.mentee,) if invites else (meeting.pair.mentee, meeting.pair.mentor)
    for person in people:
        connection = writes.writable(session, person.id)
        if connection is not None:
            session.add(
                CalendarWrite(
                    meeting_id=meeting.id, person_id=person.id, connection_id=connection.id, invites=invites,
                    due_at=now, created_at=now,
                )
            )  # fmt: skip
        elif invites:
            raise InvalidInput.of("invite_by", "no_calendar_to_invite")
    session.flush()


def can_write(session: Session, person_id: int) -> bool:
    return writes.writable(session, person_id) is not None


def begin(session: Session, now: datetime, settings: PageSettings, write_id: int) -> WritePlan | None:
    """What is to be written as things stand now; None when nothing is, or it cannot be. May be repeated."""
    row, meeting = load(session, write_id)
    if row is None or row.due_at is None or row.lease_until is None:
        return None
    connection = session.get(Connection, row.connection_id) if row.connection_id is not None else None
    if connection is None or connection.access != "write" or connection.state == "off":
        _give_up(session, now, row, meeting, writes.GONE)
        return None
    row.attempts += 1
    return WritePlan(
        write_id=row.id,
        provider=connection.provider,
        url=connection.url,
        connection_id=connection.id,
        event=_event(session, now, settings, row, meeting),
        at=_address(row),
        elsewhere=tuple(each.key for each in connection.calendars if each.key != row.calendar_key),
        remove=meeting.phase == Phase.CANCELLED,
        look=row.state != "pending",
        fresh=now - (meeting.changed_at or row.created_at) < SEARCHABLE,
    )


def write(plan: WritePlan, factory: WriterFactory) -> WriteResult:
    """Asks the provider. Never raises AdapterError."""
    try:
        writer = factory(plan.provider, plan.url, plan.connection_id)
        if plan.remove:
            gone = writer.remove(_now_at(writer, plan), plan.event, TIMEOUT) or not plan.fresh
            return WriteResult(plan, None, None if gone else AdapterError("server_error", permanent=False))
        if plan.at is None:
            return WriteResult(plan, writer.put(plan.event, TIMEOUT), None)
        return WriteResult(plan, _changed(writer, plan.at, plan), None)
    except AdapterError as fault:
        return WriteResult(plan, None, fault)


def _now_at(writer: CalendarWriter, plan: WritePlan) -> EventAddress | None:
    """Before it is removed: of one that is not where it was written "gone" would be said, and its guest not told."""
    if plan.at is None or not plan.elsewhere:
        return plan.at
    found = find(writer, plan.at, plan.elsewhere)
    return plan.at if found is None else found.at


def _changed(writer: CalendarWriter, at: EventAddress, plan: WritePlan) -> EventAddress:
    """Where the event now stands. Of two answers that say it is gone one may be wrong, and a second event in its place
    would invite its guest again."""
    try:
        return writer.change(at, plan.event, TIMEOUT)
    except AdapterError as fault:
        found = find(writer, at, plan.elsewhere) if fault.code == DELETED else None
        if found is None:
            raise
        if found.at.calendar == at.calendar:
            raise AdapterError("server_error", permanent=False, **fault.params) from fault
    return writer.change(found.at, plan.event, TIMEOUT)


def settle(session: Session, now: datetime, result: WriteResult, jitter: float = 0.0) -> str:
    """Keeps what came of a write, and returns the state. A change that came meanwhile is due at once, also when what it
    replaces was refused: that is another question."""
    row, meeting = load(session, result.plan.write_id)
    if row is None:
        return "gone"
    row.lease_until = None
    if result.error is not None and row.wanted != result.plan.event.revision:
        return row.state
    if result.error is not None:
        if not _tries_again(session, now, row, meeting, result.plan, result.error, jitter):
            _give_up(session, now, row, meeting, result.error.code)
        return row.state
    if result.at is not None:
        row.calendar_key, row.event_id = result.at.calendar, result.at.event_id
        row.etag, row.alias = result.at.etag, result.at.ical_uid
    row.written = result.plan.event.revision
    if row.written == row.wanted:
        row.state, row.due_at = "removed" if result.plan.remove else "written", None
        row.attempts, row.fault = 0, None
        if result.at is not None:
            video.keep(session, now, row, meeting, result.at.video, looks=0)
    return row.state


@dataclass(frozen=True, slots=True)
class Entry:
    """How it stands with a meeting in one person's calendar. `state` is one of none pending written failed; `own`: in
    their own connection, so that it is theirs to mend; `instead`: the calendar was to invite, and our mail does."""

    state: str = "none"
    own: bool = False
    instead: bool = False


def entry_for(session: Session, meeting: Meeting, person_id: int) -> Entry:
    row = next(iter(_rows_for(writes.of_meetings(session, [meeting.id]), person_id)), None)
    if row is None or row.state == "removed":
        return Entry()
    instead = row.invites and meeting.invite_by == "mail"
    return Entry("written" if row.state in LOOKING else row.state, row.person_id == person_id, instead)


def alias_for(session: Session, meeting: Meeting, person_id: int) -> str | None:
    return aliases_for(writes.of_meetings(session, [meeting.id]), person_id).get(meeting.id)


def aliases_for(rows: Sequence[CalendarWrite], person_id: int) -> Mapping[int, str]:
    """By meeting: the UID under which the provider's event stands in this person's calendar."""
    return {row.meeting_id: row.alias for row in _rows_for(rows, person_id) if row.alias}


def _rows_for(rows: Sequence[CalendarWrite], person_id: int) -> list[CalendarWrite]:
    """Of events those that stand in this person's calendar: their own, or one that invites them."""
    return [row for row in rows if row.invites or row.person_id == person_id]


def entered(row: CalendarWrite) -> bool:
    """Whether a calendar's own event stands for the meeting, or will: then no mail of ours may make a second one. Where
    its owner no longer lets us write, our mail is all that brings a change."""
    return row.state != "failed" or (row.event_id is not None and row.fault != writes.GONE)


def load(session: Session, write_id: int) -> tuple[CalendarWrite | None, Meeting]:
    """The row and its meeting, to be written: the meeting first, as everybody does who changes it. Else two could wait
    for each other."""
    row = session.get_one(CalendarWrite, write_id)
    meeting = load_row(session, Meeting, row.meeting_id)
    assert meeting is not None
    return load_row(session, CalendarWrite, write_id), meeting


def _tries_again(
    session: Session,
    now: datetime,
    row: CalendarWrite,
    meeting: Meeting,
    plan: WritePlan,
    error: AdapterError,
    jitter: float,
) -> bool:
    """For as long as a mail is; where nobody has an invitation yet, no longer than there is time for one. False when
    that would be of no use, or is over."""
    if error.code == DELETED and not plan.remove and row.attempts < MOST_ATTEMPTS:
        anew(session, now, row, meeting)
        row.due_at = now
    elif given_up(Failure(error.code, error.permanent), row.attempts, _age(row, meeting, now)):
        return False
    else:
        row.fault = error.code
        row.due_at = now + (error.retry_after or back_off(row.attempts, jitter))
    return True


def anew(session: Session, now: datetime, row: CalendarWrite, meeting: Meeting) -> None:
    """Its event is gone, and another takes its place."""
    row.copies += 1
    video.made_anew(session, now, row, meeting)
    row.calendar_key = row.event_id = row.etag = row.alias = None


def _age(row: CalendarWrite, meeting: Meeting, now: datetime) -> timedelta:
    """Of what is to be written; an invitation that would come too late is as old as can be."""
    if row.invites and row.event_id is None and meeting.starts_at - now < KEEP_TRYING:
        return KEEP_TRYING
    return now - (meeting.changed_at or row.created_at)


def _give_up(session: Session, now: datetime, row: CalendarWrite, meeting: Meeting, code: str) -> None:
    """Where the calendar was to invite and never did, our mail does: to those who were told already that it would not.
    Then it is the sender of record for good, so the row lets go of the calendar. Where it invited and cannot tell of a
    change, our mail tells those to whom we have not written of it, since it would have."""
    row.state, row.fault, row.due_at, row.lease_until = "failed", code, None, None
    video.give_up(session, now, row, meeting)
    if not row.invites or meeting.phase != Phase.BOOKED:
        return
    if row.event_id is not None:
        for person_id in outbox.announced(session, meeting.id):
            queue_about(session, now, meeting, "invitation", person_id)
        return
    row.connection_id, meeting.invite_by = None, "mail"
    for person_id in outbox.announced(session, meeting.id):
        key = f"m{meeting.id}:invitation:{meeting.sequence}:{person_id}:instead"
        about = {"pair_id": meeting.pair_id, "meeting_id": meeting.id, "date_id": meeting.date_id}
        outbox.add(session, now, "invitation", person_id, dedup=key, sequence=meeting.sequence, **about)


def _address(row: CalendarWrite) -> EventAddress | None:
    if row.calendar_key is None or row.event_id is None:
        return None
    return EventAddress(row.calendar_key, row.event_id, row.etag or "", row.alias or "")


def _event(
    session: Session, now: datetime, settings: PageSettings, row: CalendarWrite, meeting: Meeting
) -> EventToWrite:
    """What an entry of ours says. The owner's own link stands in it only where nobody else is invited to it."""
    owner = session.get_one(Person, row.person_id)
    about = {"pair_id": meeting.pair_id, "meeting_id": meeting.id}
    link = None if row.invites else link_for(session, now, "entry", owner.id, **about)
    told = invitation_for(
        now, settings, meeting, owner,
        agenda=agenda_of(session, meeting), answers=attendance_of(session, meeting),
        entry_url=url_of(settings.base_url, link) if link is not None else None, for_both=row.invites,
    )  # fmt: skip
    other = meeting.pair.other(owner.id)
    return EventToWrite(
        uid=meeting.uid,
        copy=row.copies,
        revision=row.wanted,
        interval=told.interval,
        summary=told.summary,
        description=told.description,
        location=told.location,
        guests=(Guest(other.email, other.name),) if row.invites else (),
        video=row.video in {"wanted", "made"},
    )
