"""The calls about one's own short cards."""

from __future__ import annotations

from sqlalchemy.orm import Session

from service.domain.access import Thing
from service.operations import notes, people, primers
from service.store import tables
from service.web.api.frame import Caller, Model, call
from service.web.page import now, reading, services, words, writing


class Card(Model):
    key: str
    title: str
    text: str


class Course(Model):
    title: str
    url: str


class Primer(Model):
    """`read` and `summary` are the mentee's, and told to nobody else; `courses` are the programme's."""

    cards: list[Card]
    courses: list[Course]
    read: bool
    summary: str


class PrimerRead(Model):
    summary: str | None = None


def _primer(session: Session, pair: tables.Pair, me: int) -> Primer:
    t, settings = words(), services().settings
    courses = settings.mentee_courses if me == pair.mentee_id else settings.mentor_courses
    return Primer(
        cards=[
            Card(key=card, title=t(f"card.{card}"), text=t(f"card.{card}.text")) for card in primers.cards_for(pair, me)
        ],
        courses=[Course(title=title, url=url) for title, url in courses],
        read=primers.state(session, pair, me) == "read",
        summary=notes.summary_of(session, pair, me),
    )


@call("GET", "/pairs/<int:pair_id>/primer", "One's own short cards.", answer=Primer, may=(404,), about=Thing.PRIMER)
def get_primer(caller: Caller, pair_id: int) -> Primer:
    with reading() as session:
        return _primer(session, people.load_pair(session, pair_id, caller.me), caller.me)


@call(
    "POST",
    "/pairs/<int:pair_id>/primer",
    "The mentee has read them, and may sum them up in their own words.",
    body=PrimerRead,
    answer=Primer,
    may=(404, 422),
    about=Thing.PRIMER,
)
def read_primer(caller: Caller, pair_id: int, body: PrimerRead) -> Primer:
    with writing() as session:
        pair = people.load_pair(session, pair_id, caller.me)
        primers.read(session, now(), pair, caller.me, body.summary)
        session.flush()
        return _primer(session, pair, caller.me)
