"""What real processes write while people type, open links, and things go wrong: all of it JSON, none of it theirs."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import update

from service import links, wiring
from service.settings import load
from service.store import outbox
from service.store.tables import ApiToken, Calendar, Connection, Meeting, OutboxRow, Person
from service.store.types import fingerprint
from tests import cast
from tests.smtp import free_port
from tests.test_supervisor import COMMAND, READY_SECONDS, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds the processes of the web server in /proc")
SECRET = "SECRET-TYPED"  # what a person typed, wherever a person can
TOKEN = "api-token-of-ana-0123456789abcdef"


@dataclass
class Written:
    """The service as it runs, and the lines that it wrote so far."""

    process: subprocess.Popen
    url: str
    settings: object
    path: object
    ids: dict[str, int]
    tokens: dict[str, str]

    def lines(self):
        return [json.loads(line) for line in self.path.read_text().splitlines() if line]

    def line(self, **fields):
        """The first line with these fields, once it is there."""
        found = lambda: [each for each in self.lines() if fields.items() <= each.items()]  # noqa: E731
        return until(found, told=self.path.read_text)[0]

    def ask(self, path, body=None, **headers):
        request = Request(f"{self.url}{path}", body, headers)
        try:
            with urlopen(request, timeout=20) as answer:
                return answer.status, answer.headers, answer.read().decode()
        except HTTPError as refused:
            return refused.code, refused.headers, refused.read().decode()


def tell(services):
    """Ana, who is well; and Eve, whose zone is nonsense that she typed: whatever looks at her time stumbles over it,
    and quotes it in what it raises."""
    now = services.clock()
    with services.database.write() as session:
        pair, other = cast.pair(session, now), cast.pair(session, now, "eve", "dan")
        ana, eve = pair.mentee, other.mentee
        tokens = {
            "schedule": links.link_for(session, now, "schedule", ana.id, pair_id=pair.id).token,
            "person": links.link_for(session, now, "person", eve.id).token,
            "api": TOKEN,
        }
        session.add(ApiToken(token_hash=fingerprint(TOKEN), person_id=ana.id, created_at=now))
        connection = Connection(
            person_id=eve.id, provider="ics", url=f"https://{SECRET}.example.org/", due_at=now, created_at=now
        )
        connection.calendars.append(Calendar(key=SECRET, key_hash="h", name=SECRET))
        meeting = Meeting(
            pair_id=other.id, session="check-in", starts_at=now + timedelta(hours=24),
            ends_at=now + timedelta(hours=25), phase="booked", uid="uid-1", fixed_at=now, due_at=now,
            created_at=now, ask=SECRET,
        )  # fmt: skip
        session.add_all([connection, meeting])
        session.flush()
        outbox.add(session, now, "invitation", eve.id, dedup="eve", meeting_id=meeting.id, pair_id=other.id, sequence=0)
        outbox.add(session, now, "links", ana.id, dedup="ana")
        session.execute(update(Person).where(Person.id == eve.id).values(zone=SECRET))
        rows = dict(session.execute(cast.select(OutboxRow.dedup_key, OutboxRow.id)).all())
        return {"pair": pair.id, "connection": connection.id, "meeting": meeting.id, **rows}, tokens


@pytest.fixture
def up(tmp_path):
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GREENROOM_")}
    environ = inherited | {
        "GREENROOM_DATA_DIR": str(tmp_path / "data"), "PORT": str(free_port()), "GREENROOM_LOG_FORMAT": "json",
        "GREENROOM_WEB_WORKERS": "2", "GREENROOM_TRUSTED_PROXIES": "1",
    }  # fmt: skip
    settings = load(environ)
    wiring.migrate(settings)
    services = wiring.build(settings)
    ids, tokens = tell(services)
    services.database.close()
    with (tmp_path / "said").open("ab") as out:
        process = subprocess.Popen(COMMAND, env=environ, stdout=out, stderr=out, start_new_session=True)
    made = Written(process, f"http://127.0.0.1:{settings.port}", settings, tmp_path / "said", ids, tokens)
    try:
        until(lambda: "ready at" in made.path.read_text() or process.poll() is not None, READY_SECONDS)
        assert process.poll() is None, made.path.read_text()
        yield made
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(30)


def test_no_line_of_any_process_holds_what_somebody_typed_or_a_token(up):
    visit_pages(up)
    call_the_api(up)
    send_what_is_no_request(up)
    look_at_the_jobs(up)
    kill_a_web_process(up)
    up.process.send_signal(signal.SIGTERM)
    assert up.process.wait(30) == 0
    written = up.path.read_text()
    assert SECRET not in written
    assert not [kind for kind, token in up.tokens.items() if token in written or fingerprint(token) in written]
    assert "example.org" not in written
    lines = up.lines()
    assert {line["part"] for line in lines} == {"supervisor", "web", "worker-mail", "worker-calendar", "clock"}
    for line in lines:
        assert {"time", "level", "logger", "message", "part", "pid"} <= set(line)
        assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])


def visit_pages(up):
    path = f"/s/{up.tokens['schedule']}"
    status, headers, _ = up.ask(f"{path}?session=check-in&zone={SECRET}", **{"User-Agent": SECRET, "Referer": SECRET})
    assert status == 200
    line = up.line(request_id=headers["X-Request-ID"])
    assert (line["logger"], line["message"]) == ("service.web.access", "GET /s/<token> 200")
    assert (line["method"], line["route"], line["status"], line["pair"]) == ("GET", "/s/<token>", 200, up.ids["pair"])
    form = {"session": "check-in", "start": "2020-01-01T10:00:00Z", "ask": SECRET, "place": SECRET, "item-0": SECRET}
    assert up.ask(f"{path}/time", urlencode(form).encode())[0] == 422
    assert up.ask(f"/s/{SECRET}")[0] == 404
    assert up.ask(f"/{SECRET}")[0] == 404
    up.line(route="-", status=404)

    status, headers, text = up.ask(f"/p/{up.tokens['person']}", **{"X-Request-ID": "from-the-proxy-1"})
    assert (status, headers["X-Request-ID"]) == (500, "from-the-proxy-1")
    assert "from-the-proxy-1" in text, "whoever sees the page can quote it"
    mistake = up.line(request_id="from-the-proxy-1", level="ERROR")
    assert mistake["message"] == "/p/<token>: unexpected ZoneInfoNotFoundError"
    assert "in reader_of" in mistake["trace"]
    for foreign in (f"{SECRET} and more", "short", "x" * 65):
        assert up.ask("/", **{"X-Request-ID": foreign})[1]["X-Request-ID"] != foreign


def call_the_api(up):
    bearer = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    path = f"/api/v1/pairs/{up.ids['pair']}"
    assert up.ask(f"{path}/slots?session=check-in&zone={SECRET}", **bearer)[0] == 422
    assert up.ask(f"{path}/slots?session=check-in", **bearer)[0] == 200
    body = {"start": "2020-01-01T10:00:00Z", "session": "check-in", "agenda": [SECRET], "place": SECRET}
    assert up.ask(f"{path}/meetings", json.dumps(body).encode(), **bearer)[0] == 422
    assert up.ask(f"{path}/meetings", f'{{"{SECRET}": '.encode(), **bearer)[0] == 400
    assert up.line(route="/api/v1/pairs/<int:pair_id>/meetings", status=400)["pair"] == up.ids["pair"]
    assert up.ask("/api/v1/me", Authorization=f"Bearer {SECRET}")[0] == 401


def send_what_is_no_request(up):
    """gunicorn answers by itself, and says so in its own log."""
    for text in (f"GET /s/{up.tokens['schedule']} nonsense {SECRET}\r\n\r\n", f"GET / HTTP/1.1\r\n{SECRET}\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", up.settings.port), timeout=10) as client:
            client.sendall(text.encode())
            assert client.recv(1000).startswith(b"HTTP/1.1 400")
    up.line(logger="gunicorn.error", message="a request that cannot be read was refused")


def look_at_the_jobs(up):
    sent = up.line(row=up.ids["ana"], message="sent")
    assert (sent["part"], sent["job"]) == ("worker-mail", "workers.deliver.send_batch")
    failed = up.line(row=up.ids["eve"], message="a mail cannot be written: unexpected ZoneInfoNotFoundError")
    assert failed["level"] == "ERROR"
    assert 'File "' in failed["trace"]
    for fields in ({"part": "clock"}, {"part": "worker-calendar", "connection": up.ids["connection"]}):
        assert up.line(level="ERROR", **fields)["message"].endswith(": unexpected ZoneInfoNotFoundError")


def kill_a_web_process(up):
    """What it counted stays, and the next one goes on with it."""
    before = slots_found(up)
    assert before >= 2
    children = served_by(up)
    os.kill(children[0], signal.SIGKILL)
    up.line(logger="gunicorn.error", level="ERROR")
    until(lambda: len(served_by(up)) == 2 and children[0] not in served_by(up))
    for _ in range(4):
        assert up.ask(f"/s/{up.tokens['schedule']}?session=check-in")[0] == 200
    assert slots_found(up) == before + 4


def served_by(up):
    """The processes that the web server forked."""
    told = (re.fullmatch(r"web started \(process (\d+)\)", line["message"]) for line in up.lines())
    [web] = [found[1] for found in told if found]
    return [int(pid) for pid in Path(f"/proc/{web}/task/{web}/children").read_text().split()]


def slots_found(up):
    families = text_string_to_metric_families(up.ask("/metrics")[2])
    samples = [sample for family in families for sample in family.samples]
    return sum(sample.value for sample in samples if sample.name == "greenroom_slot_seconds_count")


SCRIPT = """
import logging, sys, threading, warnings
from service import logs
logs.start(sys.argv[1], "web")
library, ours = logging.getLogger("urllib3.connectionpool"), logging.getLogger("service.x")
def fail():
    try:
        int(sys.argv[2])
    except ValueError as fault:
        raise KeyError(sys.argv[2]) from fault
