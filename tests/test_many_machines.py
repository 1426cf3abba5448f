"""Two web servers and two workers with clocks five minutes apart, on one PostgreSQL and one broker."""

import os
import random
import sys
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from email import policy
from email.parser import BytesParser

import pytest
from sqlalchemy import func, select

from service import wiring
from service.catalogue import Words
from service.domain.availability import Availability, to_json
from service.links import link_for
from service.store.tables import ApiToken, Claim, Heartbeat, Meeting, OutboxRow, Pair, Person
from service.store.types import fingerprint
from tests import smtp
from tests.machines import Machines, a_broker, until

SOAK = bool(os.environ.get("GREENROOM_SOAK"))
TIMES = 10
MENTEES = 60 if SOAK else 12  # each wants all ten
AT_ONCE = 24
APART = timedelta(minutes=5)
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")


@dataclass(frozen=True)
class Wish:
    """One mentee's wish for one time, as a call."""

    pair: int
    token: str
    start: datetime

    def send(self, machine):
        return machine.ask(
            f"/api/v1/pairs/{self.pair}/meetings", "POST", {"start": self.start.isoformat(), "session": "check-in"},
            Authorization=f"Bearer {self.token}", Idempotency_Key=f"{self.pair}-{self.start:%d}",
        )  # fmt: skip


@pytest.fixture(scope="module")
def installation(tmp_path_factory, postgres):
    """The machines, running, and the sink of their mail: two web servers, two workers, of each one that is early."""
    folder, url = tmp_path_factory.mktemp("machines"), postgres.fresh()
    with smtp.running() as (sink, port), a_broker(tmp_path_factory.mktemp("broker")) as broker_url:
        machines = Machines(
            folder,
            {
                "GREENROOM_DATABASE_URL": url,
                "GREENROOM_SECRET_KEYS": "k" * 48,
                "GREENROOM_REDIS_URL": broker_url,
                "GREENROOM_SMTP_URL": f"smtp://127.0.0.1:{port}?security=none",
                "GREENROOM_DISPATCH_SECONDS": "0.2",
                "GREENROOM_WEB_THREADS": "12",
            },
        )
        for part in ("web", "worker"):
            for ahead in (-APART / 2, APART / 2):
                machines.start(part, ahead)
        yield machines, sink
        machines.end()
    postgres.drop(url)


@pytest.fixture
def machines(installation):
    started, sink = installation
    until(lambda: all(web.ask()[0] == 200 for web in started.webs), started.told)
    sink.taken.clear()
    return started


@pytest.fixture
def services(machines):
    built = wiring.build(machines.settings())
    yield built
    built.database.close()


def prepare(services, mentees=MENTEES):
    """Everybody's wish for each of ten working days at ten o'clock of the one mentor that they share."""
    made = uuid.uuid4().hex[:6]
    now = services.clock()
    days = (now.date() + timedelta(days=number) for number in range(3, 30))
    starts = [datetime.combine(day, time(10), now.tzinfo) for day in days if day.weekday() < 5][:TIMES]
    wishes = []
    with services.database.write() as session:
        mentor = person(now, f"mentor-{made}")
        session.add(mentor)
        for number in range(mentees):
            mentee = person(now, f"mentee-{made}-{number}")
            pair = Pair(mentee=mentee, mentor=mentor, created_at=now)
            session.add(pair)
            session.flush()
            token = f"token-of-{made}-{number}"
            session.add(ApiToken(token_hash=fingerprint(token), person_id=mentee.id, created_at=now))
            wishes += [Wish(pair.id, token, start) for start in starts]
    return starts, wishes


def person(now, name):
    offered = to_json(Availability())
    return Person(
        name=name, email=f"{name}@example.org", zone="UTC", locale="en", availability=offered, mails="all",
        created_at=now,
    )  # fmt: skip


