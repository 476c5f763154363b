"""`collector health`: what a probe on the collector's machine learns by the exit code."""

from __future__ import annotations

import signal

import pytest
from farm import Farm

pytestmark = pytest.mark.system


def test_a_probe_learns_whether_the_collector_can_store(farm: Farm) -> None:
    words = ("collector", "health", "--home", farm.collector_home)
    assert farm.command(*words) == "serving\n"
    farm.processes[0].send_signal(signal.SIGTERM)
    farm.processes[0].wait()
    done = farm.run(*words)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"No collector answers in {farm.collector_home}" in done.stderr
    farm.start_collector(disk_low_bytes=1 << 60)
    done = farm.run(*words)
    assert (done.returncode, done.stdout) == (1, "")
    assert "cannot store what comes" in done.stderr
