"""A real Valkey that goes, comes back, and forgets everything while mail is queued: nothing is lost, nothing twice."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import replace

import pytest
from redis import Redis
from rq import SimpleWorker
from rq.serializers import JSONSerializer
from sqlalchemy import select

from integrations.rq_jobs import MAIL, RqJobs
from service import broker
from service.process import Part, stop
from service.store import outbox
from service.store.tables import OutboxRow
from service.web import create_app
from tests import cast
from workers import clock, context
from workers.run import SafeJob

PEOPLE = ("ana", "ben", "eve")


class Valkey:
    """The embedded broker as `up` runs it, to be stopped and started."""

    def __init__(self, folder):
        self.socket = folder / "s"
        self.url = f"unix://{self.socket}"
        self._part = Part("broker", broker.starter(folder, self.socket))
        self.start()

    def start(self):
        self._part.pid = self._part.start()

    def stop(self):
        stop(self._part)


@pytest.fixture
def valkey(tmp_path_factory):
    server = Valkey(tmp_path_factory.mktemp("valkey"))
    yield server
    server.stop()


@pytest.fixture
def queued(services, valkey, monkeypatch):
    """Services on that broker, and one mail to each of three people."""
    made = replace(services, jobs=RqJobs(valkey.url))
    monkeypatch.setattr(context, "_made", [made])
    with made.database.write() as session:
        for key in PEOPLE:
            outbox.add(session, made.clock(), "links", cast.person(session, made.clock(), key).id, dedup=key)
    return made


def work(valkey):
    """Does the jobs that wait, in this process."""
    with closing(Redis.from_url(valkey.url)) as redis:
        worker = SimpleWorker([MAIL], connection=redis, serializer=JSONSerializer, job_class=SafeJob)
        worker.work(burst=True, logging_level="CRITICAL")


def states(services):
    with services.database.read() as session:
        return Counter(session.scalars(select(OutboxRow.state)))


def recipients(services):
    return Counter(mail.recipient for mail in services.mailer.sent)


ONCE_EACH = Counter(cast.PEOPLE[key][1] for key in PEOPLE)


def test_a_broker_that_is_away_takes_nothing_and_mail_goes_when_it_is_back(queued, valkey):
    valkey.stop()
    assert not clock.attempt(clock.dispatch, queued), "told, and tried again in the next round"
    assert states(queued) == {"pending": 3}
    assert create_app(queued).test_client().get("/").status_code == 200, "people notice nothing"
    valkey.start()
    assert clock.attempt(clock.dispatch, queued)
    work(valkey)
    assert states(queued) == {"sent": 3}
    assert recipients(queued) == ONCE_EACH


def test_a_broker_that_restarts_with_jobs_in_it_sends_each_once(queued, valkey):
    assert clock.dispatch(queued) == 3
    valkey.stop()
    valkey.start()
    queued.clock.now += outbox.QUEUED_LEASE
    clock.dispatch(queued)  # the first job may have been kept by the broker, or not: a second one is made in any case
    work(valkey)
    assert states(queued) == {"sent": 3}
    assert recipients(queued) == ONCE_EACH


def test_a_broker_that_is_wiped_while_mail_is_queued_costs_one_lease(queued, valkey):
    assert clock.dispatch(queued) == 3
    with closing(Redis.from_url(valkey.url)) as redis:
        redis.flushall()
    work(valkey)
    assert states(queued) == {"queued": 3}
    assert clock.dispatch(queued) == 0, "they are somebody's until the lease is over"
    queued.clock.now += outbox.QUEUED_LEASE
    assert clock.dispatch(queued) == 3
    work(valkey)
    assert states(queued) == {"sent": 3}
    assert recipients(queued) == ONCE_EACH
