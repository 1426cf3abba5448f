"""How long a person's own page takes over HTTP, with a year of one pair behind it."""

from __future__ import annotations

from dataclasses import replace

from bench.generator import Load
from bench.history import pair_with_a_year
from bench.page import OPEN_CONNECTIONS, SEARCH, WARM, at_half, peak_of
from bench.served import place, put_under, serving, settings_of

SECONDS = 8.0


def measure(seconds: float = SECONDS) -> dict[str, float]:
    """Milliseconds of each one's page alone, and at half of the mentor's peak rate; the mentor's has the mirror."""
    with place() as environ:
        pages = pair_with_a_year(settings_of(environ))
        mentee, mentor = (Load(int(environ["PORT"]), page, SEARCH, 1) for page in (pages.mentee, pages.mentor))
        with serving(environ):
            for load in (mentee, mentor):
                put_under(replace(load, seconds=WARM, connections=OPEN_CONNECTIONS))
            alone = {"mentee": put_under(mentee)["p50"], "mentor": put_under(mentor)["p50"]}
            half = put_under(at_half(mentor, peak_of(mentor), seconds))
    return alone | {"rate": half["rate"], "p50": half["p50"], "p99": half["p99"]}
