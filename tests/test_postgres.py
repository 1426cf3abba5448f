"""The tests' own PostgreSQL does not outlive them, however they end."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from tests.machines import until

OWNER = """
import time
from tests.postgres import Postgres

server = Postgres()
print(server.pid, server.folder, flush=True)
time.sleep(60)
"""


def runs(pid):
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def test_it_ends_with_whoever_started_it_even_when_that_is_killed():
    owner = subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True, start_new_session=True)
    pid, folder = owner.stdout.readline().split()
    assert runs(int(pid))
    owner.send_signal(signal.SIGKILL)
    owner.communicate()
    until(lambda: not runs(int(pid)) and not Path(folder).exists(), lambda: f"{pid} still runs in {folder}", seconds=15)
