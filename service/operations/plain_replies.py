"""A reply in words: an agenda's point, what became of a commitment or of the meeting, what was agreed, or stop. What is
unsure waits on its author's page, and reaches nobody."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from email.message import Message
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service import links
from service.domain.agenda import MOST_POINTS
from service.domain.commitments import asked_day
from service.domain.errors import InvalidInput, LinkGone, MoveNotAllowed, NotFound
from service.domain.meeting import Phase
from service.domain.plain_reply import About, Said, own_words, understood
from service.domain.received import MESSAGE_ID, header, sender_of
from service.operations.commitments import Answer, Line, set_commitment
from service.operations.followup import submit_followup
from service.operations.meetings import agreed_at_meeting, commitments_of, look_again
from service.store.database import load_row
from service.store.tables import AgendaItem, Commitment, Inbound, Meeting, OutboxRow, Person

TOKEN = re.compile(r"\+([0-9a-f]{48})@", re.IGNORECASE)
RECIPIENTS = ("To", "Cc", "Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To")
LONGEST_NOTE = 500
UNPROVED = "unproved"  # our mail server does not vouch for the sender


@dataclass(frozen=True, slots=True)
class Answered:
    """Which mail of ours a reply answers, as far as it says: whose it was, about what, its kind, and the day that it
    asked about."""

    person: Person
    meeting: Meeting | None
    kind: str | None
    day: date | None = None


def decide(session: Session, now: datetime, row: Inbound, message: Message, proved: bool = True) -> tuple[str, str]:
    """Who knows the mail's token and writes from its reader's address is obeyed; anybody else is not. What is not
    `proved` to be from there waits."""
    answered = _answered(session, now, message)
    if answered is None:
        return "ignored", "not_a_reply"
    if sender_of(message) != answered.person.email:
        return "ignored", "other_sender"
    person, meeting = answered.person, answered.meeting
    row.person_id, row.meeting_id = person.id, meeting.id if meeting is not None else None
    text = own_words(message)
    if not text:
        return "ignored", "nothing_said"
    if not proved:
        return "waiting", UNPROVED
    said = understood(text, about_of(session, now, person, meeting, answered.kind))
    if said.what == "stop":
        person.mails = "none"
        return "applied", "stop"
    if said.what == "unsure" or meeting is None:
        return "waiting", "unsure"
    try:
        with session.begin_nested():
            done = _apply(session, now, meeting, person.id, said, answered.day)
    except (InvalidInput, MoveNotAllowed):
        done = False
    return ("applied", said.what) if done else ("waiting", "unsure")


def about_of(session: Session, now: datetime, person: Person, meeting: Meeting | None, kind: str | None) -> About:
    """What a reply to a mail of this kind can be about, now, for whom it was."""
    ahead = meeting is not None and meeting.phase == Phase.BOOKED and now < meeting.starts_at
    return About(
        today=now.astimezone(ZoneInfo(person.zone)).date(),
        agenda="asked" if ahead and kind == "agenda-ask" else "open" if ahead else "",
        over=meeting is not None and meeting.phase in {Phase.ENDED, Phase.CLOSED},
        asked_what=kind == "followup" and meeting is not None and not agreed_at_meeting(session, meeting),
        month_first=person.locale == "en_US",
    )


def _apply(
    session: Session, now: datetime, meeting: Meeting, person_id: int, said: Said, day: date | None = None
) -> bool:
    """False when it cannot be: of several commitments none is guessed. What was asked about by its `day` and is done
    already stays as it is. Raises what the same on a page raises."""
    if said.what == "point":
        return add_point(session, now, meeting, person_id, said.text)
    if said.what == "not_happened":
        submit_followup(session, now, meeting, person_id, happened=False)
        return True
    if said.what == "promises":
        lines = tuple(promise_of(meeting, line) for line in said.lines)
        submit_followup(session, now, meeting, person_id, happened=True, lines=lines)
        return True
    mine = commitments_to_answer(session, meeting, person_id, day)
    if mine and all(line.state == "done" for line in mine):
        return True
    if len(mine) != 1 or len(said.text) > LONGEST_NOTE:
        return False
    set_commitment(now, mine[0], Answer(said.what, said.due_on, note=said.text or None))
    return True


def promise_of(meeting: Meeting, line: str) -> Line:
    """ "Ana: read the paper" is Ana's; without a name it is nobody's yet."""
    named, colon, rest = line.partition(":")
    for person in (meeting.pair.mentee, meeting.pair.mentor):
        if colon and rest.strip() and named.strip().casefold() == person.first_name.casefold():
            return Line(None, rest.strip(), person.id)
    return Line(None, line)


def add_point(session: Session, now: datetime, meeting: Meeting, by_id: int, text: str) -> bool:
    """A point at the end of the agenda, suggested by its author; False when the agenda is full. Mails nobody."""
    count, last = session.execute(
        select(func.count(), func.max(AgendaItem.position)).where(AgendaItem.meeting_id == meeting.id)
    ).one()
    if count >= MOST_POINTS:
        return False
    session.add(AgendaItem(meeting_id=meeting.id, position=(last or 0) + 1, text=text, by_id=by_id))
    meeting.agenda_touched_at = now
    look_again(session, now, meeting)
    return True


def _answered(session: Session, now: datetime, message: Message) -> Answered | None:
    row = _referred(session, message)
    tokens = TOKEN.findall(" ".join(header(message, name)[:2000] for name in RECIPIENTS))
    for token in tokens[:5]:
        try:
            link = links.resolve(session, now, "reply", token.lower())
        except (NotFound, LinkGone):
            continue
        return _of(session, link.person_id, link.meeting_id, row)
    return _of(session, row.person_id, row.meeting_id, row) if row is not None else None


def _of(session: Session, person_id: int | None, meeting_id: int | None, row: OutboxRow | None) -> Answered | None:
    person = session.get(Person, person_id) if person_id is not None else None
    if person is None:
        return None
    meeting = load_row(session, Meeting, meeting_id) if meeting_id is not None else None
    if row is None or (row.person_id, row.meeting_id) != (person_id, meeting_id):
        return Answered(person, meeting, None)
    return Answered(person, meeting, row.kind, asked_day(row.dedup_key) if row.kind == "action-nudge" else None)


def _referred(session: Session, message: Message) -> OutboxRow | None:
    """The mail of ours that In-Reply-To or References name, the nearest first. A Message-ID is as random as a token."""
    named = MESSAGE_ID.findall(header(message, "In-Reply-To")[:1000])
    named += reversed(MESSAGE_ID.findall(header(message, "References")[-4000:]))
    for each in named[:20]:
        wanted = select(OutboxRow).where(OutboxRow.message_id == each[1:].partition("@")[0])
        found = session.scalars(wanted.limit(1)).first()
        if found is not None:
            return found
    return None


def commitments_to_answer(
    session: Session, meeting: Meeting, person_id: int, day: date | None = None
) -> list[Commitment]:
    """Those that are open, and theirs. Where a `day` is given, those that they chose it for, and done ones only when
    all of them are."""
    mine = [line for line in commitments_of(session, meeting.pair_id) if line.owner_id == person_id]
    if day is not None:
        mine = [line for line in mine if line.pinned and line.due_on == day]
    still_open = [line for line in mine if line.state != "done"]
    return still_open if still_open or day is None else mine
