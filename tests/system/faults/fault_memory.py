"""Memory that is not there: for the worker, whose calls fail, and for processes that the kernel kills."""

from __future__ import annotations

import functools
import os
import random
import signal
import time
from pathlib import Path

from farm import wait_until
from fault_hook import Hook
from fault_runs import Play, Scenario, begin
from fault_stage import Stage

#: The root of memory's control groups, in their first and their second version, and the file of the limit.
GROUPS = (
    (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"),
    (Path("/sys/fs/cgroup"), "memory.max"),
)
#: A page: the next that is asked for kills.
LIMIT_BYTES = 4096


@functools.cache
def why_no_group() -> str:
    """Why no control group for memory can be made here; empty where one can."""
    try:
        _make_group("probe").rmdir()
    except OSError as error:
        return f"no control group for memory can be made here ({error.strerror})"
    return ""


def _make_group(name: str) -> Path:
    """A new control group with the limit; raises OSError."""
    root, limit = next((each for each in GROUPS if (each[0] / "cgroup.procs").exists()), GROUPS[1])
    group = root / f"paretofleet-{os.getpid()}-{name}"
    group.mkdir()
    try:
        (group / limit).write_text(str(LIMIT_BYTES))
    except OSError:
        group.rmdir()
        raise
    return group


def killed_for_memory(who: str) -> Play:
    """The kernel kills the collector, or an agent, for what it asks for; it is started again."""

    def play(stage: Stage, chance: random.Random) -> None:
        begin(stage)
        stage.wait_sealed(1)
        time.sleep(chance.uniform(0.0, 1.0))
        process = stage.collector if who == "collector" else stage.agents[who]
        assert process is not None
        group = _make_group(f"{who}-{chance.randrange(10**9)}")
        stage.at_close.append(group.rmdir)
        (group / "cgroup.procs").write_text(str(process.pid))
        wait_until(lambda: process.poll() is not None, f"the end of {who}")
        assert process.returncode == -signal.SIGKILL
        if who == "collector":
            stage.serve()
        else:
            stage.agent(who)

    return play


def worker_has_none(stage: Stage, _chance: random.Random) -> None:
    """Three seals in a row get no memory, as on a machine that others fill; whatever allocates, fails."""
    hook = Hook(stage.root / "hook", "paretofleet_collector.jobs.seal:seal", "memory", 3)
    stage.environments["collector"] = hook.variables
    begin(stage)
    wait_until(lambda: hook.left() == 0, "three seals without memory")
    assert stage.collector is not None
    assert stage.collector.poll() is None, "the collector stays up"


MEMORY = (
    Scenario("the worker has no memory three times", worker_has_none),
    Scenario("the collector is killed for memory", killed_for_memory("collector"), unless=why_no_group),
    Scenario("an agent is killed for memory", killed_for_memory("d1"), unless=why_no_group),
)
