"""How long the scheduling page takes over HTTP: a real gunicorn, a real database, two full calendars, no cache."""

from __future__ import annotations

import http.client
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from service import links, wiring
from service.domain.interval import floor_epoch, merge, pack
from service.operations import arcs, people
from service.settings import load
from service.store.migrate import migrate
from service.store.tables import Calendar, Connection
from service.store.types import fingerprint

BUSY = 500
DAYS = 60
ROUNDS = 200
START_SECONDS = 20.0


def measure(rounds: int = ROUNDS) -> dict[str, float]:
    """Milliseconds of one page on a connection that stays open: median and 95th of a hundred."""
    with tempfile.TemporaryDirectory(prefix="greenroom-bench-") as folder:
        port = _free_port()
        environ = {**os.environ, "GREENROOM_DATA_DIR": folder, "PORT": str(port), "GREENROOM_POLL_SECONDS": "100000"}
        path = urlsplit(_programme(environ)).path
        command = [str(Path(sys.executable).parent / "greenroom"), "web"]
        with subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL) as web:
            try:
                _wait_for(port)
                taken = _ask(port, path, rounds)
            finally:
                web.terminate()
    return {"p50": statistics.median(taken), "p95": statistics.quantiles(taken, n=20)[18]}


def _programme(environ: dict[str, str]) -> str:
    """One pair with a talk in three weeks and 500 busy times each; the address of the page."""
    settings = load(environ)
    services = wiring.build(settings)
    migrate(services.database.engine)
    now = services.clock()
    with services.database.write() as session:
        ana = people.PersonInput("ana@example.org", "Ana Lima", "Europe/Lisbon")
        ben = people.PersonInput("ben@example.org", "Ben Okafor", "America/New_York")
        pair = people.add_pair(session, now, ana, ben)
        at = (now + timedelta(days=21)).replace(tzinfo=None, hour=15, minute=0, second=0, microsecond=0)
        talk = arcs.add_date(
            session, now, pair, arcs.DateInput("presentation", at, "Europe/Lisbon", None, 15, None, None)
        )
        for person in (pair.mentee, pair.mentor):
            _fill_calendar(session, now, person.id)
        link = people.scheduling_link(session, now, pair, "practice", talk.id)
        address = links.url_of(settings.base_url, link)
    services.database.close()
    return address


def _fill_calendar(session: Session, now: datetime, person_id: int) -> None:
    """As a worker would have stored it: read a moment ago, 500 events of five minutes to an hour, merged."""
    dice = random.Random(person_id)
    start = floor_epoch(now) // 300 * 300
    begins = [start + 300 * dice.randrange(DAYS * 288) for _ in range(BUSY)]
    busy = merge((begin, begin + 300 * dice.randint(1, 12)) for begin in begins)
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


def _ask(port: int, path: str, rounds: int) -> list[float]:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    taken: list[float] = []
    for number in range(rounds + 20):
        began = time.perf_counter()
        client.request("GET", path)
        answer = client.getresponse()
        body = answer.read()
        if answer.status != 200 or not body:
            raise RuntimeError(f"the page answered {answer.status}")
        if number >= 20:  # the first ones load templates
            taken.append((time.perf_counter() - began) * 1000)
    client.close()
    return taken


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the web server did not start")
