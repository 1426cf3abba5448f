"""Who would see what of one meeting, before it is sent: made by the same code that writes the mail and the entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from service.catalogue import Words
from service.domain.access import Action, Role, Thing, may
from service.messages.letters import invitation_subject
from service.messages.parts import preview_line
from service.messages.view import Who, time_line
from service.operations.entries import EntrySettings, invitation_for
from service.operations.meetings import interval_of, role_in
from service.store.tables import AgendaItem, Meeting, Person


@dataclass(frozen=True, slots=True)
class Sight:
    """What one onlooker sees, line by line as it is sent. `who` is one of other, mine, theirs, coordinator, phone: the
    other of the pair, somebody who looks into the reader's calendar or the other's, and a locked phone."""

    who: str
    lines: tuple[str, ...]


def sights(
    now: datetime, settings: EntrySettings, meeting: Meeting, reader: Person, agenda: Sequence[AgendaItem]
) -> tuple[Sight, ...]:
    """The meeting need not be booked yet. Looks at nothing but what it is given."""
    other = meeting.pair.other(reader.id)
    return (
        Sight("other", _to_the_other(meeting, reader, other, agenda)),
        Sight("mine", _in_calendar(now, settings, meeting, reader, agenda)),
        Sight("theirs", _in_calendar(now, settings, meeting, other, agenda)),
        Sight("coordinator", _to_a_coordinator(Words.of(reader.locale))),
        Sight("phone", _on_a_phone(settings, meeting, other)),
    )


def _to_the_other(meeting: Meeting, reader: Person, other: Person, agenda: Sequence[AgendaItem]) -> tuple[str, ...]:
    words = Words.of(other.locale)
    lines = [
        time_line(
            words,
            interval_of(meeting),
            Who(other.first_name, ZoneInfo(other.zone)),
            Who(reader.first_name, ZoneInfo(reader.zone)),
        )
    ]
    role = role_in(meeting.pair, other.id, meeting.pair.mentee_id)
    if meeting.place and may(role, Thing.PLACE, Action.READ):
        lines.append(meeting.place)
    if meeting.ask and may(role, Thing.ASK, Action.READ):
        lines.append(meeting.ask)
    if may(role, Thing.AGENDA, Action.READ):
        lines += [f"- {item.text or (words(f'agenda.{item.key}') if item.key else '')}" for item in agenda]
    return tuple(lines)


def _in_calendar(
    now: datetime, settings: EntrySettings, meeting: Meeting, owner: Person, agenda: Sequence[AgendaItem]
) -> tuple[str, ...]:
    told = invitation_for(now, settings, meeting, owner, agenda=agenda, answers={}, entry_url=None)
    described = [line for line in told.description.splitlines() if line]
    return tuple(filter(None, (told.summary, told.location, *described)))


def _to_a_coordinator(words: Words) -> tuple[str, ...]:
    if may(Role.COORDINATOR, Thing.MEETING, Action.READ):
        return (words("page.sees.coordinator.reads"),)
    counted = may(Role.COORDINATOR, Thing.MEETING, Action.COUNT)
    return (words("page.sees.coordinator.counts" if counted else "page.sees.coordinator.nothing"),)


def _on_a_phone(settings: EntrySettings, meeting: Meeting, other: Person) -> tuple[str, ...]:
    words = Words.of(other.locale)
    subject = invitation_subject(words, meeting.starts_at, ZoneInfo(other.zone), changed=meeting.sequence > 0)
    return subject, preview_line(words, settings.programme)
