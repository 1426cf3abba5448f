"""How long everything takes from start to ready, and how much memory all its processes share between them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from bench.served import free_port, pss_of
from service.settings import load
from service.supervisor import is_ready

START_SECONDS = 60.0
SETTLE_SECONDS = 2.0  # the first rounds of clock and workers touch what they will go on using


def measure() -> dict[str, float]:
    """Seconds from the command to the first 200 of /health/ready, and megabytes of PSS of the whole stack then.

    PSS shares each page among the processes that use it, so that the sum is what the stack really takes. Linux only.
    """
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        environ = {name: value for name, value in os.environ.items() if not name.startswith("GREENROOM_")}
        environ |= {"GREENROOM_DATA_DIR": folder, "PORT": str(port)}
        settings = replace(load(environ), port=port)
        with (Path(folder) / "said").open("wb") as said:
            began = time.perf_counter()
            process = subprocess.Popen(
                [sys.executable, "-c", "from service.cli import main; main()", "up"],
                env=environ,
                stdout=said,
                stderr=said,
            )
            try:
                while not is_ready(settings):
                    if process.poll() is not None or time.perf_counter() - began > START_SECONDS:
                        raise RuntimeError((Path(folder) / "said").read_text())
                    time.sleep(0.02)
                ready = time.perf_counter() - began
                time.sleep(SETTLE_SECONDS)
                return {"ready": ready, "pss": pss_of(process.pid)}
            finally:
                process.send_signal(signal.SIGINT)
                process.wait(30)
