"""An outbox row becomes a mail, from the state of this moment; or it is no longer so, and nothing is sent."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import parseaddr

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.catalogue import Words
from service.domain.errors import GreenroomError
from service.domain.meeting import Phase
from service.messages.letters import LETTERS
from service.messages.mime import Calendar, Headers, compose
from service.operations import entries
from service.operations.mail_view import REPLY_TO_THE_OTHER, Context, MailSettings, view_of
from service.operations.meetings import agreed_at_meeting
from service.store import outbox
from service.store.tables import OutboxRow, Person

# Sent at any hour and whatever a person chose: somebody acted, and the other must know.
ABOUT_AN_ACTION = frozenset({"invitation", "cancellation", "declined", "links", "welcome"})
EVEN_WHEN_FEWER = ABOUT_AN_ACTION | {"followup", "not-happened", "date-moved", "calendar-broken"}
AUTOMATIC = frozenset({"agenda-ask", "reminder", "brief", "followup", "list", "calendar-broken"})
METHODS = {"invitation": "REQUEST", "cancellation": "CANCEL", "declined": "CANCEL"}
REMIND_WITHIN = timedelta(hours=30)  # a meeting that was moved further away is not "tomorrow" any more


class UnknownKind(GreenroomError):
    """A row of a kind that this version cannot write."""

    code = "unknown_kind"


def recipient(session: Session, row: OutboxRow) -> str | None:
    """The address as it is now; None when the person is gone."""
    person = session.get(Person, row.person_id)
    return person.email if person is not None else None


def render(session: Session, now: datetime, settings: MailSettings, row: OutboxRow) -> bytes | None:
    """The whole mail, or None when what it says is no longer so. Mints the reader's links, so it needs a write session.

    Repeatable, and says what is so at each time; the Message-ID stays. Raises UnknownKind.
    """
    if row.kind not in LETTERS:
        raise UnknownKind(kind=row.kind)
    reader = session.get_one(Person, row.person_id)
    context = Context(session, now, settings, row, reader)
    if not is_wanted(reader.mails, row.kind) or not _still_so(context):
        return None
    view = view_of(context)
    if view is None:
        return None
    view = replace(view, first_mail=row.kind != "welcome" and not _heard_of_us(session, row))  # a welcome always says
    letter = LETTERS[row.kind](view)
    return compose(letter, _headers(context), view.words.locale.language, _calendar(context))


def _heard_of_us(session: Session, row: OutboxRow) -> bool:
    """Whether the reader got another mail before. Asked of the outbox: a mail that was rendered may not have left."""
    other = select(OutboxRow.id).where(
        OutboxRow.person_id == row.person_id, OutboxRow.state.in_(outbox.OUT), OutboxRow.id != row.id
    )
    return session.scalars(other.limit(1)).first() is not None


def is_wanted(wish: str, kind: str) -> bool:
    """Whether a person who chose all, fewer or none gets mails of this kind."""
    if wish == "none":
        return kind in ABOUT_AN_ACTION - {"welcome"}
    return wish != "fewer" or kind in EVEN_WHEN_FEWER


def _still_so(context: Context) -> bool:
    """Whether what this kind of mail says holds at this moment. What is about no meeting is judged by its view."""
    meeting = context.meeting
    if meeting is None:
        return context.row.meeting_id is None
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
    return checks.get(row.kind, True)


def _headers(context: Context) -> Headers:
    row, meeting, settings = context.row, context.meeting, context.settings
    other = meeting.pair.other(context.reader.id) if meeting is not None else None
    name = settings.programme
    if meeting is not None and meeting.changed_by is not None and row.kind in METHODS:
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
        automatic=row.kind in AUTOMATIC,
    )


def message_id(row: OutboxRow, settings: MailSettings) -> str:
    """Fixed since the row was written: a retry carries the same one."""
    domain = parseaddr(settings.mail_address)[1].rpartition("@")[2] or "localhost"
    return f"<{row.message_id}@{domain}>"


def _thread(context: Context) -> str | None:
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


def _calendar(context: Context) -> Calendar | None:
    method = METHODS.get(context.row.kind)
    meeting = context.meeting
    if method is None or meeting is None:
        return None
    url = context.url("entry", pair_id=meeting.pair_id, meeting_id=meeting.id) if method == "REQUEST" else None
    octets = entries.entry(
        context.session, context.now, context.settings, meeting, context.reader, method, entry_url=url
    )
    return Calendar(method, octets)
