"""A database that has been lived in: a row in every table, and both people's words in every place there is."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from service.domain import agreement
from service.domain.goals import GoalDraft
from service.journal import JournalPair
from service.operations import (
    booking,
    calendars,
    commitments,
    followup,
    goals,
    notes,
    personal_links,
    preparing,
    proposing,
    pulses,
    refreshing,
    shelf,
    suggestions,
    turns,
)
from service.operations.booking import AgendaDraft, BookingInput
from service.operations.calendars import NewConnection
from service.operations.commitments import Line
from service.operations.offering import SlotQuery
from service.operations.proposing import ProposalInput
from service.store import heartbeats, send_times
from service.store.database import Database
from service.store.migrate import revisions
from service.store.tables import (
    Agreement,
    AgreementAnswers,
    AgreementSignature,
    ApiToken,
    Base,
    BroughtJournal,
    CalendarHost,
    CalendarWatch,
    CalendarWrite,
    Consent,
    EarlierProposal,
    Grant,
    HelpRequest,
    IdempotencyKey,
    Inbound,
    Link,
    Look,
    MailboxMail,
    MailboxMark,
    Meeting,
    OutboxRow,
    Pair,
    ParkedPoint,
    SendingGrant,
    Sighting,
)
from service.store.types import OfRow
from service.wiring import Services
from tests import cast

NOW = datetime(2027, 2, 1, 9, 0, tzinfo=UTC)
MONDAY = datetime(2027, 2, 8, 15, 0, tzinfo=UTC)
AGE, POLL = timedelta(hours=1), timedelta(minutes=5)
ANAS = (
    "ANAS-LABEL",
    "ANAS-ASK",
    "ANAS-POINT",
    "ANAS-THOUGHT",
    "ANAS-REASON",
    "ANAS-PROMISE",
    "ANAS-CALENDAR",
    "ANAS-ACCOUNT",
    "ANAS-VERIFIER",
    "ANAS-PROPOSAL",
    "ANAS-EVENT",
    "ANAS-HOPE",
    "ANAS-PARKED",
    "ANAS-GOAL",
    "ANAS-NOTE",
    "ANAS-STORY",
    "ANAS-ANSWER",
    "ANAS-DEBRIEF",
    "ANAS-CRITERION",
    "ANAS-VALUES",
    "ANAS-VERSION",
    "ANAS-PULSE",
    "ANAS-JOURNAL",
    "ANAS-HELP",
)
BENS = ("BENS-THOUGHT", "BENS-PROMISE", "BENS-MOTIVE", "BENS-OPTION", "BENS-QUESTION", "BENS-DEBRIEF", "BENS-PULSE")


def lived_in(services: Services) -> int:
    """Writes a pair with a meeting that is over and one that is ahead; returns the pair's id."""
    with services.database.write() as session:
        pair = cast.pair(session, NOW, place="Room 5")
        cast.talk(session, NOW, pair, label="ANAS-LABEL")
        met = _meet(session, pair)
        personal_links.links_of(session, NOW, pair)
        _connect(services, session, met)
        session.add(ApiToken(token_hash="t", person_id=pair.mentee_id, created_at=NOW))
        came = Inbound(message_key="m", raw=b"ANAS-POINT", state="applied", meeting_id=met.id, received_at=NOW)
        session.add(came)
        session.flush()
        session.add(MailboxMail(key_hash="k", uid=1, inbound_id=came.id))
        session.add(IdempotencyKey(person_id=pair.mentee_id, key="k", body_hash="h", meeting_id=met.id, created_at=NOW))
        session.add(MailboxMark(key_hash="k", read_uid=1, filed_uid=1))
        ours = OfRow(SendingGrant.THE_ONE, "OUR-TOKENS")
        session.add(SendingGrant(id=1, provider="google", account="us", scopes="send", tokens=ours, granted_at=NOW))
        session.add(
            EarlierProposal(meeting_id=met.id, person_id=pair.mentee_id, sequence=0, starts_at=MONDAY, ends_at=MONDAY,
                            comment="ANAS-PROPOSAL", created_at=NOW)
        )  # fmt: skip
        said = ProposalInput((MONDAY + timedelta(days=8),), pair.mentee_id, "ANAS-PROPOSAL")
        proposing.propose(session, NOW, AGE, SlotQuery(pair.id, "check-in"), said)
        session.add(
            CalendarWrite(meeting_id=met.id, person_id=pair.mentee_id, invites=False, state="written",
                          calendar_key="ANAS-CALENDAR", event_id="ANAS-EVENT", created_at=NOW)
        )  # fmt: skip
        _agree(session, pair)
        session.add(Look(pair_id=pair.id, role="coordinator", what="pair", at=NOW))
        session.add(HelpRequest(person_id=pair.mentee_id, text="ANAS-HELP", created_at=NOW))
        _want(session, pair, met)
        session.add(
            BroughtJournal(person_id=pair.mentee_id, data=elsewhere().model_dump_json(by_alias=True), brought_at=NOW)
        )
        session.add(ParkedPoint(pair_id=pair.id, text="ANAS-PARKED", by_id=pair.mentee_id, created_at=NOW))
        send_times.add(session, [timedelta(milliseconds=7)])
        turns.hold(session, NOW, "h", timedelta(minutes=5))
        pair_id = pair.id
    heartbeats.beat(services.database, "clock-1", "clock", NOW)
    return pair_id


