"""A PostgreSQL server of the tests' own: in a temporary folder, on a unix socket, ended by its process id."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg
import pytest

#: Where Debian keeps the programs of its PostgreSQL, by version.
FOLDERS = Path("/usr/lib/postgresql")
START_S = 120.0


def installed() -> Path | None:
    """The folder of initdb and postgres; None without one."""
    for folder in sorted(FOLDERS.glob("*/bin"), key=lambda each: int(each.parent.name), reverse=True):
        if (folder / "initdb").exists():
            return folder
    beside = shutil.which("initdb")
    return Path(beside).parent if beside else None


def programs() -> Path:
    """The folder of initdb and postgres; skips the test where there is none."""
    folder = installed()
    if folder is None:
        pytest.skip("NOT TRIED: no PostgreSQL server is installed here (Debian: apt install postgresql)")
    return folder


@dataclass
class Server:
    """A server that can be killed and started again over the same data."""

    root: Path
    programs: Path
    process: subprocess.Popen[bytes] | None = None
    user: dict[str, int] = field(default_factory=dict)
    template: str = ""

    def run(self, *command: str | Path) -> None:
        subprocess.run([str(part) for part in command], check=True, capture_output=True, **self.user)

    def start(self) -> None:
        command = [self.programs / "postgres", "-D", self.root / "data", "-k", self.root]
        self.process = subprocess.Popen(
            [
                *map(str, command),
                *("-c", "listen_addresses=", "-c", "max_connections=60", "-c", "fsync=off"),
                # In its folder, where it goes with it: what is killed leaves the system's in /dev/shm.
                *("-c", "dynamic_shared_memory_type=mmap"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(self.root / "log").open("ab"),
            **self.user,
        )
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=2).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError((self.root / "log").read_text())

    def kill(self) -> None:
        """Kills the server and its processes: none of them gets to say goodbye."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        self.process.kill()
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        self.process.wait()
        psutil.wait_procs(children, 10)

    def signal(self, number: int) -> None:
        """Sends a signal to the server and all its processes."""
        for process in (psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children()):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def stop(self) -> None:
        """At once, without a last checkpoint; does nothing where it stands already."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(60)

    def remove(self) -> None:
        """Stops it and removes its folder."""
        try:
            self.stop()
        finally:
            shutil.rmtree(self.root, ignore_errors=True)

    def url(self, database: str) -> str:
        return f"postgresql://tester@/{database}?host={self.root}"

    def new_database(self) -> str:
        """An empty database; returns its URL."""
        name = f"store_{secrets.token_hex(4)}"
        self.execute("postgres", f"CREATE DATABASE {name}")
        return self.url(name)

    def new_store(self) -> str:
        """A database of today's schema, copied from one that was migrated once; returns its URL."""
        if not self.template:
            from paretofleet_collector.store import Store

            url = self.new_database()
            Store(url).close()
            self.template = url.partition("@/")[2].partition("?")[0]
        name = f"store_{secrets.token_hex(4)}"
        self.execute("postgres", f"CREATE DATABASE {name} TEMPLATE {self.template}")
        return self.url(name)

    def new_guarded_database(self, password: str) -> str:
        """An empty database whose owner has to say a `password`; returns its URL without it."""
        name = f"guarded_{secrets.token_hex(4)}"
        self.execute("postgres", f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
        self.execute("postgres", f"CREATE DATABASE {name} OWNER {name}")
        rules = self.root / "data" / "pg_hba.conf"
        rules.write_text(f"local all {name} scram-sha-256\n" + rules.read_text())
        self.execute("postgres", "SELECT pg_reload_conf()")
        return f"postgresql://{name}@/{name}?host={self.root}"

    def execute(self, database: str, statement: str) -> list[tuple]:
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def cut_connections(self) -> int:
        """Ends every connection of a collector, as a failing network or an operator does."""
        rows = self.execute(
            "postgres",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'paretofleet'",
        )
        return len(rows)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A running server with nothing in it."""
    server = started()
    try:
        yield server
    finally:
        server.remove()


def started() -> Server:
    """A running server; the caller calls `remove`."""
    folder = programs()
    # A socket's path must be short, and another user must reach it.
    server = Server(Path(tempfile.mkdtemp(prefix="pg")), folder)
    try:
        _make(server)
        server.start()
    except BaseException:
        server.remove()
        raise
    return server


def _make(server: Server) -> None:
    if os.geteuid() == 0:  # the server refuses to run as root
        entry = pwd.getpwnam("postgres")
        server.user = {"user": entry.pw_uid, "group": entry.pw_gid}
        os.chown(server.root, entry.pw_uid, entry.pw_gid)
    server.root.chmod(0o711)
    server.run(
        server.programs / "initdb",
        "-D",
        server.root / "data",
        *("-A", "trust", "-U", "tester", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"),
    )
