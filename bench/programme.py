"""The people that are measured: one pair with full calendars, as a worker would have stored them."""

from __future__ import annotations

import random
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from service import links, wiring
from service.domain.interval import Span, floor_epoch, merge, pack
from service.operations import arcs, people
from service.settings import Settings
from service.store.migrate import migrate
from service.store.tables import ApiToken, Calendar, Connection
from service.store.types import fingerprint

DAY, DAYS = 86_400, 60


@dataclass(frozen=True, slots=True)
class Asked:
    """Where one pair's times are: the path of the page, and of the API with the mentee's token."""

    page: str
    slots: str
    token: str


def pair_with(settings: Settings, busy: int) -> Asked:
    """One pair with a talk in three weeks and `busy` times each, in a database of this version."""
    services = wiring.build(settings)
    migrate(services.database.engine)
    now = services.clock()
    with services.database.write() as session:
        ana = people.PersonInput(f"ana{busy}@example.org", "Ana Lima", "Europe/Berlin")
        ben = people.PersonInput(f"ben{busy}@example.org", "Ben Okafor", "America/New_York")
        pair = people.add_pair(session, now, ana, ben)
        at = (now + timedelta(days=21)).replace(tzinfo=None, hour=15, minute=0, second=0, microsecond=0)
        talk = arcs.add_date(
            session, now, pair, arcs.DateInput("presentation", at, "Europe/Berlin", None, 15, None, None)
        )
        for person in (pair.mentee, pair.mentor):
            _fill_calendar(session, now, person.id, busy)
        link = people.scheduling_link(session, now, pair, "practice", talk.id)
        page = urlsplit(links.url_of(settings.base_url, link)).path
        slots = f"/api/v1/pairs/{pair.id}/slots?session=check-in"
        asked = Asked(page, slots, _token(session, now, pair.mentee_id))
    services.database.close()
    return asked


def busy_times(dice: random.Random, start: int, count: int) -> Iterator[Span]:
    """500 events of five minutes to an hour on five-minute edges; those beyond are two minutes long and at night, so
    that the same times stay free and only the record grows."""
    start = start // DAY * DAY
    for _ in range(min(count, 500)):
        begin = start + 300 * dice.randrange(DAYS * 288)
        yield begin, begin + 300 * dice.randint(1, 12)
    for number in range(max(0, count - 500)):
        begin = start + number % DAYS * DAY + number // DAYS * 240
        yield begin, begin + 120


def _token(session: Session, now: datetime, person_id: int) -> str:
    token = secrets.token_urlsafe(32)
    session.add(ApiToken(token_hash=fingerprint(token), person_id=person_id, created_at=now))
    return token


def _fill_calendar(session: Session, now: datetime, person_id: int, count: int) -> None:
    """As a worker would have stored it: read a moment ago, and merged."""
    busy = merge(busy_times(random.Random(person_id), floor_epoch(now), count))
    connection = Connection(
        person_id=person_id, provider="ics", url="https://calendar.example.org/x.ics", created_at=now
    )
    session.add(connection)
    session.flush()
    session.add(
        Calendar(
            connection_id=connection.id,
            key="",
            key_hash=fingerprint(""),
            name="Work",
            busy=pack(busy),
            window_from=now - timedelta(days=1),
            window_until=now + timedelta(days=92),
            verified_at=now,
        )
    )
