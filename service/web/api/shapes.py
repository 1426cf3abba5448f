"""How our rows become the API's answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from service import links
from service.catalogue import Words
from service.domain.access import Action, Role, Thing, may
from service.domain.availability import to_json
from service.operations import arcs, events, video
from service.operations.calendars import connections_of, verified
from service.operations.meetings import agenda_of, attendance_of
from service.operations.people import CHOICES
from service.operations.times import Source, availability_of
from service.store.tables import Commitment, Connection, CriticalDate, Meeting, Pair, Person, Proposal
from service.web.api import answers


def instant(moment: datetime) -> str:
    """RFC 3339 in UTC, to the second."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")  # a third of strftime's time


def z(moment: datetime | None) -> str | None:
    return None if moment is None else instant(moment)


def person_answer(person: Person) -> answers.Person:
    return answers.Person(id=person.id, name=person.name, email=person.email, zone=person.zone)


def me_answer(person: Person) -> answers.Me:
    return answers.Me(
        **dict(person_answer(person)),
        locale=person.locale,
        keeps_notes=person.keeps_notes,
        invite=person.invite,
        **{choice: getattr(person, choice) for choice in CHOICES},
    )


def availability_answer(person: Person) -> answers.Availability:
    return answers.Availability(**to_json(availability_of(person)), assumed=person.availability is None)


def pair_answer(pair: Pair) -> answers.Pair:
    return answers.Pair(
        id=pair.id,
        mentee=person_answer(pair.mentee),
        mentor=person_answer(pair.mentor),
        place=pair.place,
        ended_at=z(pair.ended_at),
    )


def meeting_answer(session: Session, now: datetime, base_url: str, meeting: Meeting, reader: Person) -> answers.Meeting:
    """The meeting as this reader may see it. Links are those that stand; looking makes none."""
    words, pair = Words.of(reader.locale), meeting.pair
    statuses = attendance_of(session, meeting)
    page = links.known_link(session, now, "meeting", reader.id, pair_id=pair.id, meeting_id=meeting.id)
    return answers.Meeting(
        id=meeting.id,
        pair=pair.id,
        session=meeting.session,
        date=meeting.date_id,
        start=instant(meeting.starts_at),
        end=instant(meeting.ends_at),
        phase=meeting.phase,
        uid=meeting.uid,
        sequence=meeting.sequence,
        attendees=[
            answers.Attendee(email=person.email, partstat=statuses.get(person.id, "NEEDS-ACTION"))
            for person in (pair.mentee, pair.mentor)
        ],
        agenda=[
            answers.AgendaLine(
                text=item.text or (words(f"agenda.{item.key}") if item.key else ""),
                minutes=item.minutes,
                help=item.help,
                hidden=item.hidden,
            )
            for item in agenda_of(session, meeting)
        ],
        place=meeting.place,
        links={"page": links.url_of(base_url, page)} if page is not None else {},
        calendar=events.entry_for(session, meeting, reader.id).state,
        video=video.state_of(session, meeting),
    )


def proposal_answer(now: datetime, proposal: Proposal) -> answers.Proposal:
    still_open = proposal.outcome is None
    return answers.Proposal(
        id=proposal.id,
        pair=proposal.pair_id,
        by=proposal.by_id,
        session=proposal.session,
        date=proposal.date_id,
        meeting=proposal.meeting_id,
        comment=proposal.comment,
        times=[
            answers.ProposedTime(
                start=instant(time.starts_at),
                end=instant(time.ends_at),
                until=z(time.lapses_at if still_open and time.held and time.lapses_at > now else None),
            )
            for time in proposal.times
        ],
        state=proposal.outcome or "open",
        booked=proposal.taken_id,
    )


def date_answer(session: Session, now: datetime, critical: CriticalDate, role: Role) -> answers.CriticalDate:
    """The private label is in the mentee's copy only."""
    at = instant(critical.starts_at)
    found = answers.CriticalDate(
        id=critical.id,
        kind=critical.kind,
        at=at,
        starts_at=at,
        until=z(critical.ends_at),
        zone=critical.zone,
        run_minutes=critical.run_minutes,
        shared_label=critical.shared_label,
        shared=critical.shared_at is not None,
        arc=[arc_line(line) for line in arcs.arc_of(session, now, critical)],
    )
    if may(role, Thing.PRIVATE_LABEL, Action.READ):
        found.label = critical.label
    return found


def arc_line(line: arcs.ArcLine) -> answers.ArcLine:
    part = line.part
    return answers.ArcLine(
        role=part.role,
        session=part.session,
        from_=instant(part.window.start) if part.window else None,
        to=instant(part.window.end) if part.window else None,
        prefer_on=part.prefer_on.isoformat() if part.prefer_on else None,
        minutes=int(part.duration.total_seconds() // 60),
        note=part.note,
        meeting=line.meeting.id if line.meeting is not None else None,
    )


def connection_answer(connection: Connection) -> answers.Connection:
    """`verified_at` is the oldest of the calendars that count, none while one of them was never read."""
    return answers.Connection(
        id=connection.id,
        provider=connection.provider,
        access=connection.access,
        video=video.kind_of(connection) if connection.access == "write" else None,
        state=connection.state,
        verified_at=z(verified(connection)),
        calendars=[
            answers.Calendar(id=each.id, name=each.name, counts=each.counts, verified_at=z(each.verified_at))
            for each in connection.calendars
        ],
    )


def connections_answer(session: Session, person_id: int) -> answers.Connections:
    return answers.Connections(connections=[connection_answer(each) for each in connections_of(session, person_id)])


def commitment_answer(line: Commitment) -> answers.Commitment:
    return answers.Commitment(
        id=line.id,
        text=line.text,
        owner=line.owner_id,
        kind=line.kind,
        must=line.must,
        due_on=line.due_on.isoformat() if line.due_on else None,
        pinned=line.pinned,
        state=line.state,
        reason=line.reason,
        note=line.note,
        took=line.took,
    )


def source_json(source: Source) -> dict[str, Any]:
    return {
        "person": source.name,
        "provider": source.provider,
        "state": source.state,
        "verified_at": z(source.verified_at),
    }
