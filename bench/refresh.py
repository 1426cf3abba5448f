"""How long 200 connections take to be read, half of them Google's, half Microsoft's, each answer after 50 ms."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from bench.programme import connect
from bench.provider import calls_of, provider, roots
from bench.served import place, settings_of
from service import provider_wiring, wiring
from service.settings import load
from service.store.migrate import migrate
from service.store.tables import Connection, Person
from service.wiring import Services
from workers.busy import read_due

CONNECTIONS, MILLISECONDS = 200, 50
LONG = timedelta(minutes=2)  # until all are done
CHILD = ("-m", "bench.refresh")


def measure(connections: int = CONNECTIONS) -> dict[str, float]:
    """Seconds and calls of one worker that reads them all for the first time, and again when nothing has changed;
    megabytes that it took at most. The worker is a process of its own: its memory is not ours. Linux only."""
    with provider() as port, place(**roots(port, MILLISECONDS)) as environ:
        services = wiring.build(settings_of(environ))
        migrate(services.database.engine)
        with services.database.write() as session:
            _fill(session, services.clock(), connections)
        services.database.close()
        done = subprocess.run([sys.executable, *CHILD, str(port)], env=environ, stdout=subprocess.PIPE, check=True)
        found: dict[str, float] = json.loads(done.stdout)
        return found


def _fill(session: Session, now: datetime, connections: int) -> None:
    people = [
        {"id": number, "email": f"p{number}@example.org", "name": f"P {number}", "zone": "Europe/Lisbon",
         "locale": "en", "mails": "all", "created_at": now}
        for number in range(1, connections + 1)
    ]  # fmt: skip
    session.execute(insert(Person), people)
    for number in range(1, connections + 1):
        name = ("google", "microsoft")[number % 2]
        connect(session, now, number, name, f"{name}://{number}", [])


def _read(port: int) -> dict[str, float]:
    services = wiring.build(load())
    provider_wiring.warm(services.settings)  # as a worker does before it forks
    first, first_calls = _round(services, port)
    with services.database.write() as session:
        session.execute(update(Connection).values(due_at=services.clock()))
    again, again_calls = _round(services, port)
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    services.database.close()
    figures = {"seconds": first, "calls": first_calls, "again": again, "again_calls": again_calls}
    return figures | {"peak": int(peak.split()[1]) / 1024}


def _round(services: Services, port: int) -> tuple[float, float]:
    """Raises RuntimeError when any could not be read."""
    before, began = calls_of(port), time.perf_counter()
    read_due(services, LONG)
    lasted = time.perf_counter() - began
    with services.database.read() as session:
        faults = set(session.scalars(select(Connection.fault)))
        due = session.scalars(select(Connection.id).where(Connection.due_at <= services.clock())).all()
    if due or faults != {None}:
        raise RuntimeError(f"not all could be read: {faults}")
    return lasted, float(calls_of(port) - before)


if __name__ == "__main__":
    print(json.dumps(_read(int(sys.argv[1]))))
