"""What goes wrong between two people, driven from outside: a clear sentence, the right status, nothing half done.

Beside what is here: two who sign at once, and a clause that changes meanwhile, page by page in `rows/test_agreement`,
on both databases in `operations/test_at_once`; an export that finds no room in `test_cli_disk`; every torn, foreign or
changed journal in `operations/test_journal`; erasing in the middle of a send, for each answer of the server, in
`operations/test_erased`; a key that is gone while somebody books in `web/test_bad_days`, while a mail leaves in
`workers/test_deliver`, while tables change in `store/test_migrations`, and for the operator in `test_doctor`; a goal of
a hundred thousand characters, and files that hold no goals, in `rows/test_goals`; a date that cannot be in
`operations/test_arcs`.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier

import pytest

from service import doctor
from service.domain.errors import AdapterError
from service.settings import load
from service.store.database import Database, connect
from service.store.types import Keyring
from service.web import create_app
from tests.commands import PAIR
from tests.fakes import NobodyThere, NoRecords
from tests.rows import conftest
from tests.rows.test_arcs import DAY, arc_page, book, date_of
from tests.stored import dump
from tests.web.walk import forms_of, text_of

life = conftest.life  # a pair as it lives
BOTH = ("ana", "ben")
KEPT = "KEPT-WORDS"


def pressed(life, page, action, **typed):
    """The form of the agreement's page that has this button, and what it takes to send it: once, whenever asked."""
    for form in forms_of(page):
        if ("action", action) in form.buttons or form.fields.get("action") == action:
            fields = {f"clause.{name}": value for name, value in typed.items()}
            return lambda client: form.send(client, ("action", action), **fields)
    raise AssertionError(action)


def in_two_browsers(life, *sends):
    """Each from a browser of its own, at the same moment; the answers."""
    start, site = Barrier(len(sends)), create_app(life.services)

    def one(send):
        start.wait(5)
        return send(site.test_client())

    with ThreadPoolExecutor(len(sends)) as threads:
        return list(threads.map(one, sends))


def test_an_agreement_that_both_sign_in_two_browsers_at_once_is_one_version(life):
    for who in BOTH:
        life.act(who, "answer")
    life.mails()
    twice = [pressed(life, life.agreement(who), "sign") for who in BOTH] * 2
    assert [answer.status_code for answer in in_two_browsers(life, *twice)] == [303] * 4
    assert "Version 1. Signed by both of you" in text_of(life.agreement("ana"))
    assert life.page("ana", f"/agreement/{life.pair_id}/2.md").status_code == 404
    copies = [mail["To"].addresses[0].username for mail in life.mails() if "signed copy" in mail["Subject"]]
    assert sorted(copies) == list(BOTH)


def test_a_clause_that_changes_while_the_other_signs_is_never_signed_unseen(life):
    life.sign_up()
    for notice, cadence in (("48h", "sprint"), ("24h", "light"), ("48h", "sprint")):
        life.act("ana", "change", cadence=cadence)
        changing = pressed(life, life.agreement("ana"), "change", notice=notice)
        signed, changed = in_two_browsers(life, pressed(life, life.agreement("ben"), "sign"), changing)
        assert changed.status_code == 303
        assert signed.status_code in {303, 409}
        if signed.status_code == 409:
            assert "changed since you saw them" in text_of(signed)
        assert "Ben has signed this" not in text_of(life.agreement("ana")), "whichever came first"
        life.act("ben", "withdraw")
        assert "Version 1. Signed by both of you" in text_of(life.agreement("ana")), "that stands meanwhile"


def test_an_export_that_is_broken_off_costs_nothing_and_is_not_taken_for_a_journal(life):
    life.act("ana", "answer", hope=KEPT)
    assert life.client.post(f"/p/{life.tokens['ana']}/goals/{life.pair_id}/add", data={"text": KEPT}).status_code == 303
    before = dump(life.services.database.engine)
    with life.client.get(f"/p/{life.tokens['ana']}/journal.zip", buffered=False) as answer:
        some = next(iter(answer.response))[:1000]
    refused = bring(life, some)
    assert (refused.status_code, "This is no journal of Greenroom." in text_of(refused)) == (422, True)
    assert dump(life.services.database.engine) == before
    assert KEPT in inside(life.page("ana", "/journal.zip").data)


def inside(octets):
    with zipfile.ZipFile(io.BytesIO(octets)) as file:
        return file.read("data.json").decode()


def bring(life, octets):
    sent = {"file": (io.BytesIO(octets), "journal.zip")}
    page = f"/p/{life.tokens['ana']}/journal/bring"
    return life.client.post(page, data=sent, content_type="multipart/form-data")


