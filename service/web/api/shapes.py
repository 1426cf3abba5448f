"""What goes in and out of the API, and how our rows become it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, Literal

from pydantic import AwareDatetime, ConfigDict, Field
from sqlalchemy.orm import Session

from service import links
from service.catalogue import Words
from service.domain.agenda import AgendaDraft
from service.operations import arcs
from service.operations.calendars import connections_of
from service.operations.meetings import agenda_of, attendance_of
from service.operations.times import Source
from service.store.tables import Commitment, Connection, CriticalDate, Meeting, Pair, Person
from service.web.api.frame import Model


class AgendaPoint(Model):
    text: str = Field(max_length=100_000)
    minutes: int | None = None
    help: str | None = None
    hidden: bool = False


class MeetingInput(Model):
    start: AwareDatetime
    session: str
    minutes: int | None = None
    date: int | None = None
    place: str | None = None
    agenda: list[str | AgendaPoint] | None = None
    invite_by: Literal["mail", "calendar"] = "mail"


class MeetingChange(Model):
    start: AwareDatetime | None = None
    minutes: int | None = None
    place: str | None = None
    agenda: list[str | AgendaPoint] | None = None


class Cancellation(Model):
    reason: str | None = None


class DateInput(Model):
    kind: str
    at: datetime
    zone: str
    until: datetime | None = None
    run_minutes: int | None = None
    label: str | None = None
    shared_label: str | None = None


class DateChange(Model):
    kind: str | None = None
    at: datetime | None = None
    zone: str | None = None
    until: datetime | None = None
    run_minutes: int | None = None
    label: str | None = None
    shared_label: str | None = None
    shared: bool | None = None


class ConnectionInput(Model):
    provider: str
    url: str | None = None
    username: str | None = None
    password: str | None = None
    access: str | None = None


class PairChange(Model):
    place: str | None = None


class PersonIn(Model):
    name: str
    email: str
    zone: str
    locale: str = "en"


class PairInput(Model):
    mentee: PersonIn
    mentor: PersonIn
    place: str | None = None


class CommitmentInput(Model):
    text: str
    owner: int | None = None
    due_on: date | None = None


class CommitmentChange(Model):
    state: str
    note: str | None = None
    due_on: date | None = None


class Anything(Model):
    """A body whose fields a rule of the domain checks, with its own sentences."""

    model_config = ConfigDict(extra="allow")


def z(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC, to the second."""
    return None if moment is None else f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def drafts_of(points: list[str | AgendaPoint]) -> tuple[AgendaDraft, ...]:
    return tuple(
        AgendaDraft(text=point)
        if isinstance(point, str)
        else AgendaDraft(text=point.text, minutes=point.minutes, help=point.help, hidden=point.hidden)
        for point in points
    )


def person_json(person: Person) -> dict[str, Any]:
    return {"id": person.id, "name": person.name, "email": person.email, "zone": person.zone}


def pair_json(pair: Pair) -> dict[str, Any]:
    return {
        "id": pair.id,
        "mentee": person_json(pair.mentee),
        "mentor": person_json(pair.mentor),
        "place": pair.place,
        "ended_at": z(pair.ended_at),
    }


def meeting_json(session: Session, now: datetime, base_url: str, meeting: Meeting, reader: Person) -> dict[str, Any]:
    """The meeting as this reader may see it. Links are those that stand; looking makes none."""
    words, pair = Words.of(reader.locale), meeting.pair
    statuses = attendance_of(session, meeting)
    page = links.known_link(session, now, "meeting", reader.id, pair_id=pair.id, meeting_id=meeting.id)
    return {
        "id": meeting.id,
        "pair": pair.id,
        "session": meeting.session,
        "date": meeting.date_id,
        "start": z(meeting.starts_at),
        "end": z(meeting.ends_at),
        "phase": meeting.phase,
        "uid": meeting.uid,
        "sequence": meeting.sequence,
        "attendees": [
            {"email": person.email, "partstat": statuses.get(person.id, "NEEDS-ACTION")}
            for person in (pair.mentee, pair.mentor)
        ],
        "agenda": [
            {
                "text": item.text or (words(f"agenda.{item.key}") if item.key else ""),
                "minutes": item.minutes,
                "help": item.help,
                "hidden": item.hidden,
            }
            for item in agenda_of(session, meeting)
        ],
        "place": meeting.place,
        "links": {"page": links.url_of(base_url, page)} if page is not None else {},
        "calendar": meeting.calendar,
    }


def date_json(session: Session, now: datetime, critical: CriticalDate, mentee: bool) -> dict[str, Any]:
    """The private label is in the mentee's copy only."""
    return {
        "id": critical.id,
        "kind": critical.kind,
        "at": z(critical.starts_at),
        "starts_at": z(critical.starts_at),
        "until": z(critical.ends_at),
        "zone": critical.zone,
        "run_minutes": critical.run_minutes,
        **({"label": critical.label} if mentee else {}),
        "shared_label": critical.shared_label,
        "shared": critical.shared_at is not None,
        "arc": [
            {
                "role": line.part.role,
                "session": line.part.session,
                "from": z(line.part.window.start) if line.part.window else None,
                "to": z(line.part.window.end) if line.part.window else None,
                "prefer_on": line.part.prefer_on.isoformat() if line.part.prefer_on else None,
                "minutes": int(line.part.duration.total_seconds() // 60),
                "note": line.part.note,
                "meeting": line.meeting.id if line.meeting is not None else None,
            }
            for line in arcs.arc_of(session, now, critical)
        ],
    }


def connection_json(connection: Connection) -> dict[str, Any]:
    """Never an address with a secret in it, a user name or a password."""
    verified = [calendar.verified_at for calendar in connection.calendars if calendar.counts]
    oldest = min((moment for moment in verified if moment is not None), default=None)
    return {
        "id": connection.id,
        "provider": connection.provider,
        "access": connection.access,
        "state": connection.state,
        "verified_at": z(None if None in verified else oldest),
        "calendars": [
            {"id": each.id, "name": each.name, "counts": each.counts, "verified_at": z(each.verified_at)}
            for each in connection.calendars
        ],
    }


def connections_json(session: Session, person_id: int) -> dict[str, Any]:
    return {"connections": [connection_json(each) for each in connections_of(session, person_id)]}


def commitment_json(line: Commitment) -> dict[str, Any]:
    return {
        "id": line.id,
        "text": line.text,
        "owner": line.owner_id,
        "due_on": line.due_on.isoformat() if line.due_on else None,
        "state": line.state,
        "note": line.note,
    }


def source_json(source: Source) -> dict[str, Any]:
    return {
        "person": source.name,
        "provider": source.provider,
        "state": source.state,
        "verified_at": z(source.verified_at),
    }
