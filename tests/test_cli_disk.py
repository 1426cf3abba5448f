"""A disk that takes nothing more at the moment a command commits: one sentence, and no word of success before it."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from service import wiring
from service.settings import load
from service.store import outbox
from service.store.tables import Goal, OutboxRow
from tests.commands import EVE, HEADER, PAIR
from tests.integrations import servers
from tests.stored import dump

FEED = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nEND:VCALENDAR\r\n"
COMMANDS = [
    ("pair", "add", "--mentee", "Eve <e@example.org>", *PAIR[4:]),
    ("pair", "import", "pairs.csv"),
    ("pair", "edit", 1, "--place", "Room 6"),
    ("pair", "end", 1),
    ("pair", "welcome", 1, "--yes"),
    ("person", "edit", "ana@example.org", "--name", "Ana Maria Lima"),
    ("person", "hours", "ana@example.org", "--hours", "Mon 10:00-16:00"),
    ("calendar", "add", "ana@example.org", "--provider", "ics", "--url", "http://{host}/ana.ics"),
    ("date", "add", 1, "--at", f"{(datetime.now().astimezone() + timedelta(days=28)).date()}T15:00"),
    ("link", 1),
    ("link", "rotate", "ana@example.org"),
    ("outbox", "retry", 1),
    ("outbox", "retry", "--dead"),
    ("outbox", "resolve", 2, "--sent"),
    ("outbox", "release", "--all"),
    ("outbox", "cancel", 3),
    ("token", "create", "--coordinator"),
    ("export", "ana@example.org"),
    ("erase", "ana@example.org", "--yes"),
]


@contextmanager
def no_file_grows_past(size):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def lived(run):
    """A pair, and a mail in each state that a command decides about. SQLite's log stands as long as this is open."""
    run(*PAIR)
    services = wiring.build(load())
    now = services.clock()
    with services.database.write() as session:
        for state, held_at in (("dead", None), ("uncertain", None), ("pending", now)):
            outbox.add(session, now, "links", 1, dedup=state, due_at=now)
            row = session.query(OutboxRow).filter_by(dedup_key=state).one()
            row.state, row.held_at = state, held_at
    yield services
    services.database.close()


def test_what_could_not_be_committed_is_not_told_as_done(run, lived, tmp_path, monkeypatch):
    """SQLite writes to the end of its log, and at COMMIT: whatever a command prints before that would be seen here."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pairs.csv").write_text(HEADER + EVE)
    before = dump(lived.database.engine)
    log = tmp_path / "data" / "greenroom.db-wal"
    with servers.answering({"/ana.ics": servers.body(FEED)}) as host, no_file_grows_past(log.stat().st_size):
        monkeypatch.setenv("GREENROOM_OUTBOUND_ALLOW", host)
        for command in COMMANDS:
            told = run(*(str(each).format(host=host) for each in command), "--json", exit_code=1)
            assert told.stdout == "", command
            assert told.stderr.startswith("The database does not answer."), command
            assert told.stderr.count("\n") == 1, command
    assert dump(lived.database.engine) == before


def test_an_export_that_finds_no_room_leaves_nothing_half(run, lived, tmp_path, monkeypatch):
    """And the one that stood there before stays."""
    monkeypatch.chdir(tmp_path)
    with lived.database.write() as session:
        text = "".join(str(uuid4()) for _ in range(8_000))
        session.add(Goal(pair_id=1, text=text, state="draft", created_at=lived.clock()))
    run("export", "ana@example.org", "ana.zip")
    whole = (tmp_path / "ana.zip").read_bytes()
    lived.database.engine.dispose()  # the log begins anew
    with no_file_grows_past(len(whole) - 1):
        told = run("export", "ana@example.org", "ana.zip", exit_code=1)
        run("export", "ana@example.org", "another.zip", exit_code=1)
    assert (told.stdout, told.stderr.count("\n")) == ("", 1)
    assert (tmp_path / "ana.zip").read_bytes() == whole
    assert [each.name for each in tmp_path.iterdir() if each.is_file()] == ["ana.zip"]


FULL = """
mount -t tmpfs -o size=2m,mode=700 full "$GREENROOM_DATA_DIR" || exit 77
"$1" pair list && cat /dev/zero > "$GREENROOM_DATA_DIR/fill"
"$1" pair list
"""


def test_the_first_to_open_a_database_on_a_full_disk_is_told_so(tmp_path):
    """A real one, of two megabytes. Nobody else has the database open, so SQLite cannot even make its log's index."""
    program = Path(sys.executable).parent / "greenroom"
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", FULL, "sh", program],
        env={"PATH": os.environ["PATH"], "GREENROOM_DATA_DIR": str(tmp_path)},
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    if done.returncode == 77 or done.stderr.startswith("unshare:"):
        pytest.skip("no file systems of one's own here")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("The disk is full.")
