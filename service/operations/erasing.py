"""Taking away what is kept of a person: their words, their links, what they connected."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session, load_only

from service.catalogue import FALLBACK, Words
from service.domain.agreement import without_words
from service.links import revoke_links
from service.operations import bringing, consents, goals, notes, pulses, suggestions
from service.operations.calendars import remove_connection
from service.operations.consents import Ended
from service.operations.people import end_pair, list_pairs
from service.store import claims, erased, writes
from service.store.tables import (
    AgendaItem,
    Agreement,
    AgreementAnswers,
    ApiToken,
    CalendarWrite,
    Commitment,
    Connection,
    Consent,
    CriticalDate,
    EarlierProposal,
    HelpRequest,
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
from service.store.tables.sealing import keyed_text
from service.store.types import KeyMissing

UNSENT = ("pending", "queued", "dead", "uncertain")  # one that is being sent ends by itself, and is not tried again


def part(session: Session, now: datetime, person: Person) -> Sequence[int]:
    """Ends their pairs. Returns the rows of what has to leave their calendars by that, taken: nobody can remove it once
    their connections are gone. Repeatable."""
    pairs = list_pairs(session, person.id)
    claims.take_turns(session, {person_id for pair in pairs for person_id in (pair.mentee_id, pair.mentor_id)})
    for pair in pairs:
        end_pair(session, now, pair)
    return writes.take_off(session, now, person.id)


def erase(session: Session, now: datetime, person: Person) -> list[Ended]:
    """All of it at once, also what would be needed to take events out of their calendars. Returns the grants that their
    providers have to be told the end of. Repeatable."""
    erase_words(session, now, person)
    session.execute(delete(CalendarWrite).where(CalendarWrite.person_id == person.id))
    return end_access(session, person.id)


def erase_words(session: Session, now: datetime, person: Person) -> None:
    """What they wrote and were linked by goes; where the other read it, it says that it was removed. The other's own
    words stay. Their name and address become nobody's, so that the other's history still reads. What they connected
    stays until their meetings have left their calendars: see end_access. Repeatable."""
    part(session, now, person)
    pairs = list_pairs(session, person.id)
    for pair in pairs:
        _erase_in(session, now, pair, person)
    session.execute(delete(AgreementAnswers).where(AgreementAnswers.person_id == person.id))
    session.execute(delete(Reflection).where(Reflection.person_id == person.id))
    session.execute(delete(HelpRequest).where(HelpRequest.person_id == person.id))
    session.execute(delete(EarlierProposal).where(EarlierProposal.person_id == person.id))
    suggestions.bring_back(session, person.id)
    bringing.erase(session, person.id)
    own_links = select(Link.id).where(Link.person_id == person.id)
    session.execute(delete(Consent).where(Consent.link_id.in_(own_links)))
    _forget_mails(session, person, [pair.id for pair in pairs])
    revoke_links(session, now, person.id)
    session.execute(update(ApiToken).where(ApiToken.person_id == person.id).values(revoked_at=now))
    person.name, person.mails, person.availability, person.refused_at = nobody(), "none", None, None
    person.primed_at = None
    person.coordinates = False
    person.email, person.erased_at = f"erased-{person.id}@invalid", person.erased_at or now


def nobody() -> str:
    """The name of everybody who was erased."""
    return Words.of(FALLBACK)("erased.name")


def _erase_in(session: Session, now: datetime, pair: Pair, person: Person) -> None:
    """What they wrote in one pair. The other alone will read that it is removed, so it is kept in their language."""
    removed = keyed_text(session, pair.id, Words.of(pair.other(person.id).locale)("erased.removed"))
    meetings = Meeting.pair_id == pair.id
    theirs = select(Meeting.id).where(meetings)
    if pair.mentee_id == person.id:
        dates = update(CriticalDate).where(CriticalDate.pair_id == pair.id)
        session.execute(dates.values(label=None, dropped_at=now, word_at=None))
        session.execute(dates.where(CriticalDate.shared_label.is_not(None)).values(shared_label=removed))
        for field in (Meeting.ask, Meeting.shadow):
            session.execute(update(Meeting).where(meetings, field.is_not(None)).values({field: removed}))
    # Whoever of the two typed a place, it may be where they live; what is still ahead was called off.
    pair.place = None
    session.execute(update(Meeting).where(meetings).values(place=None))
    reasons = (meetings, Meeting.changed_by == person.id, Meeting.reason.is_not(None))
    session.execute(update(Meeting).where(*reasons).values(reason=removed))
    items = update(AgendaItem).where(AgendaItem.meeting_id.in_(theirs), AgendaItem.by_id == person.id)
    session.execute(items.where(AgendaItem.text.is_not(None)).values(text=removed))
    parked = update(ParkedPoint).where(ParkedPoint.pair_id == pair.id, ParkedPoint.by_id == person.id)
    session.execute(parked.where(ParkedPoint.text.is_not(None)).values(text=removed))
    lines = update(Commitment).where(Commitment.pair_id == pair.id)
    session.execute(lines.where(Commitment.by_id == person.id).values(text=removed))
    # Whoever owns a line wrote what stands beside it; of nobody's line either of the two may have.
    own = Commitment.owner_id.is_(None) | (Commitment.owner_id == person.id)
    session.execute(lines.where(own).values(note=None, took=None))
    offers = update(Proposal).where(Proposal.pair_id == pair.id, Proposal.by_id == person.id)
    session.execute(offers.where(Proposal.comment.is_not(None)).values(comment=removed))
    goals.erase(session, pair, person.id, removed)
    notes.erase(session, pair, person.id, removed)
    suggestions.erase(session, pair, person.id, removed)
    pulses.erase(session, pair, person.id, removed)
    _forget_agreements(session, pair.id)


def _forget_agreements(session: Session, pair_id: int) -> None:
    """What was ticked stays, and that it was signed; every line that somebody typed goes, for it stands among both
    people's. Each has the copy that was mailed to them."""
    for each in session.scalars(select(Agreement).where(Agreement.pair_id == pair_id)):
        each.terms = json.dumps(without_words(json.loads(each.terms))) if each.terms else None
        each.text, each.document = None, None


