"""Two web servers behind something that tries the other when one is away: restarting them loses no request. And the
workers of one share what connects."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from itertools import count

import pytest

from service import wiring
from service.settings import load
from service.web import serve
from tests import smtp

COMMAND = [sys.executable, "-c", "from service.cli import main; main()", "web"]
RESTARTS, CLIENTS, BETWEEN_SECONDS = 2, 4, 0.5
READY_SECONDS = 20


class Front:
    """What a proxy does: each request goes to one server in turn, to the other when that one cannot be connected to,
    and to nobody else once it was sent: a POST may not be sent twice."""

    def __init__(self, ports):
        self.ports, self.turn, self.answers, self.done = ports, count(), Counter(), threading.Event()

    def drive(self):
        while not self.done.is_set():
            self.answers[self.ask()] += 1
            time.sleep(0.002)  # leaves a restarting server something of the machine

    def ask(self):
        turn = next(self.turn)
        for attempt in range(len(self.ports)):
            connection = http.client.HTTPConnection("127.0.0.1", self.ports[(turn + attempt) % 2], timeout=10)
            try:
                connection.connect()
            except ConnectionRefusedError:
                continue
            try:
                connection.request("POST", "/", body="email=", headers={"Connection": "close"})
                return connection.getresponse().status
            except (OSError, http.client.HTTPException) as fault:
                return type(fault).__name__
            finally:
                connection.close()
        return "nobody there"


def start(environ, port):
    process = subprocess.Popen(COMMAND, env=environ | {"PORT": str(port)}, start_new_session=True)
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
        try:
            connection.request("GET", "/health/live")
            if connection.getresponse().status == 200:
                return process
        except OSError:
            time.sleep(0.05)
        finally:
            connection.close()
    process.kill()
    pytest.fail("the web server did not start")


def test_no_request_is_lost(tmp_path):
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GREENROOM_")}
    environ |= {"GREENROOM_DATA_DIR": str(tmp_path), "GREENROOM_WEB_WORKERS": "2", "GREENROOM_WEB_THREADS": "2"}
    wiring.migrate(load(environ))
    ports = [smtp.free_port(), smtp.free_port()]
    servers = [start(environ, port) for port in ports]
    front = Front(ports)
    clients = [threading.Thread(target=front.drive) for _ in range(CLIENTS)]
    try:
        for client in clients:
            client.start()
        for restart in range(RESTARTS):
            time.sleep(BETWEEN_SECONDS)  # requests must be under way when it stops
            which = restart % 2
            servers[which].terminate()
            assert servers[which].wait(timeout=20) == 0
            servers[which] = start(environ, ports[which])
    finally:
        front.done.set()
        for client in clients:
            client.join()
        for server in servers:
            server.terminate()
            server.wait(timeout=20)
    assert front.answers.total() > 200
    assert set(front.answers) <= {303, 429}, front.answers


def test_a_worker_lets_those_with_fewer_connections_come_first(tmp_path):
    configured = load({"GREENROOM_DATA_DIR": str(tmp_path), "GREENROOM_WEB_WORKERS": "2"})
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        worker = serve.Worker(1, os.getpid(), [listener], None, 30, serve.Server(configured).cfg, None)
        worker.nr_conns = 5
        began = time.monotonic()
        worker.accept(listener)  # another one has taken it meanwhile: no fault, nothing to do
        waited = time.monotonic() - began
        assert worker.nr_conns == 5
        worker.tmp.close()
        worker.method_queue.close()
    assert waited >= 5 * serve.STEP
