"""A journal from another installation: kept as the history of whoever brought it, theirs alone; mails nobody."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from service.domain.errors import InvalidInput, NotAllowed, NotFound
from service.domain.goals import GoalDraft
from service.journal import MOST_PAIRS, Journal, JournalDate, JournalPair
from service.operations import arcs, goals, notes
from service.operations.arcs import DateInput
from service.operations.journal_file import MOST_DATA
from service.operations.people import is_zone, list_pairs
from service.store import claims
from service.store.tables import BroughtJournal, Pair, Person


def _which(journal: JournalPair) -> tuple[object, ...]:
    """The same pair in every journal of its person."""
    return journal.role, journal.began_at, journal.other


def bring(session: Session, now: datetime, person: Person, journal: Journal) -> int:
    """Keeps its pairs, less those that are of this installation; returns how many. Repeatable: what was brought before
    is replaced. Raises InvalidInput."""
    claims.take_turns(session, {person.id})  # the same file twice at once: the second sees what the first brought
    pairs = list_pairs(session, person.id)
    here = {(pair.role(person.id), pair.created_at, pair.other(person.id).name) for pair in pairs}
    held = {_which(each): row_id for row_id, each in brought_of(session, person.id).items()}
    wanted = {_which(each): each for each in journal.pairs if _which(each) not in here}
    if len(held.keys() | wanted.keys()) > MOST_PAIRS:
        raise InvalidInput.of("file", "too_many_brought", most=MOST_PAIRS)
    for key, each in wanted.items():
        data = each.model_dump_json(by_alias=True)
        session.merge(BroughtJournal(id=held.get(key), person_id=person.id, data=data, brought_at=now))
    session.flush()
    mine = select(BroughtJournal).where(BroughtJournal.person_id == person.id)
    if sum(len(row.data) for row in session.scalars(mine)) > MOST_DATA:
        raise InvalidInput.of("file", "too_much_brought", most=MOST_DATA // 1024 // 1024)
    return len(wanted)


def count(session: Session, person_id: int) -> int:
    mine = select(func.count()).select_from(BroughtJournal).where(BroughtJournal.person_id == person_id)
    return session.scalar(mine) or 0


def brought_of(session: Session, person_id: int) -> dict[int, JournalPair]:
    """By the row's id, in the order in which they came."""
    mine = select(BroughtJournal).where(BroughtJournal.person_id == person_id).order_by(BroughtJournal.id)
    return {row.id: JournalPair.model_validate_json(row.data) for row in session.scalars(mine)}


def take_along(session: Session, now: datetime, person_id: int, brought_id: int, pair: Pair) -> None:
    """The mentee's goals, own notes and the dates ahead, into a pair of today: all private there, whatever was shared
    before. What was agreed and met with somebody else is not of this pair, and stays history. Repeatable. Raises
    NotFound, NotAllowed, InvalidInput."""
    journal = brought_of(session, person_id).get(brought_id)
    if journal is None:
        raise NotFound
    if journal.role != "mentee":  # a mentor's journal has goals that are somebody else's
        raise NotAllowed
    drafts = [GoalDraft(**each.model_dump() | {"shared": False}) for each in journal.goals]
    goals.bring_in(session, now, pair, person_id, drafts)
    notes.bring_in(session, pair, person_id, [each for each in journal.notes if each.mine])
    for each in journal.dates:
        if each.at > now and not each.dropped:
            arcs.add_date(session, now, pair, _date_input(each))


def _date_input(critical: JournalDate) -> DateInput:
    """Raises InvalidInput."""
    if not is_zone(critical.zone):
        raise InvalidInput.of("zone", "unknown_zone", text=critical.zone[:100])
    zone = ZoneInfo(critical.zone)
    at, until = (each.astimezone(zone).replace(tzinfo=None) if each else None for each in (critical.at, critical.until))
    assert at is not None
    return DateInput(
        kind=critical.kind, at=at, zone=critical.zone, until=until,
        run_minutes=critical.run_minutes, label=critical.label, shared_label=critical.shared_label,
    )  # fmt: skip


def remove(session: Session, person_id: int, brought_id: int) -> None:
    """Repeatable: what is gone is gone."""
    mine = BroughtJournal.person_id == person_id
    session.execute(delete(BroughtJournal).where(BroughtJournal.id == brought_id, mine))


def erase(session: Session, person_id: int) -> None:
    session.execute(delete(BroughtJournal).where(BroughtJournal.person_id == person_id))