def _forget_mails(session: Session, person: Person, pair_ids: Sequence[int]) -> None:
    """Mails to them that have not left stay here. Of all mails about them, and of answers that were dealt with, the
    words go, the other's too, for they quote both: what has not left yet is written anew."""
    to_them = update(OutboxRow).where(OutboxRow.person_id == person.id, OutboxRow.state.in_(UNSENT))
    session.execute(to_them.values(state="cancelled", token=None, lease_until=None))
    meetings = select(Meeting.id).where(Meeting.pair_id.in_(pair_ids))
    about = OutboxRow.meeting_id.in_(meetings) | OutboxRow.pair_id.in_(pair_ids) | (OutboxRow.person_id == person.id)
    session.execute(update(OutboxRow).where(about, OutboxRow.octets.is_not(None)).values(octets=None))
    theirs = Inbound.meeting_id.in_(meetings) | (Inbound.person_id == person.id)
    answers = update(Inbound).where(theirs, Inbound.state != "pending")
    session.execute(answers.values(raw=b"", sender=None))


def erase_again(session: Session, now: datetime, told: Collection[str]) -> int:
    """After a restore: whoever a list of the erased names. Their providers and calendars were told when it was done.
    Returns how many. Whose rows need a key that is missing stays as they are, until it is there. Repeatable."""
    again = 0
    for person in erased.back_again(session, told):
        with suppress(KeyMissing), session.begin_nested():
            erase(session, now, person)
            again += 1
    return again


def end_access(session: Session, person_id: int) -> list[Ended]:
    """Forgets what they connected, also what no key opens any more. Returns the grants that their providers have to be
    told the end of. Repeatable."""
    ended = []
    theirs = select(Connection).where(Connection.person_id == person_id).options(load_only(Connection.provider))
    for connection in session.scalars(theirs.order_by(Connection.id)).all():
        ended.append(consents.forget(session, connection))
        remove_connection(session, connection)
    return [each for each in ended if each is not None]
