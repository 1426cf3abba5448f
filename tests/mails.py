"""Mails of a booked meeting as tests look at them: Ana's practice run before her talk, with a secret in each field."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email import policy
from email.parser import BytesParser
from pathlib import Path

import pytest
from sqlalchemy import select

from service import links
from service.domain.agenda import AgendaDraft
from service.operations import booking, followup, outgoing, proposing
from service.operations.booking import BookingInput
from service.operations.offering import SlotQuery
from service.store.tables import Commitment, Meeting, OutboxRow
from tests import cast
from tests.mail_linter import lint

NOW = datetime(2027, 2, 1, 9, 0, tzinfo=UTC)
AGE = timedelta(hours=1)
START = datetime(2027, 2, 26, 15, 0, tzinfo=UTC)
END = START + timedelta(minutes=45)
SNAPSHOTS = Path(__file__).parent / "mail_snapshots"
AGENDA = (
    AgendaDraft(key="practice.run", minutes=15, help="listener"),
    AgendaDraft(text="The Q&A, which scares me: <b>", minutes=10),
    AgendaDraft(text="HIDDEN-POINT", minutes=5, hidden=True),
)


def book(services, **other):
    """The meeting's id. The private label of the date is SECRET-LABEL; one promise is open from before."""
    with services.database.write() as session:
        pair = cast.pair(session, NOW, place="https://meet.example.org/ben")
        talk = cast.talk(session, NOW, pair)
        said = {"ask": "Be sure of my opening.\nAnd breathe.", "agenda": AGENDA} | other
        meeting = booking.book(
            session, NOW, AGE, SlotQuery(pair.id, "practice", talk.id),
            BookingInput(start=START, by_id=pair.mentee_id, **said),
        )  # fmt: skip
        session.add(
            Commitment(
                pair_id=pair.id, text="Send Kim the draft", owner_id=pair.mentee_id, due_on=START.date(),
                by_id=pair.mentee_id, created_at=NOW,
            )
        )  # fmt: skip
        return meeting.id


def change(services, meeting_id, action):
    with services.database.write() as session:
        action(session, session.get(Meeting, meeting_id))


def proposes(*starts, by="mentor", moving=False, checked=True):
    """An action for `change`: one of the two offers these times, with a word that no mail may carry."""

    def action(session, meeting):
        by_id = getattr(meeting.pair, f"{by}_id")
        query = SlotQuery(meeting.pair_id, "check-in", reader=by)
        query = booking.moving_query(meeting, by_id) if moving else query
        proposing.propose(session, NOW, AGE, query, proposing.ProposalInput(starts, by_id, "TYPED", checked))

    return action


def queue(services, meeting_id, kind, role):
    """The row of one mail, due at once."""
    change(services, meeting_id, lambda s, m: followup.queue_about(s, NOW, m, kind, getattr(m.pair, f"{role}_id")))


def render(services, session, now, row):
    """The row's octets, None when it is not sent."""
    rendered, made = outgoing.render(session, now, services.settings, [row])
    links.store(session, made)
    return rendered[0].octets if rendered else None


def send(services, kind, now):
    """Renders every row of the kind that waits, and marks it: {first name: message}. Each passes the linter."""
    found = {}
    with services.database.write() as session:
        wanted = select(OutboxRow).where(OutboxRow.kind == kind, OutboxRow.state == "pending").order_by(OutboxRow.id)
        for row in session.scalars(wanted).all():
            octets = render(services, session, now, row)
            row.state = "cancelled" if octets is None else "sent"
            if octets is not None:
                assert lint(octets, host="127.0.0.1:8000") == []
                name = session.get(cast.Person, row.person_id).first_name
                found[name] = BytesParser(policy=policy.default).parsebytes(octets)
    return found


def text_of(message):
    return message.get_body(("plain",)).get_content().replace("\r\n", "\n")


def html_of(message):
    return message.get_body(("html",)).get_content()


def ics_of(message):
    """The calendar part, unfolded; empty when there is none."""
    for part in message.walk():
        if part.get_content_type() == "text/calendar":
            return part.get_payload(decode=True).decode().replace("\r\n ", "")
    return ""


def everything(message):
    """Headers and every decoded part, the calendar's unfolded."""
    leaves = [part for part in message.walk() if not part.is_multipart()]
    return "\n".join(
        [str(message.items()), *(part.get_payload(decode=True).decode() for part in leaves), ics_of(message)]
    )


def same_as_snapshot(name, message):
    """The wording is reviewed: a change shows up as a changed file."""
    told = f"From: {message['From']}\nTo: {message['To']}\nSubject: {message['Subject']}\n\n{text_of(message)}"
    told = re.sub(r"/([a-z]+)/[A-Za-z0-9_-]{32}", r"/\1/TOKEN", told)
    told = re.sub(r"\b[0-9a-f]{64}\b", "SHA256", told)
    path = SNAPSHOTS / f"{name}.txt"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        path.write_text(told, encoding="utf-8")
        pytest.fail(f"{path.name} was not there and has been written: read it, then run again")
    assert told == path.read_text(encoding="utf-8")
