"""What two people expect of each other: answering alone, settling what differs, signing, changing a line later."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from service.catalogue import FALLBACK, Words
from service.domain import agreement
from service.domain.access import Action, Thing, When, may
from service.domain.agreement import CLAUSES, ROLES, Clause, Difference, Role, State, Values, Whose
from service.domain.errors import AgreementChanged, AgreementNotReady, InvalidInput, NotAllowed, NotFound
from service.domain.followup import waking
from service.domain.terms import acting
from service.messages import pdf
from service.messages.agreement import Names, Signed, document, signed
from service.operations import agendas, cadence
from service.operations.meetings import check_lives, look_again, meetings_of, role_in
from service.store import outbox, writes
from service.store.database import load_row
from service.store.tables import Agreement, AgreementAnswers, AgreementSignature, Pair

MORE_TO_COME = timedelta(minutes=15)  # whoever changed a line changes another, and signs: that is one mail


@dataclass(frozen=True, slots=True)
class Desk:
    """How it stands between the two, for one of them: what they said themselves, and of the other's nothing before both
    have answered. `before` are the terms that were signed last, if any; `row` is the newest version."""

    role: Role
    row: Agreement | None
    state: State
    own: Values | None
    answered: frozenset[str]
    differences: tuple[Difference, ...]
    to_settle: tuple[Clause, ...]
    terms: Values | None
    before: Values | None
    signed_by: frozenset[str]
    versions: Sequence[Agreement]

    @property
    def version(self) -> int:
        return self.row.version if self.row is not None else 1

    @property
    def changes(self) -> list[tuple[str, str, str]]:
        """What an unsigned version changes in the one that holds."""
        if self.before is None or self.terms is None or self.state is State.SIGNED:
            return []
        return list(agreement.changed(self.before, self.terms))


def _filled(terms: str) -> Values:
    """Clauses that came after these were signed hold by their default."""
    return agreement.defaults() | _values(terms)


def desk(session: Session, pair: Pair, person_id: int) -> Desk:
    versions = _versions(session, pair.id)
    row = versions[-1] if versions else None
    before = next((each for each in reversed(versions) if each.signed_at is not None), None)
    role: Role = "mentee" if person_id == pair.mentee_id else "mentor"
    answers = _answers(session, row) if row is not None else {}
    given = (When.BOTH,) if len(answers) == len(ROLES) else ()
    said = {
        pair.role(each): values
        for each, values in answers.items()
        if may(role_in(pair, person_id, each), Thing.ANSWERS, Action.READ, *given)
    }
    terms = _values(row.terms) if row is not None and row.terms else None
    signed_by = frozenset(pair.role(each) for each in _signatures(session, row)) if row is not None else frozenset()
    return Desk(
        role=role,
        row=row,
        state=agreement.state_of(terms, len(signed_by)),
        own=said.get(role),
        answered=frozenset(pair.role(each) for each in answers),
        differences=_still_different(said, terms) if terms is not None else (),
        to_settle=agreement.to_settle(terms) if terms is not None else (),
        terms=terms,
        before=_filled(before.terms) if before is not None and before.terms else None,
        signed_by=signed_by,
        versions=[each for each in versions if each.signed_at is not None],
    )


def _still_different(said: dict[str, Values], terms: Values) -> tuple[Difference, ...]:
    if len(said) < len(ROLES):  # a later version: nobody answers alone
        return ()
    return tuple(each for each in agreement.differences(said["mentee"], said["mentor"]) if each.clause.key not in terms)


def answer(session: Session, now: datetime, pair: Pair, by_id: int, said: Values) -> None:
    """One person's answers, given alone; what is left out is the default. Once both have answered the terms are there,
    as far as the two agree. Raises InvalidInput, and NotAllowed once both have. Repeatable until then."""
    _alone(session, pair)
    role: Role = "mentee" if by_id == pair.mentee_id else "mentor"
    answers = agreement.answers_of(role, said)
    row = _newest(session, pair.id) or _new_version(session, now, pair, 1)
    kept = session.get(AgreementAnswers, (row.id, by_id))
    if kept is not None and _values(kept.answers) == answers:
        return
    if row.terms is not None:
        raise NotAllowed("answers_are_in")
    if kept is not None:
        kept.answers, kept.answered_at = json.dumps(answers), now
    else:
        session.add(
            AgreementAnswers(agreement_id=row.id, person_id=by_id, answers=json.dumps(answers), answered_at=now)
        )
    session.flush()
    _tell(session, now, pair, row, by_id, "answered")
    both = {pair.role(person_id): values for person_id, values in _answers(session, row).items()}
    if len(both) == len(ROLES):
        _put_terms(session, pair, row, agreement.merged(both["mentee"], both["mentor"]), None)


def change(session: Session, now: datetime, pair: Pair, by_id: int, said: Values) -> None:
    """Sets clauses of the newest version: settles them, or, of one that is signed, makes the next version, which again
    needs both. Whatever was signed of a version that is still open has to be signed anew. Raises InvalidInput."""
    _alone(session, pair)
    row = _newest(session, pair.id)
    if row is None or row.terms is None:
        raise NotAllowed("not_answered")
    terms = _values(row.terms) | _own_terms(pair.role(by_id), said)
    if terms == _values(row.terms):
        return
    if row.signed_at is not None:
        row = _new_version(session, now, pair, row.version + 1)
    session.execute(delete(AgreementSignature).where(AgreementSignature.agreement_id == row.id))
    _put_terms(session, pair, row, terms, by_id)
    if row.version > 1:  # the first one they settle together, as a rule in the same hour
        _tell(session, now, pair, row, by_id, "changed", MORE_TO_COME)


def withdraw(session: Session, pair: Pair) -> None:
    """Takes back a later version that is not signed by both: the one before holds on. Repeatable."""
    _alone(session, pair)
    row = _newest(session, pair.id)
    if row is None or row.version == 1 or row.signed_at is not None:
        return
    session.execute(delete(AgreementSignature).where(AgreementSignature.agreement_id == row.id))
    session.delete(row)
    agendas.list_to_settle(session, pair, ())


def sign(session: Session, now: datetime, pair: Pair, by_id: int, seen_sha256: str) -> Agreement:
    """This person's signature under the words that they saw. With the second one the version holds, and its document is
    written once and for all.

    Raises AgreementChanged when the words are others by now, AgreementNotReady when something is to be settled.
    Repeatable.
    """
    _alone(session, pair)
    row = _newest(session, pair.id)
    if row is None or row.text is None or row.text_sha256 is None:
        raise AgreementNotReady
    if not hmac.compare_digest(row.text_sha256, seen_sha256):
        raise AgreementChanged
    if by_id in _signatures(session, row):
        return row
    session.add(AgreementSignature(agreement_id=row.id, person_id=by_id, text_sha256=row.text_sha256, signed_at=now))
    session.flush()
    signatures = _signatures(session, row)
    if len(signatures) == len(ROLES):
        names = [Signed(person.name, signatures[person.id]) for person in (pair.mentee, pair.mentor)]
        row.document = signed(Words.of(FALLBACK), row.text, row.text_sha256, names)
        row.signed_sha256, row.signed_at = sha256(row.document), now
        _take_effect(session, now, pair, row)
    else:
        outbox.withdraw_one(session, _turn_key(row, "changed", pair.other(by_id).id))
        _tell(session, now, pair, row, by_id, "signed")
    return row


def _tell(
    session: Session, now: datetime, pair: Pair, row: Agreement, by_id: int, what: str, after: timedelta = timedelta(0)
) -> None:
    """The other has something to do, and hears of it once for each version and step, in their waking hours."""
    other = pair.other(by_id)
    outbox.add(
        session, now, "agreement-turn", other.id, dedup=_turn_key(row, what, other.id), pair_id=pair.id,
        due_at=waking(now + after, ZoneInfo(other.zone)),
    )  # fmt: skip


def _turn_key(row: Agreement, what: str, person_id: int) -> str:
    return f"a{row.id}:{what}:{person_id}"


def _take_effect(session: Session, now: datetime, pair: Pair, row: Agreement) -> None:
    """Both have signed: the clauses act from now on, also on what is booked."""
    pair.terms = acting(_filled(row.terms or "{}"))
    cadence.wake(session, now, pair.id)
    for meeting in meetings_of(session, pair, live_only=True):
        look_again(session, now, meeting)
        writes.follow(session, now, meeting.id, quietly=True)
    for person in (pair.mentee, pair.mentor):
        outbox.add(
            session, now, "agreement", person.id, dedup=f"p{pair.id}:agreement:{row.version}:{person.id}",
            pair_id=pair.id, sequence=row.version,
        )  # fmt: skip


def load_version(session: Session, pair: Pair, version: int) -> Agreement:
    """A signed version. Raises NotFound."""
    found = session.scalars(
        select(Agreement).where(
            Agreement.pair_id == pair.id, Agreement.version == version, Agreement.document.is_not(None)
        )
    ).one_or_none()
    if found is None:
        raise NotFound
    return found


def as_pdf(row: Agreement) -> bytes:
    """Of a signed version."""
    assert row.document is not None, "only what is signed has a document"
    assert row.signed_at is not None, "and a date"
    return pdf.as_pdf(row.document, row.signed_at)


def sha256(text: str) -> str:
    """Of the text's octets in UTF-8, as `sha256sum` says it of the file."""
    return hashlib.sha256(text.encode()).hexdigest()


