"""What a coordinator may know of a programme: whether pairs meet, who needs a hand, nothing that they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from service.domain.access import Action, Role, Thing, When, check, may
from service.domain.errors import NotFound
from service.domain.meeting import Phase
from service.domain.terms import terms_of
from service.operations import agreements
from service.store.tables import Agreement, Connection, Goal, Meeting, Pair, Person

# Fixed: whoever could ask for one week, then for two, would learn in which week a pair met.
LATELY = timedelta(weeks=6)
FEWEST = 5  # pairs: figures of fewer point at somebody
PER_PAGE = 50
MOST_SHOWN = 50
SHOWN = ("all", "quiet", "ended")
UNREAD = ("stale", "reconnect")  # states of a connection that its owner can do something about

_LIVE = Pair.ended_at.is_(None)
_OVER = (Meeting.phase.in_((Phase.ENDED, Phase.CLOSED))) & Meeting.happened.is_not(False)


@dataclass(frozen=True, slots=True)
class PairState:
    pair_id: int
    has_next_meeting: bool
    has_met: bool
    met_lately: bool
    has_goals: bool


@dataclass(frozen=True, slots=True)
class Signed:
    """The agreement that holds. `may_read`: the two agreed in it that the coordinator reads it."""

    version: int
    signed_at: datetime
    may_read: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """A pair, and how it stands. `new`: it had no six weeks yet."""

    pair: Pair
    has_next: bool
    met_lately: bool
    new: bool
    signed: Signed | None
    has_goals: bool

    @property
    def quiet(self) -> bool:
        return not (self.pair.ended_at or self.has_next or self.met_lately or self.new)


@dataclass(frozen=True, slots=True)
class Figures:
    """Of all pairs that have not ended, never of fewer than FEWEST."""

    pairs: int
    with_next: int
    met_lately: int
    signed: int


@dataclass(frozen=True, slots=True)
class Attention:
    """Somebody whose mail comes back, or whose calendar cannot be read."""

    pair: Pair
    person: Person
    calendar: bool


def pair_states(session: Session, now: datetime) -> list[PairState]:
    """One line for each pair that has not ended."""
    ahead, lately = _ids(session, _ahead(now)), _ids(session, _lately(now))
    met, goals = _ids(session, select(Meeting.pair_id).where(_OVER).distinct()), _ids(session, _with_goals())
    pairs = session.scalars(select(Pair.id).where(_LIVE).order_by(Pair.id))
    return [PairState(each, each in ahead, each in met, each in lately, each in goals) for each in pairs]


def figures(session: Session, now: datetime) -> Figures | None:
    """None below FEWEST pairs."""
    check(Role.COORDINATOR, Thing.MEETING, Action.COUNT)
    live = _ids(session, select(Pair.id).where(_LIVE))
    if len(live) < FEWEST:
        return None
    signed = select(Agreement.pair_id).where(Agreement.signed_at.is_not(None)).distinct()
    found = (_ids(session, wanted) for wanted in (_ahead(now), _lately(now), signed))
    return Figures(len(live), *(len(live & ids) for ids in found))


def quiet_ones(session: Session, now: datetime) -> Sequence[Pair]:
    """Who has not met lately and has nothing booked, no more than MOST_SHOWN."""
    return session.scalars(select(Pair).where(_quiet(now)).order_by(Pair.id).limit(MOST_SHOWN)).all()


def attention(session: Session) -> list[Attention]:
    """No more than MOST_SHOWN."""
    check(Role.COORDINATOR, Thing.CONNECTION, Action.COUNT)
    broken = select(Connection.id).where(Connection.person_id == Person.id, Connection.state.in_(UNREAD)).exists()
    wanted = (
        select(Pair, Person, broken)
        .join(Person, (Person.id == Pair.mentee_id) | (Person.id == Pair.mentor_id))
        .where(_LIVE, Person.refused_at.is_not(None) | broken)
        .order_by(Person.name, Pair.id)
        .limit(MOST_SHOWN)
    )
    seen: dict[int, Attention] = {}
    for pair, person, calendar in session.execute(wanted):
        seen.setdefault(person.id, Attention(pair, person, calendar))
    return list(seen.values())


def standings(session: Session, now: datetime, shown: str, number: int) -> tuple[list[Standing], bool]:
    """One page of pairs, by the mentee's name, and whether there is another."""
    which = {"quiet": _quiet(now), "ended": Pair.ended_at.is_not(None)}.get(shown, _LIVE)
    mentee_first = select(Pair).join(Person, Person.id == Pair.mentee_id).order_by(func.lower(Person.name), Pair.id)
    found = session.scalars(mentee_first.where(which).offset(number * PER_PAGE).limit(PER_PAGE + 1)).all()
    return standing_of(session, now, found[:PER_PAGE]), len(found) > PER_PAGE


