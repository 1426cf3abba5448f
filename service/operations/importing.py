"""Pairs from a CSV file: every row, or none and the lines that are wrong."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.errors import FieldFault, InvalidInput
from service.domain.typed import LONGEST_PLACE, typed
from service.operations.people import ADDRESSES_LOCK, PersonInput, checked_person, paired_anew
from service.store.database import alone
from service.store.tables import Pair, Person

REQUIRED = ("mentee_name", "mentee_email", "mentee_zone", "mentor_name", "mentor_email", "mentor_zone")
OPTIONAL = ("place",)
MOST_BYTES = 20 * 1024 * 1024
MOST_FAULTS = 20  # nobody reads the thousandth

BLOCK = 500  # rows between two words of how far it is

Row = dict[str, str]
Wanted = tuple[PersonInput, PersonInput, str | None]
Told = Callable[[int, int], None]  # how much is done, of how much


def tell_nobody(_done: int, _of: int) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Checked:
    """The rows of a file that can be added, and who and what is known already."""

    rows: list[Wanted]
    known: dict[str, Person]
    former: dict[tuple[int, int], Pair]


def import_pairs(session: Session, now: datetime, data: bytes, told: Told = tell_nobody) -> list[Pair]:
    """The new pairs, in the file's order; mails nobody. `told` hears how far it is. Raises InvalidInput that
    names each wrong line; then nothing was added. A person may be in several rows, with one name and one zone; the same
    pair may not."""
    alone(session, ADDRESSES_LOCK)
    checked = check_pairs(session, data, told)
    return _add_all(session, now, checked.rows, checked.known, checked.former, told)


def check_pairs(session: Session, data: bytes, told: Told = tell_nobody) -> Checked:
    """What `import_pairs` would add. Only reads. Raises InvalidInput as it does."""
    rows = _parse(data)
    known = {person.email: person for person in session.scalars(select(Person))}
    former = {(pair.mentee_id, pair.mentor_id): pair for pair in session.scalars(select(Pair))}
    standing = {ids for ids, pair in former.items() if pair.ended_at is None}
    faults: list[FieldFault] = []
    wanted: list[Wanted] = []
    seen: dict[str, PersonInput] = {
        person.email: PersonInput(person.email, person.name, person.zone) for person in known.values()
    }
    pairs_seen: dict[tuple[str, str], int] = {}
    for count, (line, row) in enumerate(rows):
        if count % BLOCK == 0:
            told(count, 2 * len(rows))  # to check them is half of the work
        try:
            wanted.append(_checked_row(line, row, seen, pairs_seen))
        except InvalidInput as fault:
            faults += fault.faults
    for mentee, mentor, _ in wanted:
        one, other = known.get(mentee.email), known.get(mentor.email)
        if one is not None and other is not None and (one.id, other.id) in standing:
            line = pairs_seen[mentee.email, mentor.email]
            faults.append(
                FieldFault(f"line {line}", "pair_known_here", {"mentee": mentee.email, "mentor": mentor.email})
            )
    if faults:
        raise InvalidInput(*faults[:MOST_FAULTS])
    return Checked(wanted, known, former)


def _parse(data: bytes) -> list[tuple[int, Row]]:
    """Rows with their line numbers. Raises InvalidInput for the file as a whole."""
    if len(data) > MOST_BYTES:
        raise InvalidInput.of("file", "file_too_large", most=MOST_BYTES // 1024 // 1024)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = data[: fault.start].count(b"\n") + 1
        raise InvalidInput.of(f"line {line}", "not_utf8") from None
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip().lower() for name in reader.fieldnames or []]
        missing = [name for name in REQUIRED if name not in header]
        if missing:
            raise InvalidInput.of("line 1", "missing_columns", missing=", ".join(missing), known=", ".join(REQUIRED))
        unknown = [name for name in header if name not in REQUIRED + OPTIONAL]
        if unknown:
            raise InvalidInput.of("line 1", "unknown_columns", unknown=", ".join(unknown)[:200])
        reader.fieldnames = header
        rows = [(reader.line_num, row) for row in reader]
    except csv.Error:
        raise InvalidInput.of(f"line {reader.reader.line_num}", "not_csv") from None
    if not rows:
        raise InvalidInput.of("file", "no_rows")
    longer = [line for line, row in rows if None in row]
    if longer:
        raise InvalidInput(*(FieldFault(f"line {line}", "too_many_cells", {}) for line in longer[:MOST_FAULTS]))
    return [(line, {key: (value or "").strip() for key, value in row.items() if key}) for line, row in rows]


def _checked_row(line: int, row: Row, seen: dict[str, PersonInput], pairs_seen: dict[tuple[str, str], int]) -> Wanted:
    at = f"line {line}"
    try:
        mentee, mentor = (
            checked_person(PersonInput(row[f"{who}_email"], row[f"{who}_name"], row[f"{who}_zone"]), who)
            for who in ("mentee", "mentor")
        )
        place = typed("place", row.get("place"), LONGEST_PLACE)
    except InvalidInput as fault:
        raise InvalidInput(
            *(FieldFault(f"{at}, {each.field}", each.code, each.params) for each in fault.faults)
        ) from None
    for person in (mentee, mentor):
        before = seen.setdefault(person.email, person)
        if before.name != person.name:
            raise InvalidInput.of(at, "two_names", email=person.email, known=before.name)
        if before.zone != person.zone:
            raise InvalidInput.of(at, "two_zones", email=person.email, known=before.zone)
    if mentee.email == mentor.email:
        raise InvalidInput.of(at, "same_person", email=mentee.email)
    key = (mentee.email, mentor.email)
    if key in pairs_seen:
        raise InvalidInput.of(at, "pair_twice", line=pairs_seen[key])
    pairs_seen[key] = line
    return mentee, mentor, place


def _add_all(
    session: Session,
    now: datetime,
    wanted: list[Wanted],
    known: dict[str, Person],
    former: dict[tuple[int, int], Pair],
    told: Told,
) -> list[Pair]:
    pairs: list[Pair] = []
    for start in range(0, len(wanted), BLOCK):
        told(len(wanted) + start, 2 * len(wanted))
        pairs += _add_block(session, now, wanted[start : start + BLOCK], known, former)
    return pairs


def _add_block(
    session: Session,
    now: datetime,
    wanted: list[Wanted],
    known: dict[str, Person],
    former: dict[tuple[int, int], Pair],
) -> list[Pair]:
    """Two flushes: people, then pairs. Two who were paired before take up where they were."""
    for mentee, mentor, _ in wanted:
        for person in (mentee, mentor):
            if person.email not in known:
                known[person.email] = Person(
                    email=person.email, name=person.name, zone=person.zone, locale="en", mails="all", created_at=now
                )
                session.add(known[person.email])
    session.flush()
    pairs = []
    for mentee, mentor, place in wanted:
        one, other = known[mentee.email], known[mentor.email]
        pair = former.get((one.id, other.id))
        if pair is None:
            pair = Pair(mentee_id=one.id, mentor_id=other.id, mentee=one, mentor=other, place=place, created_at=now)
        else:
            paired_anew(now, pair, place)
        pairs.append(pair)
    session.add_all(pairs)
    session.flush()
    return pairs
