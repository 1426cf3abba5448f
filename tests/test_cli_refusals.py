"""What the command line refuses: one sentence on stderr that says what to do, nothing on stdout, nothing changed."""

from __future__ import annotations

import secrets

import pytest

from service.settings import load
from service.store.types import Keyring
from tests.commands import ANA, EVE, HEADER, PAIR, ROW


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("--mentor", "Benjamin <ben@example.org>"), "known with the name Ben Okafor"),
        (("--mentor-zone", "Europe/Paris"), "known with the zone America/New_York"),
        (("--mentor-zone", "Mars/Olympus"), "is not a time zone"),
        (("--mentor", "Ben <not an address>"), "is not a mail address"),
        (("--mentor", ANA, "--mentor-zone", "Europe/Lisbon"), "both mentee and mentor"),
        ((), "paired already"),
    ],
)
def test_a_second_pair_that_cannot_be(run, change, words):
    run(*PAIR)
    assert words in run(*PAIR, *change, exit_code=1).stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ((HEADER + ROW + ROW.replace("Europe/Lisbon", "Mars/X")).encode(), "line 3"),
        ((HEADER.replace("mentor_zone", "zone") + ROW).encode(), "mentor_zone"),
        ((HEADER + ROW + EVE.replace("Eve", "Ève")).encode("latin-1"), "line 3: this is not UTF-8"),
        ((HEADER + ROW.replace("Room 5", "Room 5, Building 2")).encode(), "line 2: there are more cells"),
        ((HEADER + ROW + ROW).encode(), "line 3: the same pair stands in line 2"),
        (
            (HEADER + ROW + EVE.replace("Ben Okafor", "Benjamin")).encode(),
            "line 3: ben@example.org is known with the",
        ),
        (
            (HEADER + ROW + EVE.replace("America/New_York", "Europe/Paris")).encode(),
            "line 3: ben@example.org is known with the zone",
        ),
        (HEADER.encode(), "no rows"),
        (b"", "missing"),
        ((HEADER + '"open').encode(), "line 2"),
    ],
)
def test_a_bad_file_names_its_line_and_adds_nothing(run, tmp_path, content, words):
    file = tmp_path / "pairs.csv"
    file.write_bytes(content)
    assert words in run("pair", "import", file, exit_code=1).stderr
    assert run("pair", "list", "--json") == []