def open_clauses(session: Session, pair: Pair) -> tuple[str, ...]:
    """What the two have to talk about, once both have answered."""
    row = _newest(session, pair.id)
    return tuple(clause.key for clause in agreement.to_settle(_values(row.terms))) if row and row.terms else ()


def _own_terms(role: str, said: Values) -> dict[str, str]:
    """What this person said, by the keys of the terms. Raises InvalidInput for a clause that is not theirs."""
    own: dict[str, str] = {}
    for key, raw in said.items():
        clause = CLAUSES.get(key)
        if clause is None or not clause.is_answered_by(role):
            raise InvalidInput.of(key, "unknown_clause")
        own[f"{key}.{role}" if clause.whose is Whose.EACH else key] = agreement.checked(clause, raw)
    return own


def _put_terms(session: Session, pair: Pair, row: Agreement, terms: Values, by_id: int | None) -> None:
    row.terms, row.changed_by = json.dumps(terms), by_id
    row.text, row.text_sha256 = None, None
    if not agreement.to_settle(terms):
        names = Names(pair.mentee.name, pair.mentor.name)
        row.text = document(Words.of(FALLBACK), row.version, names, terms)
        row.text_sha256 = sha256(row.text)
    session.flush()
    agendas.list_to_settle(session, pair, tuple(clause.key for clause in agreement.to_settle(terms)))


