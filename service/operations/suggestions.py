"""What a mentor suggests, which is the mentee's to take, change or leave; what matters to the mentee; and what somebody
does not want to see on their pages."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from service.domain.access import Action, Thing, check
from service.domain.errors import InvalidInput, NotAllowed, NotFound
from service.domain.goals import LONGEST, GoalDraft
from service.domain.typed import typed
from service.operations import goals
from service.operations.meetings import check_lives, role_in
from service.store.tables import Pair, PutAway, Suggestion, WhatMatters

KINDS = ("goal", "option")
ANSWERS = {"accept": "accepted", "adapt": "adapted", "leave": "left"}
MOST_PENDING = 20
MOMENTS = ("reflect", "shelf", "story", "debrief", "wording", "matters", "primer")


def suggest(session: Session, now: datetime, pair: Pair, by_id: int, kind: str, text: str) -> Suggestion:
    """Pending until the mentee says something, or for ever. Repeatable: the same words are one suggestion. Raises
    InvalidInput, and NotAllowed for the mentee, who needs none."""
    check(role_in(pair, by_id), Thing.SUGGESTION, Action.WRITE)
    check_lives(pair)
    if by_id != pair.mentor_id:
        raise NotAllowed
    if kind not in KINDS:
        raise InvalidInput.of("kind", "unknown_kind", known=", ".join(KINDS))
    said = typed("text", text, LONGEST)
    if said is None:
        raise InvalidInput.of("text", "empty")
    held = suggestions_of(session, pair, by_id)
    for each in held:
        if (each.kind, each.text) == (kind, said):
            return each
    if sum(each.state == "pending" for each in held) >= MOST_PENDING:
        raise InvalidInput.of("text", "too_many_suggestions", most=MOST_PENDING)
    made = Suggestion(pair_id=pair.id, by_id=by_id, kind=kind, text=said, state="pending", created_at=now)
    session.add(made)
    session.flush()
    return made


def suggestions_of(session: Session, pair: Pair, person_id: int) -> list[Suggestion]:
    """In the order in which they came; the mentee does not see again what they left."""
    check(role_in(pair, person_id), Thing.SUGGESTION, Action.READ)
    found = session.scalars(select(Suggestion).where(Suggestion.pair_id == pair.id).order_by(Suggestion.id)).all()
    return [each for each in found if person_id == pair.mentor_id or each.state != "left"]


def told_state(suggestion: Suggestion, person_id: int) -> str:
    """As this person may know it: that something was left is told to nobody."""
    return "pending" if suggestion.state == "left" and person_id == suggestion.by_id else suggestion.state


def load(session: Session, suggestion_id: int, person_id: int) -> Suggestion:
    found = session.get(Suggestion, suggestion_id)
    if found is None:
        raise NotFound
    check(role_in(session.get_one(Pair, found.pair_id), person_id), Thing.SUGGESTION, Action.WRITE)
    return found


def answer(
    session: Session, now: datetime, suggestion: Suggestion, by_id: int, how: str, text: str | None = None
) -> None:
    """A goal that is taken, as it is or in other words, becomes a draft of the mentee's. Repeatable; mails nobody.
    Raises InvalidInput, and NotAllowed for the mentor."""
    pair = session.get_one(Pair, suggestion.pair_id)
    if by_id != pair.mentee_id:
        raise NotAllowed
    if how not in ANSWERS:
        raise InvalidInput.of("answer", "unknown_answer", known=", ".join(ANSWERS))
    if how != "leave":
        check_lives(pair)
    adapted = typed("text", text, LONGEST) if how == "adapt" else None
    if how == "adapt" and adapted is None:
        raise InvalidInput.of("text", "empty")
    suggestion.state, suggestion.adapted = ANSWERS[how], adapted
    if how != "leave" and suggestion.kind == "goal":
        goals.add(session, now, pair, by_id, GoalDraft(adapted or suggestion.text))


def matters_of(session: Session, pair: Pair, person_id: int) -> str | None:
    check(role_in(pair, person_id, pair.mentee_id), Thing.MATTERS, Action.READ)
    kept = session.get(WhatMatters, pair.id)
    return kept.text if kept is not None else None


def set_matters(session: Session, now: datetime, pair: Pair, by_id: int, text: str | None) -> None:
    """Nothing takes the lines away. Raises InvalidInput, and NotAllowed for the mentor."""
    check(role_in(pair, by_id, pair.mentee_id), Thing.MATTERS, Action.WRITE)
    said = typed("matters", text, LONGEST)
    if said is not None:
        check_lives(pair)
    kept = session.get(WhatMatters, pair.id)
    if said is None:
        session.execute(delete(WhatMatters).where(WhatMatters.pair_id == pair.id))
    elif kept is None or kept.text != said:
        session.merge(WhatMatters(pair_id=pair.id, text=said, changed_at=now))


def put_away(session: Session, person_id: int, moment: str) -> None:
    """It is not shown to them until they want it back. Repeatable. Raises NotFound for what is no such part."""
    if moment not in MOMENTS:
        raise NotFound
    session.merge(PutAway(person_id=person_id, moment=moment))


def bring_back(session: Session, person_id: int) -> None:
    """All that they put away."""
    session.execute(delete(PutAway).where(PutAway.person_id == person_id))


def is_put_away(session: Session, person_id: int) -> frozenset[str]:
    return frozenset(session.scalars(select(PutAway.moment).where(PutAway.person_id == person_id)))


def erase(session: Session, pair: Pair, person_id: int, removed: str) -> None:
    """What they suggested, or, of the mentee, what they made of it and what matters to them: that it is `removed`."""
    made = update(Suggestion).where(Suggestion.pair_id == pair.id)
    session.execute(made.where(Suggestion.by_id == person_id).values(text=removed))
    if person_id == pair.mentee_id:
        session.execute(made.where(Suggestion.adapted.is_not(None)).values(adapted=removed))
        session.execute(update(WhatMatters).where(WhatMatters.pair_id == pair.id).values(text=removed))
