"""What is kept of people: handing it out, taking it away, and holding back what a restore would send."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from service.domain.access import Action, Thing, may
from service.domain.agreement import without_words
from service.links import revoke_links
from service.operations import arcs, consents, goals, inbound, notes, sightings, suggestions
from service.operations.calendars import connections_of, remove_connection
from service.operations.consents import Ended
from service.operations.followup import reflection_of
from service.operations.looks import looks_of
from service.operations.meetings import agenda_of, commitments_of, meetings_of
from service.operations.people import end_pair, list_pairs
from service.operations.timers import SWEEPS
from service.operations.unsure import texts_of
from service.store import claims, held, proposals, writes
from service.store.tables import (
    AgendaItem,
    Agreement,
    AgreementAnswers,
    ApiToken,
    CalendarWrite,
    Commitment,
    Consent,
    CriticalDate,
    EarlierProposal,
    Inbound,
    Link,
    Meeting,
    OutboxRow,
    Pair,
    ParkedPoint,
    Person,
    Proposal,
    Reflection,
)
from service.store.types import KeyMissing

MOST_WAITING = 10_000


def hold_what_was_due(session: Session, now: datetime, max_age: timedelta, authserv_id: str | None = None) -> int:
    """After a restore: what was due, and what comes of answers and timers by now, may have gone out since the backup,
    so a person decides. Returns how many rows are held. A row that cannot be looked at hinders no restore: it is left
    alone until somebody changes it, for put off by an hour its mails would leave unheld."""
    for inbound_id in inbound.waiting(session, MOST_WAITING):
        with suppress(KeyMissing):  # nobody can read it, here or later
            inbound.decide(session, now, max_age, inbound_id, authserv_id)
    sightings.forget(session)
    while sum([run_due(session, now, put_off=False) for run_due in SWEEPS]):  # one may set the timer of another
        session.flush()
    writes.hold(session)
    return held.hold(session, now)


def export(session: Session, person: Person) -> dict[str, Any]:
    """What they wrote and what was shared with them; never the other's private lines."""
    pairs = []
    for pair in list_pairs(session, person.id):
        role = arcs.role_in(pair, person.id)
        dates = session.scalars(select(CriticalDate).where(CriticalDate.pair_id == pair.id)).all()
        pairs.append(
            {
                "with": pair.other(person.id).name,
                "as": pair.role(person.id),
                "place": pair.place,
                "dates": [
                    {
                        "kind": each.kind,
                        "at": each.starts_at.isoformat(),
                        "label": each.label if may(role, Thing.PRIVATE_LABEL, Action.READ) else None,
                        "shared_label": each.shared_label,
                    }
                    for each in dates
                    if may(role, Thing.DATE, Action.READ, *arcs.given_of(each))
                ],
                "notes": notes.export(session, pair, person.id),
                "goals": goals.export(session, pair, person.id),
                "what_matters": suggestions.matters_of(session, pair, person.id),
                "suggestions": suggestions.export(session, pair, person.id),
                "parked": [
                    each.text or each.key
                    for each in session.scalars(select(ParkedPoint).where(ParkedPoint.pair_id == pair.id))
                ],
                "looked": [
                    {"role": each.role, "what": each.what, "at": each.at.isoformat()}
                    for each in looks_of(session, pair, person.id)
                ],
                "agreements": _agreements(session, pair, person.id),
                "proposed": [_proposal(each) for each in proposals.by_person(session, pair.id, person.id)],
                "meetings": [_meeting(session, meeting, person.id) for meeting in meetings_of(session, pair)],
                "commitments": [_commitment(each) for each in commitments_of(session, pair.id)],
            }
        )
    return {
        "name": person.name,
        "email": person.email,
        "zone": person.zone,
        "hours": person.availability,
        "pairs": pairs,
        "mails_come_back_since": person.refused_at.isoformat() if person.refused_at else None,
        "unsure": texts_of(session, person.id),
    }


def _agreements(session: Session, pair: Pair, person_id: int) -> list[dict[str, Any]]:
    versions = session.scalars(select(Agreement).where(Agreement.pair_id == pair.id).order_by(Agreement.version))
    told = []
    for each in versions:
        own = session.get(AgreementAnswers, (each.id, person_id))
        told.append(
            {
                "version": each.version,
                "signed_at": each.signed_at.isoformat() if each.signed_at else None,
                "sha256": each.signed_sha256,
                "document": each.document,
                "terms": json.loads(each.terms) if each.terms else None,
                "answers": json.loads(own.answers) if own else None,
            }
        )
    return told


def _meeting(session: Session, meeting: Meeting, person_id: int) -> dict[str, Any]:
    return {
        "session": meeting.session,
        "start": meeting.starts_at.isoformat(),
        "end": meeting.ends_at.isoformat(),
        "phase": meeting.phase,
        "place": meeting.place,
        "ask": meeting.ask,
        "shadow": meeting.shadow,
        "agenda": [item.text or item.key for item in agenda_of(session, meeting)],
        "reflection": reflection_of(session, meeting, person_id),
    }