def test_whoever_goes_away_while_they_take_an_export_gets_no_traceback(run):
    run(*PAIR)
    program = Path(sys.executable).parent / "greenroom"
    with subprocess.Popen(
        [program, "export", "ana@example.org", "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as taking:
        taking.stdout.close()
        said = taking.stderr.read().decode()
        assert taking.wait(30) == 1
    assert "Traceback" not in said
    assert run("export", "ana@example.org", "--json")["pairs"]


def a_zip(**files):
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in files.items():
            file.writestr(name.replace("__", "."), text)
    return into.getvalue()


def marked(octets, at_local, at_central, value):
    """The same file with another figure in both headers of its first entry (APPNOTE 4.3.7 and 4.3.12)."""
    central = octets.index(b"PK\x01\x02")
    changed = bytearray(octets)
    changed[at_local], changed[central + at_central] = value, value
    return bytes(changed)


def foreign(own):
    """Files that somebody may choose, and what each is told."""
    said = json.loads(inside(own))
    return {
        "no journal": [
            a_zip(word__document__xml="<w:document/>"),
            a_zip(data__json="{}"),
            a_zip(),
            own[: len(own) // 2],
            own.replace(b"PK\x01\x02", b"PK\x01\x03"),
            marked(a_zip(data__json=inside(own)), 6, 8, 1),  # says that it needs a password
            marked(a_zip(data__json=inside(own)), 8, 10, 99),  # packed in a way that nobody knows
        ],
        "damaged": [a_zip(data__json=json.dumps(said | {"pairs": 5})), a_zip(data__json=inside(own)[:-9])],
        "newer": [a_zip(data__json=json.dumps(said | {"version": 99}))],
        "larger than": [a_zip(data__json=" " * 30_000_000)],
    }


def test_a_zip_that_is_broken_or_of_something_else_gets_a_sentence_and_changes_nothing(life, tmp_path, run):
    own = life.page("ana", "/journal.zip").data
    before = dump(life.services.database.engine)
    run(*PAIR)
    for said, files in foreign(own).items():
        for number, octets in enumerate(files):
            answer = bring(life, octets)
            assert (answer.status_code, 'role="alert"' in answer.text) == (422, True), (said, number)
            (tmp_path / "some.zip").write_bytes(octets)
            told = run("import", tmp_path / "some.zip", "ana@example.org", exit_code=1)
            assert (told.stdout, told.stderr.count("\n")) == ("", 1)
            assert told.stderr.strip() in text_of(answer), (said, number)
            assert said in told.stderr, (number, told.stderr)
    assert dump(life.services.database.engine) == before
    assert bring(life, own).status_code == 303


@pytest.mark.parametrize("server", ["takes it", "refuses it", "goes away"])
def test_who_takes_all_away_in_the_middle_of_a_mail_to_them_gets_none_after_it(life, server):
    life.book(DAY)
    (form,) = [form for form in forms_of(life.page("ana", "/erase")) if form.method == "post"]

    def in_the_middle(step):
        if step == "deliver" and not done:
            done.append(form.send(life.client).status_code)
            if server != "takes it":
                raise AdapterError("smtp_unreachable" if server == "goes away" else "mail_refused", permanent=False)

    done = []
    life.services.mailer.fault = in_the_middle
    told = life.mails()
    life.pass_to(life.services.clock.now + timedelta(days=2))
    told += life.mails()
    assert done == [303]
    got = [mail["To"].addresses[0].username for mail in told]
    assert got == ["ana"] * (server == "takes it") + ["ben"]
    assert told[-1]["Subject"] == "Your mentoring pair has ended", "and of the meeting he had not heard yet"
    assert "It is gone" in life.text("ana", "/erase")


def test_without_the_key_a_pairs_words_are_not_shown_nor_lost(life):
    """Each word carries its pair's key, and that key is closed by one of GREENROOM_SECRET_KEYS."""
    goals = f"/p/{life.tokens['ana']}/goals/{life.pair_id}"
    assert life.client.post(f"{goals}/add", data={"text": KEPT}).status_code == 303
    program, path = life.api("ana"), f"/api/v1/pairs/{life.pair_id}/goals"
    before = dump(life.services.database.engine)
    strange = replace(life.services.settings, secret_keys=("n" * 48,))
    database = Database(connect(str(life.services.database.engine.url), Keyring(strange.secret_keys)))
    locked = create_app(replace(life.services, settings=strange, database=database)).test_client()
    for answer in (
        locked.get(goals),
        locked.post(f"{goals}/add", data={"text": "another"}),
        locked.get(f"/p/{life.tokens['ana']}/journal.zip"),
        locked.post(f"/p/{life.tokens['ana']}/erase"),
        locked.get(path, headers=program),
        locked.post(path, headers=program, json={"text": "another"}),
    ):
        assert answer.status_code == 503
        assert "A key that this service needs is missing" in answer.text
        assert KEPT not in answer.text
    database.close()
    assert dump(life.services.database.engine) == before
    assert KEPT in life.text("ana", f"/goals/{life.pair_id}")


def test_a_key_that_is_missing_is_named_by_every_command_and_its_return_brings_all_back(run, tmp_path, monkeypatch):
    day = f"{datetime.now(UTC) + timedelta(days=28):%Y-%m-%dT15:00}"
    run(*PAIR)
    run("date", "add", 1, "--at", day, "--label", KEPT)
    known = (tmp_path / "data" / "secret_keys").read_text().strip()
    taken = run("export", "ana@example.org", "--json")
    monkeypatch.setenv("GREENROOM_SECRET_KEYS", "n" * 48)
    commands = (
        ("export", "ana@example.org", tmp_path / "ana.zip"),
        ("erase", "ana@example.org", "--yes"),
        ("keys", "rotate"),
    )
    for command in commands:
        told = run(*command, exit_code=1)
        assert (told.stdout, Keyring.key_id(known) in told.stderr) == ("", True), (command, told.stderr)
        assert "nothing is lost" in told.stderr, command
    assert not (tmp_path / "ana.zip").exists()
    (row,) = [each for each in doctor.check(load(), NoRecords(), NobodyThere()) if each.part == "keys"]
    assert (row.state, Keyring.key_id(known) in row.advice) == ("broken", True)
    monkeypatch.setenv("GREENROOM_SECRET_KEYS", f"{'n' * 48},{known}")
    assert run("export", "ana@example.org", "--json")["pairs"] == taken["pairs"]
    run("keys", "rotate")
    monkeypatch.setenv("GREENROOM_SECRET_KEYS", "n" * 48)
    assert run("export", "ana@example.org", "--json")["pairs"] == taken["pairs"]


def test_a_pairs_word_that_was_changed_by_something_else_is_not_shown_and_takes_no_other_along(life):
    """A wrong key within the value: what closes it is right, what it closes is not."""
    for text in (KEPT, "another"):
        life.client.post(f"/p/{life.tokens['ana']}/goals/{life.pair_id}/add", data={"text": text})
    with life.services.database.engine.begin() as connection:
        sealed = connection.exec_driver_sql("SELECT text FROM goals WHERE id = 1").scalar_one()
        connection.exec_driver_sql("UPDATE goals SET text = ? WHERE id = 1", (sealed[:-1] + b"?",))
    answer = life.page("ana", f"/goals/{life.pair_id}")
    assert (answer.status_code, KEPT in answer.text) == (503, False)
    assert life.page("ana").status_code in {200, 503}
    with life.services.database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE goals SET text = ? WHERE id = 1", (sealed,))
    assert KEPT in life.text("ana", f"/goals/{life.pair_id}")


def test_an_arc_whose_date_has_passed_books_nothing_before_it_and_offers_what_comes_after(life):
    date_id = date_of(life)
    page = arc_page(life, date_id)
    life.services.clock.now = DAY + timedelta(hours=3)
    refused = book(life, page)
    told = text_of(refused)
    assert (refused.status_code, life.meetings(), life.mails()) == (422, [], [])
    assert "The day itself has passed, so nothing was booked" in told
    assert "send Ben a recording" not in told, "there is nothing to practise for"
    assert told.count("its time has passed") == 3, "shaping it, the practice run, the word"
    said = {"pair": life.pair_id, "kind": "presentation", "day": "2027-03-04", "time": "15:00"}
    again = life.client.post(f"/p/{life.tokens['ana']}/date", data=said)
    assert (again.status_code, "has passed already" in text_of(again)) == (422, True)
    program = life.api("ana")
    moved = life.client.patch(f"/api/v1/dates/{date_id}", headers=program, json={"at": "2027-03-03T15:00:00"})
    assert (moved.status_code, moved.json["errors"][0]["code"]) == (422, "past")
    practice = {"session": "practice", "date": date_id, "start": "2027-03-02T15:00:00Z"}
    late = life.client.post(f"/api/v1/pairs/{life.pair_id}/meetings", headers=program, json=practice)
    assert late.status_code in {409, 422}
    assert life.meetings() == []
    assert book(life, refused).status_code == 303
    assert [meeting.session for meeting in life.meetings()] == ["debrief"]
