"""How long `pair import` takes for a large programme: the command as an operator runs it, on an empty database."""

from __future__ import annotations

import csv
import subprocess
import sys
import time
from pathlib import Path

from bench.served import place

PAIRS = 10_000
ZONES = ("Europe/Lisbon", "America/New_York", "Asia/Kolkata", "Pacific/Auckland")


def measure(pairs: int = PAIRS) -> dict[str, float]:
    """Seconds from the command to its end, the database made on the way."""
    with place() as environ:
        file = Path(environ["GREENROOM_DATA_DIR"]) / "pairs.csv"
        _write(file, pairs)
        began = time.perf_counter()
        command = ("-c", "from service.cli import main; main()", "pair", "import", str(file))
        subprocess.run([sys.executable, *command], env=environ, stdout=subprocess.DEVNULL, check=True)
        return {"seconds": time.perf_counter() - began}


def _write(file: Path, pairs: int) -> None:
    """Every fifth mentor has five mentees, as in a real programme."""
    with file.open("w", encoding="utf-8", newline="") as handle:
        lines = csv.writer(handle)
        lines.writerow(("mentee_name", "mentee_email", "mentee_zone", "mentor_name", "mentor_email", "mentor_zone"))
        for number in range(pairs):
            mentor = number // 5 if number % 2 else number
            zone, other = ZONES[number % 4], ZONES[mentor % 3]
            lines.writerow(
                (f"Ana {number}", f"ana{number}@example.org", zone, f"Ben {mentor}", f"ben{mentor}@example.org", other)
            )
