"""The agenda as a form: one row a point, with its minutes, the help wanted, and whether it stays out of the
calendar."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from service import numbers
from service.catalogue import Words
from service.domain.agenda import AgendaDraft
from service.operations.booking import default_agenda
from service.operations.offering import Frame
from service.store.tables import AgendaItem

MOST_ROWS = 40


@dataclass(frozen=True, slots=True)
class Draft:
    """A row. `key` is kept only while the words are still the catalogue's: an edited line is its author's own."""

    key: str
    text: str
    minutes: str
    help: str
    hidden: bool
    by: str = ""  # first name of whoever suggested it

    def as_point(self) -> AgendaDraft:
        minutes = numbers.whole(self.minutes, 5)
        if self.minutes.strip() and minutes is None:
            minutes = 0  # refused by the rule for minutes, with its sentence
        typed = None if self.key and not self.text else self.text
        return AgendaDraft(typed, self.key or None, minutes, self.help or None, self.hidden)


def rows_in(form: MultiDict[str, str], name: str) -> list[int]:
    """The numbers of a form's rows, `name.N.…`, in order."""
    parts = (field.split(".") for field in form if field.startswith(f"{name}."))
    found = {numbers.whole(part[1]) for part in parts if len(part) > 2}
    return sorted(number for number in found if number is not None)


def drafts_of(form: MultiDict[str, str]) -> list[Draft]:
    """The rows of a posted form, in the order of their fields."""
    places = rows_in(form, "point")
    rows = [
        Draft(
            key=form.get(f"point.{at}.key", ""),
            text=" ".join(form.get(f"point.{at}.text", "").split()),  # one line, however it was wrapped
            minutes=form.get(f"point.{at}.minutes", ""),
            help=form.get(f"point.{at}.help", ""),
            hidden=f"point.{at}.hidden" in form,
        )
        for at in places[:MOST_ROWS]
    ]
    return [
        _unedited(row, form.get(f"point.{at}.was", ""))
        for at, row in zip(places, rows, strict=False)
        if row.text or row.key
    ]


def _unedited(row: Draft, was: str) -> Draft:
    """A skeleton's line that nobody changed keeps its key and no text of its own; a changed one loses its key."""
    if row.key and row.text.strip() == was.strip():
        return Draft(row.key, "", row.minutes, row.help, row.hidden)
    return Draft("", row.text, row.minutes, row.help, row.hidden)


def shuffled(drafts: list[Draft], action: str) -> list[Draft]:
    """`up.N` and `down.N` move a row; anything else leaves them."""
    move, _, raw = action.partition(".")
    found = numbers.whole(raw)
    at = found if found is not None else -1
    target = {"up": at - 1, "down": at + 1}.get(move, -1)
    if 0 <= at < len(drafts) and 0 <= target < len(drafts):
        drafts = list(drafts)
        drafts[at], drafts[target] = drafts[target], drafts[at]
    return drafts


def items_of(drafts: list[Draft]) -> list[AgendaItem]:
    """The rows as they would be stored; of no session."""
    points = [draft.as_point() for draft in drafts]
    return [
        AgendaItem(key=point.key, text=point.text, minutes=point.minutes, help=point.help, hidden=point.hidden)
        for point in points
    ]


def default_drafts(session: Session, framed: Frame) -> list[Draft]:
    return [
        _from(point.key, point.text, point.minutes, point.help, point.hidden)
        for point in default_agenda(session, framed)
    ]


def stored_drafts(items: Iterable[AgendaItem], suggesting: Mapping[int, str]) -> list[Draft]:
    """`suggesting`: first names of those who do not order the agenda, by their ids."""
    return [
        replace(
            _from(item.key, item.text, item.minutes, item.help, item.hidden),
            by=suggesting.get(item.by_id or 0, "") if item.text else "",
        )
        for item in items
    ]


def parked(drafts: list[Draft], action: str) -> tuple[list[Draft], Draft | None]:
    """`park.N` takes a row out; the rest, and that row."""
    move, _, raw = action.partition(".")
    at = numbers.whole(raw)
    if move != "park" or at is None or at >= len(drafts):
        return drafts, None
    return [*drafts[:at], *drafts[at + 1 :]], drafts[at]


def shown_drafts(drafts: list[Draft], words: Words) -> list[tuple[Draft, str]]:
    """Each row with the words that it shows."""
    return [(draft, draft.text or (words(f"agenda.{draft.key}") if draft.key else "")) for draft in drafts]


def _from(key: str | None, text: str | None, minutes: int | None, help_: str | None, hidden: bool) -> Draft:
    return Draft(key or "", text or "", str(minutes or ""), help_ or "", hidden)


def by_the_clock(
    items: Iterable[AgendaItem], starts_at: datetime, words: Words, zone: ZoneInfo, now: datetime
) -> list[tuple[str, str, bool]]:
    """Each point with the time at which it begins, and whether it is its turn now."""
    at, told = starts_at, []
    for item in items:
        length = timedelta(minutes=item.minutes or 0)
        text = item.text or (words(f"agenda.{item.key}") if item.key else "")
        told.append((words.time(at, zone), text, at <= now < at + length))
        at += length
    return told
