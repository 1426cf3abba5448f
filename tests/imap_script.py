"""An IMAP server that knows one client's few commands by heart, for what a real one cannot be made to do. It is strict:
whatever else it is asked ends the connection."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.smtp import free_port


@dataclass
class Script:
    """What it does about IDLE: `ahead` are lines that it sends before its answer, `told` those after it; it `refuses`
    with NO, or `hangs_up`."""

    port: int = field(default_factory=free_port)
    capabilities: str = "IMAP4rev1 IDLE"
    ahead: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    refuses: bool = False
    hangs_up: bool = False
    asked: list[str] = field(default_factory=list)

    def serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection, connection.makefile("rwb") as file:
            self._say(file, "* OK ready")
            while line := file.readline().decode().strip():
                tag, _, command = line.partition(" ")
                name = command.partition(" ")[0]
                self.asked.append(name)
                if name == "CAPABILITY":
                    self._say(file, f"* CAPABILITY {self.capabilities}")
                elif name == "SELECT":
                    self._say(file, "* 3 EXISTS", "* OK [UIDVALIDITY 7] ok")
                elif name == "IDLE" and not self.refuses:
                    self._say(file, *self.ahead, "+ idling", *self.told)
                    if self.hangs_up or file.readline() != b"DONE\r\n":
                        return
                elif name not in {"LOGIN", "IDLE"}:
                    return
                self._say(file, f"{tag} {'NO' if name == 'IDLE' and self.refuses else 'OK'} done")

    @staticmethod
    def _say(file: socket.SocketIO, *lines: str) -> None:
        file.write("".join(f"{line}\r\n" for line in lines).encode())
        file.flush()


@contextmanager
def running(script: Script) -> Iterator[Script]:
    with socket.create_server(("127.0.0.1", script.port)) as listening:
        listening.settimeout(0.05)
        ended = threading.Event()

        def accept() -> None:
            while not ended.is_set():
                with suppress(TimeoutError):
                    script.serve(listening.accept()[0])

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield script
        finally:
            ended.set()
            thread.join()
