"""A person's own journal: what they wrote and what was shared with them, as service.domain.access has it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service import journal as shape
from service.domain.access import MENTEES, TABLES, Action, Role, When, may
from service.operations import arcs, bringing, goals, help_requests, notes, pulses, shelf, suggestions
from service.operations.followup import reflection_of
from service.operations.looks import looks_of
from service.operations.meetings import agenda_of, commitments_of, meetings_of, role_in
from service.operations.people import list_pairs
from service.operations.unsure import texts_of
from service.store.tables import (
    AgendaItem,
    Agreement,
    AgreementAnswers,
    Base,
    Commitment,
    CriticalDate,
    Meeting,
    Note,
    Pair,
    ParkedPoint,
    Person,
    Proposal,
)


@dataclass(frozen=True, slots=True)
class _Reader:
    """One of a pair; what they may not read is None to them."""

    pair: Pair
    person_id: int

    def role(self, row: Base, column: str) -> Role:
        kept = TABLES[row.__tablename__]
        author = getattr(row, kept.whose) if kept.whose is not None else None
        return role_in(self.pair, self.person_id, self.pair.mentee_id if kept.of(column) in MENTEES else author)

    def of(self, row: Base, *columns: str, given: tuple[When, ...] = ()) -> dict[str, Any]:
        return {
            name: getattr(row, name)
            if may(self.role(row, name), TABLES[row.__tablename__].of(name), Action.READ, *given)
            else None
            for name in columns
        }


def journal_of(session: Session, person: Person) -> shape.Journal:
    """Everything of theirs, and the journals that they brought; never the other's private lines."""
    live = [_pair(session, _Reader(pair, person.id)) for pair in list_pairs(session, person.id)]
    return shape.Journal(
        format=shape.FORMAT, version=shape.VERSION, name=person.name, email=person.email, zone=person.zone,
        hours=person.availability, mails_come_back_since=person.refused_at, unsure=texts_of(session, person.id),
        asked_for_help=[each.text for each in help_requests.own_of(session, person.id)],
        pairs=[*live, *bringing.brought_of(session, person.id).values()],
    )  # fmt: skip


def _pair(session: Session, reader: _Reader) -> shape.JournalPair:
    pair, mine = reader.pair, reader.person_id
    dates = session.scalars(select(CriticalDate).where(CriticalDate.pair_id == pair.id).order_by(CriticalDate.id))
    parked = session.scalars(select(ParkedPoint).where(ParkedPoint.pair_id == pair.id).order_by(ParkedPoint.id))
    offers = session.scalars(select(Proposal).where(Proposal.pair_id == pair.id).order_by(Proposal.id))
    return shape.JournalPair(
        other=pair.other(mine).name,
        role="mentee" if mine == pair.mentee_id else "mentor",
        began_at=pair.created_at,
        ended_at=pair.ended_at,
        **reader.of(pair, "place"),
        what_matters=suggestions.matters_of(session, pair, mine),
        dates=[_date(reader, each) for each in dates if reader.of(each, "kind", given=arcs.given_of(each))["kind"]],
        goals=[shape.JournalGoal(**goals.vars_of(each)) for each in goals.goals_of(session, pair, mine)],
        notes=[
            _note(reader, each)
            for each in (*notes.notes_of(session, pair, mine), *notes.shared_with(session, pair, mine))
        ],
        questions=[
            shape.JournalQuestion(
                **reader.of(each, "text", "answer"), back_on=each.back_on if mine == pair.mentee_id else None,
                state=shelf.told_state(each, mine), at=each.created_at,
            )
            for each in shelf.questions_of(session, pair, mine)
        ],
        suggestions=[
            shape.JournalSuggestion(
                kind=each.kind, state=suggestions.told_state(each, mine), **reader.of(each, "text", "adapted")
            )
            for each in suggestions.suggestions_of(session, pair, mine)
        ],
        parked=[_point(reader, each) for each in parked],
        agreements=_agreements(session, reader),
        proposed=[_offer(reader, each) for each in offers],
        meetings=[_meeting(session, reader, each) for each in meetings_of(session, pair)],
        commitments=[_commitment(reader, each) for each in commitments_of(session, pair.id)],
        looked=[
            shape.JournalLook(role=each.role, what=each.what, at=each.at) for each in looks_of(session, pair, mine)
        ],
        pulses=_pulses(session, reader),
    )  # fmt: skip


