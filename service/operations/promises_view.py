"""What was agreed, as a mail's reader is told it: a line each, and for their own the page to say how it stands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from service.catalogue import Words
from service.messages.drafts import introduction
from service.messages.view import Own, Point, Readiness
from service.operations.mail_context import Context
from service.operations.preparing import checklist
from service.store.tables import Commitment, Meeting, Pair

WITH_OWN = frozenset({"agenda-ask", "brief"})


def prepared(context: Context, words: Words, meeting: Meeting) -> tuple[tuple[Point, ...], Readiness | None]:
    """What the reader has still to prepare, and in the brief how far the mentee is, where there is something to
    prepare."""
    pair, role = meeting.pair, meeting.pair.role(context.reader.id)
    tasks = checklist(meeting, {row.key for row in context.facts.prepared[meeting.id]})
    own = tuple(
        Point(
            words(f"prep.{each.task.key}", other=pair.other(context.reader.id).first_name),
            words("point.date", day=words.day(each.due_on)),
        )
        for each in tasks
        if each.task.role == role and not each.done
    )
    theirs = [each for each in tasks if each.task.role == "mentee"]
    if context.row.kind != "brief" or not theirs:
        return own, None
    told = [(words(f"prepared.{each.task.key}"), each.done) for each in theirs]
    return own, Readiness(tuple(text for text, done in told if done), tuple(text for text, done in told if not done))


def earlier_of(context: Context, meeting: Meeting) -> list[Commitment]:
    """From the meetings before: what is open, and to the mentor what was done since the two met."""
    met_at = context.facts.met_at.get(meeting.pair_id)
    brief = context.row.kind == "brief"
    return [
        line
        for line in context.facts.promises[meeting.pair_id]
        if line.meeting_id != meeting.id and (line.state != "done" or (brief and _is_news(line, met_at)))
    ]


def _is_news(line: Commitment, met_at: datetime | None) -> bool:
    return line.answered_at is not None and (met_at is None or line.answered_at > met_at)


def point_of(words: Words, pair: Pair, line: Commitment) -> Point:
    """As it was agreed: whose it is and by when."""
    owner = pair.me(line.owner_id).first_name if line.owner_id is not None else None
    day = words.day(line.due_on) if line.due_on is not None else None
    if owner and day:
        note = words("point.owner_date", owner=owner, day=day)
    elif owner:
        note = words("point.owner", owner=owner)
    else:
        note = words("point.date", day=day) if day else ""
    return Point(line.text, note if line.must else words.items(filter(None, (note, words("promise.nice")))))


def status_of(words: Words, pair: Pair, line: Commitment) -> Point:
    """As it stands, in one line; as long as nobody has said, as it was agreed. No judgement, and no count of days."""
    if line.state == "open":
        return point_of(words, pair, line)
    owner = pair.me(line.owner_id).first_name if line.owner_id is not None else ""
    note = f"{owner}: {_state(words, line)}" if owner else _state(words, line)
    if line.took:
        note = words("point.note", about=note, note=words("promise.took", took=line.took))
    elif line.note:
        note = words("point.note", about=note, note=line.note)
    return Point(line.text, note)


def _state(words: Words, line: Commitment) -> str:
    if line.state == "renegotiated":
        if line.due_on is None:
            return words("promise.renegotiated.undated")
        return words(
            "promise.renegotiated", day=words.day(line.due_on), reason=words(f"reason.{line.reason or 'else'}")
        )
    special = f"promise.{line.kind}.{line.state}"
    return words(special if words.has(special) else f"state.{line.state}")


def told_of(context: Context, words: Words, pair: Pair, lines: Sequence[Commitment]) -> tuple[Point, ...]:
    """How these stand, less the reader's own where those have a link each."""
    linked = context.row.kind in WITH_OWN
    return tuple(status_of(words, pair, line) for line in lines if not (linked and line.owner_id == context.reader.id))


def own_of(context: Context, words: Words, pair: Pair, lines: Sequence[Commitment]) -> tuple[Own, ...]:
    """The reader's own of these, each with its page."""
    page = context.url("person")
    return tuple(
        Own(line.text, status_of(words, pair, line).note, f"{page}/agreed/{line.id}")
        for line in lines
        if line.owner_id == context.reader.id and line.state != "done"
    )


def introductions_of(
    context: Context, words: Words, pair: Pair, lines: Sequence[Commitment]
) -> tuple[tuple[str, str], ...]:
    """To the mentor: for whomever the mentee is to meet, a draft in the mentor's own mail program."""
    if context.reader.id != pair.mentor_id:
        return ()
    draft = introduction(words, pair.mentee.name, pair.mentee.email)
    return tuple((line.text, draft) for line in lines if line.kind == "meet" and line.owner_id == pair.mentee_id)


def moved_to(context: Context, pair: Pair) -> date | None:
    """By when the reader's commitments are due that follow the meeting; None when none does."""
    days = [
        line.due_on
        for line in context.facts.promises[pair.id]
        if line.owner_id == context.reader.id and line.state != "done" and not line.pinned and line.due_on is not None
    ]
    return min(days, default=None)