def standing_of(session: Session, now: datetime, pairs: Sequence[Pair]) -> list[Standing]:
    ids = [pair.id for pair in pairs]
    ahead, lately = (_ids(session, wanted.where(Meeting.pair_id.in_(ids))) for wanted in (_ahead(now), _lately(now)))
    goals, signed = _ids(session, _with_goals().where(Goal.pair_id.in_(ids))), _signed(session, pairs)
    return [
        Standing(
            each, each.id in ahead, each.id in lately, each.created_at > now - LATELY, signed.get(each.id),
            each.id in goals,
        )
        for each in pairs
    ]  # fmt: skip


def agreement_of(session: Session, pair: Pair) -> tuple[Signed, str]:
    """The agreement that holds, and its words. Raises NotFound where there is none, or where the two did not agree that
    the coordinator reads it."""
    check(Role.COORDINATOR, Thing.AGREEMENT, Action.READ, *_given(pair))
    signed = _signed(session, [pair]).get(pair.id)
    if signed is None:
        raise NotFound
    return signed, agreements.load_version(session, pair, signed.version).document or ""


def _given(pair: Pair) -> tuple[When, ...]:
    return (When.TICKED,) if terms_of(pair.terms).coordinator_reads else ()


def _signed(session: Session, pairs: Sequence[Pair]) -> dict[int, Signed]:
    check(Role.COORDINATOR, Thing.AGREEMENT, Action.COUNT)
    by_id = {pair.id: pair for pair in pairs}
    wanted = select(Agreement.pair_id, Agreement.version, Agreement.signed_at).where(Agreement.pair_id.in_(by_id))
    found: dict[int, Signed] = {}
    for pair_id, version, signed_at in session.execute(wanted.order_by(Agreement.version)):
        if signed_at is not None:
            open_ = may(Role.COORDINATOR, Thing.AGREEMENT, Action.READ, *_given(by_id[pair_id]))
            found[pair_id] = Signed(version, signed_at, open_)
    return found


def _with_goals() -> Select[int]:
    """That there are some: neither which nor how many."""
    check(Role.COORDINATOR, Thing.GOAL, Action.COUNT)
    return select(Goal.pair_id).distinct()


def _ids(session: Session, wanted: Select[int]) -> set[int]:
    return set(session.scalars(wanted))


def _ahead(now: datetime) -> Select[int]:
    return select(Meeting.pair_id).where(Meeting.phase == Phase.BOOKED, Meeting.starts_at > now).distinct()


def _lately(now: datetime) -> Select[int]:
    return select(Meeting.pair_id).where(_OVER, Meeting.ends_at > now - LATELY, Meeting.ends_at <= now).distinct()


def _quiet(now: datetime) -> ColumnElement[bool]:
    ahead, lately = Pair.id.in_(_ahead(now)), Pair.id.in_(_lately(now))
    return _LIVE & (Pair.created_at <= now - LATELY) & ~ahead & ~lately
