"""An outbox row becomes a mail, from the state of this moment; or it is no longer so, and nothing is sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import parseaddr
from typing import Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.catalogue import Words
from service.domain.errors import GreenroomError
from service.domain.interval import Interval
from service.domain.meeting import Phase
from service.domain.slots import three_best
from service.links import link_for, url_of
from service.messages.letters import LETTERS, Links, Point, View, Who
from service.messages.mime import Calendar, Headers, compose
from service.operations import entries
from service.operations.meetings import agenda_of, agreed_at_meeting, commitments_of, interval_of
from service.operations.offering import SlotQuery, offer
from service.operations.people import list_pairs, scheduling_link
from service.store import outbox
from service.store.tables import AgendaItem, Commitment, Connection, CriticalDate, Meeting, OutboxRow, Pair, Person

# Sent at any hour and whatever a person chose: somebody acted, and the other must know.
ABOUT_AN_ACTION = frozenset({"invitation", "cancellation", "declined", "links", "welcome"})
EVEN_WHEN_FEWER = ABOUT_AN_ACTION | {"followup", "not-happened", "date-moved", "calendar-broken"}
REPLY_TO_THE_OTHER = frozenset({"brief", "list", "not-happened", "declined", "cancellation"})
METHODS = {"invitation": "REQUEST", "cancellation": "CANCEL", "declined": "CANCEL"}
MENTEE_COUNT = ("agenda-ask", "reminder", "followup")
MENTOR_COUNT = ("brief", "list")
WITH_TIMES = frozenset({"declined", "cancellation", "not-happened", "date-moved", "followup", "list"})
REMIND_WITHIN = timedelta(hours=30)  # a meeting that was moved further away is not "tomorrow" any more


class MailSettings(Protocol):
    """The part of the settings that mails mention."""

    @property
    def base_url(self) -> str: ...
    @property
    def programme(self) -> str: ...
    @property
    def contact(self) -> str | None: ...
    @property
    def mail_address(self) -> str: ...
    @property
    def busy_max_age(self) -> timedelta: ...


class UnknownKind(GreenroomError):
    """A row of a kind that this version cannot write."""

    code = "unknown_kind"


def recipient(session: Session, row: OutboxRow) -> str | None:
    """The address as it is now; None when the person is gone."""
    person = session.get(Person, row.person_id)
    return person.email if person is not None else None


def render(session: Session, now: datetime, settings: MailSettings, row: OutboxRow) -> bytes | None:
    """The whole mail, or None when what it says is no longer so. Mints the reader's links, so it needs a write session.

    Rendered once: retries send the same octets. Raises UnknownKind.
    """
    if row.kind not in LETTERS:
        raise UnknownKind(kind=row.kind)
    reader = session.get_one(Person, row.person_id)
    if not _wanted(reader, row.kind):
        return None
    context = _Context(session, now, settings, row, reader)
    view = _view(context)
    if view is None:
        return None
    view = replace(view, first_mail=reader.first_mailed_at is None and row.kind not in {"links", "welcome"})
    reader.first_mailed_at = reader.first_mailed_at or now
    letter = LETTERS[row.kind](view)
    return compose(letter, _headers(context), view.words.locale.language, _calendar(context))


@dataclass(frozen=True, slots=True)
class _Context:
    session: Session
    now: datetime
    settings: MailSettings
    row: OutboxRow
    reader: Person

    @property
    def meeting(self) -> Meeting | None:
        return self.session.get(Meeting, self.row.meeting_id) if self.row.meeting_id is not None else None

    def url(self, purpose: str, **subject: int | str | None) -> str:
        link = link_for(self.session, self.now, purpose, self.reader.id, **subject)
        return url_of(self.settings.base_url, link)


def _wanted(reader: Person, kind: str) -> bool:
    if reader.mails == "none":
        return kind in ABOUT_AN_ACTION - {"welcome"}
    return reader.mails != "fewer" or kind in EVEN_WHEN_FEWER


def _view(context: _Context) -> View | None:
    base = View(
        words=Words.of(context.reader.locale),
        me=Who(context.reader.first_name, ZoneInfo(context.reader.zone)),
        programme=context.settings.programme,
        contact=context.settings.contact or context.settings.programme,
        links=Links(person=context.url("person")),
    )
    if context.row.kind in {"links", "welcome", "calendar-broken"}:
        return _WITHOUT_MEETING[context.row.kind](context, base)
    meeting = context.meeting
    if meeting is None or not _still_so(context, meeting):
        return None
    return _about_meeting(context, base, meeting)


def _still_so(context: _Context, meeting: Meeting) -> bool:
    """Whether what this kind of mail says holds at this moment."""
    now, row, phase = context.now, context.row, Phase(meeting.phase)
    ahead = phase is Phase.BOOKED and now < meeting.starts_at
    over = phase in {Phase.ENDED, Phase.CLOSED} and meeting.happened is not False
    soon = ahead and meeting.starts_at - now <= REMIND_WITHIN
    checks: dict[str, bool] = {
        "invitation": phase is Phase.BOOKED and row.sequence == meeting.sequence and now < meeting.ends_at,
        "cancellation": phase is Phase.CANCELLED,
        "declined": phase is Phase.CANCELLED and meeting.declined_by is not None,
        "agenda-ask": ahead and meeting.ask is None and meeting.agenda_touched_at is None,
        "reminder": soon,
        "brief": soon,
        "followup": over,
        "list": over and bool(agreed_at_meeting(context.session, meeting)),
        "not-happened": meeting.happened is False,
        "date-moved": ahead,
    }
    return checks[row.kind]


def _about_meeting(context: _Context, base: View, meeting: Meeting) -> View:
    session, row, pair = context.session, context.row, meeting.pair
    other = pair.other(context.reader.id)
    mentee = context.reader.id == pair.mentee_id
    acted_by = meeting.declined_by if row.kind == "declined" else meeting.changed_by
    counted = MENTEE_COUNT if mentee else MENTOR_COUNT
    times = _times(context, pair, meeting) if row.kind in WITH_TIMES else ()
    may_choose = row.kind in WITH_TIMES and pair.ended_at is None
    critical = session.get(CriticalDate, row.date_id) if row.date_id is not None else None
    return replace(
        base,
        other=Who(other.first_name, ZoneInfo(other.zone)),
        mentee=mentee,
        interval=interval_of(meeting),
        session=meeting.session,
        place=meeting.place,
        ask=meeting.ask,
        agenda=tuple(_point(base.words, item) for item in agenda_of(session, meeting)),
        agreed=tuple(_promise(base.words, pair, line) for line in agreed_at_meeting(session, meeting)),
        still_open=tuple(
            _promise(base.words, pair, line)
            for line in commitments_of(session, pair, open_only=True)
            if line.meeting_id != meeting.id
        ),
        times=times,
        reason=meeting.reason,
        acted="nobody" if acted_by is None else "me" if acted_by == context.reader.id else "other",
        changed=bool(row.sequence),
        confirmed=meeting.agreed_at is not None,
        nth=_nth(session, meeting, row, counted) if row.kind in counted else 0,
        most=len(counted),
        dropped=critical is not None and critical.dropped_at is not None,
        links=replace(
            base.links,
            meeting=context.url("meeting", pair_id=pair.id, meeting_id=meeting.id),
            followup=context.url("followup", pair_id=pair.id, meeting_id=meeting.id) if row.kind == "followup" else "",
            schedule=_schedule_url(context, pair, meeting) if may_choose else "",
        ),
    )


def _nth(session: Session, meeting: Meeting, row: OutboxRow, counted: tuple[str, ...]) -> int:
    """Which of the mails that nobody asked for this is, of this meeting, to this reader."""
    sent = select(OutboxRow.id).where(
        OutboxRow.meeting_id == meeting.id,
        OutboxRow.person_id == row.person_id,
        OutboxRow.kind.in_(counted),
        OutboxRow.state.in_(outbox.OUT),
        OutboxRow.id != row.id,
    )
    return min(len(session.scalars(sent).all()) + 1, len(counted))


def _schedule_url(context: _Context, pair: Pair, meeting: Meeting) -> str:
    """Where another time is chosen: for the same thing when it did not take place, else for whatever is next."""
    again = context.row.kind in {"declined", "cancellation", "not-happened"}
    critical = context.session.get(CriticalDate, meeting.date_id) if meeting.date_id is not None else None
    if again and critical is not None and critical.dropped_at is None:
        return context.url("schedule", pair_id=pair.id, session=meeting.session, date_id=critical.id)
    return context.url("schedule", pair_id=pair.id, session=meeting.session if again else None)


def _times(context: _Context, pair: Pair, meeting: Meeting) -> tuple[Interval, ...]:
    """Three times that both could take, as things stand; none when a calendar cannot be read or the pair has ended."""
    if pair.ended_at is not None:
        return ()
    next_one = context.row.kind in {"followup", "list"}
    critical = context.session.get(CriticalDate, meeting.date_id) if meeting.date_id is not None else None
    for_date = critical is not None and critical.dropped_at is None and not next_one
    query = SlotQuery(
        pair_id=pair.id,
        session="check-in" if next_one else meeting.session,
        date_id=meeting.date_id if for_date else None,
        moving=meeting.id if context.row.kind == "date-moved" else None,
        reader="mentee" if context.reader.id == pair.mentee_id else "mentor",
    )
    found = offer(context.session, context.now, context.settings.busy_max_age, query)
    slots = found.proposals.slots or (found.nearest.slots if found.nearest is not None else [])
    return tuple(Interval(slot.start, slot.end) for slot in three_best(slots, ZoneInfo(context.reader.zone)))


def _point(words: Words, item: AgendaItem) -> Point:
    text = item.text or (words(f"agenda.{item.key}") if item.key else "")
    return Point(text, words("point.minutes", minutes=item.minutes) if item.minutes else "")


def _promise(words: Words, pair: Pair, line: Commitment) -> Point:
    owner = pair.me(line.owner_id).first_name if line.owner_id is not None else None
    day = words.day(line.due_on) if line.due_on is not None else None
    if owner and day:
        return Point(line.text, words("point.owner_date", owner=owner, day=day))
    if owner:
        return Point(line.text, words("point.owner", owner=owner))
    return Point(line.text, words("point.date", day=day) if day else "")


def _links_view(context: _Context, base: View) -> View:
    pairs = [
        (pair.mentor.first_name, url_of(context.settings.base_url, scheduling_link(context.session, context.now, pair)))
        for pair in list_pairs(context.session, context.reader.id)
        if pair.ended_at is None and pair.mentee_id == context.reader.id
    ]
    return replace(base, pairs=tuple(pairs))


def _welcome_view(context: _Context, base: View) -> View | None:
    pair = context.session.get(Pair, context.row.pair_id) if context.row.pair_id is not None else None
    if pair is None or pair.ended_at is not None:
        return None
    other = pair.other(context.reader.id)
    mentee = context.reader.id == pair.mentee_id
    schedule = url_of(context.settings.base_url, scheduling_link(context.session, context.now, pair)) if mentee else ""
    return replace(
        base,
        other=Who(other.first_name, ZoneInfo(other.zone)),
        mentee=mentee,
        links=replace(base.links, schedule=schedule),
    )


def _calendar_broken_view(context: _Context, base: View) -> View | None:
    connection = context.session.get(Connection, context.row.connection_id) if context.row.connection_id else None
    if connection is None or connection.failed_at is None or connection.state == "off":
        return None
    key = f"incident.{connection.fault}"
    return replace(base, fault=base.words(key if base.words.has(key) else "incident.other"))


_WITHOUT_MEETING: dict[str, Callable[[_Context, View], View | None]] = {
    "links": _links_view,
    "welcome": _welcome_view,
    "calendar-broken": _calendar_broken_view,
}


def _headers(context: _Context) -> Headers:
    row, meeting, settings = context.row, context.meeting, context.settings
    other = meeting.pair.other(context.reader.id) if meeting is not None else None
    acting = meeting is not None and meeting.changed_by is not None and row.kind in ABOUT_AN_ACTION
    name = settings.programme
    if acting and meeting is not None and meeting.changed_by is not None:
        by = meeting.pair.me(meeting.changed_by)
        name = Words.of(context.reader.locale)("entry.organizer", name=by.name, programme=settings.programme)
    return Headers(
        sender_name=name,
        sender=settings.mail_address,
        recipient_name=context.reader.name,
        recipient=context.reader.email,
        message_id=message_id(row, settings),
        sent_at=context.now,
        thread=_thread(context),
        reply_to=other.email if other is not None and row.kind in REPLY_TO_THE_OTHER else None,
        automatic=row.kind not in ABOUT_AN_ACTION,
    )


def message_id(row: OutboxRow, settings: MailSettings) -> str:
    """Fixed since the row was written: a retry carries the same one."""
    domain = parseaddr(settings.mail_address)[1].rpartition("@")[2] or "localhost"
    return f"<{row.message_id}@{domain}>"


def _thread(context: _Context) -> str | None:
    """The first invitation that this reader got for the meeting."""
    if context.row.meeting_id is None:
        return None
    first = context.session.scalars(
        select(OutboxRow)
        .where(
            OutboxRow.meeting_id == context.row.meeting_id,
            OutboxRow.person_id == context.reader.id,
            OutboxRow.kind == "invitation",
            OutboxRow.state.in_(outbox.OUT),
        )
        .order_by(OutboxRow.id)
        .limit(1)
    ).first()
    return message_id(first, context.settings) if first is not None else None


def _calendar(context: _Context) -> Calendar | None:
    method = METHODS.get(context.row.kind)
    meeting = context.meeting
    if method is None or meeting is None:
        return None
    url = context.url("entry", pair_id=meeting.pair_id, meeting_id=meeting.id)
    octets = entries.entry(
        context.session, context.now, context.settings, meeting, context.reader, method, entry_url=url
    )
    return Calendar(method, octets)
