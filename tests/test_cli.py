"""The command line as a script sees it: JSON and nothing else on stdout, one sentence on stderr, exit 0, 1 or 2."""

from __future__ import annotations

import json
import os
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from service import wiring
from service.settings import load
from service.store.tables import CriticalDate
from tests.commands import EVE, HEADER, PAIR, ROW
from tests.date_files import event_file
from tests.integrations import servers


def soon(days, at="15:00"):
    return f"{(datetime.now().astimezone() + timedelta(days=days)).date()}T{at}"


def test_a_pair_from_adding_to_ending(run):
    made = run(*PAIR, "--place", "Room 5", "--json")
    assert made["id"] == 1
    assert "/p/" in made["links"]["mentee"]
    assert "/p/" in made["links"]["mentor"]
    assert [pair["mentee"]["email"] for pair in run("pair", "list", "--json")] == ["ana@example.org"]
    assert run("pair", "show", 1, "--json")["place"] == "Room 5"
    assert run("pair", "edit", 1, "--place", "Room 6", "--json")["place"] == "Room 6"
    assert run("outbox", "list", "--json") == [], "adding a pair mails nobody"
    assert run("pair", "end", 1, "--json") == {"id": 1, "ended": True}
    assert "no such pair" in run("pair", "show", 99, exit_code=1).stderr
    assert "no such pair" in run("slots", 99, "--session", "check-in", exit_code=1).stderr


def test_a_database_that_is_made_is_told_once(run, tmp_path):
    """Whoever forgets the service's settings works beside it: the folder is named."""
    assert f"A new, empty database is made in {tmp_path / 'data'}." in run("pair", "list").stderr
    assert run("pair", "list").stderr == ""


def test_a_migration_back_names_where_the_tables_are(run):
    run("pair", "list")
    assert "revision 0001 now" in run("migrate", "--to", "0001").stdout
    assert run("migrate").stdout == "The database is up to date.\n"


def test_a_file_that_cannot_be_written_is_named(run, tmp_path, monkeypatch):
    monkeypatch.setenv("GREENROOM_BACKUP_PASSPHRASE", "six or more random words")
    run("pair", "list")
    said = run("backup", tmp_path / "nowhere" / "file", exit_code=1).stderr
    assert said == f"{tmp_path / 'nowhere' / 'file'}: No such file or directory.\n"


def test_pairs_from_a_file_all_or_none(run, tmp_path):
    file = tmp_path / "pairs.csv"
    file.write_text("﻿" + HEADER + ROW + EVE, encoding="utf-8")
    assert len(run("pair", "import", file, "--json")) == 2
    assert len(run("pair", "list", "--json")) == 2


def test_hours_are_set_shown_and_refused(run):
    run(*PAIR)
    held = run("person", "hours", "ana@example.org", "--json")
    assert (held["hours"], held["assumed"], held["notice"]) == ("Mon-Fri 09:00-17:00", True, "24h")
    changed = run(
        "person", "hours", "ana@example.org", "--hours", "Mon-Thu 10:00-16:00; Sat 10:00-24:00", "--cap-week", 2,
        "--off", "2027-01-04..2027-01-08", "--override", "2027-01-11 10:00-12:00",
        "--pledge", "2/month at 24h", "--json",
    )  # fmt: skip
    assert changed["hours"] == "Mon-Thu 10:00-16:00; Sat 10:00-24:00"
    days = ("--override", "2027-01-11 10:00-12:00", "--override", "2027-01-11 14:00-16:00")
    capped = run("person", "hours", "ana@example.org", *days, "--cap-day", 0, "--json")
    assert (capped["cap_day"], capped["overrides"]) == (0, {"2027-01-11": "10:00-12:00 14:00-16:00"})
    assert run("person", "hours", "ana@example.org", "--cap-day", "none", "--json")["cap_day"] is None
    again = run("person", "hours", "ana@example.org", "--buffer-before", "10m", "--json")
    assert (again["cap_week"], again["buffer_before"], again["off"]) == (2, "10m", ["2027-01-04..2027-01-08"])
    for wrong, words in (
        ("Mon 17:00-09:00", "ends before"),
        ("Mon 09:00-12:00 11:00-13:00", "overlaps"),
        ("Xyz 9-5", "not a"),
    ):
        assert words in run("person", "hours", "ana@example.org", "--hours", wrong, exit_code=1).stderr
    assert "nobody" in run("person", "hours", "x@example.org", exit_code=1).stderr.lower()


def test_a_date_its_arc_and_its_times(run):
    run(*PAIR)
    made = run(
        "date", "add", 1, "--kind", "presentation", "--at", soon(28), "--run-minutes", 15, "--label", "SECRET", "--json"
    )
    assert [part["role"] for part in made["arc"]] == ["shape", "practice", "word", "debrief"]
    assert made["kind"] == "presentation"
    found = run("slots", 1, "--session", "practice", "--date", made["id"], "--json")
    assert found["slots"]
    assert {"start", "end", "score", "reasons"} <= found["slots"][0].keys()
    best = found["slots"][0]["start"]
    why = run("slots", 1, "--session", "practice", "--date", made["id"], "--why", best, "--json")
    assert why["bookable"] is True
    night = run("slots", 1, "--session", "practice", "--date", made["id"], "--why", soon(22, "03:00"), "--json")
    assert (night["bookable"], night["code"]) == (False, "hours")
    assert "SECRET" not in json.dumps(found)
    assert "/s/" in run("link", 1, "--session", "practice", "--date", made["id"], "--json")["url"]
    assert "passed" in run("date", "add", 1, "--at", "2020-01-01T10:00", exit_code=1).stderr
    assert "not a time" in run("date", "add", 1, "--at", "soon", exit_code=1).stderr
    run("date", "add", 1, exit_code=2)