def elsewhere() -> JournalPair:
    """Of a pair in another installation."""
    lists = ("dates", "goals", "notes", "questions", "suggestions", "parked", "agreements", "proposed", "meetings",
             "commitments", "looked")  # fmt: skip
    return JournalPair.model_validate(
        dict.fromkeys(lists, ())
        | {"with": "Cam Diaz", "as": "mentee", "began_at": NOW - timedelta(days=900), "ended_at": NOW, "place": None,
                "what_matters": "ANAS-JOURNAL"}
    )  # fmt: skip


def _meet(session: Session, pair: Pair) -> Meeting:
    ana, ben = pair.mentee_id, pair.mentor_id
    query = SlotQuery(pair.id, "check-in")
    said = BookingInput(start=MONDAY, by_id=ana, ask="ANAS-ASK", agenda=(AgendaDraft(text="ANAS-POINT"),))
    met = booking.book(session, NOW, AGE, query, said)
    preparing.tick(session, NOW, met, ana, {"one_thing"})
    booking.reschedule(session, NOW, AGE, met, MONDAY + timedelta(hours=1), ana, reason="ANAS-REASON")
    after = MONDAY + timedelta(hours=3)
    followup.run_due(session, after)
    for by_id, promise, thought in ((ana, "ANAS-PROMISE", "ANAS-THOUGHT"), (ben, "BENS-PROMISE", "BENS-THOUGHT")):
        commitments.agree(session, after, met, by_id, Line(None, promise, by_id))
        followup.submit_followup(session, after, met, by_id, happened=True, reflection=thought)
    booking.book(session, after, AGE, query, BookingInput(start=MONDAY + timedelta(days=7), by_id=ana))
    for row in session.scalars(select(OutboxRow).where(OutboxRow.meeting_id == met.id)):
        row.state, row.octets, row.sent_at = "sent", b"ANAS-POINT, BENS-PROMISE", after
    return met


def _agree(session: Session, pair: Pair) -> None:
    """A first version that both answered and one has signed."""
    said = {"hope.mentee": "ANAS-HOPE", "motive": "BENS-MOTIVE"}
    made = Agreement(
        pair_id=pair.id, version=1, terms=json.dumps(agreement.defaults() | said),
        text="> ANAS-HOPE\n> BENS-MOTIVE", text_sha256="s", document="ANAS-HOPE, BENS-MOTIVE", signed_sha256="s",
        created_at=NOW, signed_at=NOW,
    )  # fmt: skip
    session.add(made)
    session.flush()
    session.add_all([
        AgreementAnswers(agreement_id=made.id, person_id=pair.mentee_id, answers=_said("mentee", hope="ANAS-HOPE"),
                         answered_at=NOW),
        AgreementAnswers(agreement_id=made.id, person_id=pair.mentor_id, answers=_said("mentor", motive="BENS-MOTIVE"),
                         answered_at=NOW),
        AgreementSignature(agreement_id=made.id, person_id=pair.mentee_id, text_sha256="s", signed_at=NOW),
    ])  # fmt: skip


