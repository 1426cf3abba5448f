"""What came in by mail: stored once, then decided. For now iTIP replies; everything else is kept and left alone."""

from __future__ import annotations

import hashlib
from datetime import datetime
from email.parser import BytesHeaderParser

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.errors import MoveNotAllowed, NotFound
from service.domain.meeting import Phase
from service.domain.reply import ItipReply, parse_reply
from service.operations import booking
from service.store.database import alone, load_row
from service.store.tables import Attendance, Inbound, Meeting

RECEIVING_LOCK = 7_264_935  # PostgreSQL's advisory lock of those who store what came in
ANSWERS = frozenset({"ACCEPTED", "TENTATIVE", "DECLINED"})


def receive(session: Session, now: datetime, raw: bytes) -> int:
    """The id of the stored message. The same message again gives the same id: by Message-ID and content."""
    message_id = BytesHeaderParser().parsebytes(raw).get("Message-ID", "")
    key = hashlib.sha256(str(message_id).encode() + b"\0" + raw).hexdigest()
    alone(session, RECEIVING_LOCK)
    known = session.scalar(select(Inbound.id).where(Inbound.message_key == key))
    if known is not None:
        return known
    row = Inbound(message_key=key, raw=raw, state="pending", received_at=now)
    session.add(row)
    session.flush()
    return row.id


def decide(session: Session, now: datetime, inbound_id: int) -> str:
    """Applies one stored message; returns its state: applied, stale or ignored. Repeatable: a decided one stays
    decided.

    Correlated by UID, then attendee, then sender; ORGANIZER may be missing (Exchange leaves it out).
    """
    row = load_row(session, Inbound, inbound_id)
    if row is None:
        raise NotFound
    if row.state != "pending":
        return row.state
    row.decided_at = now
    row.state, row.verdict = _decide(session, now, row)
    return row.state


def set_aside(session: Session, now: datetime, inbound_id: int, why: str) -> None:
    """A message that could not be decided, for a mistake of ours: kept, and not tried again. Repeatable."""
    row = load_row(session, Inbound, inbound_id)
    if row is not None and row.state == "pending":
        row.state, row.verdict, row.decided_at = "failed", why[:40], now


def waiting(session: Session, limit: int) -> list[int]:
    """Messages that are stored and not decided: what the queue forgot."""
    return list(session.scalars(select(Inbound.id).where(Inbound.state == "pending").order_by(Inbound.id).limit(limit)))


def _decide(session: Session, now: datetime, row: Inbound) -> tuple[str, str]:
    reply = parse_reply(row.raw)
    if reply is None:
        return "ignored", "not_a_reply"
    meeting_id = session.scalar(select(Meeting.id).where(Meeting.uid == reply.uid))
    meeting = load_row(session, Meeting, meeting_id) if meeting_id is not None else None
    if meeting is None:
        return "ignored", "unknown_meeting"
    row.meeting_id = meeting.id
    person = next((p for p in (meeting.pair.mentee, meeting.pair.mentor) if p.email == reply.attendee), None)
    if person is None:
        return "ignored", "not_invited"
    if reply.sender != reply.attendee:
        return "ignored", "other_sender"  # RFC 6047 2.2.1: shown at most, never obeyed
    if reply.partstat not in ANSWERS:
        return "ignored", "no_answer"
    attendance = session.get(Attendance, (meeting.id, person.id))
    if attendance is None or meeting.phase not in {Phase.BOOKED, Phase.HELD}:
        return "ignored", "not_booked"
    if _is_stale(meeting, attendance, reply):
        return "stale", "older_than_known"
    if reply.partstat == "DECLINED":
        try:
            booking.decline(session, now, meeting, person.id)
        except MoveNotAllowed:
            return "ignored", "too_late"  # the meeting took place, whatever comes in now
    attendance.partstat = reply.partstat
    attendance.answered_sequence, attendance.answered_stamp = reply.sequence, reply.dtstamp
    return "applied", reply.partstat.lower()


def _is_stale(meeting: Meeting, attendance: Attendance, reply: ItipReply) -> bool:
    """RFC 5546 2.1.5: ordered per attendee by (SEQUENCE, DTSTAMP); an answer to an older SEQUENCE is to another
    time."""
    if reply.sequence < meeting.sequence:
        return True
    if attendance.answered_sequence is None or attendance.answered_stamp is None:
        return False
    return (reply.sequence, reply.dtstamp) < (attendance.answered_sequence, attendance.answered_stamp)
