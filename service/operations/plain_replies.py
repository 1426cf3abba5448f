"""A reply in words: an agenda's point, what became of a commitment, or stop. What is unsure waits on its author's
page, and reaches nobody."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from email.message import Message

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service import links
from service.domain.agenda import MOST_POINTS
from service.domain.errors import LinkGone, NotFound
from service.domain.meeting import Phase
from service.domain.plain_reply import STATES, own_words, understood
from service.domain.received import MESSAGE_ID, header, sender_of
from service.operations.followup import set_commitment
from service.operations.meetings import commitments_of, look_again
from service.store.database import load_row
from service.store.tables import AgendaItem, Commitment, Inbound, Meeting, OutboxRow, Person

TOKEN = re.compile(r"\+([0-9a-f]{48})@", re.IGNORECASE)
RECIPIENTS = ("To", "Cc", "Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To")
LONGEST_NOTE = 500
UNPROVED = "unproved"  # our mail server does not vouch for the sender


@dataclass(frozen=True, slots=True)
class Answered:
    """Which mail of ours a reply answers, as far as it says: whose it was, about what, and its kind."""

    person: Person
    meeting: Meeting | None
    kind: str | None


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
    ahead = meeting is not None and meeting.phase == Phase.BOOKED and now < meeting.starts_at
    over = meeting is not None and meeting.phase in {Phase.ENDED, Phase.CLOSED}
    agenda = "asked" if ahead and answered.kind == "agenda-ask" else "open" if ahead else ""
    said = understood(text, agenda=agenda, commitments=over)
    if said.what == "stop":
        person.mails = "none"
        return "applied", "stop"
    if said.what == "point" and meeting is not None and add_point(session, now, meeting, person.id, said.text):
        return "applied", "point"
    if said.what in STATES and meeting is not None:
        line = _only_commitment(session, meeting, person.id)
        if line is not None and len(said.text) <= LONGEST_NOTE:
            set_commitment(line, said.what, said.text or None)
            return "applied", said.what
    return "waiting", "unsure"


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
    same = row is not None and (row.person_id, row.meeting_id) == (person_id, meeting_id)
    return Answered(person, meeting, row.kind if row is not None and same else None)


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


def _only_commitment(session: Session, meeting: Meeting, person_id: int) -> Commitment | None:
    """The one that is open and theirs; None when there are several: which is meant is not guessed."""
    mine = [line for line in commitments_of(session, meeting.pair_id, open_only=True) if line.owner_id == person_id]
    return mine[0] if len(mine) == 1 else None