def _said(role: agreement.Role, **said: str) -> str:
    return json.dumps(agreement.answers_of(role, said))


def _want(session: Session, pair: Pair, met: Meeting) -> None:
    """A goal, what matters, and what the mentor suggested."""
    ana, ben = pair.mentee_id, pair.mentor_id
    goal = goals.add(session, NOW, pair, ana, GoalDraft("ANAS-GOAL", "ANAS-CRITERION"))
    goals.set_meeting_for(session, met, ana, goal.id)
    suggestions.set_matters(session, NOW, pair, ana, "ANAS-VALUES")
    offered = suggestions.suggest(session, NOW, pair, ben, "option", "BENS-OPTION")
    suggestions.answer(session, NOW, offered, ana, "adapt", "ANAS-VERSION")
    suggestions.put_away(session, ana, "story")
    after = MONDAY + timedelta(hours=3)
    notes.reflect(session, after, met, ana, {"stayed": "ANAS-NOTE"})
    notes.tell_story(session, after, pair, ana, dict.fromkeys(notes.PARTS, "ANAS-STORY"))
    question = shelf.leave_question(session, NOW, pair, ben, "BENS-QUESTION")
    shelf.keep(session, NOW, question, "ANAS-ANSWER", shared=False)
    for by_id, said in ((ana, "ANAS-DEBRIEF"), (ben, "BENS-DEBRIEF")):
        shelf.write_debrief(session, after, met, by_id, said)
    for by_id, said in ((ana, "ANAS-PULSE"), (ben, "BENS-PULSE")):
        pulses.write(session, after, pair, by_id, dict.fromkeys(pulses.LINES, said))


def _connect(services: Services, session: Session, met: Meeting) -> None:
    pair = met.pair
    wanted = NewConnection("ics", "ANAS-CALENDAR")
    asked = refreshing.request_for(session, NOW, pair.mentee)
    found = calendars.probe(services.calendars, wanted, asked, timedelta(seconds=4))
    made = calendars.add_connection(session, NOW, pair.mentee, wanted, found, POLL)
    assert made.host_hash is not None
    session.add(CalendarHost(host_hash=made.host_hash, wait_until=NOW + POLL))
    tokens, link = OfRow(made.id, "ANAS-TOKENS"), session.scalars(select(Link.id)).first()
    session.add_all([
        Sighting(meeting_id=met.id, calendar_id=made.calendars[0].id, sequence=1, starts_at=MONDAY, ends_at=MONDAY),
        CalendarWatch(connection_id=made.id, calendar_id=made.calendars[0].id, channel="w", token_hash="h",
                      resource="ANAS-CALENDAR", expires_at=NOW + POLL),
        Grant(connection_id=made.id, account_hash="a", account="ANAS-ACCOUNT", scopes="busy", tokens=tokens,
              granted_at=NOW),
        Consent(state_hash="s", browser_hash="b", link_id=link, provider="google", access="busy", kept="ANAS-VERIFIER",
                created_at=NOW, expires_at=NOW + POLL),
    ])  # fmt: skip


def stamp(database: Database) -> None:
    """Writes down which revision the tables are, as migrations do; the tests' SQLite is made without them."""
    if database.engine.dialect.name == "sqlite":
        with database.write() as session:
            session.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
            session.execute(text("INSERT INTO alembic_version VALUES (:newest)"), {"newest": revisions()[-1]})


def everything(services: Services) -> str:
    """All that the database says to whoever has the keys."""
    texts = []
    with services.database.read() as session:
        for table in Base.metadata.sorted_tables:
            texts += [str(tuple(found)) for found in session.execute(select(table))]
    return "\n".join(texts)
