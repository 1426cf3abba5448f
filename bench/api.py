"""How many slot answers a second the API gives, beside the smallest answer that Flask gives under the same server."""

from __future__ import annotations

from dataclasses import replace
from statistics import median

from bench.generator import Load
from bench.programme import pair_with
from bench.served import HELLO, place, put_under, serving, settings_of

SECONDS, ROUNDS, CONNECTIONS = 3.0, 3, 8
WARM = 1.0


def measure(seconds: float = SECONDS, rounds: int = ROUNDS) -> dict[str, float]:
    """Requests a second by two workers, each of medians; the shares of the yardstick; what the generator could do."""
    found: dict[str, list[float]] = {"hello": [], "slots": [], "slots_5000": [], "generator": []}
    with place() as environ, place() as other:
        settings = settings_of(environ)
        few, many = pair_with(settings, 500), pair_with(settings, 5000)
        port = int(environ["PORT"])
        loads = {
            name: Load(port, asked.slots, seconds, CONNECTIONS, (("Authorization", f"Bearer {asked.token}"),))
            for name, asked in (("slots", few), ("slots_5000", many))
        }
        loads["hello"] = Load(int(other["PORT"]), "/", seconds, CONNECTIONS)
        with serving(environ), serving(other, HELLO):
            for load in loads.values():
                put_under(replace(load, seconds=WARM))
            for _ in range(rounds):  # by turns, so that a machine that is slow for a while is slow for all
                for name, load in loads.items():
                    answered = put_under(load)
                    found[name].append(answered["rate"])
                    if name == "hello":
                        found["generator"].append(answered["count"] / answered["cpu"])
    of = {name: median(rates) for name, rates in found.items()}
    return {
        "hello": of["hello"],
        "generator": of["generator"],
        "slots": of["slots"],
        "share": of["slots"] / of["hello"],
        "busy_ratio": of["slots"] / of["slots_5000"],
    }
