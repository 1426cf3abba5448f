"""A meeting as a calendar entry: what stands in somebody's calendar, and so may be seen by others than the two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from service.catalogue import Words
from service.domain import itip
from service.domain.itip import Attendee, Invitation
from service.messages.view import Who, time_line
from service.operations.meetings import interval_of
from service.store.tables import AgendaItem, Meeting, Person

MAKERS = {"REQUEST": itip.request, "CANCEL": itip.cancel, "PUBLISH": itip.publish}


class EntrySettings(Protocol):
    @property
    def programme(self) -> str: ...
    @property
    def mail_address(self) -> str: ...


class PageSettings(EntrySettings, Protocol):
    @property
    def base_url(self) -> str: ...


def entry(
    now: datetime,
    settings: EntrySettings,
    meeting: Meeting,
    reader: Person,
    method: str,
    *,
    agenda: Sequence[AgendaItem],
    answers: Mapping[int, str],
    entry_url: str | None,
    alias: str | None = None,
) -> bytes:
    """The iTIP object for this reader. `answers` are PARTSTATs by person; `entry_url` is the reader's link that can do
    nothing, `alias` the UID under which the meeting stands in their calendar already."""
    shown = None if method == "CANCEL" else agenda
    told = invitation_for(
        now, settings, meeting, reader, agenda=shown, answers=answers, entry_url=entry_url, alias=alias
    )
    return MAKERS[method](told)


def invitation_for(
    stamped_at: datetime,
    settings: EntrySettings,
    meeting: Meeting,
    reader: Person,
    *,
    agenda: Sequence[AgendaItem] | None,
    answers: Mapping[int, str],
    entry_url: str | None,
    alias: str | None = None,
) -> Invitation:
    """What the reader's entry says; without an agenda (None) it does not even name the time in words."""
    words = Words.of(reader.locale)
    lines = [preview(meeting, reader, agenda)] if agenda is not None else []
    if entry_url is not None:
        lines.append(words("entry.link", url=entry_url))
    behind = meeting.pair.me(meeting.changed_by) if meeting.changed_by is not None else meeting.pair.mentee
    return Invitation(
        uid=alias or meeting.uid,
        sequence=meeting.sequence,
        stamped_at=stamped_at,
        interval=interval_of(meeting),
        summary=summary(words, meeting),
        description="\n\n".join(lines),
        location=meeting.place,
        organizer=settings.mail_address,
        organizer_name=words("entry.organizer", name=behind.name, programme=settings.programme),
        behind=behind.email,
        attendees=tuple(
            Attendee(person.email, person.name, answers.get(person.id, "NEEDS-ACTION"))
            for person in (meeting.pair.mentee, meeting.pair.mentor)
        ),
    )


def summary(words: Words, meeting: Meeting) -> str:
    """First names and nothing else: neither what the meeting is for nor anything that somebody typed."""
    pair = meeting.pair
    return words("entry.summary", mentee=pair.mentee.first_name, mentor=pair.mentor.first_name)


def preview(meeting: Meeting, reader: Person, agenda: Sequence[AgendaItem]) -> str:
    """What the entry's text will be, less its link: the time for both, and the points not ticked out."""
    words = Words.of(reader.locale)
    other = meeting.pair.other(reader.id)
    lines = [
        time_line(
            words,
            interval_of(meeting),
            Who(reader.first_name, ZoneInfo(reader.zone)),
            Who(other.first_name, ZoneInfo(other.zone)),
        )
    ]
    points = [
        (item.text or (words(f"agenda.{item.key}") if item.key else ""), item.minutes)
        for item in agenda
        if not item.hidden
    ]
    if points:
        lines += ["", words("entry.agenda")]
        lines += [
            f"- {text} ({words('point.minutes', minutes=minutes)})" if minutes else f"- {text}"
            for text, minutes in points
        ]
    return "\n".join(lines)
