"""What came in by mail: stored once, then decided. Answers to invitations change things; the rest is left alone."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta
from email.parser import BytesHeaderParser

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.domain.errors import InvalidInput, MoveNotAllowed, NotAllowed, NotFound
from service.domain.interval import Interval
from service.domain.mail_origin import is_proved
from service.domain.meeting import Phase
from service.domain.received import LOOP, MOST_BYTES, loop_token_of, machine_made, message_id_of, parsed
from service.domain.reply import ItipReply, reply_in
from service.operations import booking, bounces, occasions, plain_replies
from service.operations.plain_replies import UNPROVED
from service.operations.proposing import LONGEST_COMMENT, ProposalInput, propose
from service.store import claims, outbox
from service.store.database import alone, load_row
from service.store.tables import Attendance, CalendarWrite, Inbound, Meeting, OutboxRow

RECEIVING_LOCK = 7_264_935  # PostgreSQL's advisory lock of those who store what came in
LONGEST_ADDRESS = 320
# Ignored, and perhaps meant for us: a person should look.
UNCLEAR = frozenset(
    {"not_understood", "not_a_reply", "nothing_said", "unknown_meeting", "no_time", "other_sender", "not_invited"}
)
REFRESH_EVERY = timedelta(hours=1)
ANSWERS = frozenset({"ACCEPTED", "TENTATIVE", "DECLINED"})


def receive(session: Session, now: datetime, raw: bytes) -> int:
    """The id of the stored message. The same message again gives the same id: by Message-ID and content."""
    message_id = message_id_of(BytesHeaderParser().parsebytes(raw[:MOST_BYTES]))
    key = hashlib.sha256(message_id.encode() + b"\0" + raw).hexdigest()
    alone(session, RECEIVING_LOCK)
    known = session.scalar(select(Inbound.id).where(Inbound.message_key == key))
    if known is not None:
        return known
    row = Inbound(message_key=key, raw=raw, state="pending", received_at=now)
    session.add(row)
    session.flush()
    return row.id


def decide(session: Session, now: datetime, max_age: timedelta, inbound_id: int, authserv_id: str | None = None) -> str:
    """Applies one stored message; returns its state: applied, stale, waiting or ignored. Repeatable: a decided one
    stays decided. What it said goes, attachments too, unless it waits for its author: it is still in the mailbox.

    Correlated by UID, then attendee, then sender; ORGANIZER may be missing (Exchange leaves it out). With the name
    in which our mail server writes Authentication-Results, what it does not vouch for waits for the person in whose
    name it came.
    """
    row = load_row(session, Inbound, inbound_id)
    if row is None:
        raise NotFound
    if row.state != "pending":
        return row.state
    row.decided_at = now
    row.state, row.verdict = _decide(session, now, max_age, row, authserv_id)
    if row.state != "waiting":
        row.raw = b""
    return row.state


def set_aside(session: Session, now: datetime, inbound_id: int, why: str) -> None:
    """A message that could not be decided, for a mistake of ours: kept, and not tried again. Repeatable."""
    row = load_row(session, Inbound, inbound_id)
    if row is not None and row.state == "pending":
        row.state, row.verdict, row.decided_at = "failed", why[:40], now


def waiting(session: Session, limit: int) -> list[int]:
    """Messages that are stored and not decided: what the queue forgot."""
    return list(session.scalars(select(Inbound.id).where(Inbound.state == "pending").order_by(Inbound.id).limit(limit)))


def _decide(
    session: Session, now: datetime, max_age: timedelta, row: Inbound, authserv_id: str | None
) -> tuple[str, str]:
    message = parsed(row.raw)
    if message is None:
        return "ignored", "not_understood"
    token = loop_token_of(message)
    if token is not None:
        return "ignored", f"{LOOP}{token}"
    proved = authserv_id is None or is_proved(message, authserv_id)
    reply = reply_in(message)
    if reply is not None:
        return _answer(session, now, max_age, row, reply, proved)
    made = machine_made(message)
    if made == "bounce":
        return bounces.decide(session, now, row, message)
    if made is not None:
        return "ignored", made
    said = plain_replies.decide(session, now, row, message, proved)
    if said[0] == "waiting":  # words that we did not understand come before what is attached to them
        return said
    return occasions.decide(session, now, row, message) or said


def _answer(
    session: Session, now: datetime, max_age: timedelta, row: Inbound, reply: ItipReply, proved: bool
) -> tuple[str, str]:
    meeting_id = session.scalar(select(Meeting.id).where(Meeting.uid == reply.uid))
    if meeting_id is None:  # the calendar that invites gave its own UID, and counts SEQUENCE by itself
        meeting_id = session.scalar(select(CalendarWrite.meeting_id).where(CalendarWrite.alias == reply.uid).limit(1))
        reply = replace(reply, sequence=None)
    pair_id = session.scalar(select(Meeting.pair_id).where(Meeting.id == meeting_id))
    if pair_id is not None:
        claims.take_turns_of(session, pair_id)  # before its row is locked: another time may be held
    meeting = load_row(session, Meeting, meeting_id) if meeting_id is not None else None
    if meeting is None:
        return "ignored", "unknown_meeting"
    row.meeting_id = meeting.id
    person = next((p for p in (meeting.pair.mentee, meeting.pair.mentor) if p.email == reply.attendee), None)
    if person is None or not _may_answer(reply):
        row.sender = reply.sender[:LONGEST_ADDRESS]
        return "ignored", "not_invited" if person is None else "other_sender"
    row.person_id = person.id
    attendance = session.get(Attendance, (meeting.id, person.id))
    if attendance is None or meeting.phase != Phase.BOOKED:
        return "ignored", "not_booked"
    if not proved:
        return ("ignored" if reply.refresh else "waiting"), UNPROVED
    if reply.refresh:
        return _invite_again(session, now, meeting, person.id)
    return _apply(session, now, max_age, row, meeting, attendance, reply)


def _may_answer(reply: ItipReply) -> bool:
    """The attendee alone. RFC 6047 2.2.1: SENT-BY cannot be verified, so the receiver decides, and whoever has an
    address at the same provider is a stranger: they are shown, and not obeyed."""
    return reply.sender == reply.attendee


def _apply(
    session: Session,
    now: datetime,
    max_age: timedelta,
    row: Inbound,
    meeting: Meeting,
    attendance: Attendance,
    reply: ItipReply,
) -> tuple[str, str]:
    """RFC 5546 2.1.5: ordered per attendee by (SEQUENCE, DTSTAMP); an answer to an older SEQUENCE is to another time.

    A SEQUENCE or DTSTAMP ahead of ours is taken for the present one: nobody's program raises ours, and a clock that is
    years ahead must not silence its owner. Without a SEQUENCE it is to what stood when it was written.
    """
    stamp = min(reply.dtstamp, row.received_at)
    said = reply.sequence if reply.sequence is not None else meeting.sequence if stamp >= meeting.fixed_at else -1
    order = (min(said, meeting.sequence), stamp)
    known = (attendance.answered_sequence, attendance.answered_stamp)
    if order[0] < meeting.sequence or (None not in known and order < known):
        return "stale", "older_than_known"
    if reply.counter:
        if reply.proposed is None or not _propose(
            session, now, max_age, meeting, attendance.person_id, reply.proposed, reply.comment
        ):
            return "ignored", "no_time"
        partstat, verdict = "TENTATIVE", "proposed"
    elif reply.partstat in ANSWERS:
        partstat, verdict = reply.partstat, reply.partstat.lower()
    else:
        return "ignored", "no_answer"
    if partstat == "DECLINED":
        try:
            booking.decline(session, now, meeting, attendance.person_id)
        except MoveNotAllowed:
            return "ignored", "too_late"  # the meeting took place, whatever comes in now
    attendance.partstat = partstat
    attendance.answered_sequence, attendance.answered_stamp = order
    return "applied", verdict


def _invite_again(session: Session, now: datetime, meeting: Meeting, person_id: int) -> tuple[str, str]:
    """The invitation as it stands, to whoever asked and nobody else; not within an hour of the last."""
    if meeting.phase != Phase.BOOKED or now >= meeting.ends_at:
        return "ignored", "not_booked"
    theirs = (OutboxRow.meeting_id == meeting.id) & (OutboxRow.person_id == person_id)
    last = session.scalar(
        select(func.max(OutboxRow.created_at)).where(
            theirs, OutboxRow.kind == "invitation", OutboxRow.state != "cancelled"
        )
    )
    if last is not None and now - last < REFRESH_EVERY:
        return "ignored", "asked_lately"
    key = f"m{meeting.id}:invitation:{meeting.sequence}:{person_id}:{now:%Y%m%dT%H%M%S}"
    about = {"pair_id": meeting.pair_id, "meeting_id": meeting.id, "date_id": meeting.date_id}
    outbox.add(session, now, "invitation", person_id, dedup=key, sequence=meeting.sequence, **about)
    return "applied", "invited_again"


def _propose(
    session: Session,
    now: datetime,
    max_age: timedelta,
    meeting: Meeting,
    person_id: int,
    wanted: Interval,
    comment: str,
) -> bool:
    """Another time is kept for the other to take, and held where it is free; nothing moves. False for a time that is
    over, that no meeting could have, or that comes too late for this one."""
    if wanted.start <= now:
        return False
    query = booking.moving_query(meeting, person_id, (wanted.end - wanted.start) // timedelta(minutes=1))
    said = ProposalInput((wanted.start,), person_id, comment[:LONGEST_COMMENT], checked=False)
    try:
        with session.begin_nested():
            propose(session, now, max_age, query, said)
    except (InvalidInput, MoveNotAllowed, NotAllowed):
        return False
    return True
