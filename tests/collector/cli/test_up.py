"""`paretofleet up` with its real processes."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.system
BIN = Path(sys.executable).parent


class Up:
    """A `paretofleet up` on a free port; `text` is what it said so far."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.log = folder / "up.log"
        with self.log.open("wb") as sink:
            self.process = subprocess.Popen(
                [str(BIN / "paretofleet"), "up", "--home", str(folder / "home"), *options],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
            )

    @property
    def text(self) -> str:
        return self.log.read_text()

    def wait_for(self, pattern: str) -> re.Match[str]:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            if found := re.search(pattern, self.text):
                return found
            time.sleep(0.05)
        raise AssertionError(f"{pattern} in 120 s:\n{self.text}")

    def pid_of(self, part: str) -> int:
        return int(self.wait_for(rf"(?m)^{part}[^|\n]*, process (\d+)")[1])


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    made = Up(tmp_path, "--listen", "127.0.0.1:0", "--web", "127.0.0.1:0", "--name", "here")
    try:
        yield made
    finally:
        if made.process.poll() is None:
            made.process.terminate()
        made.process.wait(60)


def is_gone(pid: int) -> bool:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_both_are_processes_and_both_end_with_it(up: Up, number: signal.Signals) -> None:
    parts = [up.pid_of("collector"), up.pid_of("agent")]
    address = up.wait_for(r"collector at (\S+),")[1]
    deadline = time.monotonic() + 120
    said = ""
    while ",online," not in said and time.monotonic() < deadline:
        command = [str(BIN / "paretofleet"), "--collector", address, "devices", "list", "-o", "csv"]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert ",here,cpu,online," in said
    up.process.send_signal(number)
    assert up.process.wait(60) == 0
    assert all(is_gone(pid) for pid in parts)
    assert up.text.endswith("ended\n")
    assert "Traceback" not in up.text


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one CPU: there is no housekeeping CPU apart")
def test_the_collector_that_serves_the_page_keeps_to_the_housekeeping_cpu(up: Up) -> None:
    collector = psutil.Process(up.pid_of("collector"))
    up.wait_for("opened once by this link")
    housekeeping = [max(os.sched_getaffinity(0))]
    for process in (collector, *collector.children(recursive=True)):
        assert process.cpu_affinity() == housekeeping


def test_a_second_one_says_that_the_first_is_to_be_used_and_leaves_it_alone(up: Up, tmp_path: Path) -> None:
    parts = [up.pid_of("collector"), up.pid_of("agent")]
    second = tmp_path / "second"
    second.mkdir()
    (second / "home").symlink_to(tmp_path / "home")
    again = Up(second)
    assert again.process.wait(60) == 1
    assert "A collector works in" in again.text
    assert "perhaps of `paretofleet up` in another terminal: use that one" in again.text
    assert "everything is stopped" not in again.text
    assert all(psutil.pid_exists(pid) for pid in parts)


def test_it_prints_a_link_to_the_live_page_and_open_makes_another(up: Up) -> None:
    first = up.wait_for(r"opened once by this link: (http://127.0.0.1:\d+/)#(\S+)")
    address = up.wait_for(r"collector at (\S+),")[1]
    whole = [str(BIN / "paretofleet"), "--collector", address, "open", "--print"]
    second = subprocess.run(whole, capture_output=True, text=True, check=True).stdout.strip()
    assert second.startswith(first[1] + "#")
    assert second.rpartition("#")[2] != first[2]
    asked = urllib.request.Request(second, headers={"Accept": "text/html"})  # noqa: S310 - loopback
    with urllib.request.urlopen(asked, timeout=20) as reply:  # noqa: S310 - loopback
        assert b"This page opens by a link" in reply.read(), "the fragment is not sent"


def test_without_the_page_it_prints_no_link_and_open_says_why(tmp_path: Path) -> None:
    up = Up(tmp_path, "--listen", "127.0.0.1:0", "--web", "off")
    try:
        address = up.wait_for(r"collector at (\S+),")[1]
        up.pid_of("agent")
        assert "live page" not in up.text
        whole = [str(BIN / "paretofleet"), "--collector", address, "open", "--print"]
        done = subprocess.run(whole, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "serves no page" in done.stderr
    finally:
        up.process.send_signal(signal.SIGINT)
        assert up.process.wait(60) == 0


@pytest.mark.parametrize("part", ["collector", "agent"])
def test_when_one_dies_the_other_is_ended_and_it_says_so(up: Up, part: str) -> None:
    parts = [up.pid_of("collector"), up.pid_of("agent")]
    os.kill(up.pid_of(part), signal.SIGKILL)
    assert up.process.wait(60) == 1
    assert f"The {part} ended by signal SIGKILL, so everything is stopped" in up.text
    assert all(is_gone(pid) for pid in parts)


def test_a_removed_device_costs_no_collector_and_the_way_back_is_a_command(up: Up, tmp_path: Path) -> None:
    def command(*words: str, address: str) -> subprocess.CompletedProcess[str]:
        whole = [str(BIN / "paretofleet"), "--collector", address, *words]
        return subprocess.run(whole, capture_output=True, text=True, check=False)

    address = up.wait_for(r"collector at (\S+),")[1]
    up.wait_for("serving the collector")
    online = command("devices", "remove", "here", "--yes", address=address)
    assert online.returncode == 1
    assert "is online: stop its agent first" in online.stderr
    assert command("devices", "remove", "here", "--yes", "--force", address=address).returncode == 0
    up.wait_for("goes on without it")
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(60) == 0

    again = Up(tmp_path, "--listen", "127.0.0.1:0", "--web", "off", "--name", "here")
    try:
        back = again.wait_for(r"`paretofleet (devices resume \S+)` takes it back")[1]
        again.wait_for("goes on without it")
        address = again.wait_for(r"collector at (\S+),")[1]
        assert command(*back.split(), address=address).returncode == 0
        assert ",removed," not in command("devices", "list", "-o", "csv", address=address).stdout
    finally:
        again.process.send_signal(signal.SIGINT)
        assert again.process.wait(60) == 0


def test_when_it_is_killed_nothing_is_left(up: Up) -> None:
    parts = [up.pid_of("collector"), up.pid_of("agent")]
    up.process.kill()
    assert all(is_gone(pid) for pid in parts)


def test_a_busy_port_ends_it_with_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        up = Up(tmp_path, "--listen", f"127.0.0.1:{port}", "--web", "off")
        assert up.process.wait(60) == 1
    assert str(port) in up.text
    assert "The collector ended with exit code 1" in up.text
    assert "Traceback" not in up.text
