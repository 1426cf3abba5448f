"""A backup through the command line and back: whole or not at all, readable by its passphrase only."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tarfile
from contextlib import closing
from datetime import timedelta
from email.utils import parseaddr
from mailbox import Maildir
from pathlib import Path

import pytest

from service import wiring
from service.settings import load
from service.store import outbox
from service.store.tables import Meeting, Pair, Person
from service.store.types import Keyring
from tests.commands import PAIR, cheap_backups
from tests.test_supervisor import running, until
from workers import clock

PASSPHRASE = "correct horse battery staple"
AT_A_TERMINAL = """
import fcntl, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from service.cli import main
main()
"""


@pytest.fixture(autouse=True)
def passphrase(monkeypatch):
    monkeypatch.setenv("GREENROOM_BACKUP_PASSPHRASE", PASSPHRASE)
    with cheap_backups():
        yield


@pytest.fixture
def move(tmp_path, monkeypatch):
    """Another data folder for the commands that follow."""

    def go(name: str) -> Path:
        monkeypatch.setenv("GREENROOM_DATA_DIR", str(tmp_path / name))
        return tmp_path / name

    return go


def rows_of(folder: Path) -> dict[str, list[tuple]]:
    with closing(sqlite3.connect(folder / "greenroom.db")) as database:
        names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: sorted(database.execute(f"SELECT * FROM {name}"), key=repr) for name in names}


def test_a_backup_comes_back_with_keys_and_settings_and_sends_nothing_old(run, tmp_path, move):
    run(*PAIR, "--place", "Room 5")
    run("date", "add", 1, "--at", "2027-03-04T15:00", "--label", "My defence")
    run("pair", "welcome", "--all", "--json")
    (tmp_path / "data" / "settings.env").write_text("GREENROOM_PROGRAMME=Physics\nGREENROOM_DATABASE_URL=\n")
    file = tmp_path / "backup"
    run("backup", file)
    assert file.stat().st_mode & 0o077 == 0
    assert b"ana@example.org" not in file.read_bytes()
    assert "holds tables already" in run("restore", file, exit_code=1).stderr

    other = move("other")
    other.mkdir()
    with closing(sqlite3.connect(other / "greenroom.db")) as killed:  # what a restore leaves that is killed half-way
        killed.execute("PRAGMA journal_mode = WAL")
    assert run("restore", file, "--json") == {"held": 2, "missing_keys": [], "erased": 0}
    before, after = rows_of(tmp_path / "data"), rows_of(other)
    moved_on = {"outbox", "pairs"}  # what was due is held, and a pair is looked at again later
    assert {name: after[name] for name in after if name not in moved_on} == {
        name: before[name] for name in before if name not in moved_on
    }
    assert run("pair", "show", 1, "--json")["place"] == "Room 5"
    assert (other / "settings.env").read_text() == "GREENROOM_PROGRAMME=Physics\n"
    assert (other / "secret_keys").stat().st_mode & 0o077 == 0
    assert run("outbox", "drain", "--json") == {"taken": 0, "states": {"pending": 2}}
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_what_cannot_be_restored_is_said_and_changes_nothing(run, tmp_path, move, monkeypatch):
    run(*PAIR, "--place", "Room 5")
    file = tmp_path / "backup"
    run("backup", file)
    whole = file.read_bytes()
    turned = bytearray(whole)
    turned[-20] ^= 0xFF
    other = move("other")
    for damaged, words in (
        (b"nonsense", "not a backup"),
        (b"", "not a backup"),
        (b"\x1f\x8bnonsense", "not a backup"),
        (whole[:-1], "cut or changed"),
        (whole[:50], "cut or changed"),
        (bytes(turned), "cut or changed"),
        (whole.replace(b"backup 1", b"backup 2", 1), "newer version"),
    ):
        file.write_bytes(damaged)
        assert words in run("restore", file, exit_code=1).stderr
    file.write_bytes(whole)
    monkeypatch.setenv("GREENROOM_BACKUP_PASSPHRASE", "correct horse battery stable")
    assert "passphrase does not open" in run("restore", file, exit_code=1).stderr
    monkeypatch.setenv("GREENROOM_BACKUP_PASSPHRASE", PASSPHRASE)
    monkeypatch.setenv("GREENROOM_SECRET_KEYS", "k" * 48)
    assert "which is not among GREENROOM_SECRET_KEYS" in run("restore", file, exit_code=1).stderr
    monkeypatch.delenv("GREENROOM_SECRET_KEYS")
    assert {path.name for path in other.iterdir()} <= {"greenroom.db.migrate"}
    keys = run("restore", file, "--show-keys", "--json")["keys"]
    assert keys == [(tmp_path / "data" / "secret_keys").read_text()]
    monkeypatch.setenv("GREENROOM_SECRET_KEYS", ",".join(["k" * 48, *keys]))
    run("restore", file)
    assert run("pair", "show", 1, "--json")["place"] == "Room 5"
    assert not (other / "secret_keys").exists(), "what the settings give lies in no second place"


def test_a_key_that_nobody_has_any_more_hinders_no_restore(run, tmp_path, move, monkeypatch):
    run(*PAIR, "--place", "Room 5")
    lost = Keyring.key_id((tmp_path / "data" / "secret_keys").read_text())
    monkeypatch.setenv("GREENROOM_SECRET_KEYS", "n" * 48)
    run("backup", tmp_path / "backup")
    monkeypatch.delenv("GREENROOM_SECRET_KEYS")
    move("other")
    assert f"neither the backup nor GREENROOM_SECRET_KEYS has: {lost}" in run("restore", tmp_path / "backup").stdout
    assert run("person", "hours", "ana@example.org", "--json")["assumed"] is True
    assert lost in run("pair", "show", 1, exit_code=1).stderr


def test_no_backup_without_a_passphrase(run, tmp_path, move, monkeypatch):
    run(*PAIR)
    monkeypatch.setenv("GREENROOM_BACKUP_PASSPHRASE", "too short")
    assert "12 characters" in run("backup", tmp_path / "backup", exit_code=1).stderr
    monkeypatch.delenv("GREENROOM_BACKUP_PASSPHRASE")
    assert "GREENROOM_BACKUP_PASSPHRASE" in run("backup", tmp_path / "backup", exit_code=1).stderr
    file = tmp_path / "words"
    file.write_bytes(b"\xff\xfe not text at all")
    assert "is not text" in run("backup", tmp_path / "backup", "--passphrase-file", file, exit_code=1).stderr
    file.write_text(f"{PASSPHRASE}\n")
    run("backup", tmp_path / "backup", "--passphrase-file", file)
    monkeypatch.setenv("GREENROOM_BACKUP_PASSPHRASE_FILE", str(file))
    move("other")
    run("restore", tmp_path / "backup")
    move("nowhere")
    assert "no database in" in run("backup", tmp_path / "backup", exit_code=1).stderr
    assert not (tmp_path / "nowhere").exists()


def test_a_backup_that_fails_leaves_the_one_before(run, tmp_path, monkeypatch):
    run(*PAIR)
    file = tmp_path / "backup"
    file.write_bytes(b"the one before")
    (tmp_path / "data" / "greenroom.db").write_bytes(b"not a database at all" * 100)
    for left in ("-wal", "-shm"):
        (tmp_path / "data" / f"greenroom.db{left}").unlink(missing_ok=True)
    assert "damaged" in run("backup", file, exit_code=1).stderr
    assert file.read_bytes() == b"the one before"
    assert not list(tmp_path.glob(".backup*"))


def test_the_tar_of_the_first_version_is_still_read(run, tmp_path, move, monkeypatch):
    run(*PAIR, "--place", "Room 5")
    file, data = tmp_path / "backup.tar.gz", tmp_path / "data"
    with closing(sqlite3.connect(data / "greenroom.db")) as source, closing(sqlite3.connect(tmp_path / "copy")) as into:
        source.backup(into)
    with tarfile.open(file, "w:gz") as tar:
        tar.add(tmp_path / "copy", arcname="greenroom.db")
        tar.add(data / "secret_keys", arcname="secret_keys")
    monkeypatch.delenv("GREENROOM_BACKUP_PASSPHRASE")
    move("other")
    run("restore", file)
    assert run("pair", "show", 1, "--json")["place"] == "Room 5"
    move("third")
    file.write_bytes(file.read_bytes()[:-500])
    assert "not a backup" in run("restore", file, exit_code=1).stderr
    assert not Path(os.environ["GREENROOM_DATA_DIR"], "greenroom.db").exists()


def test_whoever_grows_takes_the_backup_to_postgresql(run, tmp_path, postgres, monkeypatch):
    run(*PAIR, "--place", "Room 5")
    file = tmp_path / "backup"
    run("backup", file)
    monkeypatch.setenv("GREENROOM_DATABASE_URL", postgres.empty())
    assert "set GREENROOM_SECRET_KEYS" in run("restore", file).stdout
    monkeypatch.setenv("GREENROOM_SECRET_KEYS", run("restore", file, "--show-keys").stdout.strip())
    assert run("pair", "show", 1, "--json")["place"] == "Room 5"
    assert "holds tables already" in run("restore", file, exit_code=1).stderr
    other = tmp_path / "backup of postgresql"
    run("backup", other)
    for name in ("GREENROOM_DATABASE_URL", "GREENROOM_SECRET_KEYS"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("GREENROOM_DATA_DIR", str(tmp_path / "back"))
    run("restore", other)
    assert run("pair", "show", 1, "--json")["place"] == "Room 5"


def test_a_backup_goes_through_a_pipe(run, tmp_path, move):
    run(*PAIR, "--place", "Room 5")
    octets = run("backup", "-").stdout_bytes
    move("other")
    assert run("restore", "-", "--json", stdin=octets) == {"held": 0, "missing_keys": [], "erased": 0}
    assert run("pair", "show", 1, "--json")["place"] == "Room 5"


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")
def test_a_restored_service_runs_says_what_it_holds_and_waits(run, tmp_path, move):
    run(*PAIR)
    run("pair", "welcome", "--all", "--json")
    run("backup", tmp_path / "backup")
    folder = move("data2/data")
    run("restore", tmp_path / "backup")
    with running(folder.parent) as up:
        until(lambda: up.health()[0] == 200, told=up.said.read_text)
        assert up.health()[1]["parts"]["outbox"] == "held"
        assert "a restore holds 2 mails back until you decide" in up.said.read_text()
        run("backup", tmp_path / "another")
        assert sent_to(folder) == []
        run("outbox", "release", "--all", "--json")
        until(lambda: len(sent_to(folder)) == 2)
        until(lambda: up.health()[1]["parts"]["outbox"] == "ready")


def test_a_passphrase_is_asked_for_at_a_terminal(run, tmp_path, monkeypatch):
    run(*PAIR)
    monkeypatch.delenv("GREENROOM_BACKUP_PASSPHRASE")
    ours, theirs = os.openpty()
    asked = subprocess.Popen(
        [sys.executable, "-c", AT_A_TERMINAL, "backup", tmp_path / "backup"],
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    said = b""
    for question in (b"Passphrase of the backup: ", b"Repeat"):
        while question not in said:
            said += os.read(ours, 1000)
        os.write(ours, f"{PASSPHRASE}\n".encode())
    assert asked.wait(30) == 0
    os.close(ours)
    assert PASSPHRASE.encode() not in said
    monkeypatch.setenv("GREENROOM_BACKUP_PASSPHRASE", PASSPHRASE)
    assert len(run("restore", tmp_path / "backup", "--show-keys", "--json")["keys"]) == 1


def test_four_thousand_people_do_not_get_last_nights_mails_again(run, tmp_path, move):
    """500 mails were due, 300 meetings passed since: nothing leaves before a person says so, then each leaves once."""
    run(*PAIR)
    _four_thousand(wiring.build(load()))
    file = tmp_path / "backup"
    run("backup", file)
    folder = move("other")
    assert run("restore", file, "--json") == {"held": 800, "missing_keys": [], "erased": 0}
    said = run("doctor", "--mail-loop").stdout
    assert "holds 800 mails back" in said
    assert "nothing can go out and come back" in said
    services = wiring.build(load())
    for _ in range(2):
        clock.sweep(services)
        assert run("outbox", "drain", "--json")["taken"] == 0
    assert run("outbox", "held", "--json") == {"held": 800, "kinds": {"followup": 300, "welcome": 500}}
    assert sent_to(folder) == []

    assert run("outbox", "release", "--kind", "welcome", "--json") == {"released": 500, "entries": 0}
    assert run("outbox", "cancel", "--all", "--json") == {"cancelled": 300}
    for _ in range(2):
        clock.sweep(services)
        run("outbox", "drain")
    services.database.close()
    assert sorted(sent_to(folder)) == sorted(f"p{number}@example.org" for number in range(500))
    assert run("outbox", "held", "--json") == {"held": 0, "kinds": {}}
    for decision in ("release", "cancel"):
        assert "greenroom outbox drain" in run("outbox", decision, "--all").stdout, "nothing is held, and what then"


def _four_thousand(services):
    """Last night, with 500 welcomes on their way and 300 meetings that were to take place since then."""
    night = services.clock() - timedelta(hours=12)
    with services.database.write() as session:
        people = [
            Person(name=f"P {number}", email=f"p{number}@example.org", zone="UTC", created_at=night)
            for number in range(4000)
        ]
        session.add_all(people)
        session.flush()
        pairs = [Pair(mentee=a, mentor=b, created_at=night) for a, b in zip(people[::2], people[1::2], strict=True)]
        session.add_all(pairs)
        session.flush()
        for pair in pairs[:250]:
            for person in (pair.mentee, pair.mentor):
                outbox.add(session, night, "welcome", person.id, dedup=f"welcome:{person.id}", pair_id=pair.id)
        for pair in pairs[-300:]:
            start, end = night + timedelta(hours=1), night + timedelta(hours=2)
            session.add(
                Meeting(
                    pair_id=pair.id, session="check-in", starts_at=start, ends_at=end, phase="booked",
                    uid=f"u{pair.id}", fixed_at=night - timedelta(hours=1), due_at=end, created_at=night,
                )
            )  # fmt: skip
    services.database.close()


def sent_to(folder: Path) -> list[str]:
    mailbox = Maildir(folder / "mailbox", create=False) if (folder / "mailbox").exists() else ()
    return [parseaddr(mail["To"])[1] for mail in mailbox]


def test_who_was_erased_after_a_backup_is_erased_again_when_it_is_restored(run, tmp_path, move):
    run(*PAIR, "--place", "Room 5")
    run("date", "add", 1, "--at", "2027-03-04T15:00", "--label", "My defence", "--shared-label", "A defence")
    run("pair", "welcome", "--all", "--json")
    file, told = tmp_path / "backup", tmp_path / "data" / "erased"
    run("backup", file)
    run("erase", "ana@example.org", "--yes")
    assert "ana" not in told.read_text()

    other = move("other")
    run("restore", file, "--json")
    assert "ana@example.org" in str(rows_of(other)), "a list that nobody gave is not known"

    third = move("third")
    assert run("restore", file, "--erased", told, "--json")["erased"] == 1
    assert "ana" not in str(rows_of(third)["people"]).lower()
    assert run("outbox", "drain", "--json")["taken"] == 0
    assert [state for *_, state in _mails(third) if state == "cancelled"] == ["cancelled"], "her welcome"

    again = move("data")
    (again / "greenroom.db").unlink()
    assert run("restore", file, "--json")["erased"] == 1, "the data folder's own list is heeded"
    services = wiring.build(load())
    clock.heed_list(services)
    assert len(told.read_text().splitlines()) == 1, "the same person is told once"
    with services.database.write() as session:
        session.query(Person).filter_by(id=1).one().erased_at = None
    clock.heed_list(services)
    with services.database.read() as session:
        assert session.get(Person, 1).erased_at is not None, "however an older copy came back"
    services.database.close()


def _mails(folder: Path) -> list[tuple]:
    with closing(sqlite3.connect(folder / "greenroom.db")) as database:
        return list(database.execute("SELECT person_id, kind, state FROM outbox ORDER BY id"))
