"""The people that are measured: one pair with full calendars, as a worker would have stored them."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from integrations.google_account import GoogleTokens
from integrations.microsoft_account import Kept
from service import links, wiring
from service.domain.interval import Span, floor_epoch, merge, pack
from service.operations import arcs, people, personal_links
from service.settings import Settings
from service.store.migrate import migrate
from service.store.tables import ApiToken, Calendar, Connection, Grant
from service.store.types import OfRow, fingerprint

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
            fill_calendar(session, now, person.id, busy)
        link = personal_links.scheduling_link(session, now, pair, "practice", talk.id)
        page = urlsplit(links.url_of(settings.base_url, link)).path
        slots = f"/api/v1/pairs/{pair.id}/slots?session=check-in"
        asked = Asked(page, slots, api_token(session, now, pair.mentee_id))
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


def api_token(session: Session, now: datetime, person_id: int) -> str:
    token = secrets.token_urlsafe(32)
    session.add(ApiToken(token_hash=fingerprint(token), person_id=person_id, created_at=now))
    return token


def fill_calendar(session: Session, now: datetime, person_id: int, count: int) -> None:
    """As a worker would have stored it: read a moment ago, and merged."""
    busy = merge(busy_times(random.Random(person_id), floor_epoch(now), count))
    connect(session, now, person_id, "ics", "https://calendar.example.org/x.ics", busy)


def connect(session: Session, now: datetime, person_id: int, provider: str, url: str, busy: Sequence[Span]) -> None:
    """A calendar that was read a moment ago, and a grant where its provider needs one."""
    connection = Connection(person_id=person_id, provider=provider, url=url, created_at=now, due_at=now)
    session.add(connection)
    session.flush()
    key = "" if provider == "ics" else f"{provider}{person_id}"
    session.add(
        Calendar(
            connection_id=connection.id,
            key=key,
            key_hash=fingerprint(key),
            name="Work",
            busy=pack(busy),
            window_from=now - timedelta(days=1),
            window_until=now + timedelta(days=92),
            verified_at=now,
        )
    )
    if provider in TOKENS:
        session.add(
            Grant(
                connection_id=connection.id,
                account_hash=fingerprint(key),
                account=f"{key}@example.org",
                scopes="",
                tokens=OfRow(connection.id, TOKENS[provider](now)),
                granted_at=now,
            )
        )


def _google_tokens(now: datetime) -> str:
    return GoogleTokens("refresh", "access", now + timedelta(hours=1), ()).render()


def _microsoft_tokens(_now: datetime) -> str:
    kept = Kept()
    given = {"access_token": "access", "refresh_token": "refresh", "token_type": "Bearer", "expires_in": 3600}
    endpoint = "https://login.microsoftonline.com/common/oauth2/v2.0/token"
    kept.cache.add({"client_id": "bench", "scope": [], "token_endpoint": endpoint, "response": given})
    return kept.render()


TOKENS: dict[str, Callable[[datetime], str]] = {"google": _google_tokens, "microsoft": _microsoft_tokens}
