"""Types of cores, and that runs on different ones are never repeats of one another."""

from __future__ import annotations

import dataclasses
import os

import pytest
from paretofleet_agent.device import probe
from paretofleet_agent.device.device import open_real_host
from paretofleet_agent.hardware import core_types, environment
from paretofleet_agent.measure.attempt import measure

KNOWN = {
    "cores_intel_hybrid": {"P": [0, 1, 2, 3], "E": [4, 5, 6, 7]},
    "cores_rk3588": {"Cortex-A76": [4, 5, 6, 7], "Cortex-A55": [0, 1, 2, 3]},
    "cores_tx2": {"Cortex-A57": [0, 3, 4, 5], "Denver 2": [1, 2]},
    "cores_prime": {
        "0x51 0x804 of capacity 1024": [7],
        "0x51 0x804 of capacity 871": [4, 5, 6],
        "0x51 0x805": [0, 1, 2, 3],
    },
}


@pytest.mark.parametrize("name", list(KNOWN))
def test_the_types_are_known_and_the_fastest_is_first(tree, name):
    types = core_types.core_types(tree(name))
    assert types == KNOWN[name]
    assert list(types) == list(KNOWN[name])


def cores(root, files, capacities=()):
    capacity_files = {
        f"sys/devices/system/cpu/cpu{cpu}/cpu_capacity": str(value) for cpu, value in enumerate(capacities)
    }
    for name, content in {**files, **capacity_files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content + "\n")
    return root


INTEL = {"proc/cpuinfo": "vendor_id : GenuineIntel"}
CASES = {
    "Intel by its capacities": (INTEL, (1024, 985, 985, 600), {"P": [0, 1, 2], "E": [3]}),
    "Intel with three types": (INTEL, (1024, 700, 500), {"P": [0], "E": [1], "LP-E": [2]}),
    "Arm by its capacities": ({}, (446, 446, 1024), {"big": [2], "LITTLE": [0, 1]}),
    "three of Arm": ({}, (250, 760, 1024), {"big": [2], "middle": [1], "LITTLE": [0]}),
    "four of Arm": (
        {},
        (250, 500, 760, 1024),
        {"capacity 1024": [3], "capacity 760": [2], "capacity 500": [1], "capacity 250": [0]},
    ),
    "all alike": ({}, (1024, 1024), {}),
    "favoured cores of one type": (INTEL, (1024, 980, 940, 900), {}),
    "one capacity that is not told": ({}, (1024, "", 500), {}),
    "counters of one type only": ({"sys/devices/cpu_core/cpus": "0-7"}, (), {}),
    "rubbish": ({"sys/devices/cpu_core/cpus": "x-", "sys/devices/cpu_atom/cpus": "8-"}, (), {}),
    "counters without CPUs": ({"sys/devices/cpu_core/cpus": "0-7", "sys/devices/cpu_atom/cpus": ""}, (), {}),
    "low power cores": (
        {f"sys/devices/cpu_{kind}/cpus": cpus for kind, cpus in (("core", "0-1"), ("lowpower", "3,5"))},
        (),
        {"P": [0, 1], "LP-E": [3, 5]},
    ),
    "nothing": ({}, (), {}),
    "x86 of one type": ({"proc/cpuinfo": "processor : 0\nvendor_id : AuthenticAMD"}, (1024, 1024), {}),
}


@pytest.mark.parametrize("case", list(CASES))
def test_what_tells_cores_apart_makes_types_and_nothing_else_does(tmp_path, case):
    files, capacities, types = CASES[case]
    assert core_types.core_types(cores(tmp_path, files, capacities)) == types


def test_the_environment_holds_types_and_placement_only_where_there_are_types(tree, tmp_path):
    root = tree("cores_intel_hybrid")
    everywhere = environment.environment(root, range(8), (0, 1, 2, 3))
    assert everywhere["core_types"] == {"P": [0, 1, 2, 3], "E": [4, 5, 6, 7]}
    assert everywhere["placement"] == ["P"]
    on_e = environment.environment(root, (4, 5, 6, 7), (4, 5, 6))
    assert (on_e["core_types"], on_e["placement"]) == ({"E": [4, 5, 6, 7]}, ["E"])
    assert environment.environment(root, range(8), range(7))["placement"] == ["P", "E"]
    assert "placement" not in environment.environment(root, range(8)), "before a run there is none"
    alike = environment.environment(cores(tmp_path, {}, (1024, 1024)), (0, 1), (0,))
    assert not {"core_types", "placement"} & set(alike)


@pytest.mark.parametrize(
    ("threads", "cpus"),
    [
        (1, (0, 1, 2, 3)),
        (4, (0, 1, 2, 3)),
        (5, tuple(range(7))),
        (None, tuple(range(7))),
        (8, tuple(range(8))),
    ],
)
def test_a_runner_gets_the_fewest_types_that_suffice_the_fastest_first(here, threads, cpus):
    inventory = dataclasses.replace(here.inventory, cpus=tuple(range(8)))
    device = dataclasses.replace(
        here, inventory=inventory, runner_cpus=tuple(range(7)), core_types=KNOWN["cores_intel_hybrid"]
    )
    assert device.cpus_for(threads) == cpus


def test_runs_on_other_types_have_other_environments(kit, here, model, tree):
    root = tree("cores_intel_hybrid")
    environments = []
    for cpus in ((0, 1), (4, 5)):
        inventory = dataclasses.replace(here.inventory, cpus=tuple(range(8)))
        device = dataclasses.replace(here, sysroot=root, inventory=inventory, runner_cpus=cpus)
        environments.append(open_real_host(device, kit.lease_of(model), 1).environment())
    assert [each["placement"] for each in environments] == [["P"], ["E"]]
    assert environments[0]["cpus"] == environments[1]["cpus"]


def test_a_real_run_says_on_which_type_it_was(kit, model, tmp_path):
    pytest.importorskip("onnxruntime")
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        pytest.skip("this machine has one CPU")
    root = cores(
        tmp_path / "root",
        {
            "sys/devices/cpu_core/cpus": ",".join(map(str, allowed[:1])),
            "sys/devices/cpu_atom/cpus": ",".join(map(str, allowed[1:])),
        },
    )
    device = probe.probe_device(root, None, {})
    lease = kit.lease_of(model)
    outcome = measure(lease, model, kit.Samples(), kit.Watch(), device)
    assert outcome.ok, outcome.message
    assert outcome.facts["effective"]["cpus"] == allowed[:1]
    assert outcome.facts["environment"]["placement"] == ["P"]
    assert outcome.facts["environment"]["core_types"] == {"P": allowed[:1], "E": allowed[1:]}


def test_the_cores_of_this_machine_can_be_asked_for(here):
    assert here.core_types == core_types.core_types(here.sysroot)
