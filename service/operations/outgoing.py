"""An outbox row becomes a mail, from the state of this moment; or it is no longer so, and nothing is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from service.catalogue import FALLBACK, Words
from service.domain.errors import GreenroomError
from service.domain.interval import Interval
from service.domain.meeting import Phase
from service.links import NewLink
from service.messages.letter import Button, Letter, When
from service.messages.letters import LETTERS
from service.messages.mime import Calendar, Headers, compose
from service.messages.view import View, Who, time_line
from service.operations import digests, entries
from service.operations.bounces import CAME_BACK, went_to
from service.operations.mail_context import Context, MailSettings
from service.operations.mail_facts import gather
from service.operations.mail_view import view_of
from service.operations.pair_mail_view import attached
from service.store.tables import OutboxRow

# Sent at any hour and whatever a person chose: somebody acted, and the other must know.
ABOUT_AN_ACTION = frozenset(
    {"invitation", "cancellation", "declined", "links", "welcome", "agreement", "closure", "purge-14", "help"}
)
EVEN_WHEN_FEWER = ABOUT_AN_ACTION | {
    "followup",
    "not-happened",
    "date-moved",
    "proposed",
    "calendar-broken",
    "agreement-turn",
}
AUTOMATIC = frozenset(
    {
        "agenda-ask",
        "reminder",
        "brief",
        "followup",
        "list",
        "calendar-broken",
        "book-nudge",
        "day-word",
        "midpoint",
        "action-nudge",
    }
)
METHODS = {"invitation": "REQUEST", "cancellation": "CANCEL", "declined": "CANCEL"}
REMIND_WITHIN = timedelta(hours=30)  # a meeting that was moved further away is not "tomorrow" any more


class UnknownKind(GreenroomError):
    """A row of a kind that this version cannot write."""

    code = "unknown_kind"


class AddressRefused(GreenroomError):
    """Nothing arrives at the reader's address; the mail waits for somebody to put it right."""

    code = CAME_BACK


@dataclass(frozen=True, slots=True)
class Mail:
    """`recipient` is the address as it is now."""

    row_id: int
    recipient: str
    octets: bytes


def render(
    session: Session, now: datetime, settings: MailSettings, rows: Sequence[OutboxRow]
) -> tuple[list[Mail], list[NewLink]]:
    """The whole mails, less those that say what is no longer so; and the links in them that are new, which have to be
    stored before a mail leaves.

    Only reads. Repeatable, and says what is so at each time; the Message-ID stays, and octets that a server may have
    seen are sent again to the letter, unless they are for an address that the reader has no more. Of rows for one
    reader the later does not know of the earlier, so they are not rendered together. Raises UnknownKind,
    AddressRefused.
    """
    along = digests.waiting(session, now, rows)
    facts = gather(session, now, [*rows, *chain.from_iterable(along.values())])
    mails = []
    for row in rows:
        reader = facts.people.get(row.person_id)
        if reader is None:
            continue
        octets = _render(Context(session, now, settings, row, reader, facts), along.get(row.id, ()))
        if octets is not None:
            kept = row.octets if row.octets and went_to(row) == reader.email else octets
            mails.append(Mail(row.id, reader.email, kept))
    return mails, facts.links.made


def warm(session: Session, now: datetime) -> None:
    """Does once what the first mail of a process pays for: catalogues, locale data, templates, statements. A copy of
    this process starts with them; without, each takes a seventh of a second for its first mail."""
    words, me = Words.of(FALLBACK), Who("", ZoneInfo("UTC"))
    block = When(time_line(words, Interval.lasting(now, REMIND_WITHIN), me, None))
    letter = Letter("", "", (block,), None, (), (), Button("", ""))
    compose(letter, Headers("", "a@localhost", "", "b@localhost", "<c@localhost>", now), words.locale.language)
    gather(session, now, [])


def _render(context: Context, along: Sequence[OutboxRow]) -> bytes | None:
    """`along`: what it tells as well, as far as that is so."""
    row, reader = context.row, context.reader
    if row.kind not in LETTERS:
        raise UnknownKind(kind=row.kind)
    view = _view(context)
    if view is None or digests.is_told(context.session, row):
        return None
    if reader.refused_at is not None:
        raise AddressRefused
    # Asked of what went out, for a mail that was rendered may not have left. A welcome always says who we are.
    view = replace(view, first_mail=row.kind != "welcome" and reader.id not in context.facts.heard)
    letter, told = LETTERS[row.kind](view), []
    for other in along:
        more = _view(replace(context, row=other))
        if more is not None:  # an answer to this mail is not taken for one to the other
            letter = digests.together(letter, LETTERS[other.kind](replace(more, read_here="")))
            told.append(message_id(other, context.settings))
    headers = replace(_headers(context), supersedes=tuple(told))
    return compose(letter, headers, view.words.locale.language, _calendar(context), attached(context))


def _view(context: Context) -> View | None:
    """None for what the reader does not want, or what is no longer so."""
    row, reader = context.row, context.reader
    if reader.erased_at is not None or not is_wanted(reader.mails, row.kind) or not _still_so(context):
        return None
    return view_of(context)


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
        "list": over and bool(context.facts.agreed[meeting.id]),
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
        reply_to=other.email if other is not None and context.reply_goes_to_the_other else _own_address(context),
        automatic=row.kind in AUTOMATIC,
    )


def _own_address(context: Context) -> str | None:
    """Ours, with what tells whose answer it is and to what; None where that says nothing, or our mailbox is not
    read."""
    meeting = context.meeting
    if meeting is None or not context.settings.reply_tokens:
        return None
    about = {"pair_id": meeting.pair_id, "meeting_id": meeting.id}
    token = context.facts.links.token_to("reply", context.reader.id, **about)
    name, _, domain = context.settings.mail_address.rpartition("@")
    return f"{name}+{token}@{domain}"


def message_id(row: OutboxRow, settings: MailSettings) -> str:
    """Fixed since the row was written: a retry carries the same one."""
    domain = settings.mail_address.rpartition("@")[2] or "localhost"
    return f"<{row.message_id}@{domain}>"


def _thread(context: Context) -> str | None:
    """The first invitation that this reader got for the meeting."""
    if context.row.meeting_id is None:
        return None
    for row in context.facts.gone_out[context.row.meeting_id]:
        if row.kind == "invitation" and row.person_id == context.reader.id:
            return message_id(row, context.settings)
    return None


def _calendar(context: Context) -> Calendar | None:
    method = METHODS.get(context.row.kind)
    meeting = context.meeting
    if method is None or meeting is None:
        return None
    if (meeting.id, context.reader.id) in context.facts.entries:
        return None  # it stands in their calendar without us, and one sender of record is enough
    url = context.url("entry", pair_id=meeting.pair_id, meeting_id=meeting.id) if method == "REQUEST" else None
    octets = entries.entry(
        context.now,
        context.settings,
        meeting,
        context.reader,
        method,
        agenda=context.facts.agendas[meeting.id],
        answers=context.facts.answers[meeting.id],
        entry_url=url,
    )
    return Calendar(method, octets)
