"""Without an identity: the local socket for its user, loopback only if asked, copies that replace nobody."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from farm import BIN, PATIENCE_S, Farm, wait_until

pytestmark = pytest.mark.system
NOBODY = 65534


@pytest.fixture
def hidden(tmp_path: Path) -> Iterator[Farm]:
    """A farm whose collector was started as by default: nobody asked for a port."""
    made = Farm(tmp_path)
    made.start_collector(listen="socket")
    try:
        yield made
    finally:
        made.close()


def test_commands_and_agents_find_the_socket_by_themselves(hidden: Farm) -> None:
    assert hidden.address.startswith("unix:/")
    hidden.start(
        BIN / "paretofleet-agent", "run", "--name", "near", "--simulate", "cpu-server", log="near.log"
    )
    environment = hidden.environment()

    def listed() -> bool:
        command = [str(BIN / "paretofleet"), "devices", "list", "-o", "csv"]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
        return ",online," in done.stdout

    wait_until(listed, "the agent that named no collector")


def link_of(path: Path) -> str:
    """Where a link leads; empty where it is gone, as that of a descriptor that was closed meanwhile."""
    try:
        return os.readlink(path)
    except FileNotFoundError:
        return ""


def test_no_port_is_open_and_every_file_is_its_users(hidden: Farm) -> None:
    links = [link_of(path) for path in Path(f"/proc/{hidden.processes[0].pid}/fd").iterdir()]
    inodes = {link[8:-1] for link in links if link.startswith("socket:")}
    assert inodes
    for table in ("tcp", "tcp6"):
        rows = [line.split() for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]]
        assert [row for row in rows if row[3] == "0A" and row[9] in inodes] == []
    hidden.start_agent("a", "--simulate", "cpu-server")
    for home in (hidden.collector_home, hidden.collector_home / "local", hidden.root / "a"):
        assert stat.S_IMODE(home.stat().st_mode) == 0o700, home
    assert stat.S_IMODE((hidden.root / "a" / "lock").stat().st_mode) == 0o600
    assert stat.S_IMODE((hidden.collector_home / "lock").stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_of_the_machine_gets_nowhere(hidden: Farm) -> None:
    for folder in (hidden.root, *hidden.root.parents):
        if folder.stat().st_uid == 0 and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    socket = hidden.address.removeprefix("unix:")
    attempts = f"""
import os, socket
os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
def tried(what):
    try:
        what()
    except PermissionError:
        return
    raise SystemExit(f"{{what}} was let in")
tried(lambda: socket.socket(socket.AF_UNIX).connect({socket!r}))
tried(lambda: os.listdir({str(hidden.collector_home)!r}))
tried(lambda: open({str(hidden.collector_home / "collector.sqlite3")!r}))
"""
    done = subprocess.run([sys.executable, "-c", attempts], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_copied_folder_replaces_nobody_and_the_original_works_on(farm: Farm) -> None:
    farm.start_agent("original", "--simulate", "cpu-server")
    shutil.copytree(farm.root / "original", farm.root / "copy", ignore=shutil.ignore_patterns("lock"))
    copy = farm.start_agent_raw("copy", "original", "--simulate", "cpu-server")
    assert copy.wait(PATIENCE_S) == 5
    assert "a copy of its identity" in farm.log("copy")
    assert "devices reset original" in farm.log("copy")
    assert "delete" not in farm.log("copy") + farm.log("original")
    farm.command(
        *("sweep", "submit", "--name", "s", "--model", "zoo:squeezenet1_1", "--device", "original"),
        *("--protocol", "quick", "--repeats", "1", "--watch"),
    )
    assert farm.sweep("s")["state"] == "finished"


def test_a_long_home_has_its_socket_elsewhere(tmp_path: Path) -> None:
    long = Farm(tmp_path / ("long" * 30))
    long.root.mkdir()
    try:
        collector = long.start_collector(listen="socket")
        assert long.listing("devices", "list") == []
        folder = Path(long.address.removeprefix("unix:")).parent
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        collector.terminate()
        assert collector.wait(PATIENCE_S) == 0
        assert not folder.exists()
    finally:
        long.close()
