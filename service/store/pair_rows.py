"""A pair with its people and their calendars, and a date, as plain values, one select each: for whoever only looks.

The statements are built once. Through the ORM the same rows take five times as long (measured in November 2026), and
finding times is what the service does most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection as DatabaseConnection
from sqlalchemy import FromClause, bindparam, or_, select
from sqlalchemy.orm import Session

from service.store.tables import ApiToken, Calendar, Connection, CriticalDate, Pair, Person

# Whoever only looks saves a third of a short question's time on the connection alone.
Reads = Session | DatabaseConnection


@dataclass(frozen=True, slots=True)
class PersonRow:
    id: int
    name: str
    zone: str
    locale: str
    availability: dict[str, Any] | None

    @property
    def first_name(self) -> str:
        return self.name.split()[0] if self.name.split() else self.name


class CalendarRow(NamedTuple):
    """One calendar of a connection that is not off; with `counts` None, a connection without one."""

    person_id: int
    connection_id: int
    provider: str
    state: str
    counts: bool | None
    busy: bytes | None
    window_until: datetime | None
    verified_at: datetime | None


@dataclass(frozen=True, slots=True)
class PairRow:
    """`calendars` are both people's, in the order in which they were connected."""

    id: int
    ended_at: datetime | None
    terms: dict[str, Any] | None
    mentee: PersonRow
    mentor: PersonRow
    calendars: tuple[CalendarRow, ...]

    @property
    def mentee_id(self) -> int:
        return self.mentee.id

    @property
    def mentor_id(self) -> int:
        return self.mentor.id

    def me(self, person_id: int) -> PersonRow:
        return self.mentee if person_id == self.mentee.id else self.mentor

    def other(self, person_id: int) -> PersonRow:
        return self.mentor if person_id == self.mentee.id else self.mentee


class Asker(NamedTuple):
    """Whose token came with a call, `person_id` None for the coordinator's; and the pair, where it was asked for."""

    person_id: int | None
    pair: PairRow | None = None


@dataclass(frozen=True, slots=True)
class DateRow:
    """Without the labels, which nothing that looks for times needs."""

    id: int
    pair_id: int
    kind: str
    starts_at: datetime
    ends_at: datetime | None
    zone: str
    run_minutes: int | None
    shared_at: datetime | None
    dropped_at: datetime | None


_PERSON = ("id", "name", "zone", "locale", "availability")
_DATE = ("id", "pair_id", "kind", "starts_at", "ends_at", "zone", "run_minutes", "shared_at", "dropped_at")
_CONNECTION = ("id", "provider", "state")
_CALENDAR = ("counts", "busy", "window_until", "verified_at")
_pairs, _dates, _people = Pair.__table__, CriticalDate.__table__, Person.__table__
_connections, _calendars = Connection.__table__, Calendar.__table__
_tokens = ApiToken.__table__
_OF_PAIR = (  # each person once for each of their calendars
    *(_pairs.c[name] for name in ("mentee_id", "ended_at", "terms")),
    *(_people.c[name] for name in _PERSON),
    *(_connections.c[name] for name in _CONNECTION),
    *(_calendars.c[name] for name in _CALENDAR),
)


def _with_people(pairs: FromClause) -> FromClause:
    return (
        pairs.outerjoin(_people, or_(_people.c.id == _pairs.c.mentee_id, _people.c.id == _pairs.c.mentor_id))
        .outerjoin(_connections, (_connections.c.person_id == _people.c.id) & (_connections.c.state != "off"))
        .outerjoin(_calendars, _calendars.c.connection_id == _connections.c.id)
    )


_PAIR_BY_ID = (
    select(*_OF_PAIR)
    .select_from(_with_people(_pairs))
    .where(_pairs.c.id == bindparam("id"))
    .order_by(_connections.c.id)
)
_BY_TOKEN = (_tokens.c.token_hash == bindparam("hash")) & _tokens.c.revoked_at.is_(None)
_ASKER = select(_tokens.c.person_id).where(_BY_TOKEN)
_ASKER_AND_PAIR = (
    select(_tokens.c.person_id, *_OF_PAIR)
    .select_from(_with_people(_tokens.outerjoin(_pairs, _pairs.c.id == bindparam("id"))))
    .where(_BY_TOKEN)
    .order_by(_connections.c.id)
)
_DATE_BY_ID = select(*(_dates.c[name] for name in _DATE)).where(_dates.c.id == bindparam("id"))


def _flushed(session: Reads) -> Reads:
    """A select over tables does not do it by itself."""
    if isinstance(session, Session):
        session.flush()
    return session


def load_pair(session: Reads, pair_id: int) -> PairRow | None:
    rows = _flushed(session).execute(_PAIR_BY_ID, {"id": pair_id}).all()
    return _pair_of(pair_id, rows) if rows else None


def load_asker(look: DatabaseConnection, token_hash: str, pair_id: int | None = None) -> Asker | None:
    """Whose token it is, None when none stands; with `pair_id` that pair as well."""
    if pair_id is None:
        row = look.execute(_ASKER, {"hash": token_hash}).one_or_none()
        return None if row is None else Asker(row.person_id)
    rows = look.execute(_ASKER_AND_PAIR, {"hash": token_hash, "id": pair_id}).all()
    if not rows:
        return None
    person_id, mentee_id, *_ = rows[0]
    return Asker(person_id, None if mentee_id is None else _pair_of(pair_id, [row[1:] for row in rows]))


def _pair_of(pair_id: int, rows: Sequence[Sequence[Any]]) -> PairRow:
    people: dict[bool, PersonRow] = {}
    calendars: list[CalendarRow] = []
    for mentee_id, _, _, person_id, name, zone, locale, availability, connection_id, *calendar in rows:
        mentee = person_id == mentee_id
        if mentee not in people:
            people[mentee] = PersonRow(person_id, name, zone, locale, availability)
        if connection_id is not None:
            calendars.append(CalendarRow(person_id, connection_id, *calendar))
    _, ended_at, terms, *_ = rows[0]
    return PairRow(pair_id, ended_at, terms, people[True], people[False], tuple(calendars))


def load_date(session: Reads, date_id: int) -> DateRow | None:
    found = _flushed(session).execute(_DATE_BY_ID, {"id": date_id}).one_or_none()
    return None if found is None else DateRow(*found)