def _date(reader: _Reader, critical: CriticalDate) -> shape.JournalDate:
    names = ("kind", "zone", "run_minutes", "label", "shared_label")
    return shape.JournalDate(
        at=critical.starts_at, until=critical.ends_at, shared=critical.shared_at is not None,
        dropped=critical.dropped_at is not None, **reader.of(critical, *names, given=arcs.given_of(critical)),
    )  # fmt: skip


def _note(reader: _Reader, note: Note) -> shape.JournalNote:
    given = (When.SHARED,) if note.shared_at is not None else ()
    return shape.JournalNote(
        mine=note.person_id == reader.person_id, shared=note.shared_at is not None, at=note.created_at,
        **reader.of(note, "kind", "prompt", *notes.PARTS, given=given),
    )  # fmt: skip


def _point(reader: _Reader, point: AgendaItem | ParkedPoint) -> shape.JournalPoint:
    return shape.JournalPoint(**reader.of(point, "key", "text", "minutes", "help"))


def _agreements(session: Session, reader: _Reader) -> list[shape.JournalAgreement]:
    versions = select(Agreement).where(Agreement.pair_id == reader.pair.id).order_by(Agreement.version)
    return [_agreement(session, reader, each) for each in session.scalars(versions)]


def _agreement(session: Session, reader: _Reader, agreement: Agreement) -> shape.JournalAgreement:
    answered = session.scalars(select(AgreementAnswers).where(AgreementAnswers.agreement_id == agreement.id)).all()
    given = (When.BOTH,) if len(answered) == 2 else ()
    said = {each.person_id == reader.person_id: reader.of(each, "answers", given=given)["answers"] for each in answered}
    words = reader.of(agreement, "document", "terms")
    return shape.JournalAgreement(
        version=agreement.version, signed_at=agreement.signed_at, sha256=agreement.signed_sha256,
        document=words["document"], terms=_values(words["terms"]),
        answers=_values(said.get(True)), their_answers=_values(said.get(False)),
    )  # fmt: skip


def _values(text: str | None) -> dict[str, Any] | None:
    return json.loads(text) if text else None


def _offer(reader: _Reader, offer: Proposal) -> shape.JournalOffer:
    return shape.JournalOffer(
        mine=offer.by_id == reader.person_id, starts=[time.starts_at for time in offer.times], at=offer.created_at,
        **reader.of(offer, "session", "comment", "outcome"),
    )  # fmt: skip


def _pulses(session: Session, reader: _Reader) -> list[shape.JournalPulse]:
    held = pulses.pulses_of(session, reader.pair, reader.person_id)
    return [
        shape.JournalPulse(
            mine=each.person_id == reader.person_id, at=each.created_at,
            **{line: getattr(each, line) for line in pulses.LINES},
        )
        for each in (held.own, held.theirs) if each is not None
    ]  # fmt: skip


def _meeting(session: Session, reader: _Reader, meeting: Meeting) -> shape.JournalMeeting:
    goal = goals.meeting_for(session, meeting, reader.person_id).goal
    debriefs = shelf.debriefs_of(session, meeting, reader.person_id)
    return shape.JournalMeeting(
        start=meeting.starts_at,
        end=meeting.ends_at,
        **reader.of(meeting, "uid", "session", "phase", "happened", "place", "ask", "shadow", "reason"),
        goal=goal.text if goal is not None else None,
        agenda=[_point(reader, item) for item in agenda_of(session, meeting)],
        reflection=reflection_of(session, meeting, reader.person_id),
        debrief=debriefs.own.text if debriefs.own is not None else None,
        their_debrief=debriefs.theirs.text if debriefs.theirs is not None else None,
    )


def _commitment(reader: _Reader, line: Commitment) -> shape.JournalCommitment:
    names = ("text", "kind", "must", "state", "begins_on", "due_on", "reason", "note", "took")
    whose = {reader.person_id: "mine", None: "nobodys"}.get(line.owner_id, "theirs")
    return shape.JournalCommitment.model_validate(reader.of(line, *names) | {"whose": whose, "at": line.created_at})
