"""A pair with a year behind it: two dozen meetings and what came of them, goals, notes, an agreement changed once."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from bench.programme import fill_calendar
from service import links, wiring
from service.operations import agreements, arcs, people
from service.settings import Settings
from service.store.migrate import migrate
from service.store.tables import AgendaItem, Attendance, Commitment, Goal, Meeting, Note, Pair

MEETINGS, AHEAD, COMMITMENTS, NOTES, GOALS, DATES = 24, 2, 100, 40, 10, 2
OPEN = 6  # commitments that nobody has said anything about
BUSY = 500
EVERY = timedelta(days=15)


@dataclass(frozen=True, slots=True)
class Pages:
    """The paths of both people's own page."""

    mentee: str
    mentor: str


def pair_with_a_year(settings: Settings) -> Pages:
    """In a database of this version."""
    services = wiring.build(settings)
    migrate(services.database.engine)
    now = services.clock()
    with services.database.write() as session:
        begun = now - (MEETINGS - AHEAD) * EVERY
        ana = people.PersonInput("ana@example.org", "Ana Lima", "Europe/Berlin")
        ben = people.PersonInput("ben@example.org", "Ben Okafor", "America/New_York")
        pair = people.add_pair(session, begun, ana, ben, "Room 5")
        for person in (pair.mentee, pair.mentor):
            person.welcomed_at = begun
            fill_calendar(session, now, person.id, BUSY)
        _agree(session, begun, pair)
        _live(session, now, begun, pair)
        found = [links.link_for(session, now, "person", person.id) for person in (pair.mentee, pair.mentor)]
        pages = Pages(*(urlsplit(links.url_of(settings.base_url, link)).path for link in found))
    services.database.close()
    return pages


def _agree(session: Session, now: datetime, pair: Pair) -> None:
    """Both answer and sign, and half-way they change a clause and sign again."""
    both = (pair.mentee_id, pair.mentor_id)
    for person_id in both:
        agreements.answer(session, now, pair, person_id, {"hope": "To say what I mean, and to be asked"})
    for cadence in ("steady", "sprint"):
        agreements.change(session, now, pair, pair.mentee_id, {"cadence": cadence})
        for person_id in both:
            row = agreements.desk(session, pair, person_id).row
            assert row is not None
            agreements.sign(session, now, pair, person_id, row.text_sha256 or "")


def _live(session: Session, now: datetime, begun: datetime, pair: Pair) -> None:
    both = (pair.mentee_id, pair.mentor_id)
    for number in range(MEETINGS):
        meeting = _meeting(session, now, pair, begun + number * EVERY + timedelta(days=1))
        for at in range(5):
            session.add(AgendaItem(meeting_id=meeting.id, position=at, text=f"Point {at} of it", by_id=both[0]))
        for person_id in both:
            session.add(Attendance(meeting_id=meeting.id, person_id=person_id, partstat="ACCEPTED"))
            links.link_for(session, now, "meeting", person_id, pair_id=pair.id, meeting_id=meeting.id)
    for number in range(COMMITMENTS):
        state = "open" if number < OPEN else "done"
        session.add(
            Commitment(
                pair_id=pair.id, owner_id=both[number % 2], text=f"Promise {number}, in a dozen words or so",
                state=state, created_at=begun,
            )
        )  # fmt: skip
    for number in range(NOTES):
        session.add(
            Note(pair_id=pair.id, person_id=both[number % 2], kind="thought", text="A thought " * 20, created_at=begun)
        )
    for number in range(GOALS):
        session.add(Goal(pair_id=pair.id, text=f"Goal {number}", state="open", shared_at=begun, created_at=begun))
    for number in range(DATES):
        at = (now + timedelta(days=21 + 10 * number)).replace(tzinfo=None, hour=15, minute=0, second=0, microsecond=0)
        made = arcs.add_date(
            session, now, pair, arcs.DateInput("presentation", at, "Europe/Berlin", None, 15, None, None)
        )
        arcs.share_date(made, now)


def _meeting(session: Session, now: datetime, pair: Pair, start: datetime) -> Meeting:
    over = start < now
    made = Meeting(
        pair_id=pair.id, session="check-in", starts_at=start, ends_at=start + timedelta(minutes=30), sequence=0,
        phase="closed" if over else "booked", uid=str(uuid.uuid4()), ask="What I want from it", place="Room 5",
        happened=True if over else None, agreed_at=start if over else None, fixed_at=start, created_at=start,
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made
