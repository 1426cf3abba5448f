"""A meeting as a calendar entry: what stands in somebody's calendar, and so may be seen by others than the two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from service.catalogue import Words
from service.domain import itip
from service.domain.access import Action, Role, Thing, When, may
from service.domain.itip import Attendee, Invitation
from service.domain.sessions import SESSIONS
from service.domain.terms import Level, terms_of
from service.messages.view import Who, time_line
from service.operations.meetings import interval_of
from service.store.tables import AgendaItem, Meeting, Person

# The strictest level at which an entry still shows it; what is not named here never depends on the level.
SHOWN_UNTIL = {
    Thing.PERSON: Level.OUTLINE,
    Thing.PLACE: Level.OUTLINE,
    Thing.SESSION: Level.OUTLINE,
    Thing.AGENDA: Level.AGENDA,
}
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
    for_both: bool = False,
) -> Invitation:
    """What the reader's entry says; without an agenda (None) it does not even name the time in words. `for_both`: it is
    the one entry of both, and shows what the stricter of the two allows."""
    words = Words.of(reader.locale)
    level = level_of(meeting, reader, for_both=for_both)
    lines = [preview(meeting, reader, agenda, level)] if agenda is not None and level is not Level.SEALED else []
    if entry_url is not None:
        lines.append(words("entry.link", url=entry_url))
    behind = meeting.pair.me(meeting.changed_by) if meeting.changed_by is not None else meeting.pair.mentee
    return Invitation(
        uid=alias or meeting.uid,
        sequence=meeting.sequence,
        stamped_at=stamped_at,
        interval=interval_of(meeting),
        summary=summary(words, meeting, level),
        description="\n\n".join(lines),
        location=meeting.place if shows(Thing.PLACE, level) else None,
        organizer=settings.mail_address,
        organizer_name=words("entry.organizer", name=behind.name, programme=settings.programme),
        behind=behind.email,
        attendees=tuple(
            Attendee(person.email, person.name, answers.get(person.id, "NEEDS-ACTION"))
            for person in (meeting.pair.mentee, meeting.pair.mentor)
        ),
    )


def level_of(meeting: Meeting, reader: Person, *, for_both: bool = False) -> Level:
    """How much the reader's entry shows."""
    terms, pair = terms_of(meeting.pair.terms), meeting.pair
    if for_both:
        return max(terms.level_for(pair.mentee.invite), terms.level_for(pair.mentor.invite))
    return terms.level_for(reader.invite)


def shows(thing: Thing, level: Level) -> bool:
    """Whether whoever looks into a calendar may read it in an entry of this level."""
    given = (When.LEVEL,) if level <= SHOWN_UNTIL.get(thing, Level.SEALED) else ()
    return may(Role.CALENDAR, thing, Action.READ, *given)


def summary(words: Words, meeting: Meeting, level: Level) -> str:
    """First names and nothing else: neither what the meeting is for nor anything that somebody typed."""
    if not shows(Thing.PERSON, level):
        return words("entry.sealed")
    pair = meeting.pair
    key = "entry.mentoring" if terms_of(pair.terms).says_mentoring else "entry.summary"
    return words(key, mentee=pair.mentee.first_name, mentor=pair.mentor.first_name)


def preview(meeting: Meeting, reader: Person, agenda: Sequence[AgendaItem], level: Level) -> str:
    """What the entry's text will be, less its link: the time for both, and the points that this level shows."""
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
    points = points_at(words, meeting, agenda, level)
    if points:
        lines += ["", words("entry.agenda")]
        lines += [
            f"- {text} ({words('point.minutes', minutes=minutes)})" if minutes else f"- {text}"
            for text, minutes in points
        ]
    return "\n".join(lines)


def points_at(
    words: Words, meeting: Meeting, agenda: Sequence[AgendaItem], level: Level
) -> list[tuple[str, int | None]]:
    """Each point with its minutes: the agenda less what was ticked out, the headings of such a meeting with nothing
    that anybody typed, or nothing."""
    if shows(Thing.AGENDA, level):
        return [
            (item.text or (words(f"agenda.{item.key}") if item.key else ""), item.minutes)
            for item in agenda
            if not item.hidden
        ]
    if shows(Thing.SESSION, level):
        return [(words(f"agenda.{point.key}"), None) for point in SESSIONS[meeting.session].skeleton]
    return []
