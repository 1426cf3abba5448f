"""A real IMAP server: Debian's dovecot-imapd with a configuration of its own, on a port of the loopback."""

from __future__ import annotations

import imaplib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from bench.served import free_port

PROGRAM = shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
MISSING = (
    "no dovecot here: as root on Debian, apt-get install dovecot-imapd"
    if PROGRAM is None
    else "dovecot must be started by root"
    if os.geteuid() != 0
    else ""
)
PASSWORD = "pässwörd"  # of every account there may be, on a server that lives as long as the tests
CONFIGURATION = """
protocols = imap
listen = 127.0.0.1
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
{ssl}
disable_plaintext_auth = no
auth_failure_delay = 0
mail_location = maildir:{folder}/mail/%u
mail_max_userip_connections = 100
passdb {{
  driver = static
  args = password={{PLAIN}}{password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%u
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Dovecot:
    port: int
    tls_port: int
    folder: Path
    authority: Path | None  # who signed its certificate
    user: str = "meet"

    @property
    def url(self) -> str:
        return f"imap://{self.user}:{quote(PASSWORD)}@127.0.0.1:{self.port}/INBOX"

    @contextmanager
    def client(self) -> Iterator[imaplib.IMAP4]:
        """As the mailbox's owner sees it."""
        with imaplib.IMAP4("127.0.0.1", self.port, timeout=10) as client:
            client.authenticate("PLAIN", lambda _: f"\0{self.user}\0{PASSWORD}".encode())
            yield client

    def put(self, *mails: bytes, folder: str = "INBOX") -> None:
        with self.client() as client:
            for mail in mails:
                said, _ = client.append(folder, "", "", mail)
                assert said == "OK"

    def flags(self, folder: str = "INBOX") -> list[set[bytes]]:
        """Of each mail in the folder."""
        with self.client() as client:
            said, (count,) = client.select(folder, readonly=True)
            if said != "OK" or count == b"0":
                return []
            _, found = client.fetch("1:*", "(FLAGS)")
            return [set(imaplib.ParseFlags(line)) - {rb"\Recent"} for line in found if line]


@contextmanager
def running(certificate: Path | None = None, key: Path | None = None) -> Iterator[Dovecot]:
    """The server, until the end; without a certificate it speaks no TLS."""
    with tempfile.TemporaryDirectory(prefix="greenroom-dovecot-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        nobody = pwd.getpwnam("nobody")
        (folder / "mail").mkdir()
        os.chown(folder / "mail", nobody.pw_uid, nobody.pw_gid)
        server = Dovecot(free_port(), free_port(), folder, certificate)
        configuration = folder / "dovecot.conf"
        configuration.write_text(
            CONFIGURATION.format(
                folder=folder, port=server.port, tls_port=server.tls_port, password=PASSWORD,
                ssl=f"ssl = yes\nssl_cert = <{certificate}\nssl_key = <{key}" if certificate else "ssl = no",
                uid=nobody.pw_uid, gid=nobody.pw_gid,
            ),
            encoding="utf-8",
        )  # fmt: skip
        child = subprocess.Popen([PROGRAM or "dovecot", "-F", "-c", configuration])
        try:
            _wait_for(server, child)
            yield server
        finally:
            child.send_signal(signal.SIGTERM)
            child.wait(10)


def _wait_for(server: Dovecot, child: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 15
    while True:
        try:
            with server.client():
                return
        except (OSError, imaplib.IMAP4.error):
            said = (server.folder / "log").read_text() if (server.folder / "log").exists() else ""
            assert child.poll() is None, said
            assert time.monotonic() < until, said
            time.sleep(0.05)
