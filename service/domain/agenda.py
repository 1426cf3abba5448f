"""Agendas: a session type's skeleton fitted to the meeting's length, and what carries over from earlier meetings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from service.domain.errors import FieldFault, InvalidInput
from service.domain.sessions import SessionType
from service.domain.typed import clean

HELP = ("ideas", "listener", "feedback", "introduction", "hold-me")
MOST_POINTS = 30
LONGEST_TEXT = 500
CARRY = "carry.commitments"
CARRY_MINUTES = 5


@dataclass(frozen=True, slots=True)
class AgendaDraft:
    """A point before it is stored. `key` names a skeleton's line, whose words are in the catalogue, until edited."""

    text: str | None = None
    key: str | None = None
    minutes: int | None = None
    help: str | None = None
    hidden: bool = False


def skeleton(
    session: SessionType, duration: timedelta, run: timedelta | None = None, *, carry: bool = False
) -> tuple[AgendaDraft, ...]:
    """The session type's points, their minutes adding up to `duration`; a practice gives the run its own length.

    `carry`: something agreed earlier is still open and gets a point, unless the skeleton has one for it.
    """
    total = int(duration.total_seconds() // 60)
    points = {point.key: point.minutes for point in session.skeleton}
    if carry and not any(key.endswith(".commitments") for key in points):
        points = {CARRY: CARRY_MINUTES, **points}
    if session.key == "practice" and run is not None:
        run_minutes = int(run.total_seconds() // 60)
        rest = sum(minutes for key, minutes in points.items() if key not in {"practice.run", "practice.repeat"})
        if run_minutes + rest < total:
            points["practice.run"] = run_minutes
            points["practice.repeat"] = total - rest - run_minutes
    fitted = _fit(list(points.values()), total)
    return tuple(AgendaDraft(key=key, minutes=minutes) for key, minutes in zip(points, fitted, strict=True))


def _fit(minutes: list[int], total: int) -> list[int]:
    """Whole minutes in the same proportions that add up to `total`, none under one (largest remainder)."""
    wanted = sum(minutes)
    if wanted == total:
        return minutes
    shares = [share * total / wanted for share in minutes]
    fitted = [max(1, int(share)) for share in shares]
    by_remainder = sorted(range(len(shares)), key=lambda at: int(shares[at]) - shares[at])
    missing = total - sum(fitted)
    while missing > 0:
        for at in by_remainder[:missing]:
            fitted[at] += 1
        missing = total - sum(fitted)
    while missing < 0 and max(fitted) > 1:
        fitted[fitted.index(max(fitted))] -= 1
        missing += 1
    return fitted


def suggested(
    held: Sequence[tuple[AgendaDraft, int | None]], posted: Sequence[AgendaDraft], by_id: int
) -> tuple[AgendaDraft, ...]:
    """The agenda after somebody changed it who does not order it: of the points that stand, each with its author, the
    other's stay as they are, their own are as posted, and new ones come last."""
    wanted = {(draft.key, draft.text): draft for draft in posted}
    standing = {(draft.key, draft.text) for draft, _ in held}
    kept = [
        wanted[draft.key, draft.text] if author == by_id else draft
        for draft, author in held
        if author != by_id or (draft.key, draft.text) in wanted
    ]
    return (*kept, *(draft for draft in posted if (draft.key, draft.text) not in standing))


def checked(drafts: tuple[AgendaDraft, ...]) -> tuple[AgendaDraft, ...]:
    """The points that can be stored: blanks dropped, text trimmed. Raises InvalidInput with every fault at once."""
    faults: list[FieldFault] = []
    kept: list[AgendaDraft] = []
    for number, draft in enumerate(drafts, 1):
        said = clean(draft.text) if draft.text is not None else None
        if not said and draft.key is None:
            continue
        field = f"agenda {number}"
        if said and len(said) > LONGEST_TEXT:
            faults.append(FieldFault(field, "too_long", {"most": LONGEST_TEXT}))
        if draft.minutes is not None and not 0 < draft.minutes <= 24 * 60:
            faults.append(FieldFault(field, "minutes", {}))
        if draft.help is not None and draft.help not in HELP:
            faults.append(FieldFault(field, "unknown_help", {"known": ", ".join(HELP)}))
        kept.append(replace(draft, text=said or None))
    if len(kept) > MOST_POINTS:
        faults.append(FieldFault("agenda", "too_many_points", {"most": MOST_POINTS}))
    if faults:
        raise InvalidInput(*faults)
    return tuple(kept)