def _commitment(line: Commitment) -> dict[str, Any]:
    return {
        "text": line.text,
        "kind": line.kind,
        "must": line.must,
        "state": line.state,
        "begins_on": line.begins_on.isoformat() if line.begins_on else None,
        "due_on": line.due_on.isoformat() if line.due_on else None,
        "reason": line.reason,
        "note": line.note,
        "took": line.took,
    }


def _proposal(proposal: Proposal) -> dict[str, Any]:
    return {
        "session": proposal.session,
        "starts": [time.starts_at.isoformat() for time in proposal.times],
        "comment": proposal.comment,
        "outcome": proposal.outcome,
    }


def part(session: Session, now: datetime, person: Person) -> Sequence[int]:
    """Ends their pairs. Returns the rows of what has to leave their calendars by that, taken: nobody can remove it once
    their connections are gone. Repeatable."""
    pairs = list_pairs(session, person.id)
    claims.take_turns(session, {person_id for pair in pairs for person_id in (pair.mentee_id, pair.mentor_id)})
    for pair in pairs:
        end_pair(session, now, pair)
    return writes.take_off(session, now, person.id)


def erase(session: Session, now: datetime, person: Person) -> list[Ended]:
    """What they wrote, connected and were linked by goes; the other's own words stay. Their name and address become
    nobody's, so that the other's history still reads. Returns the grants that their providers have to be told the end
    of. Repeatable."""
    part(session, now, person)
    for pair in list_pairs(session, person.id):
        if pair.mentee_id == person.id:
            session.execute(
                update(CriticalDate)
                .where(CriticalDate.pair_id == pair.id)
                .values(label=None, shared_label=None, dropped_at=now)
            )
            session.execute(update(Meeting).where(Meeting.pair_id == pair.id).values(ask=None, shadow=None))
        _forget_agreements(session, pair.id)
    mentee_of = [pair.id for pair in list_pairs(session, person.id) if pair.mentee_id == person.id]
    goals.erase(session, mentee_of)
    notes.erase(session, person.id, mentee_of)
    suggestions.erase(session, person.id, mentee_of)
    session.execute(delete(AgreementAnswers).where(AgreementAnswers.person_id == person.id))
    session.execute(delete(Reflection).where(Reflection.person_id == person.id))
    session.execute(delete(EarlierProposal).where(EarlierProposal.person_id == person.id))
    session.execute(update(Proposal).where(Proposal.by_id == person.id).values(comment=None))
    session.execute(delete(AgendaItem).where(AgendaItem.by_id == person.id, AgendaItem.text.is_not(None)))
    session.execute(delete(ParkedPoint).where(ParkedPoint.by_id == person.id, ParkedPoint.text.is_not(None)))
    session.execute(delete(Commitment).where(Commitment.by_id == person.id))
    session.execute(update(Commitment).where(Commitment.owner_id == person.id).values(note=None, took=None))
    session.execute(delete(CalendarWrite).where(CalendarWrite.person_id == person.id))
    ended = _forget_connections(session, person)
    own_links = select(Link.id).where(Link.person_id == person.id)
    session.execute(delete(Consent).where(Consent.link_id.in_(own_links)))
    _forget_mails(session, person)
    revoke_links(session, now, person.id)
    session.execute(update(ApiToken).where(ApiToken.person_id == person.id).values(revoked_at=now))
    session.execute(update(Meeting).where(Meeting.changed_by == person.id).values(reason=None))
    person.name, person.mails, person.availability, person.refused_at = "?", "none", None, None
    person.email = f"erased-{person.id}@invalid"
    return ended


def _forget_agreements(session: Session, pair_id: int) -> None:
    """What was ticked stays, and that it was signed; every line that somebody typed goes, for it stands among both
    people's. Each has the copy that was mailed to them."""
    for each in session.scalars(select(Agreement).where(Agreement.pair_id == pair_id)):
        each.terms = json.dumps(without_words(json.loads(each.terms))) if each.terms else None
        each.text, each.document = None, None


def _forget_connections(session: Session, person: Person) -> list[Ended]:
    ended = []
    for connection in connections_of(session, person.id):
        ended.append(consents.forget(session, connection))
        remove_connection(session, connection)
    return [each for each in ended if each is not None]


def _forget_mails(session: Session, person: Person) -> None:
    """Mails to them that have not left stay here; of those that left, and of answers that were dealt with, the words
    go, the other's too: they quote both."""
    session.execute(
        update(OutboxRow)
        .where(OutboxRow.person_id == person.id, OutboxRow.state.in_(("pending", "queued", "dead", "uncertain")))
        .values(state="cancelled", token=None, lease_until=None)
    )
    meetings = select(Meeting.id).join(Pair).where((Pair.mentee_id == person.id) | (Pair.mentor_id == person.id))
    session.execute(
        update(OutboxRow)
        .where(
            (OutboxRow.person_id == person.id) | OutboxRow.meeting_id.in_(meetings),
            OutboxRow.state.in_(("sent", "cancelled", "dead")),
        )
        .values(octets=None)
    )
    theirs = Inbound.meeting_id.in_(meetings) | (Inbound.person_id == person.id)
    answers = update(Inbound).where(theirs, Inbound.state != "pending")
    session.execute(answers.values(raw=b"", sender=None))
