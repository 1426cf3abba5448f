"""What twenty minutes at half of the peak rate leave behind in the web server: memory and open handles."""

from __future__ import annotations

import time
from pathlib import Path

from bench.generator import Load
from bench.page import BUSY, CONNECTIONS, SEARCH, at_half, peak_of
from bench.programme import pair_with
from bench.served import children_of, own_pss, place, put_under, serving, settings_of

WARM = 60.0  # seconds after which a server has touched what it will go on using
SETTLE = 3.0  # seconds after the last answer: its connection is closed after two


def measure(minutes: float) -> dict[str, float]:
    """Megabytes of PSS and handles of each process after the first minute and at the end, how much both grew in all,
    and what the page took."""
    with place() as environ:
        asked = pair_with(settings_of(environ), BUSY)
        load = Load(int(environ["PORT"]), asked.page, SEARCH, max(CONNECTIONS))
        with serving(environ) as parent:
            put_under(load)
            peak = peak_of(load)
            put_under(at_half(load, peak, WARM))
            processes = {"parent": parent}
            processes |= {f"worker{number}": pid for number, pid in enumerate(sorted(children_of(parent)), 1)}
            first = _look(processes)
            taken = put_under(at_half(load, peak, 60 * minutes - WARM))
            last = _look(processes)
    figures = {name: taken[name] for name in ("rate", "p50", "p99")}
    for name in processes:
        for at, held in (("first", first[name]), ("last", last[name])):
            figures[f"{name}.pss_{at}"], figures[f"{name}.handles_{at}"] = held
    figures["growth"] = sum(pss for pss, _ in last.values()) / sum(pss for pss, _ in first.values())
    figures["handles"] = sum(handles for _, handles in last.values()) - sum(handles for _, handles in first.values())
    return figures


def _look(processes: dict[str, int]) -> dict[str, tuple[float, float]]:
    time.sleep(SETTLE)
    handles = {name: float(len(list(Path(f"/proc/{pid}/fd").iterdir()))) for name, pid in processes.items()}
    return {name: (own_pss(pid), handles[name]) for name, pid in processes.items()}
