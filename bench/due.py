"""How long the sweep takes, and what memory it holds, when something is due of each of ten thousand pairs at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from bench.served import own_pss, place, settings_of
from service import wiring
from service.operations import timers
from service.operations.sweeps import AT_ONCE
from service.store.migrate import migrate
from service.store.pair_text import new_key
from service.store.tables import Attendance, Goal, Meeting, OutboxRow, Pair, PairKey, Person

PAIRS = 10_000
WARM = 500  # rows after which the memory is what it stays
DUE = ("reminder", "next", "goal")  # of each third of the pairs: a meeting tomorrow, the next time, a goal's review


def measure(pairs: int = PAIRS, **more: str) -> dict[str, float]:
    """Seconds of one sweep, by the clock and of the processor, the mails that it wrote, and by how much its memory grew
    at most since its first rows: of a process that does nothing else. `more`: settings of another database."""
    with place(**more) as environ:
        services = wiring.build(settings_of(environ))
        migrate(services.database.engine)
        with services.database.write() as session:
            _fill(session, services.clock(), pairs)
        done = subprocess.run([sys.executable, "-m", "bench.due"], env=environ, stdout=subprocess.PIPE, check=True)
        with services.database.read() as session:
            mails = session.scalar(select(func.count()).select_from(OutboxRow)) or 0
        services.database.close()
    found: dict[str, float] = json.loads(done.stdout)
    if found.pop("looked_at") != pairs:
        raise RuntimeError(f"the sweep did not look at each of {pairs}")
    return found | {"mails": float(mails)}


def main() -> None:
    """Sweeps as the clock does, which goes on while it finds something, and prints the figures as JSON."""
    services = wiring.build(settings_of(dict(os.environ)))
    looked_at, held, began, used = 0, [0.0], time.perf_counter(), time.process_time()
    for run_due in timers.SWEEPS:
        count = AT_ONCE
        while count >= AT_ONCE:
            with services.database.write() as session:
                count = run_due(session, services.clock())
            looked_at += count
            if looked_at >= WARM:
                held.append(own_pss(os.getpid()))
    lasted, used = time.perf_counter() - began, time.process_time() - used
    told = {"seconds": lasted, "processor": used, "growth": max(held) / held[1], "looked_at": looked_at}
    print(json.dumps(told))


def _fill(session: Session, now: datetime, pairs: int) -> None:
    """Each pair met five weeks ago; what is due of it is one of DUE, in turns."""
    zones, numbers = ("Europe/Lisbon", "America/New_York"), range(1, pairs + 1)
    said = {"locale": "en", "mails": "all", "created_at": now - timedelta(days=90), "welcomed_at": now}
    people = [
        {"id": number, "email": f"p{number}@example.org", "name": f"P {number}", "zone": zones[number % 2], **said}
        for number in range(1, 2 * pairs + 1)
    ]
    rows = [_pair(number, now, number % 3) for number in numbers]
    meetings = [_meeting(number, now, now - timedelta(days=35)) for number in numbers]
    ahead = [
        _meeting(pairs + number, now, now + timedelta(hours=20), due=number % 3 == 0, pair_id=number)
        for number in numbers if number % 3 != 1
    ]  # fmt: skip
    keys = [{"pair_id": number, "key": new_key()} for number in numbers]  # as a row by the ORM makes it
    for table, wanted in ((Person, people), (Pair, rows), (PairKey, keys), (Meeting, meetings + ahead)):
        session.execute(insert(table), wanted)
    session.execute(insert(Attendance), [each for row in ahead for each in _attending(row)])
    for number in numbers:
        if number % 3 == 2:
            day = now.date()
            session.add(
                Goal(pair_id=number, text="Speak up", state="open", review_on=day, look_again_on=day, created_at=now)
            )


def _pair(number: int, now: datetime, third: int) -> dict[str, Any]:
    due_at = now - timedelta(minutes=1) if DUE[third] == "next" else None
    return {
        "id": number, "mentee_id": 2 * number - 1, "mentor_id": 2 * number, "due_at": due_at,
        "created_at": now - timedelta(days=90),
    }  # fmt: skip


def _meeting(
    number: int, now: datetime, start: datetime, *, due: bool = False, pair_id: int | None = None
) -> dict[str, Any]:
    over = start < now
    return {
        "id": number, "pair_id": pair_id or number, "session": "check-in", "starts_at": start,
        "ends_at": start + timedelta(minutes=30), "phase": "closed" if over else "booked",
        "uid": str(uuid.UUID(int=number)), "sequence": 0, "fixed_at": now - timedelta(days=60),
        "happened": True if over else None, "due_at": now - timedelta(minutes=1) if due else None,
        "invite_by": "mail", "calendar": "none", "created_at": now - timedelta(days=60),
    }  # fmt: skip


def _attending(row: dict[str, Any]) -> list[dict[str, Any]]:
    pair = row["pair_id"]
    return [
        {"meeting_id": row["id"], "person_id": each, "partstat": "NEEDS-ACTION"} for each in (2 * pair - 1, 2 * pair)
    ]


if __name__ == "__main__":
    main()
