"""What somebody writes for themselves: thoughts after a meeting, what they sit with, and stories; shared one at a time,
and taken back at will."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from service.domain.access import Action, Thing, When, check, may
from service.domain.errors import InvalidInput, NotFound
from service.domain.meeting import Phase
from service.domain.reflection import LONGEST, PROMPTS, prompts_for
from service.domain.typed import typed
from service.journal import JournalNote
from service.operations.commitments import Line, agree
from service.operations.meetings import check_lives, role_in
from service.store.tables import Debrief, Meeting, Note, Pair, Question

MOST = 500  # notes of one person in a pair
PRIMER = "primer"  # the prompt of what somebody sums up before they meet
PARTS = ("text", "alike", "unlike", "trying")  # of a story
KINDS = ("thought", "sitting", "story")


def last_meeting(session: Session, now: datetime, pair: Pair) -> Meeting | None:
    """The one that was over last; one that did not happen is none."""
    return session.scalars(
        select(Meeting)
        .where(
            Meeting.pair_id == pair.id, Meeting.ends_at <= now, Meeting.phase != Phase.CANCELLED,
            Meeting.happened.isnot(False),
        )
        .order_by(Meeting.ends_at.desc())
        .limit(1)
    ).one_or_none()  # fmt: skip


def prompts_of(session: Session, meeting: Meeting) -> tuple[str, ...]:
    """The three questions after this meeting."""
    earlier = select(func.count()).where(
        Meeting.pair_id == meeting.pair_id, Meeting.starts_at < meeting.starts_at, Meeting.phase != Phase.CANCELLED
    )
    return prompts_for(session.scalar(earlier) or 0)


def notes_of(session: Session, pair: Pair, person_id: int) -> list[Note]:
    """One's own, newest first."""
    check(role_in(pair, person_id, person_id), Thing.NOTE, Action.READ)
    mine = select(Note).where(Note.pair_id == pair.id, Note.person_id == person_id)
    return list(session.scalars(mine.order_by(Note.id.desc())))


def shared_with(session: Session, pair: Pair, person_id: int) -> list[Note]:
    """What the other shares at this moment, newest first."""
    theirs = select(Note).where(Note.pair_id == pair.id, Note.person_id != person_id, Note.shared_at.is_not(None))
    return [
        note
        for note in session.scalars(theirs.order_by(Note.id.desc()))
        if may(role_in(pair, person_id, note.person_id), Thing.NOTE, Action.READ, When.SHARED)
    ]


def reflect(
    session: Session, now: datetime, meeting: Meeting, by_id: int, said: Mapping[str, str], unsure: Sequence[str] = ()
) -> None:
    """Thoughts by their prompt; one that is not sure yet becomes a question to sit with. Repeatable: the last words on
    a prompt hold. Raises InvalidInput."""
    check(role_in(meeting.pair, by_id, by_id), Thing.NOTE, Action.WRITE)
    check_lives(meeting.pair)
    if set(said) - set(PROMPTS) or set(unsure) - set(PROMPTS):
        raise NotFound
    wanted = {key: typed(key, text, LONGEST) for key, text in said.items()}
    mine = select(Note).where(Note.meeting_id == meeting.id, Note.person_id == by_id, Note.prompt.is_not(None))
    held = {note.prompt: note for note in session.scalars(mine)}
    for key in dict.fromkeys((*wanted, *unsure)):
        kind, text = "sitting" if key in unsure else "thought", wanted.get(key)
        if key in held:
            held[key].kind, held[key].text = kind, text or held[key].text
        elif text or key in unsure:
            _room(session, meeting.pair_id, by_id)
            session.add(
                Note(pair_id=meeting.pair_id, person_id=by_id, meeting_id=meeting.id, kind=kind, prompt=key, text=text,
                     created_at=now)
            )  # fmt: skip


def tell_story(
    session: Session, now: datetime, pair: Pair, by_id: int, parts: Mapping[str, str], *, act: bool = False
) -> Note:
    """What they told me, what of it is like mine and what is not, and what I will try; `act` puts that among what was
    agreed at the last meeting, mine to do. Repeatable. Raises InvalidInput."""
    check(role_in(pair, by_id, by_id), Thing.NOTE, Action.WRITE)
    check_lives(pair)
    said = {name: typed(name, parts.get(name), LONGEST) for name in PARTS}
    if said["text"] is None:
        raise InvalidInput.of("text", "empty")
    if act and said["trying"] is None:
        raise InvalidInput.of("trying", "empty")
    for held in notes_of(session, pair, by_id):
        if held.kind == "story" and held.text == said["text"]:
            held.alike, held.unlike, held.trying = said["alike"], said["unlike"], said["trying"]
            return held
    _room(session, pair.id, by_id)
    met = last_meeting(session, now, pair)
    note = Note(
        pair_id=pair.id, person_id=by_id, meeting_id=met.id if met else None, kind="story", created_at=now, **said
    )
    session.add(note)
    if act and met is not None:
        agree(session, now, met, by_id, Line(None, said["trying"] or "", by_id))
    session.flush()
    return note


