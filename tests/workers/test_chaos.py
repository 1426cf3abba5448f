"""A storm over real parts: workers, their jobs, clocks, broker and mail server are killed at random moments, PostgreSQL
restarts at once, while people book, move and cancel. Nobody gets a mail twice, nobody hears of what was cancelled, and
every row ends where it belongs."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from service import wiring
from service.settings import load
from service.store.tables import Meeting, OutboxRow
from tests import smtp
from tests.conftest import KEYS
from tests.workers.diary import Diary
from tests.workers.sink import taken
from tests.workers.storm import JOURNAL, pid_file

pytestmark = pytest.mark.long
SOAK = bool(os.environ.get("GREENROOM_SOAK"))
MAILS = int(os.environ.get("GREENROOM_STORM_MAILS") or (20_000 if SOAK else 500))  # less those that were taken back
RESTARTS = MAILS // 250  # of PostgreSQL
FEWEST_KILLS = MAILS // 50
LONGEST_STORM = MAILS / 3  # seconds
CALM_SECONDS = 60
PARTS = ("worker-1", "worker-2", "job", "job", "clock-1", "clock-2", "broker", "smtp")
ENDS = {"sent", "cancelled", "dead", "uncertain"}
LEAVES_ONE_UNCERTAIN = ("worker", "job", "smtp")


class Storm:
    """What kills the parts, which the supervisor starts again."""

    def __init__(self, folder, seed):
        self.folder, self.dice, self.kills = folder, random.Random(seed), Counter()
        self.next = []

    def strike(self):
        """Each has its turn, in no order; what is not running just now comes first again."""
        if not self.next:
            self.next = self.dice.sample(PARTS, len(PARTS))
        for name in self.next:
            pid = self._job() if name == "job" else self._pid(name)
            if pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    self.kills[name.partition("-")[0]] += 1
                    self.next.remove(name)
                return
        self.next = []

    def _pid(self, name):
        with suppress(FileNotFoundError, ValueError):
            return int(pid_file(self.folder, name).read_text())
        return None

    def _job(self):
        """A running job is a child of a worker."""
        for name in ("worker-1", "worker-2"):
            with suppress(OSError):
                pid = self._pid(name)
                for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
                    return int(child)
        return None


@contextmanager
def parts(environ):
    supervisor = subprocess.Popen(
        [sys.executable, "-m", "tests.workers.storm"], env=environ, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield
    finally:
        supervisor.terminate()
        try:
            supervisor.wait(60)
        finally:
            supervisor.kill()


def weather(storm, diary, restart):
    """Kills this and that while the diary fills, until there are enough mails, nine in ten of them have gone, and
    enough was killed."""
    restarts = [MAILS * number // (RESTARTS + 1) for number in range(1, RESTARTS + 1)] if restart else []
    written = ended = 0
    strike_at, until = 0.0, time.monotonic() + LONGEST_STORM
    while time.monotonic() < until and (written < MAILS or ended < 0.9 * MAILS or storm.kills.total() < FEWEST_KILLS):
        if written < MAILS:
            diary.act()
        else:
            time.sleep(0.05)
        if time.monotonic() >= strike_at:
            storm.strike()
            strike_at = time.monotonic() + storm.dice.uniform(0.2, 1.0)
        if restarts and written >= restarts[0]:
            restarts.pop(0)
            restart()
            storm.kills["postgres"] += 1
        states = diary.states() or Counter(pending=written)
        written = sum(count for state, count in states.items() if state != "cancelled")
        ended = sum(count for state, count in states.items() if state in ENDS - {"cancelled"})


def calm(diary):
    """Seconds until every row has ended, or the deadline."""
    began = time.monotonic()
    while time.monotonic() < began + CALM_SECONDS and not set(diary.states() or {"away"}) <= ENDS:
        time.sleep(0.2)
    return time.monotonic() - began


@dataclass
class Outcome:
    rows: list
    meetings: dict
    mails: list
    left: dict
    kills: Counter

    def of_state(self, *states):
        return {row.message_id for row in self.rows if row.state in states}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def outcome(request, tmp_path_factory):
    if sys.platform != "linux":
        pytest.skip("finds running jobs in /proc")
    folder = tmp_path_factory.mktemp("storm")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GREENROOM_")}
    environ |= {
        "GREENROOM_DATA_DIR": str(folder),
        "GREENROOM_SMTP_URL": f"smtp://127.0.0.1:{smtp.free_port()}?security=none",
        "GREENROOM_DISPATCH_SECONDS": "0.1",
        "GREENROOM_SECRET_KEYS": KEYS[0],
    }
    restart = None
    if request.param == "postgresql":
        postgres = request.getfixturevalue("postgres")
        environ["GREENROOM_DATABASE_URL"] = postgres.fresh()
        restart = postgres.restart_immediately
    settings = load(environ)
    wiring.migrate(settings)
    services = wiring.build(settings)
    storm, diary = Storm(folder, 1), Diary(services, 1)
    began = time.monotonic()
    with parts(environ):
        weather(storm, diary, restart)
        stormed = time.monotonic() - began
        settled = calm(diary)
    with services.database.read() as session:
        rows = list(session.scalars(select(OutboxRow)))
        meetings = {meeting.id: meeting for meeting in session.scalars(select(Meeting))}
    services.database.close()
    found = Outcome(rows, meetings, list(taken(folder / JOURNAL)), diary.left, storm.kills)
    print(  # noqa: T201 - what a long storm was like is asked for with `pytest -s`
        f"{request.param}: {len(rows)} mails, {stormed:.0f} s of storm, calm after {settled:.0f} s, killed "
        f"{dict(storm.kills)}, rows {dict(Counter(row.state for row in rows))}"
    )
    return found


def test_it_was_a_storm(outcome):
    assert len(outcome.rows) >= MAILS
    assert outcome.kills.total() >= FEWEST_KILLS
    assert set(outcome.kills) >= {"worker", "job", "clock", "broker", "smtp"}
    assert len(outcome.of_state("sent")) > MAILS / 2
    assert outcome.left


def test_every_row_ends(outcome):
    assert {row.state for row in outcome.rows} <= ENDS


def test_no_mail_comes_twice(outcome):
    times = Counter(mail.message_id for mail in outcome.mails)
    assert [key for key, count in times.items() if count > 1] == []


def test_none_is_lost(outcome):
    arrived = {mail.message_id for mail in outcome.mails}
    assert outcome.of_state("sent") <= arrived, "what counts as sent did arrive"
    assert arrived <= outcome.of_state("sent", "uncertain"), "what arrived counts as sent, or a person is asked"


def test_a_kill_leaves_at_most_one_uncertain(outcome):
    kills = sum(outcome.kills[name] for name in LEAVES_ONE_UNCERTAIN)
    assert len(outcome.of_state("uncertain")) <= kills


def test_everybody_has_the_last_invitation_to_what_stands(outcome):
    for meeting in outcome.meetings.values():
        if meeting.phase == "booked":
            last = [row for row in outcome.rows if row.meeting_id == meeting.id and row.sequence == meeting.sequence]
            assert sorted(row.person_id for row in last) == sorted((meeting.pair.mentee_id, meeting.pair.mentor_id))
            assert {row.state for row in last} <= {"sent", "uncertain"}


def test_no_invitation_leaves_after_its_meeting_was_cancelled(outcome):
    arrived = {mail.message_id for mail in outcome.mails}
    for row in outcome.rows:
        meeting = outcome.meetings[row.meeting_id]
        if row.kind == "invitation" and meeting.phase == "cancelled" and row.message_id in arrived:
            assert row.id in outcome.left[meeting.id]


def test_whoever_knew_of_a_cancelled_meeting_knows_that_it_is_cancelled(outcome):
    """By SEQUENCE, as calendars take it (RFC 5546 2.1.4): an invitation that was on its way may come after."""
    last = defaultdict(lambda: (-1, ""))
    for mail in outcome.mails:
        last[mail.recipient, mail.uid] = max(last[mail.recipient, mail.uid], (mail.sequence, mail.method))
    unsure = outcome.of_state("uncertain", "dead")
    for row in outcome.rows:
        meeting = outcome.meetings[row.meeting_id]
        if row.kind == "cancellation" and row.message_id not in unsure:
            person = meeting.pair.me(row.person_id)
            assert last[person.email, meeting.uid] == (meeting.sequence, "CANCEL")


def test_whoever_never_heard_of_a_meeting_does_not_hear_that_it_is_cancelled(outcome):
    tried = {(row.meeting_id, row.person_id) for row in outcome.rows if row.kind == "invitation" and row.attempts}
    told = {(row.meeting_id, row.person_id) for row in outcome.rows if row.kind == "cancellation"}
    assert told <= tried
