"""Calendar servers on loopback: one that answers as told, a real Radicale and Xandikos, and a relay to put in front."""

from __future__ import annotations

import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.smtp import free_port

Answer = Callable[[BaseHTTPRequestHandler], None]
HOP = frozenset({"Content-Length", "Transfer-Encoding", "Connection"})  # of one connection, not of what it carries


@contextmanager
def answering(answers: dict[str, Answer], tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """A server whose paths do what they are told; yields host:port. Whatever else is asked for is a 404."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = answers.get(self.path.partition("?")[0])
            try:
                if answer is None:
                    self.send_error(404)
                else:
                    answer(self)
            except (BrokenPipeError, ConnectionResetError):
                pass  # the reader had enough, which is what some tests are about

        do_POST = do_PROPFIND = do_REPORT = do_GET

        def log_message(self, *_arguments: object) -> None:
            pass

    with serving(Handler, tls) as host:
        yield host


@dataclass
class Relay:
    """What stands in front of a server: passes everything on, unless `answer` is set, and counts the answers that
    carried a calendar."""

    host: str = ""
    answer: Answer | None = None
    calendars_sent: int = 0


@contextmanager
def relay(upstream: str) -> Iterator[Relay]:
    found = Relay()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if found.answer is not None:
                found.answer(self)
                return
            behind = HTTPConnection(upstream, timeout=10)
            behind.request(self.command, self.path, asked, dict(self.headers))
            answer = behind.getresponse()
            content = answer.read()
            behind.close()
            found.calendars_sent += b"BEGIN:VCALENDAR" in content
            kept = {name: value for name, value in answer.getheaders() if name not in HOP}
            body(content, answer.status, **kept)(self)

        do_PROPFIND = do_REPORT = do_GET

        def log_message(self, *_arguments: object) -> None:
            pass

    with serving(Handler) as found.host:
        yield found


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler], tls: ssl.SSLContext | None = None) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.handle_error = lambda *_arguments: None  # a client that does not trust us, or had enough, hangs up
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def body(content: bytes, status: int = 200, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def redirect(to: str, status: int = 302) -> Answer:
    return body(b"", status, Location=to)


def dripping(seconds: float) -> Answer:
    """A byte now and then: each read succeeds, the whole never ends."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.05)

    return answer


def trickling(first: bytes, then: bytes, seconds: float) -> Answer:
    """Raw octets, the second part again and again: an answer whose headers or chunk sizes never end."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        handler.wfile.write(first)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            handler.wfile.write(then)
            handler.wfile.flush()
            time.sleep(0.05)

    return answer


def flooding(megabytes: int) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        for _ in range(megabytes):
            handler.wfile.write(b" " * 1024 * 1024)

    return answer


@contextmanager
def radicale(folder: Path, users: dict[str, str]) -> Iterator[str]:
    """A real CalDAV server with passwords; yields host:port when it answers, and ends with the block."""
    port = free_port()
    (folder / "users").write_text("".join(f"{name}:{password}\n" for name, password in users.items()))
    config = folder / "config"
    config.write_text(
        f"[server]\nhosts=127.0.0.1:{port}\n"
        f"[auth]\ntype=htpasswd\nhtpasswd_filename={folder}/users\nhtpasswd_encryption=plain\ndelay=0\n"
        f"[storage]\nfilesystem_folder={folder}/collections\n[logging]\nlevel=critical\n"
    )
    with _process(port, "radicale", "-C", str(config)) as host:
        yield host


@contextmanager
def xandikos(folder: Path, principal: str, *more: str) -> Iterator[str]:
    """A real CalDAV server that lets everybody in as `principal`: its passwords want TLS of its own."""
    port = free_port()
    options = ("--autocreate", "--current-user-principal", principal, "--state-dir", str(folder / "state"), *more)
    where = ("-d", str(folder / "collections"), "-l", "127.0.0.1", "-p", str(port))
    with _process(port, "xandikos", "serve", *where, *options) as host:
        yield host


@contextmanager
def _process(port: int, module: str, *arguments: str) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(f"http://127.0.0.1:{port}/", process)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=1).close()
        except urllib.error.HTTPError as answered:
            answered.close()
            return
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the calendar server did not start")