def sum_up(session: Session, now: datetime, pair: Pair, by_id: int, text: str | None) -> None:
    """What somebody makes of their primer. Repeatable: the last words hold, and none leave what stands. Raises
    InvalidInput."""
    check(role_in(pair, by_id, by_id), Thing.NOTE, Action.WRITE)
    check_lives(pair)
    said = typed("text", text, LONGEST)
    held = next((note for note in notes_of(session, pair, by_id) if note.prompt == PRIMER), None)
    if said is not None and held is not None:
        held.text = said
    elif said is not None:
        _room(session, pair.id, by_id)
        session.add(Note(pair_id=pair.id, person_id=by_id, kind="thought", prompt=PRIMER, text=said, created_at=now))


def summary_of(session: Session, pair: Pair, person_id: int) -> str:
    held = (note for note in notes_of(session, pair, person_id) if note.prompt == PRIMER)
    return next((note.text or "" for note in held), "")


def bring_in(session: Session, pair: Pair, by_id: int, brought: Iterable[JournalNote]) -> None:
    """One's own notes of a journal from elsewhere, private here. Repeatable: what is known by its words stays as it is.
    Raises InvalidInput."""
    check(role_in(pair, by_id, by_id), Thing.NOTE, Action.WRITE)
    check_lives(pair)
    known = {(held.kind, held.prompt, held.text) for held in notes_of(session, pair, by_id)}
    for each in brought:
        if each.kind not in KINDS or each.prompt not in (None, *PROMPTS):
            raise InvalidInput.of("kind", "unknown_kind", known=", ".join(KINDS))
        said = {name: typed(name, getattr(each, name), LONGEST) for name in PARTS}
        what = each.kind, each.prompt, said["text"]
        if what not in known:
            _room(session, pair.id, by_id)
            session.add(
                Note(pair_id=pair.id, person_id=by_id, kind=each.kind, prompt=each.prompt, created_at=each.at, **said)
            )
            known.add(what)


def _room(session: Session, pair_id: int, person_id: int) -> None:
    mine = select(func.count()).select_from(Note).where(Note.pair_id == pair_id, Note.person_id == person_id)
    if (session.scalar(mine) or 0) >= MOST:
        raise InvalidInput.of("text", "too_many_notes", most=MOST)


def load_own(session: Session, note_id: int, person_id: int) -> Note:
    """Raises NotFound for everybody but its author."""
    note = session.get(Note, note_id)
    if note is None or note.person_id != person_id:
        raise NotFound
    return note


def share(note: Note, now: datetime, *, shared: bool) -> None:
    """To the other of the two, or not any more; whether they read it stays told. Repeatable."""
    note.shared_at = (note.shared_at or now) if shared else None


def open_shared(session: Session, now: datetime, note_id: int, person_id: int) -> None:
    """The other reads it: its author sees when, the first time. Repeatable. Raises NotFound once it was taken back."""
    note = session.get(Note, note_id)
    pair = session.get(Pair, note.pair_id) if note is not None else None
    if note is None or pair is None or note.shared_at is None or note.person_id == person_id:
        raise NotFound
    check(role_in(pair, person_id, note.person_id), Thing.NOTE, Action.READ, When.SHARED)
    note.read_at = note.read_at or now


def erase(session: Session, pair: Pair, person_id: int, removed: str) -> None:
    """What they wrote, and their answers to what they were asked; of what the other saw, that it is `removed`."""
    mine, private = (Note.pair_id == pair.id, Note.person_id == person_id), Note.shared_at.is_(None)
    session.execute(delete(Note).where(*mine, private))
    session.execute(update(Note).where(*mine).values(text=removed, alike=None, unlike=None, trying=None))
    meetings = select(Meeting.id).where(Meeting.pair_id == pair.id)
    said = (Debrief.meeting_id.in_(meetings), Debrief.person_id == person_id, Debrief.text.is_not(None))
    session.execute(update(Debrief).where(*said).values(text=removed))
    asked = update(Question).where(Question.pair_id == pair.id)
    session.execute(asked.where(Question.by_id == person_id).values(text=removed))
    if person_id == pair.mentee_id:
        session.execute(asked.values(answer=None))
