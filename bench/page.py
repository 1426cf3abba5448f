"""How long the scheduling page takes over HTTP: a real gunicorn, a real database, two full calendars, no cache."""

from __future__ import annotations

from dataclasses import replace

from bench.generator import Load
from bench.programme import pair_with
from bench.served import place, put_under, serving, settings_of

BUSY = 500
WARM, SEARCH, SECONDS = 1.0, 2.0, 15.0
CONNECTIONS = (1, 2, 4, 8, 16)
OPEN_CONNECTIONS = 16


def measure(seconds: float = SECONDS) -> dict[str, float]:
    """Milliseconds of one page alone, and at half of the peak rate, from the moment when it was due."""
    with place() as environ:
        asked = pair_with(settings_of(environ), BUSY)
        load = Load(int(environ["PORT"]), asked.page, SEARCH, 1)
        with serving(environ):
            put_under(replace(load, seconds=WARM, connections=max(CONNECTIONS)))
            alone = put_under(load)
            peak = peak_of(load)
            half = put_under(at_half(load, peak, seconds))
    return {"alone": alone["p50"], "peak": peak, "rate": half["rate"], "p50": half["p50"], "p99": half["p99"]}


def peak_of(load: Load) -> float:
    """Pages a second when more people at once make no more pages."""
    return max(put_under(replace(load, connections=count))["rate"] for count in CONNECTIONS)


def at_half(load: Load, peak: float, seconds: float) -> Load:
    return replace(load, seconds=seconds, rate=peak / 2, connections=OPEN_CONNECTIONS)
