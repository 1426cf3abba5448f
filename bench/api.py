"""How many slot answers a second the API gives, beside the smallest answer that Flask gives under the same server."""

from __future__ import annotations

from dataclasses import replace
from statistics import median

from bench.generator import Load
from bench.programme import pair_with
from bench.served import HELLO, cpu_of, place, put_under, serving, settings_of

SECONDS, ROUNDS, CONNECTIONS = 2.0, 5, 8
WARM = 1.0


def measure(seconds: float = SECONDS, rounds: int = ROUNDS) -> dict[str, float]:
    """Requests a second by two workers and the processor time of an answer, medians; shares, each of one round, whose
    loads take turns of a few seconds: a machine that is slow for a while is slow for all of them. `generator`: what it
    could ask for."""
    with place() as environ, place() as other:
        settings = settings_of(environ)
        few, many = pair_with(settings, 500), pair_with(settings, 5000)
        port = int(environ["PORT"])
        loads = {
            name: Load(port, asked.slots, seconds, CONNECTIONS, (("Authorization", f"Bearer {asked.token}"),))
            for name, asked in (("slots", few), ("slots_5000", many))
        }
        loads["hello"] = Load(int(other["PORT"]), "/", seconds, CONNECTIONS)
        with serving(environ) as ours, serving(other, HELLO) as theirs:
            servers = {"slots": ours, "slots_5000": ours, "hello": theirs}
            for load in loads.values():
                put_under(replace(load, seconds=WARM))
            found = [{name: _answered(load, servers[name]) for name, load in loads.items()} for _ in range(rounds)]
    return {
        "generator": median(each["hello"]["count"] / each["hello"]["cpu"] for each in found),
        "hello": median(each["hello"]["rate"] for each in found),
        "hello_ms": median(each["hello"]["taken"] for each in found),
        "slots": median(each["slots"]["rate"] for each in found),
        "slots_ms": median(each["slots"]["taken"] for each in found),
        "share": median(each["slots"]["rate"] / each["hello"]["rate"] for each in found),
        "busy_ratio": median(each["slots"]["rate"] / each["slots_5000"]["rate"] for each in found),
    }


def _answered(load: Load, server: int) -> dict[str, float]:
    """The generator's figures, and milliseconds of processor time that the server took for an answer."""
    before = cpu_of(server)
    figures = put_under(load)
    return figures | {"taken": (cpu_of(server) - before) / figures["count"] * 1000}