def _alone(session: Session, pair: Pair) -> None:
    """Whoever else answers, changes or signs for this pair waits, so that a signature is under what was seen."""
    load_row(session, Pair, pair.id)
    check_lives(pair)


def _new_version(session: Session, now: datetime, pair: Pair, version: int) -> Agreement:
    row = Agreement(pair_id=pair.id, version=version, created_at=now)
    session.add(row)
    session.flush()
    return row


def _versions(session: Session, pair_id: int) -> Sequence[Agreement]:
    return session.scalars(select(Agreement).where(Agreement.pair_id == pair_id).order_by(Agreement.version)).all()


def _newest(session: Session, pair_id: int) -> Agreement | None:
    versions = _versions(session, pair_id)
    return versions[-1] if versions else None


def _values(kept: str) -> dict[str, str]:
    values: dict[str, str] = json.loads(kept)
    return values


def _answers(session: Session, row: Agreement) -> dict[int, Values]:
    kept = session.scalars(select(AgreementAnswers).where(AgreementAnswers.agreement_id == row.id))
    return {each.person_id: _values(each.answers) for each in kept}


def _signatures(session: Session, row: Agreement) -> dict[int, datetime]:
    kept = session.scalars(select(AgreementSignature).where(AgreementSignature.agreement_id == row.id))
    return {each.person_id: each.signed_at for each in kept}
