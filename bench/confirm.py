"""How long a booking takes that reads both calendars live, one of them at a provider that is slow, or hangs; and how
long the times take to be listed, which asks no provider at all."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any

from bench.programme import api_token, connect
from bench.provider import HANGS, calls_of, provider, roots
from bench.served import place, serving, settings_of
from service import wiring
from service.operations import people
from service.settings import Settings
from service.store.migrate import migrate

PAIRS, EACH, AT_ONCE = 20, 2, 5
QUICK, SLOW = 50, 2000  # milliseconds of an answer
LISTINGS = 200


class Caller:
    """A mentee who asks the API."""

    def __init__(self, port: int, pair_id: int, token: str) -> None:
        self._port, self._path = port, f"/api/v1/pairs/{pair_id}"
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def listed(self) -> tuple[float, Any]:
        return self._timed("GET", "/slots?session=check-in", None, 200)

    def booked(self, start: str) -> float:
        return self._timed("POST", "/meetings", {"session": "check-in", "start": start}, 201)[0]

    def refused(self, start: str) -> float:
        return self._timed("POST", "/meetings", {"session": "check-in", "start": start}, 503)[0]

    def _timed(self, method: str, path: str, body: dict[str, str] | None, status: int) -> tuple[float, Any]:
        """Milliseconds, and the answer. Raises RuntimeError for another status."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=30)
        began = time.perf_counter()
        connection.request(method, self._path + path, json.dumps(body), self._headers)
        answer = connection.getresponse()
        found = json.loads(answer.read())
        lasted = (time.perf_counter() - began) * 1000
        connection.close()
        if answer.status != status:
            raise RuntimeError(f"{method} {path} was answered {answer.status}: {found}")
        return lasted, found


def measure(pairs: int = PAIRS, listings: int = LISTINGS) -> dict[str, float]:
    """Milliseconds. Each pair books more than once: a meeting of theirs makes a calendar be read whole again."""
    with provider() as port, place() as environ:
        web, slow, hanging = int(environ["PORT"]), roots(port, SLOW), roots(port, HANGS)
        settings = settings_of(environ | slow)
        callers = [Caller(web, *asked) for asked in _pairs(settings, port, pairs)]
        with serving(environ | slow), ThreadPoolExecutor(AT_ONCE) as pool:
            callers[0].listed()
            before = calls_of(port)
            listed = [callers[number % pairs].listed()[0] for number in range(listings)]
            calls = calls_of(port) - before
            booked = [each for times in pool.map(_books, callers) for each in times]
        with serving(environ | hanging), ThreadPoolExecutor(AT_ONCE) as pool:
            refused = list(pool.map(lambda each: each.refused(_free(each)), callers[:AT_ONCE]))
    return {
        "listing_p95": _p95(listed),
        "listing_calls": float(calls),
        "p50": sorted(booked)[len(booked) // 2],
        "p95": _p95(booked),
        "refused": max(refused),
    }


def _pairs(settings: Settings, port: int, pairs: int) -> list[tuple[int, str]]:
    """Mentees with Google, mentors with a feed; of each pair its id and the mentee's token."""
    services = wiring.build(settings)
    migrate(services.database.engine)
    now, found = services.clock(), []
    for number in range(pairs):
        with services.database.write() as session:
            ana = people.PersonInput(f"ana{number}@example.org", "Ana Lima", "Europe/Lisbon")
            ben = people.PersonInput(f"ben{number}@example.org", "Ben Okafor", "Europe/Lisbon")
            pair = people.add_pair(session, now, ana, ben)
            connect(session, now, pair.mentee_id, "google", f"google://{number}", [])
            feed = f"http://127.0.0.1:{port}/{QUICK}/{number}.ics"
            connect(session, now, pair.mentor_id, "ics", feed, [])
            found.append((pair.id, api_token(session, now, pair.mentee_id)))
    services.database.close()
    return found


def _books(caller: Caller) -> list[float]:
    return [caller.booked(_free(caller)) for _ in range(EACH)]


def _free(caller: Caller) -> str:
    return str(caller.listed()[1]["slots"][0]["start"])


def _p95(taken: list[float]) -> float:
    return sorted(taken)[int(len(taken) * 0.95)]
