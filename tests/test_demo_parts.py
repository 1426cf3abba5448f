"""The demo's folder, its people and its calendar servers, each by itself."""

from __future__ import annotations

import os
import threading
from base64 import b64encode
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from service.demo import dav, feeds, servers
from service.demo.clock import NotInDemo, clock_move
from service.demo.diaries import calendar_of, files_of
from service.demo.folder import NotDemosFolder, demo_settings, keep_settings, prepare, write_note
from service.demo.programme import BENS_WORK, FEEDS, PAIRS
from service.settings import load
from tests.test_demo import fetch, processes_of

TODAY = date(2027, 2, 4)


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years")
    for reset in (False, True):
        with pytest.raises(NotDemosFolder):
            prepare(tmp_path, TODAY, reset=reset)
    assert (tmp_path / "thesis.tex").read_text() == "years"


def test_a_finished_demo_is_kept_an_unfinished_one_is_made_anew(tmp_path: Path) -> None:
    folder = tmp_path / ".demo"
    first = prepare(folder, TODAY, reset=False)
    (folder / "half-made").touch()
    second = prepare(folder, TODAY, reset=False)
    assert not (folder / "half-made").exists()
    write_note(folder, replace(second, told=True))
    (folder / "greenroom.db").touch()
    assert prepare(folder, TODAY + timedelta(days=3), reset=False) == replace(second, told=True)
    assert (folder / "greenroom.db").exists()
    assert prepare(folder, TODAY, reset=True).password not in {first.password, second.password}
    assert not (folder / "greenroom.db").exists()


def test_other_commands_find_the_demos_settings_in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("GREENROOM_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PORT", "8123")
    note = prepare(tmp_path / ".demo", TODAY, reset=False)
    keep_settings(demo_settings(note))
    found = load({"GREENROOM_DATA_DIR": str(tmp_path / ".demo")})
    assert found.demo
    assert found.port == 8123
    assert found.outbound_allow == {f"127.0.0.1:{note.feeds_port}", f"127.0.0.1:{note.dav_port}"}
    assert load({"GREENROOM_DATA_DIR": str(tmp_path / ".demo"), "PORT": "9000"}).port == 9000


def test_a_real_services_clock_cannot_be_moved(tmp_path: Path) -> None:
    for environ in (
        {},
        {"GREENROOM_DEMO": "1"},
        {"GREENROOM_DEMO": "1", "GREENROOM_BASE_URL": "https://meet.example.org"},
    ):
        with pytest.raises(NotInDemo):
            clock_move(load({"GREENROOM_DATA_DIR": str(tmp_path / "data"), **environ}), "+2d")
    assert not (tmp_path / "data").exists()


def test_six_pairs_one_mentor_twice_many_zones() -> None:
    assert len(PAIRS) == 6
    assert sum(two.mentor.email == "ben@example.org" for two in PAIRS) == 2
    assert len({person.zone for two in PAIRS for person in (two.mentee, two.mentor)}) >= 9
    assert {person.locale for two in PAIRS for person in (two.mentee, two.mentor)} == {"en", "en_US"}


def test_a_feed_answers_304_to_its_etag_and_404_to_anything_else() -> None:
    server = feeds.server(0, TODAY)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        base = f"http://127.0.0.1:{server.server_address[1]}"
        with urlopen(f"{base}/ana.ics", timeout=5) as answer:
            etag = answer.headers["ETag"]
            assert answer.read() == calendar_of(FEEDS["ana"], TODAY).to_ical()
        with pytest.raises(HTTPError) as unchanged:
            urlopen(Request(f"{base}/ana.ics", headers={"If-None-Match": etag}), timeout=5)
        unchanged.value.close()
        assert unchanged.value.code == 304
        assert fetch(f"{base}/ben.ics")[0] == 404
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_diaries_repeat_on_their_weekday_on_the_owners_clock() -> None:
    starts = {event["SUMMARY"]: event["DTSTART"].dt for event in calendar_of(FEEDS["ana"], TODAY).walk("VEVENT")}
    lab = starts["Lab meeting"]
    assert (lab.weekday(), lab.hour, str(lab.tzinfo)) == (0, 10, "Europe/Lisbon")
    assert lab.date() < TODAY - timedelta(days=30)


def test_a_caldav_file_holds_one_event_under_its_uid() -> None:
    files = dict(files_of(BENS_WORK, TODAY))
    assert len(files) == len(BENS_WORK.weekly) + len(BENS_WORK.away)
    for uid, calendar in files.items():
        assert [event["UID"] for event in calendar.walk("VEVENT")] == [uid]


def test_bens_server_asks_for_the_password_and_holds_his_calendars(tmp_path: Path) -> None:
    feeds_port, dav_port = servers.free_port(), servers.free_port()
    with servers.running(tmp_path, feeds_port, dav_port, "a-password", TODAY):
        dav.fill(dav_port, "a-password", TODAY)
        dav.fill(dav_port, "a-password", TODAY)
        base = f"http://127.0.0.1:{dav_port}/ben/work/"
        assert fetch(base)[0] == 401
        login = "Basic " + b64encode(b"ben:a-password").decode()
        with urlopen(Request(base, headers={"Authorization": login}), timeout=5) as answer:
            assert answer.read().decode().count("BEGIN:VEVENT") == len(BENS_WORK.weekly) + len(BENS_WORK.away)
        with pytest.raises(servers.PortTaken), servers.running(tmp_path, feeds_port, dav_port, "x", TODAY):
            pass
    assert not processes_of(-1, tmp_path)