def test_a_date_from_its_own_calendar_file(run, tmp_path):
    run(*PAIR)
    day = (datetime.now().astimezone() + timedelta(days=20)).strftime("%Y%m%d")
    file = tmp_path / "talk.ics"
    file.write_bytes(
        b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:u\r\nDTSTAMP:20270101T000000Z\r\n"
        b"DTSTART;TZID=Europe/Berlin:"
        + day.encode()
        + b"T140000\r\nDTEND;TZID=Europe/Berlin:"
        + day.encode()
        + b"T150000\r\n"
        b"SUMMARY:My defence\r\nATTENDEE:mailto:boss@example.org\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    made = run("date", "add", 1, "--kind", "exam", "--ics", file, "--json")
    assert made["starts_at"][11:13] in {"12", "13"}
    assert run("outbox", "list", "--json") == []
    typed = ("--label", "Mine", "--shared-label", "An exam", "--run-minutes", 20)
    run("date", "add", 1, "--ics", file, *typed, "--json")
    run("date", "add", 1, "--ics", file, "--at", "2027-03-04T15:00", exit_code=2)
    with closing(wiring.build(load()).database) as database, database.read() as session:
        stored = [
            (row.starts_at, row.ends_at, row.label, row.shared_label, row.run_minutes)
            for row in session.scalars(select(CriticalDate).order_by(CriticalDate.id))
        ]
    times = stored[0][:2]
    assert f"{times[0]:%Y-%m-%dT%H:%M:%SZ}" == made["starts_at"]
    assert times[1] - times[0] == timedelta(hours=1)
    assert stored == [(*times, "My defence", None, None), (*times, "Mine", "An exam", 20)]
    assert "UTF-8" in run("date", "add", 1, "--ics", file, "--label", "X\udcff", exit_code=2).stderr
    file.write_bytes(event_file("DTSTART:garbage"))
    assert "times in this file cannot be read" in run("date", "add", 1, "--ics", file, exit_code=1).stderr
    file.write_bytes(b"<html>")
    assert "not a calendar file" in run("date", "add", 1, "--ics", file, exit_code=1).stderr


def test_links_rotate(run):
    run(*PAIR)
    before = run("link", 1, "--json")["url"]
    assert run("link", 1, "--json")["url"] == before
    fresh = run("link", "rotate", "ana@example.org", "--json")["links"]
    assert len(fresh) == 2
    assert before not in fresh
    run("link", "nonsense", exit_code=2)


def test_welcome_previews_and_greets_once(run):
    run(*PAIR)
    assert "ana@example.org" in run("pair", "welcome", 1, stdin="n\n").stdout
    assert run("pair", "welcome", "--all", "--json")["welcomed"] == ["ana@example.org", "ben@example.org"]
    assert run("pair", "welcome", "--all", "--json")["welcomed"] == []
    assert {row["kind"] for row in run("outbox", "list", "--json")} == {"welcome"}
    run("pair", "welcome", exit_code=2)


def test_the_outbox_drains_without_a_queue(run):
    run(*PAIR)
    run("pair", "welcome", "--all", "--json")
    assert run("outbox", "drain", "--json")["states"] == {"sent": 2}
    assert "sent" in run("outbox", "retry", 1, exit_code=1).stderr
    assert "uncertain" in run("outbox", "resolve", 1, "--sent", exit_code=1).stderr
    run("outbox", "resolve", 1, exit_code=2)
    run("outbox", "retry", exit_code=2)
    assert run("outbox", "retry", "--dead", "--json") == {"again": 0}
    assert run("inbox", "show", "--json") == []


def test_a_calendar_is_connected_after_a_real_read_and_shows_only_when(run, monkeypatch):
    run(*PAIR)
    tomorrow = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(days=1)
    feed = (
        f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:u\r\nDTSTAMP:20270101T000000Z\r\n"
        f"DTSTART:{tomorrow:%Y%m%dT%H%M%SZ}\r\nDURATION:PT1H\r\nSUMMARY:SECRET\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    answers = {"/k/basic.ics": servers.body(feed.encode()), "/page": servers.body(b"<html>Sign in</html>")}
    with servers.answering(answers) as host:
        monkeypatch.setenv("GREENROOM_OUTBOUND_ALLOW", host)
        add = ("calendar", "add", "ana@example.org", "--provider", "ics", "--url")
        assert run(*add, f"http://{host}/page", exit_code=1).stdout == ""
        made = run(*add, f"http://{host}/k/basic.ics", "--json")
        told = run(*add, f"http://{host}/k/basic.ics").stdout
    assert (made["provider"], made["state"], [each["counts"] for each in made["calendars"]]) == (
        "ics",
        "connected",
        [True],
    )
    assert f"{tomorrow:%Y-%m-%dT%H:%M:%SZ}" in told
    assert "SECRET" not in told
    found = run("slots", 1, "--session", "check-in", "--json")
    assert [(each["person"], each["provider"]) for each in found["sources"]] == [
        ("Ana Lima", "ics"),
        ("Ben Okafor", "hours"),
    ]
    assert found["sources"][0]["verified_at"]


def test_tokens_are_shown_once_and_kept_hashed(run, tmp_path):
    run(*PAIR)
    token = run("token", "create", "--person", "ana@example.org", "--json")["token"]
    assert token.encode() not in (tmp_path / "data" / "greenroom.db").read_bytes()
    assert run("token", "create", "--coordinator", "--json")["token"] != token
    run("token", "create", exit_code=2)


def test_a_coordinators_link_is_one_persons_and_ends(run):
    cleo = "Cleo Park <cleo@example.org>"
    url = run("programme", "link", cleo, "--zone", "Europe/Lisbon", "--json")["url"]
    assert "/programme/" in url
    assert run("programme", "link", "cleo@example.org", "--json")["url"] == url
    rotated = run("programme", "link", cleo, "--rotate", "--json")["url"]
    assert rotated != url
    assert "/programme/" in run("link", "rotate", "cleo@example.org").stdout
    assert run("programme", "end", "cleo@example.org", "--json") == {"email": "cleo@example.org", "coordinates": False}
    assert "/programme/" not in run("link", "rotate", "cleo@example.org").stdout
    assert "Nowhere" in run("programme", "link", "Gil <gil@example.org>", "--zone", "Nowhere", exit_code=1).stderr
    assert "GREENROOM_CONTACT" in run("programme", "link", exit_code=2).stderr


def test_keys_rotate_and_a_missing_one_is_named(run, monkeypatch):
    run(*PAIR, "--place", "Room 5")
    monkeypatch.setenv("GREENROOM_SECRET_KEYS", "n" * 48)
    assert "which is not among GREENROOM_SECRET_KEYS" in run("pair", "show", 1, exit_code=1).stderr
    old = Path(os.environ["GREENROOM_DATA_DIR"], "secret_keys").read_text().strip()
    monkeypatch.setenv("GREENROOM_SECRET_KEYS", f"{'n' * 48},{old}")
    assert run("keys", "rotate", "--json")["sealed"] >= 1
    monkeypatch.setenv("GREENROOM_SECRET_KEYS", "n" * 48)
    assert run("pair", "show", 1, "--json")["place"] == "Room 5"


def test_an_address_is_written_to_again(run):
    run(*PAIR)
    assert run("person", "try-again", "ana@example.org", "--json") == {"email": "ana@example.org", "mails": 0}


def test_export_and_erase(run):
    run(*PAIR)
    run("date", "add", 1, "--at", soon(28), "--label", "My defence")
    told = run("export", "ana@example.org", "--json")
    assert told["pairs"][0]["dates"][0]["label"] == "My defence"
    assert "My defence" not in json.dumps(run("export", "ben@example.org", "--json"))
    asked = run("erase", "ana@example.org", stdin="n\n")
    assert ("ana@example.org" in asked.stderr, asked.stdout) == (True, "")
    assert run("export", "ana@example.org", "--json") == told, "no is no"
    run("erase", "ana@example.org", "--yes")
    run("export", "ana@example.org", exit_code=1)


def test_a_journal_is_taken_away_and_brought(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(*PAIR)
    run("date", "add", 1, "--at", soon(28), "--label", "My defence")
    path = Path(run("export", "ana@example.org").stdout.strip())
    assert path.stat().st_mode & 0o777 == 0o600
    took = run("export", "ana@example.org", "--json")
    monkeypatch.setenv("GREENROOM_DATA_DIR", str(tmp_path / "elsewhere"))
    assert "ana@example.org" in run("import", path, exit_code=1).stderr
    run("pair", "add", "--mentee", "Ana <a@example.net>", *PAIR[4:])
    for _ in range(2):
        assert run("import", path, "a@example.net", "--json") == {"email": "a@example.net", "pairs": 1}
    assert run("export", "a@example.net", "--json")["pairs"][1:] == took["pairs"]
    assert run("outbox", "list", "--json") == []
    (tmp_path / "torn.zip").write_bytes(path.read_bytes()[:-30])
    told = run("import", "torn.zip", "a@example.net", exit_code=1)
    assert (told.stdout, told.stderr.count("\n")) == ("", 1)


def test_a_mail_server_elsewhere_is_spoken_to_under_cover():
    urls = {"smtp://127.0.0.1:2525": "none", "smtp://mail.example.org": "starttls", "smtp://h:465?security=tls": "tls"}
    found = {url: load({"GREENROOM_SMTP_URL": url}).smtp for url in urls}
    assert {url: server.security for url, server in found.items()} == urls
    assert found["smtp://mail.example.org"].port == 587