library.warning("Failed to parse (url=%s) after %d tries", "https://" + sys.argv[2], 3, extra={"row": sys.argv[2]})
library.warning("%(url)s", {"url": sys.argv[2]})
try:
    fail()
except KeyError:
    library.exception("lost")
with logs.about(row=7):
    ours.warning("refused", extra={"connection": 5, "text": sys.argv[2]})
ours.info("progress")
warnings.warn(sys.argv[2])
thread = threading.Thread(target=fail)
thread.start()
thread.join()
try:
    open("/nowhere/" + sys.argv[2])
except OSError as fault:
    logs.mistake(ours, "opening", fault)
fail()
"""


def written_by_the_script(form):
    ended = subprocess.run([sys.executable, "-c", SCRIPT, form, SECRET], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert SECRET not in ended.stderr
    return ended.stderr


def test_what_libraries_write_and_what_ends_a_process_as_json():
    lines = [json.loads(line) for line in written_by_the_script("json").splitlines()]
    assert [line["message"] for line in lines] == [
        "Failed to parse (url=…) after 3 tries",
        "…",
        "lost",
        "refused",
        "progress",
        "UserWarning at <string>:20",
        "a thread ended: unexpected KeyError",
        "opening: unexpected FileNotFoundError ENOENT",
        "this process ends: unexpected KeyError",
    ]
    assert "row" not in lines[0]
    assert (lines[3]["row"], lines[3]["connection"]) == (7, 5)
    assert set(lines[3]) == {"time", "level", "logger", "message", "part", "pid", "row", "connection"}
    for line in (lines[2], lines[6], lines[8]):
        cause, _, effect = line["trace"].partition("\nled to\n")
        assert (cause.splitlines()[-1], effect.splitlines()[-1]) == ("ValueError", "KeyError")
        assert "in fail" in effect


def test_the_same_as_text():
    lines = written_by_the_script("text").splitlines()
    assert re.fullmatch(r"\S+Z service\.x WARNING refused row=7 connection=5", next(x for x in lines if "refused" in x))
    assert not [line for line in lines if "progress" in line], "text tells what somebody should look at"
    assert sum(line.strip() == "led to" for line in lines) == 3
