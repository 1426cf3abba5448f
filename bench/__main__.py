"""`greenroom bench`: measures, prints a table, writes JSON. No answer is cached between two measurements."""

from __future__ import annotations

import argparse
import json
import platform
import signal
import sys
from importlib import import_module
from pathlib import Path
from types import FrameType

from bench import soak

STOPS = (signal.SIGTERM, signal.SIGINT)
PARTS: tuple[str, ...] = (
    "slots",
    "stack",
    "api",
    "page",
    "pair",
    "mail",
    "answers",
    "sweep",
    "due",
    "importing",
    "refresh",
    "confirm",
)

# What the machine may take at most, in the units of the figures: milliseconds, seconds, megabytes of PSS, ratios.
LIMITS: dict[str, float] = {
    "slots.stored": 0.1,
    "slots.raw": 0.3,
    "slots.scored": 0.8,
    "slots.stored_ratio": 1.3,
    "api.busy_ratio": 1.3,
    "page.p50": 8.0,
    "page.p99": 50.0,
    "pair.p50": 15.0,
    "sweep.seconds": 1.0,
    "due.seconds": 10.0,
    "due.growth": 1.1,  # of the memory after its first rows
    "importing.seconds": 60.0,
    "refresh.seconds": 15.0,
    "refresh.calls": 400.0,  # of Google a listing and two parts of the window, of Microsoft one
    "refresh.again_calls": 200.0,
    "refresh.peak": 150.0,
    "confirm.p95": 2500.0,
    "confirm.refused": 4500.0,
    "confirm.listing_p95": 150.0,
    "confirm.listing_calls": 0.0,
    "stack.ready": 4.0,
    "stack.pss": 250.0,
    "soak.growth": 1.05,  # of the memory of the first minute
    "soak.handles": 0.0,
}
# What it must reach: shares of the yardstick that is measured in the same run; mails a second of one worker.
LEAST: dict[str, float] = {
    "api.share": 0.2,
    "mail.per_worker": 250.0,
    "mail.of_smtplib": 0.5,
    "answers.a_second": 50.0,
    "answers.imap_a_second": 50.0,
}


def measure(parts: tuple[str, ...] = PARTS) -> dict[str, float]:
    """Every figure by name, in the order of the parts."""
    figures: dict[str, float] = {}
    for part in parts:
        print(f"measuring {part} ...", file=sys.stderr, flush=True)
        measured = import_module(f"bench.{part}").measure()
        figures.update({f"{part}.{name}": value for name, value in measured.items()})
    return figures


def soaked(minutes: float) -> dict[str, float]:
    return {f"soak.{name}": value for name, value in soak.measure(minutes).items()}


def kept(name: str, value: float) -> bool:
    """Whether a figure is within its limit; one without a limit is."""
    return LEAST.get(name, value) <= value <= LIMITS.get(name, value)


def table(figures: dict[str, float]) -> str:
    lines = [f"{'figure':<24}{'measured':>12}{'limit':>14}"]
    for name, value in figures.items():
        limit = f"<= {LIMITS[name]:g}" if name in LIMITS else f">= {LEAST[name]:g}" if name in LEAST else ""
        verdict = "" if not limit else "  ok" if kept(name, value) else "  MISSED"
        lines.append(f"{name:<24}{value:>12.3f}{limit:>14}{verdict}")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """0 when every figure is within its limit, else 1."""
    parser = argparse.ArgumentParser("greenroom bench", description="Measures what the project promises.")
    parser.add_argument("file", nargs="?", type=Path, help="where the figures go, as JSON")
    parser.add_argument("--only", metavar="PART", choices=PARTS, help=", ".join(PARTS))
    parser.add_argument("--soak", metavar="MINUTES", type=float, help="two or more: only the page, for as long")
    given = parser.parse_args(arguments)
    for number in STOPS:
        signal.signal(number, _stop)
    figures = soaked(given.soak) if given.soak else measure((given.only,) if given.only else PARTS)
    print(table(figures))
    machine = {"python": platform.python_version(), "machine": platform.machine(), "system": platform.system()}
    told = {"figures": figures, "at_most": LIMITS, "at_least": LEAST, "on": machine}
    (given.file or _usual_file()).write_text(json.dumps(told, indent=1) + "\n")
    return 0 if all(kept(name, value) for name, value in figures.items()) else 1


def _stop(number: int, _frame: FrameType | None) -> None:
    """Ends by an exception, so that every server that was started is ended on the way out; once, as that takes time."""
    for each in STOPS:
        signal.signal(each, signal.SIG_IGN)
    raise SystemExit(128 + number)


def _usual_file() -> Path:
    """Asked when it is needed: the command may stand in a folder that its user cannot look into."""
    return Path("bench/results.json") if Path("bench").is_dir() else Path("greenroom-bench.json")


if __name__ == "__main__":
    sys.exit(main())
