"""`greenroom bench [FILE]`: measures, prints a table, writes JSON. No answer is cached between two measurements."""

from __future__ import annotations

import json
import platform
import sys
from importlib import import_module
from pathlib import Path

PARTS = ("slots", "stack", "page")
RESULTS = Path("bench/results.json") if Path("bench").is_dir() else Path("greenroom-bench.json")

# What the machine may take at most, in the units of the figures: milliseconds, seconds, megabytes of PSS.
LIMITS: dict[str, float] = {
    "slots.stored": 0.1,
    "slots.raw": 0.3,
    "slots.scored": 0.8,
    "page.p50": 8.0,
    "stack.ready": 4.0,
    "stack.pss": 250.0,
}


def measure(parts: tuple[str, ...] = PARTS) -> dict[str, float]:
    """Every figure by name, in the order of the parts."""
    figures: dict[str, float] = {}
    for part in parts:
        print(f"measuring {part} ...", file=sys.stderr, flush=True)
        measured = import_module(f"bench.{part}").measure()
        figures.update({f"{part}.{name}": value for name, value in measured.items()})
    return figures


def table(figures: dict[str, float]) -> str:
    lines = [f"{'figure':<24}{'measured':>12}{'at most':>12}"]
    for name, value in figures.items():
        limit = LIMITS.get(name)
        verdict = "" if limit is None else ("  ok" if value <= limit else "  MISSED")
        lines.append(f"{name:<24}{value:>12.3f}{'' if limit is None else f'{limit:g}':>12}{verdict}")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """0 when every figure is within its limit, else 1."""
    given = sys.argv[1:] if arguments is None else arguments
    figures = measure()
    print(table(figures))
    target = Path(given[0]) if given else RESULTS
    machine = {"python": platform.python_version(), "machine": platform.machine(), "system": platform.system()}
    target.write_text(json.dumps({"figures": figures, "limits": LIMITS, "on": machine}, indent=1) + "\n")
    return 1 if any(figures[name] > limit for name, limit in LIMITS.items() if name in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
