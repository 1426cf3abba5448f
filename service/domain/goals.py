"""Goals in the mentee's own words: what one needs, when it is looked at again, and goals as CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from datetime import date

from service.domain.errors import FieldFault, InvalidInput
from service.domain.typed import clean

STATES = ("draft", "open", "reached", "dropped")
UNDER_WAY = ("draft", "open")
LONGEST = 1_000
MOST = 50  # goals of one pair: more than anybody has, and few enough for a page
FORMULA = ("=", "+", "-", "@", "\t")  # a spreadsheet takes a cell that begins so for a formula


@dataclass(frozen=True, slots=True)
class GoalDraft:
    """A goal as somebody says it. Open ones say how their owner will know, and until when; drafts need not."""

    text: str
    worked_when: str | None = None
    target_on: date | None = None
    review_on: date | None = None
    state: str = "draft"
    shared: bool = False


def checked(draft: GoalDraft, today: date, field: str = "") -> GoalDraft:
    """The goal that can be stored; without a review day an open one is looked at half-way. `field` is put before the
    names of what is wrong. Raises InvalidInput with every fault at once."""
    text, worked_when = clean(draft.text), clean(draft.worked_when or "")
    faults = [
        FieldFault(field + name, "too_long", {"most": LONGEST})
        for name, said in (("text", text), ("worked_when", worked_when))
        if len(said) > LONGEST
    ]
    if not text:
        faults.append(FieldFault(field + "text", "empty", {}))
    if draft.state not in STATES:
        faults.append(FieldFault(field + "state", "unknown_state", {"known": ", ".join(STATES)}))
    if draft.state == "open":
        missing = [name for name, said in (("worked_when", worked_when), ("target_on", draft.target_on)) if not said]
        faults += [FieldFault(field + name, "goal_unsaid", {}) for name in missing]
    if faults:
        raise InvalidInput(*faults)
    review_on = draft.review_on
    if review_on is None and draft.state == "open" and draft.target_on is not None and draft.target_on > today:
        review_on = today + (draft.target_on - today) / 2
    return replace(draft, text=text, worked_when=worked_when or None, review_on=review_on)


COLUMNS = tuple(field.name for field in fields(GoalDraft))


def as_json(goals: Iterable[GoalDraft]) -> str:
    rows = [{name: _told(value) for name, value in asdict(goal).items()} for goal in goals]
    return json.dumps({"goals": rows}, ensure_ascii=False, indent=2) + "\n"


def as_csv(goals: Iterable[GoalDraft]) -> str:
    """RFC 4180, the columns named in its first line. A cell that a spreadsheet would run begins with an apostrophe."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for goal in goals:
        writer.writerow([_cell(_told(value)) for value in asdict(goal).values()])
    return file.getvalue()


def read(text: str) -> list[GoalDraft]:
    """The goals of a file, JSON or CSV, as this service or somebody's spreadsheet wrote it. Raises InvalidInput."""
    text = text.removeprefix("\ufeff")
    rows = _json_rows(text) if text.lstrip()[:1] in ("{", "[") else _csv_rows(text)
    if len(rows) > MOST:
        raise InvalidInput.of("file", "too_many_goals", most=MOST)
    return [_draft(f"goal {number}: ", row) for number, row in enumerate(rows, 1)]


def _json_rows(text: str) -> list[dict[str, object]]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidInput.of("file", "not_goals") from None
    rows = found.get("goals") if isinstance(found, dict) else found
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InvalidInput.of("file", "not_goals")
    return rows


def _csv_rows(text: str) -> list[dict[str, object]]:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        rows = list(reader)
    except csv.Error:
        raise InvalidInput.of("file", "not_goals") from None
    if "text" not in (reader.fieldnames or ()):
        raise InvalidInput.of("file", "not_goals")
    return [{name: _uncell(value) for name, value in row.items() if isinstance(value, str)} for row in rows]


def _draft(field: str, row: dict[str, object]) -> GoalDraft:
    said = {name: value for name, value in row.items() if name in COLUMNS and value not in (None, "")}
    words = {name: said.get(name, "") for name in ("text", "worked_when")}
    wrong = [name for name, value in words.items() if not isinstance(value, str)]
    if wrong:
        raise InvalidInput(*(FieldFault(field + name, "not_text", {}) for name in wrong))
    return GoalDraft(
        text=str(words["text"]),
        worked_when=str(words["worked_when"]) or None,
        target_on=_day(field + "target_on", said.get("target_on")),
        review_on=_day(field + "review_on", said.get("review_on")),
        state=str(said.get("state", "draft")),
        shared=said.get("shared") in (True, "true", "yes"),
    )


def _day(field: str, said: object) -> date | None:
    if said is None:
        return None
    try:
        return date.fromisoformat(str(said))
    except ValueError:
        raise InvalidInput.of(field, "bad_day", text=str(said)[:20]) from None


def _told(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value


def _cell(value: object) -> str:
    text = {None: "", True: "true", False: "false"}.get(value, value) if value in (None, True, False) else value
    said = str(text)
    return f"'{said}" if said.startswith((*FORMULA, "'")) else said


def _uncell(said: str) -> str:
    return said[1:] if said.startswith("'") else said
