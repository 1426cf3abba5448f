"""How long the sweep takes, to the rows of the mails, when a thousand of a hundred thousand meetings are due."""

from __future__ import annotations

import time
import uuid
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from bench.served import place, settings_of
from service import wiring
from service.store.migrate import migrate
from service.store.tables import Attendance, Meeting, OutboxRow, Pair, Person
from workers.clock import sweep

MEETINGS, DUE, PAIRS = 100_000, 1_000, 4_000


def measure(meetings: int = MEETINGS, due: int = DUE, **more: str) -> dict[str, float]:
    """Seconds of one sweep, and how many mails it wrote. `more`: settings of another database."""
    with place(**more) as environ:
        services = wiring.build(settings_of(environ))
        migrate(services.database.engine)
        now = services.clock()
        with services.database.write() as session:
            _fill(session, now, meetings, due)
        began = time.perf_counter()
        looked_at = sweep(services)
        seconds = time.perf_counter() - began
        with services.database.read() as session:
            mails = session.scalar(select(func.count()).select_from(OutboxRow)) or 0
        services.database.close()
    if looked_at != due:
        raise RuntimeError(f"the sweep looked at {looked_at} meetings")
    return {"seconds": seconds, "mails": float(mails)}


def _fill(session: Session, now: datetime, meetings: int, due: int) -> None:
    """Four thousand pairs that meet over a year. Those that are due begin tomorrow: their reminders and briefs."""
    zones = ("Europe/Lisbon", "America/New_York")
    people = [
        {"id": number, "email": f"p{number}@example.org", "name": f"P {number}", "zone": zones[number % 2],
         "locale": "en", "mails": "all", "created_at": now}
        for number in range(1, 2 * PAIRS + 1)
    ]  # fmt: skip
    pairs = [
        {"id": number, "mentee_id": 2 * number - 1, "mentor_id": 2 * number, "created_at": now}
        for number in range(1, PAIRS + 1)
    ]
    rows = [_meeting(number, now, due) for number in range(1, meetings + 1)]
    session.execute(insert(Person), people)
    session.execute(insert(Pair), pairs)
    session.execute(insert(Meeting), rows)
    session.execute(
        insert(Attendance),
        [
            {"meeting_id": row["id"], "person_id": person, "partstat": "NEEDS-ACTION"}
            for row in rows[:due]
            for person in (2 * row["pair_id"] - 1, 2 * row["pair_id"])
        ],
    )


def _meeting(number: int, now: datetime, due: int) -> dict[str, Any]:
    soon = number <= due
    start = now + (timedelta(hours=20, minutes=number % 60) if soon else timedelta(days=2 + number % 363))
    return {
        "id": number,
        "pair_id": number % PAIRS + 1,
        "session": "check-in",
        "starts_at": start,
        "ends_at": start + timedelta(minutes=30),
        "phase": "booked",
        "uid": str(uuid.UUID(int=number)),
        "sequence": 0,
        "fixed_at": now - timedelta(days=30),
        "due_at": now - timedelta(minutes=1) if soon else start - timedelta(hours=24),
        "invite_by": "mail",
        "calendar": "none",
        "created_at": now,
    }