def test_s01_contested_bookings_on_ten_times_are_ten_whatever_the_clocks_say(installation, machines, services):
    starts, wishes = prepare(services)
    random.Random(1).shuffle(wishes)
    wishes.sort(key=lambda wish: wish.start)  # all who want one time come together, to both machines
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda asked: asked[1].send(machines.webs[asked[0] % 2]), enumerate(wishes)))
    assert Counter(status for status, _, _ in answers) == {201: TIMES, 409: len(wishes) - TIMES}, machines.told()
    for status, kind, said in answers:
        if status == 409:
            assert (kind, said["code"]) == ("application/problem+json", "slot_taken")
            assert said["slots"], "with times that are free now"
    won = {wish: said["id"] for wish, (status, _, said) in zip(wishes, answers, strict=True) if status == 201}
    assert sorted(wish.start for wish in won) == starts
    for wish, meeting_id in won.items():  # the same key again, at either machine, is the same booking
        assert {answer[2]["id"] for answer in map(wish.send, machines.webs)} == {meeting_id}
    with services.database.read() as session:
        assert sorted(session.scalars(select(Meeting.starts_at))) == starts
        assert len(session.scalars(select(Claim.id)).all()) == 2 * TIMES
    arrive(services, installation, 2 * TIMES)
    written_by_one_clock(services)


def arrive(services, installation, count):
    """So many mails, all of them invitations, each of them once."""
    machines, sink = installation

    def rows():
        with services.database.read() as session:
            return session.execute(select(OutboxRow.kind, OutboxRow.state, OutboxRow.message_id)).all()

    until(lambda: {state for _, state, _ in rows()} == {"sent"}, lambda: (rows(), machines.told()))
    assert {kind for kind, _, _ in rows()} == {"invitation"}
    parsed = (BytesParser(policy=policy.default).parsebytes(octets) for _, octets in sink.taken)
    arrived = Counter(str(message["Message-ID"]).strip("<>").partition("@")[0] for message in parsed)
    assert set(arrived) <= {message_id for _, _, message_id in rows()}
    assert sorted(arrived.values()) == [1] * count


def written_by_one_clock(services):
    """Nothing that either machine wrote is minutes away from the database's own time."""
    kinds = (Meeting.created_at, OutboxRow.created_at, OutboxRow.due_at, OutboxRow.sent_at, Heartbeat.at)
    with services.database.read() as session:
        now = session.execute(select(func.clock_timestamp())).scalar_one()
        told = [moment for kind in kinds for moment in session.scalars(select(kind))]
        assert set(session.scalars(select(Heartbeat.part))) == {"clock", "worker"}
    assert all(-timedelta(seconds=2) < now - moment < APART / 2 - timedelta(seconds=30) for moment in told)


def test_the_database_is_away_and_back_and_nobody_has_to_start_anything(installation, machines, services, postgres):
    _, (wish, *_) = prepare(services, mentees=1)
    with services.database.write() as session:
        pair = session.get_one(Pair, wish.pair)
        link = link_for(session, services.clock(), "schedule", pair.mentee_id, pair_id=pair.id)
    page = f"/s/{link.token}"
    early, late = machines.webs
    assert late.ask(page)[0] == 200
    postgres.stop()
    try:
        assert early.ask("/health/live")[0] == 200
        assert early.ask()[0] == 503
        status, kind, said = late.ask(page)
        assert (status, kind) == (503, "text/html")
        assert Words.of("en")("error.database") in said
        status, kind, said = wish.send(early)
        assert (status, kind, said["code"]) == (503, "application/problem+json", "database")
    finally:
        postgres.start()
    until(lambda: [web.ask()[0] for web in machines.webs] == [200, 200], machines.told, seconds=10)
    assert late.ask(page)[0] == 200
    assert wish.send(early)[0] == 201
    arrive(services, installation, 2)
    assert all(machine.process.poll() is None for machine in machines.all)
    assert "will be started again" not in machines.told()