@pytest.mark.parametrize(
    ("arguments", "exit_code", "words"),
    [
        (("pair", "show", "99999999999999999999"), 2, "not in the range"),
        (("outbox", "show", "99999999999999999999"), 2, "not in the range"),
        (("link", "²"), 2, "greenroom link PAIR"),
        (("link", "1", "--date", "99999999999999999999"), 2, "not in the range"),
        (("slots", "1", "--session", "practice", "--minutes", "9" * 30), 2, "not in the range"),
        (("slots", "1", "--session", "practice", "--minutes", "0"), 1, "minutes"),
        (("slots", "1", "--session", "practice", "--from", "9999-12-31"), 1, 'from: "9999-12-31" is not a day'),
        (("slots", "1", "--session", "practice", "--to", "soon"), 1, 'to: "soon" is not a day'),
        (("slots", "1", "--session", "practice", "--why", "9999-12-31T23:59-10:00"), 1, "write a time"),
        (("date", "add", "1", "--at", "9999-12-31T23:59", "--zone", "America/New_York"), 1, "is not a time"),
        (("date", "add", "1", "--at", "2099-01-01T10:00"), 1, "years ahead"),
        (("person", "hours", "ana@example.org", "--override", ""), 1, "is not a day"),
        (("person", "hours", "ana@example.org", "--override", "2027-01-11"), 1, "no hours"),
        (("person", "hours", "ana@example.org", "--off", "2027-01-09..2027-01-04"), 1, "ends before"),
        (("person", "hours", "ana@example.org", "--horizon", "99999999999d"), 1, "is not a length of time"),
        (("person", "hours", "ana@example.org", "--cap-day", "-1"), 1, "above zero"),
        (("person", "edit", "ana@example.org", "--locale", "xx_YY"), 1, "is not a locale"),
        (("person", "edit", "ana@example.org", "--email", "ben@example.org"), 1, "ben@example.org"),
        (("pair", "edit", "1", "--place", "x" * 1000), 1, "place"),
        (("pair", "welcome", "77"), 1, "no such pair"),
        (("token", "create", "--person", "x@example.org"), 1, "Nobody"),
        (("calendar", "add", "ana@example.org", "--provider", "ics", "--url", "file:///etc/passwd"), 1, "address"),
        (("calendar", "add", "ana@example.org", "--provider", "ics", "--url", "http://127.0.0.1:9/x"), 1, "private"),
        (("backup", "/nowhere/at/all"), 1, "No such file"),
        (("restore", "/nowhere/at/all"), 2, "No such file"),
        (("outbox", "release"), 2, "--kind or --all"),
        (("outbox", "cancel", "1", "--all"), 2, "--kind or --all"),
        (("outbox", "release", "1"), 1, "not held back"),
        (("clock", "+2d"), 1, "demo"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(run, monkeypatch, arguments, exit_code, words):
    monkeypatch.setenv("GREENROOM_BACKUP_PASSPHRASE", "correct horse battery staple")
    run(*PAIR)
    told = run(*arguments, exit_code=exit_code)
    assert words in told.stderr
    assert told.stdout == ""


def test_a_password_file_that_is_no_text_is_said_and_not_shown(run, tmp_path):
    run(*PAIR)
    file = tmp_path / "password"
    file.write_bytes(b"SECRET\xff\xfe")
    arguments = ("calendar", "add", "ana@example.org", "--provider", "caldav", "--url", "https://x.example.org")
    told = run(*arguments, "--password-file", file, exit_code=1).stderr
    assert "this file is not text" in told
    assert "SECRET" not in told


def test_a_database_file_that_is_none_is_left_as_it_is(run, tmp_path):
    run("pair", "list")
    file = tmp_path / "data" / "greenroom.db"
    for left in ("-wal", "-shm"):
        file.with_name(file.name + left).unlink(missing_ok=True)
    file.write_bytes(b"not a database at all" * 100)
    assert "damaged" in run("pair", "list", exit_code=1).stderr
    assert file.read_bytes().startswith(b"not a database")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("PORT", "eighty", "is not a port"),
        ("GREENROOM_BASE_URL", "http://meet.example.org", "must be https"),
        ("GREENROOM_BASE_URL", "meet.example.org", "is not an http or https address"),
        ("GREENROOM_SMTP_URL", "mail.example.org", "smtp://host:port"),
        ("GREENROOM_SMTP_URL", "smtp://u:HIDDEN@h:25?security=maybe", "not none, starttls or tls"),
        ("GREENROOM_MAIL_TRANSPORT", "pigeon", "smtp, gmail or graph"),
        ("GREENROOM_IMAP_URL", "smtp://u:HIDDEN@mail.example.org", "imaps://"),
        ("GREENROOM_IMAP_URL", "imaps://mail.example.org/INBOX", "needs a user"),
        ("GREENROOM_IMAP_URL", "imaps://u:HIDDEN@mail.example.org:x/INBOX", "a port that is no number"),
        ("GREENROOM_IMAP_URL", "imaps://u:HIDDEN@h?security=none", "not none or starttls"),
        ("GREENROOM_IMAP_DONE_FOLDER", "Erledigt\u00e4", "plain letters"),
        ("GREENROOM_SECRET_KEYS", "short", "32 characters"),
        ("GREENROOM_SECRET_KEYS", "a sentence HIDDEN in here is no key at all", "secrets.token_urlsafe(48)"),
        ("GREENROOM_SECRET_KEYS", f"{'HIDDEN' * 8}\nHIDDEN", "greenroom keys rotate"),
        ("GREENROOM_POLL_SECONDS", "-1", "above zero"),
        ("GREENROOM_DATABASE_URL", "mysql://x", "postgresql"),
        ("GREENROOM_OUTBOUND_ALLOW", "http://x", "host:port"),
        ("GREENROOM_MICROSOFT_CLIENT_SECRET", "00000000-1111-2222-3333-444444444444", "looks like a secret's id"),
        ("GREENROOM_MICROSOFT_AUTHORITY", "http://login.example.org/common", "must be https"),
        ("GREENROOM_GOOGLE_TOKEN_URI", "http://oauth2.example.org/token", "must be https"),
        ("GREENROOM_EXTRA_CA_BUNDLE", "/nowhere", "not there"),
    ],
)
def test_a_wrong_setting_stops_with_its_name_and_a_right_example(run, monkeypatch, name, value, words):
    monkeypatch.setenv(name, value)
    told = run("pair", "list", exit_code=1).stderr
    assert name in told
    assert words in told
    assert f"{name}=" in told
    assert "HIDDEN" not in told


@pytest.mark.parametrize("provider", ["GOOGLE", "MICROSOFT"])
@pytest.mark.parametrize(("given", "missing"), [("ID", "SECRET"), ("SECRET", "ID")])
def test_half_a_client_names_the_other_half(run, monkeypatch, provider, given, missing):
    monkeypatch.setenv(f"GREENROOM_{provider}_CLIENT_{given}", "HIDDEN")
    told = run("pair", "list", exit_code=1).stderr
    assert f"GREENROOM_{provider}_CLIENT_{missing}: is needed with the other half" in told
    assert "HIDDEN" not in told


def test_a_sentence_that_an_earlier_version_took_as_key_still_opens_after_a_new_one():
    sentence, new = "it was a dark and stormy night in the laboratory", secrets.token_urlsafe(48)
    sealed = Keyring((sentence,)).seal(b"typed", b"column")
    keys = load({"GREENROOM_SECRET_KEYS": f"{new},{sentence}"}).secret_keys
    assert keys == (new, sentence)
    assert Keyring(keys).open(sealed, b"column") == b"typed"


@pytest.mark.parametrize("arguments", [("no-such-command",), ("pair", "add"), ("slots", 1, "--session", "party")])
def test_usage_errors_are_2(run, arguments):
    assert "Usage:" in run(*arguments, exit_code=2).stderr
