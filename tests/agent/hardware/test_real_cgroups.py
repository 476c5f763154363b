"""Limits of real control groups, as root may make them; whether a quota is reached others decide, too."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from paretofleet_agent.hardware import cgroups


def made_group(controller):
    """A group of version 1 below this process's own, as root may make one; else the test is skipped."""
    own = next(iter(cgroups.groups_of(Path("/"), controller)), None)
    if own is None or "cgroup.procs" not in os.listdir(own) or not os.access(own, os.W_OK):
        pytest.skip("this process may make no control group")
    group = own / f"paretofleet-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError:
        pytest.skip("this process may make no control group")
    return group


@contextlib.contextmanager
def within(controller, limits):
    """A child shell of a real group with `limits`, files to their contents; it runs a program and ends."""
    group = made_group(controller)
    try:
        try:
            for name, content in limits.items():
                (group / name).write_text(content)
        except OSError:
            pytest.skip("this kernel does not take the limit")

        def run(*argv):
            enter = 'echo $$ > "$0/cgroup.procs" && exec "$@"'
            return subprocess.run(
                ["/bin/sh", "-c", enter, str(group), *argv],
                capture_output=True,
                text=True,
                check=True,
                timeout=280,
            ).stdout

        yield run
    finally:
        remove(group)


def remove(group):
    """Removes a group once the last of its processes has left it."""
    until = time.monotonic() + 60
    while group.exists():
        assert time.monotonic() < until
        with contextlib.suppress(OSError):
            group.rmdir()
        time.sleep(0.01)


def test_a_bench_in_a_real_group_tells_its_quota_and_that_it_was_reached(model):
    """Case 13: a fifth of a CPU by a group of one's own, as a systemd unit with CPUQuota= is."""
    pytest.importorskip("onnxruntime")
    limits = {"cpu.cfs_quota_us": "20000", "cpu.cfs_period_us": "100000"}
    if (made := made_group("cpu")) is not None:
        is_v2 = (made / "cpu.max").exists()
        made.rmdir()
        limits = {"cpu.max": "20000 100000"} if is_v2 else limits
    with within("cpu", limits) as run:
        argv = ("-m", "paretofleet_agent.main", "bench", str(model), "--threads", "1", "-o", "json")
        report = json.loads(run(sys.executable, *argv))
    assert report["environment"]["cpu_quota"] == 0.2
    assert "cpu_quota_reached" in report["runs"][0]["flags"]


def test_a_real_group_s_limit_of_memory_is_that_of_its_process():
    limit = 512 << 20
    group = made_group("memory")
    name = "memory.max" if (group / "memory.max").exists() else "memory.limit_in_bytes"
    group.rmdir()
    program = (
        "from pathlib import Path; from paretofleet_agent.hardware.cgroups import memory_limit_bytes; "
        "print(memory_limit_bytes(Path('/')))"
    )
    with within("memory", {name: str(limit)}) as run:
        assert int(run(sys.executable, "-c", program)) == limit
