"""What must be the same for two runs to be repeats, and what readings around a run say of it."""

from __future__ import annotations

import dataclasses
import types

import pytest
from paretofleet_agent.hardware import environment, gpu
from paretofleet_agent.measure.attempt import measure
from paretofleet_agent.measure.run_record import CONTAMINATED

GPU = "GPU-1"
TX2 = {
    "proc/cpuinfo": "processor : 0\nmicrocode : 0xd000390\n\nprocessor : 1\nmicrocode : 0xd000390",
    "proc/sys/kernel/randomize_va_space": "2",
    "sys/devices/system/cpu/online": "0,3-5",
    "sys/devices/system/cpu/isolated": "5",
    "sys/devices/system/node/online": "0",
    "sys/module/nvidia/version": "535.104.05",
    "sys/class/devfreq/13e10000.host1x/governor": "userspace",
    "sys/class/devfreq/17000000.gp10b/governor": "nvhost_podgov",
    "sys/class/devfreq/17000000.gp10b/min_freq": "114750000",
    "sys/class/devfreq/17000000.gp10b/max_freq": "1300500000",
    "var/lib/nvpmodel/status": "pmode:0003 fmode:quiet",
    "etc/nvpmodel.conf": "< POWER_MODEL ID=0 NAME=MAXN >\n< POWER_MODEL ID=3 NAME=MAXP_CORE_ARM >",
}


def tree(root, files):
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content + "\n")
    return root


def test_the_environment_holds_what_a_device_is_set_to(tmp_path):
    stays = environment.environment(tree(tmp_path, TX2), (0, 3, 4, 5))
    known = {
        "power_mode": "3 MAXP_CORE_ARM",
        "microcode": "0xd000390",
        "cpus_isolated": "5",
        "numa_nodes": "0",
        "randomize_va_space": "2",
        "gpu_driver": "535.104.05",
        "gpu_governor": "nvhost_podgov",
        "gpu_min_hz": "114750000",
    }
    assert {key: stays[key] for key in known} == known
    assert "cpus_online" not in stays, "some boards switch CPUs on and off by the load"
    assert environment.readings(tmp_path)["cpus_online"] == "0,3-5"
    assert "gpu_max_hz" not in stays, "cooling lowers it"
    assert environment.readings(tmp_path)["gpu_max_hz"] == "1300500000"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("sys/module/nvidia/version", "550.54.15"),
        ("var/lib/nvpmodel/status", "pmode:0000"),
        ("sys/class/devfreq/17000000.gp10b/min_freq", "1300500000"),
    ],
)
def test_another_driver_or_power_mode_is_another_environment(tmp_path, name, content):
    before = environment.environment(tree(tmp_path, TX2), (0,))
    after = environment.environment(tree(tmp_path, {name: content}), (0,))
    assert before != after


def test_a_mode_without_a_name_is_its_number_and_without_nvpmodel_there_is_none(tmp_path):
    assert environment.power_mode(tmp_path) is None
    assert environment.power_mode(tree(tmp_path, {"var/lib/nvpmodel/status": "pmode:0000"})) == "0"


def test_counters_that_rose_around_a_run_are_flags(tmp_path):
    def read(throttled, swapped_in, swapped_out):
        vmstat = f"pgfault 9\npswpin {swapped_in}\npswpout {swapped_out}"
        cpu_stat = f"nr_periods 100\nnr_throttled {throttled}"
        return environment.readings(
            tree(tmp_path, {"proc/vmstat": vmstat, "sys/fs/cgroup/cpu.stat": cpu_stat})
        )

    first = read(4, 10, 20)
    assert first["swapped_pages"] == 30
    assert environment.flags(first, read(4, 10, 20)) == []
    assert environment.flags(first, read(5, 10, 20)) == ["cpu_quota_reached"]
    assert environment.flags(first, read(5, 11, 20)) == ["cpu_quota_reached", "swapped"]
    assert environment.flags({}, first) == [], "what was not read before says nothing"


class Library:
    """Stands in for the module pynvml: one GPU, and for each question in turn who computes on it."""

    _nvmlGetFunctionPointer = None  # noqa: N815 - the name that tells the right distribution
    NVMLError = RuntimeError

    def __init__(self, *listed):
        self._listed = list(listed)

    def __getattr__(self, name):
        answers = {
            "nvmlDeviceGetCount": 1,
            "nvmlDeviceGetUUID": GPU.encode(),
            "nvmlDeviceGetName": b"H200",
            "nvmlDeviceGetPersistenceMode": 1,
            "nvmlDeviceGetEccMode": [1, 0],
        }
        if name == "nvmlDeviceGetComputeRunningProcesses":
            return lambda _: [types.SimpleNamespace(pid=pid) for pid in self._listed.pop(0)]
        if name == "nvmlDeviceGetMigMode":
            raise AttributeError(name)
        return lambda *_: answers.get(name)


@pytest.fixture
def no_jetson(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu, "LINGERS_S", 0.0)
    return tmp_path


def test_persistence_and_ecc_are_asked_of_the_target_s_gpu(no_jetson):
    assert gpu.modes(no_jetson, GPU, Library()) == {"gpu_persistence": 1, "gpu_ecc": 1}
    assert gpu.modes(no_jetson, "GPU-2", Library()) == {}
    assert gpu.modes(no_jetson, "cpu", Library()) == {}


@pytest.mark.parametrize(
    ("own", "listed", "found"),
    [
        ((), ([], []), []),
        ((), ([7], [7]), [7]),
        ((), ([7], []), []),
        ((8,), ([8], [8]), []),
        ((8,), ([7, 8], [7, 8]), [7]),
        ((8,), ([7], [7]), []),
    ],
    ids=["nobody", "somebody", "who just ended", "we", "we and somebody", "ids of another container"],
)
def test_who_else_computes_on_a_gpu(no_jetson, own, listed, found):
    assert gpu.other_processes(no_jetson, GPU, own, Library(*listed)) == found


def test_a_run_beside_others_on_its_gpu_or_at_its_quota_says_so(kit, here, model, monkeypatch):
    pytest.importorskip("onnxruntime")
    readings = iter(({"throttled_periods": 1}, {"throttled_periods": 2}))
    monkeypatch.setattr(environment, "readings", lambda _: next(readings))
    looked = []
    monkeypatch.setattr(gpu, "modes", lambda *_: {"gpu_ecc": 1})
    monkeypatch.setattr(gpu, "other_processes", lambda *asked: looked.append(asked[1:]) or [7])
    outcome = measure(kit.lease_of(model), model, kit.Samples(), kit.Watch(), dataclasses.replace(here))
    assert outcome.ok, outcome.message
    assert {"cpu_quota_reached", CONTAMINATED} <= set(outcome.facts["flags"])
    assert outcome.facts["flags"].count(CONTAMINATED) == 1
    assert outcome.facts["gpu_strangers"] == [7]
    assert outcome.facts["environment"]["gpu_ecc"] == 1
    before, after = (asked[1:] for asked in looked)
    assert not any(before)
    assert len(after[0]) == 1, "the runner is no stranger"
