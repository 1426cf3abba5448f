"""The list of who was erased. It lies outside the database, for a backup that was made before would bring them back.

A line is a person's id and when they were added: nothing that says who it was, and nobody else has both, not even in
another installation.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.errors import GreenroomError
from service.store.archive import replaced
from service.store.tables import Person

LIST_FILE = "erased"
_MARKS = select(Person.id, Person.created_at)


class NotAList(GreenroomError):
    """The file is none that `keep` wrote; nothing was changed."""

    code = "not_a_list"


def lines(session: Session) -> set[str]:
    """Of everybody who was erased here."""
    return {
        _line(person_id, added) for person_id, added in session.execute(_MARKS.where(Person.erased_at.is_not(None)))
    }


def read(file: Path) -> set[str]:
    """Empty as long as nobody was erased. Raises NotAList."""
    if not file.exists():
        return set()
    try:
        found = set(file.read_text(encoding="ascii").splitlines())
    except UnicodeDecodeError as fault:
        raise NotAList(file=str(file)) from fault
    if not all(re.fullmatch(r"[0-9]{1,18} \S+", line) for line in found):
        raise NotAList(file=str(file))
    return found


def keep(file: Path, told: Collection[str]) -> None:
    """Adds to the file what it does not say yet. A line never goes: an old backup may be restored at any time."""
    known = read(file)
    if set(told) <= known:
        return
    with replaced(file) as fresh:
        fresh.write("".join(f"{line}\n" for line in sorted(known | set(told))).encode())


def back_again(session: Session, told: Collection[str]) -> Sequence[Person]:
    """Those of the list who are here and not erased."""
    ids = [int(line.split()[0]) for line in told]
    here = session.execute(_MARKS.where(Person.id.in_(ids), Person.erased_at.is_(None)).order_by(Person.id))
    back = [person_id for person_id, added in here if _line(person_id, added) in told]
    return [session.get_one(Person, person_id) for person_id in back]


def _line(person_id: int, added_at: datetime) -> str:
    return f"{person_id} {added_at.isoformat()}"
