"""How long `up` and `bench` wait for a process that starts, by a clock that is played."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
from types import SimpleNamespace

import pytest
from paretofleet_collector.cli import local_processes, slow_start
from paretofleet_collector.errors import CollectorError


class Machine:
    """A clock, and the processor time that the process has used; what the user was told is in `said`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = self.spent_s = 0.0
        self.said: list[str] = []
        monkeypatch.setattr(slow_start, "time", SimpleNamespace(monotonic=lambda: self.now_s))
        monkeypatch.setattr(slow_start, "processor_s", lambda _: self.spent_s)
        monkeypatch.setattr(slow_start, "notify", self.said.append)

    def passes(self, waits: slow_start.SlowStart, seconds: int, *, works: bool) -> None:
        for _ in range(seconds):
            self.now_s += 1.0
            self.spent_s += 0.01 if works else 0.0
            waits.check()


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


def test_a_process_that_works_is_waited_for_with_a_sentence(machine: Machine) -> None:
    waits = slow_start.SlowStart("collector", 1, "does not listen")
    machine.passes(waits, 59, works=True)
    assert machine.said == []
    machine.passes(waits, 500, works=True)
    (said,) = machine.said
    assert "still starts after 1 min: this machine is busy" in said
    assert "15 min at most" in said


def test_one_that_never_comes_to_an_end_is_given_up(machine: Machine) -> None:
    waits = slow_start.SlowStart("agent", 1, "is not online")
    with pytest.raises(CollectorError, match="The agent works for 15 min and is not online"):
        machine.passes(waits, 1000, works=True)
    assert machine.now_s > slow_start.MOST_S


def test_one_that_does_nothing_is_given_up_after_a_minute(machine: Machine) -> None:
    waits = slow_start.SlowStart("collector", 1, "does not listen")
    machine.passes(waits, 200, works=True)
    with pytest.raises(CollectorError, match="has done nothing for 1 min"):
        machine.passes(waits, 100, works=False)
    assert machine.now_s == pytest.approx(261.0)


def test_processor_time_is_that_of_the_whole_session() -> None:
    """Of a process that works in one that it started: its own stands still while it waits."""
    work = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'while True: pass'])"
    process = subprocess.Popen([sys.executable, "-c", work], start_new_session=True)
    try:
        before = slow_start.processor_s(process.pid)
        while slow_start.processor_s(process.pid) < before + 0.5:
            assert process.poll() is None
    finally:
        os.killpg(process.pid, 9)
        process.wait(60)


def test_a_collector_that_does_nothing_is_given_up_by_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slow_start, "IDLE_S", 0.5)
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    part = local_processes.start("collector", ["sleep", "600"], lines.put)
    try:
        with pytest.raises(CollectorError, match=r"nothing .* Its lines above say how far it came"):
            local_processes.wait_until_ready(part, lines)
    finally:
        part.process.kill()
        part.process.wait(60)
