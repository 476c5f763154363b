"""The limits of CPU time and memory that hold for this process: the tightest from its own group up."""

from __future__ import annotations

import dataclasses

import pytest
from paretofleet_agent.hardware import cgroups, environment
from paretofleet_agent.hardware.cgroups import Throttled
from paretofleet_agent.measure.attempt import measure


@pytest.mark.parametrize(
    ("name", "quota", "stopped"),
    [
        ("cgroup_v2_nested", 1.5, Throttled(8, 0.5)),
        ("cgroup_v1_docker", 2.5, Throttled(40, 3.5)),
        ("cgroup_hybrid", 0.5, Throttled(3, 0.09)),
    ],
)
def test_the_tightest_quota_up_from_the_process_s_own_group_holds(tree, name, quota, stopped):
    root = tree(name)
    assert cgroups.cpu_quota(root) == quota
    assert environment.environment(root, (0,))["cpu_quota"] == quota
    assert cgroups.throttled(root) == stopped
    assert environment.readings(root)["throttled_periods"] == stopped.periods
    assert environment.readings(root)["throttled_cpu_s"] == stopped.cpu_s


def written(root, files):
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content + "\n")
    return root


V1 = "sys/fs/cgroup/cpu/"
CASES = {
    "no groups at all": ({}, None),
    "a namespace: the own group is the root": (
        {"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "300000 100000"},
        3.0,
    ),
    "no limit": ({"proc/self/cgroup": "0::/a", "sys/fs/cgroup/a/cpu.max": "max 100000"}, None),
    "a limit without a period": ({"sys/fs/cgroup/cpu.max": "50000"}, 0.5),
    "another process's group": (
        {"proc/self/cgroup": "0::/a", "sys/fs/cgroup/b/cpu.max": "50000 100000"},
        None,
    ),
    "looser below than above": (
        {
            "proc/self/cgroup": "0::/a/b",
            "sys/fs/cgroup/a/cpu.max": "100000 100000",
            "sys/fs/cgroup/a/b/cpu.max": "80000 20000",
        },
        1.0,
    ),
    "a folder that is hidden": (
        {
            "proc/self/cgroup": "3:cpu:/docker/x",
            f"{V1}cpu.cfs_quota_us": "70000",
            f"{V1}cpu.cfs_period_us": "10000",
        },
        7.0,
    ),
    "version 1 without a limit": ({f"{V1}cpu.cfs_quota_us": "-1", f"{V1}cpu.cfs_period_us": "100000"}, None),
    "a period of nothing": ({"sys/fs/cgroup/cpu.max": "50000 0"}, None),
    "rubbish": ({"proc/self/cgroup": "0:", "sys/fs/cgroup/cpu.max": "a b c"}, None),
    "a group outside of the namespace": (
        {
            "proc/self/cgroup": "0::/../other",
            "proc/self/mountinfo": "1 2 0:3 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw",
            "sys/fs/cgroup/cpu.max": "50000 100000",
        },
        None,
    ),
    "a mount from above the namespace": (
        {
            "proc/self/cgroup": "0::/",
            "proc/self/mountinfo": "1 2 0:3 /../.. /sys/fs/cgroup rw - cgroup2 cgroup2 rw",
            "sys/fs/cgroup/cpu.max": "50000 100000",
        },
        0.5,
    ),
    "an unusual place with a space": (
        {
            "proc/self/cgroup": "0::/a",
            "proc/self/mountinfo": "1 2 0:3 / /groups\\040here rw - cgroup2 cgroup2 rw",
            "groups here/a/cpu.max": "50000 100000",
        },
        0.5,
    ),
    "a group whose folder is gone": (
        {"proc/self/cgroup": "0::/a/b (deleted)", "sys/fs/cgroup/a/cpu.max": "120000 100000"},
        1.2,
    ),
}


@pytest.mark.parametrize("case", list(CASES))
def test_every_layout_gives_its_quota_or_none(tmp_path, case):
    files, quota = CASES[case]
    assert cgroups.cpu_quota(written(tmp_path, files)) == quota


HALF, WHOLE, NONE = 2**29, 2**30, 9223372036854771712
MEMORY_CASES = {
    "no groups at all": ({}, None, None),
    "version 2: the tightest of the ancestors": (
        {
            "proc/self/cgroup": "0::/a/b",
            "sys/fs/cgroup/a/memory.max": str(HALF),
            "sys/fs/cgroup/a/b/memory.max": str(WHOLE),
            "sys/fs/cgroup/a/b/memory.high": "4096",
        },
        HALF,
        4096,
    ),
    "version 2 without a limit": (
        {
            "proc/self/cgroup": "0::/a",
            "sys/fs/cgroup/a/memory.max": "max",
            "sys/fs/cgroup/a/memory.high": "max",
        },
        None,
        None,
    ),
    "version 1: the own group, not the root": (
        {
            "proc/self/cgroup": "4:memory:/svc/x\n1:cpu,cpuacct:/",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": str(NONE),
            "sys/fs/cgroup/memory/svc/memory.limit_in_bytes": str(WHOLE),
            "sys/fs/cgroup/memory/svc/x/memory.limit_in_bytes": str(HALF),
        },
        HALF,
        None,
    ),
    "both versions: memory goes by the first": (
        {
            "proc/self/cgroup": "4:memory:/svc\n0::/other",
            "proc/self/mountinfo": (
                "1 2 0:3 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
                "2 2 0:3 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw"
            ),
            "sys/fs/cgroup/memory/svc/memory.limit_in_bytes": str(HALF),
        },
        HALF,
        None,
    ),
    "another process's group": (
        {"proc/self/cgroup": "0::/a", "sys/fs/cgroup/b/memory.max": str(HALF)},
        None,
        None,
    ),
}


@pytest.mark.parametrize("case", list(MEMORY_CASES))
def test_every_layout_gives_its_limit_of_memory_or_none(tmp_path, case):
    files, limit, throttle = MEMORY_CASES[case]
    root = written(tmp_path, {**files, "proc/meminfo": "MemTotal: 2097152 kB"})
    assert cgroups.memory_limit_bytes(root) == limit
    stays = environment.environment(root, (0,))
    assert stays.get("memory_limit_bytes") == limit
    assert stays.get("memory_throttle_bytes") == throttle
    assert environment.memory_bytes(root) == (2**31 if limit is None else limit)


def test_time_that_one_group_does_not_count_is_absent(tmp_path):
    root = written(
        tmp_path,
        {
            "proc/self/cgroup": "0::/a",
            "sys/fs/cgroup/cpu.stat": "nr_throttled 2",
            "sys/fs/cgroup/a/cpu.stat": "nr_throttled 1\nthrottled_usec 10",
        },
    )
    assert cgroups.throttled(root) == Throttled(3, None)
    assert "throttled_cpu_s" not in environment.readings(root)
    assert cgroups.throttled(tmp_path / "nowhere") is None


@pytest.mark.parametrize(
    ("quota", "cpus", "threads"),
    [(1.5, 7, 1), (0.2, 7, 1), (3.0, 7, 3), (2.999, 7, 2), (16.0, 7, 7), (None, 7, 7), (1.0, 1, 1)],
)
def test_threads_by_default_are_those_that_the_quota_allows(here, quota, cpus, threads):
    device = dataclasses.replace(here, runner_cpus=tuple(range(cpus)))
    assert device.default_threads(quota) == threads


@pytest.mark.parametrize(("requested", "threads"), [(None, 1), (2, 2)])
def test_a_run_under_a_quota_takes_its_threads_unless_it_is_told_a_number(
    kit, here, model, tree, requested, threads
):
    pytest.importorskip("onnxruntime")
    if requested is not None and requested > len(here.inventory.cpus):
        pytest.skip("this machine has one CPU")
    device = dataclasses.replace(here, sysroot=tree("cgroup_v2_nested"))
    lease = kit.lease_of(model, threads=requested)
    outcome = measure(lease, model, kit.Samples(), kit.Watch(), device)
    assert outcome.ok, outcome.message
    assert outcome.facts["effective"]["threads"] == threads
    assert outcome.facts["requested"]["threads"] == requested
    assert outcome.facts["cpu_quota"] == {"cpus": 1.5, "threads": 1}
    assert outcome.facts["environment"]["cpu_quota"] == 1.5
    assert outcome.facts["window_throttled"] == {"periods": 0, "cpu_s": 0.0}
    assert "cpu_quota_reached" not in outcome.facts["flags"]


def test_a_quota_reached_within_the_window_is_a_flag_with_the_time_that_it_took(
    kit, here, model, monkeypatch
):
    pytest.importorskip("onnxruntime")
    counts = iter((Throttled(4, 0.25), Throttled(6, 1.0)))
    monkeypatch.setattr("paretofleet_agent.device.host.throttled", lambda _: next(counts))
    outcome = measure(kit.lease_of(model), model, kit.Samples(), kit.Watch(), here)
    assert outcome.ok, outcome.message
    assert outcome.facts["window_throttled"] == {"periods": 2, "cpu_s": 0.75}
    assert outcome.facts["flags"].count("cpu_quota_reached") == 1


def test_a_machine_without_quotas_keeps_its_environment(here):
    if here.cpu_quota is not None:
        pytest.skip("this machine has a quota")
    assert "cpu_quota" not in environment.environment(here.sysroot, here.inventory.cpus)
    assert here.default_threads(here.cpu_quota) == len(here.runner_cpus)
