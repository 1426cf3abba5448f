"""What may be run: names that lead somewhere, ids, and nothing else."""

import importlib
import json
import subprocess
import sys

import pytest
from redis import Redis
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer
from sqlalchemy import select

from integrations import rq_jobs
from integrations.rq_jobs import CALENDAR, MAIL, RqJobs
from service.domain.errors import AdapterError
from service.store import heartbeats
from service.store.tables import Calendar, Connection, Inbound
from service.wiring import utc_now
from tests import cast
from workers import busy, context
from workers.run import JOBS, BeatingWorker, SafeJob


def test_every_name_of_a_job_leads_to_its_function():
    names = {value for name, value in vars(rq_jobs).items() if isinstance(value, str) and value.startswith("workers.")}
    assert names == set(JOBS)
    for name in names:
        module, _, function = name.rpartition(".")
        assert getattr(importlib.import_module(module), function) is JOBS[name]


def test_a_job_on_the_wire_is_a_name_and_ids(valkey):
    jobs = RqJobs(valkey)
    jobs.send_batch("a-token", [3, 1, 2])
    jobs.read_calendars()
    jobs.read_calendars()
    jobs.read_inbound([9])
    assert jobs.depth() == 2
    with Redis.from_url(valkey) as redis:
        found = {}
        for queue in (MAIL, CALENDAR):
            for job in Queue(queue, connection=redis, serializer=JSONSerializer).jobs:
                found[job.func_name] = (json.loads(json.dumps(job.args)), job.timeout)
    assert found == {
        "workers.deliver.send_batch": (["a-token", [3, 1, 2]], 390),
        "workers.busy.read_calendars": ([], 120),
        "workers.inbox.read_inbound": ([[9]], 60),
    }


def test_the_broker_keeps_what_kind_of_mistake_ended_a_job_and_not_its_words(valkey, monkeypatch, caplog):
    def broken(inbound_id):
        raise ValueError("SECRET-TYPED")

    monkeypatch.setitem(JOBS, rq_jobs.READ_INBOUND, broken)
    RqJobs(valkey).read_inbound([9])
    with Redis.from_url(valkey) as redis:
        queue = Queue(MAIL, connection=redis, serializer=JSONSerializer)
        [job] = queue.jobs
        worker = SimpleWorker([MAIL], connection=redis, serializer=JSONSerializer, job_class=SafeJob)
        worker.work(burst=True, logging_level="CRITICAL")
        kept = job.latest_result().exc_string
    assert "JobFailed: ValueError" in kept
    assert "a job: unexpected ValueError" in caplog.text
    assert "in broken" in next(record.trace for record in caplog.records if hasattr(record, "trace"))
    assert "SECRET-TYPED" not in kept + caplog.text


def test_only_what_is_on_the_list_runs(valkey, tmp_path):
    mark = tmp_path / "mark"
    with Redis.from_url(valkey) as redis:
        queue = Queue(MAIL, connection=redis, serializer=JSONSerializer)
        job = queue.enqueue_call("os.system", args=(f"touch {mark}",))
        worker = SimpleWorker([MAIL], connection=redis, serializer=JSONSerializer, job_class=SafeJob)
        worker.work(burst=True, logging_level="CRITICAL")
        assert job.get_status(refresh=True) == "failed"
        assert "JobRefused" in job.latest_result().exc_string
    assert not mark.exists()


def test_a_broker_that_is_away_is_one_kind_of_error(tmp_path):
    jobs = RqJobs(f"unix://{tmp_path}/nobody.sock")
    for ask in (jobs.depth, jobs.read_calendars, lambda: jobs.send_batch("t", [1])):
        with pytest.raises(AdapterError) as raised:
            ask()
        assert (raised.value.code, raised.value.permanent) == ("broker_unreachable", False)


def test_a_refresh_reads_without_a_transaction_and_keeps_what_came(services):
    now = services.clock()
    with services.database.write() as session:
        connection_id = cast.broken_calendar(session, now, cast.person(session, now, "ben").id).id
    services.calendars("ics", "broken", None, None).put(now)
    busy.refresh(services, connection_id)
    with services.database.read() as session:
        assert session.scalars(select(Calendar.verified_at)).all() == [now]
    busy.refresh(services, 4711)  # gone: nothing happens


def test_a_worker_that_is_woken_reads_what_is_due(services, valkey, monkeypatch):
    monkeypatch.setattr(context, "_made", [services])
    now = services.clock()
    with services.database.write() as session:
        connection_id = cast.broken_calendar(session, now, cast.person(session, now, "ben").id).id
    RqJobs(valkey).read_calendars()
    with Redis.from_url(valkey) as redis:
        worker = SimpleWorker([CALENDAR], connection=redis, serializer=JSONSerializer, job_class=SafeJob)
        worker.work(burst=True, logging_level="CRITICAL")
    with services.database.read() as session:
        read = session.get(Connection, connection_id)
        assert (read.state, read.checked_at, read.leased_until) == ("connected", now, None)


def test_a_message_is_decided_once(services, monkeypatch):
    from service.operations import inbound
    from workers import inbox

    monkeypatch.setattr(context, "_made", [services])
    with services.database.write() as session:
        inbound_id = inbound.receive(session, services.clock(), b"Message-ID: <1@example.org>\r\n\r\nhello")
    for _ in range(2):
        inbox.read_inbound([inbound_id])
    with services.database.read() as session:
        assert session.get(Inbound, inbound_id).state == "ignored"


def test_a_worker_says_that_it_lives_and_forks_with_no_database_open(services, valkey):
    with Redis.from_url(valkey) as redis:
        worker = BeatingWorker([MAIL], connection=redis, serializer=JSONSerializer, job_class=SafeJob)
        worker.services, worker.beat_as = services, "mail-1"
        worker.heartbeat()
    with services.database.read() as session:
        assert heartbeats.alive(session, utc_now()) == {"worker"}
    services.database.close()
    worker.beat_at = float("-inf")
    with Redis.from_url(valkey) as redis:
        worker.connection = redis
        worker.heartbeat()
    assert services.database.engine.pool.checkedin() == 0


def test_writes_that_wait_keep_nobody_from_reading(valkey):
    jobs = RqJobs(valkey)
    jobs.write_events([1, 2])
    assert jobs.calendar_depth() == 1
    for _ in range(2):
        jobs.read_calendars()
    assert jobs.calendar_depth() == 2, "one read, behind the write"


def test_a_job_goes_on_when_its_whole_group_is_told_to_end():
    code = (
        "import sys; from workers.run import BeatingWorker as W; "
        "W.setup_work_horse_signals(W.__new__(W)); print('begun', flush=True); sys.stdin.read(); print('ended')"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as job:
        assert job.stdout.readline() == b"begun\n"
        job.terminate()
        said, _ = job.communicate(timeout=20)
    assert (said, job.returncode) == (b"ended\n", 0)
