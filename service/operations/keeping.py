"""What is kept of people: handing it out, taking it away, and holding back what a restore would send."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.access import Action, Thing, may
from service.operations import arcs, goals, inbound, notes, sightings, suggestions
from service.operations.followup import reflection_of
from service.operations.looks import looks_of
from service.operations.meetings import agenda_of, commitments_of, meetings_of
from service.operations.people import list_pairs
from service.operations.timers import SWEEPS
from service.operations.unsure import texts_of
from service.store import held, proposals, writes
from service.store.tables import (
    Agreement,
    AgreementAnswers,
    Commitment,
    CriticalDate,
    Meeting,
    Pair,
    ParkedPoint,
    Person,
    Proposal,
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
