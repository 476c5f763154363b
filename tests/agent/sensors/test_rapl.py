"""RAPL from copied trees: which zones, which names, what is summed, what is refused."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from paretofleet_agent.device.probe import probe_device
from paretofleet_agent.measure.attempt import measure
from paretofleet_agent.sensors import rapl


def test_an_intel_tree_gives_packages_parts_and_psys_once(kit, tmp_path):
    (sensor,), absent = rapl.find(kit.unpack_tree("rapl_intel", tmp_path))
    told = [(rail.rail, rail.scope, rail.primary) for rail in sensor.rails()]
    values = [value for ((_, value),) in sensor.read()]
    sensor.close()
    assert absent == []
    assert told == [
        ("package-0", "package", True),
        ("package-0-core", "core", False),
        ("package-0-dram", "dram", False),
        ("package-1", "package", True),
        ("package-1-dram", "dram", False),
        ("psys", "platform", False),
    ]
    assert values == [262143328000, 1000, 2000, 500000, 3000, 9000000]


def test_a_rail_tells_its_wrap_and_its_unit(kit, tmp_path):
    (sensor,), _ = rapl.find(kit.unpack_tree("rapl_intel", tmp_path))
    package, _, dram = sensor.rails()[:3]
    sensor.close()
    assert package.kind == "counter"
    assert package.schema == "energy/1"
    assert package.stream == "power:rapl/package-0"
    assert package.max_range_uj == 262143328850
    assert package.quantum_j == pytest.approx(61.035e-6, rel=1e-4)
    assert dram.quantum_j == pytest.approx(15.3e-6, rel=1e-3)


def test_an_amd_tree_gives_package_and_core(kit, tmp_path):
    (sensor,), _ = rapl.find(kit.unpack_tree("rapl_amd", tmp_path))
    assert [rail.rail for rail in sensor.rails()] == ["package-0", "package-0-core"]
    sensor.close()


def test_the_mmio_zones_stand_in_where_they_are_alone(kit, tmp_path):
    root = kit.unpack_tree("rapl_intel", tmp_path)
    for zone in (root / rapl.ZONES).glob("intel-rapl:*"):
        zone.rename(zone.with_name("off-" + zone.name))
    (sensor,), _ = rapl.find(root)
    assert [rail.rail for rail in sensor.rails()] == ["package-0"]
    sensor.close()


def test_a_machine_without_zones_is_told_why(tmp_path):
    found, (absent,) = rapl.find(tmp_path)
    assert found == []
    assert "no intel-rapl zone" in absent.why
    assert absent.fix


def test_zones_that_only_root_may_read_come_with_the_fix(kit, tmp_path):
    root = kit.unpack_tree("rapl_amd", tmp_path / "root")
    for path in root.rglob("energy_uj"):
        path.chmod(0o400)
    if os.geteuid() != 0:
        for path in root.rglob("energy_uj"):
            path.chmod(0o000)
    for folder in (tmp_path, *list(tmp_path.parents)[:-2]):  # one more where tests run beside one another
        folder.chmod(folder.stat().st_mode | 0o055)
    source = (
        "import os, sys; from pathlib import Path; from paretofleet_agent.sensors import rapl\n"
        "os.geteuid() or os.seteuid(65534)\n"
        "found, absent = rapl.find(Path(sys.argv[1])); print(len(found))\n"
        "for each in absent: print(each.why, '|', each.fix)"
    )
    done = subprocess.run(
        [sys.executable, "-c", source, str(root)], stdout=subprocess.PIPE, check=True, text=True
    )
    count, package, core = done.stdout.splitlines()
    assert count == "0"
    assert "permission denied" in package
    assert "chmod a+r" in package
    assert "intel-rapl:0:0" in core


def test_a_counter_that_fails_later_gives_no_sample(kit, tmp_path):
    root = kit.unpack_tree("rapl_amd", tmp_path)
    (sensor,), _ = rapl.find(root)
    (root / rapl.ZONES / "intel-rapl:0" / "energy_uj").write_text("")
    package, core = sensor.read()
    sensor.close()
    assert package is None
    assert core[0][1] == 5000000


def test_a_run_samples_a_copied_tree_through_the_real_sampler(kit, model, tmp_path):
    device = probe_device(kit.unpack_tree("rapl_intel", tmp_path / "root"), None, {})
    assert {sensor.rail for sensor in device.inventory.sensors} >= {"package-0", "package-1", "psys"}
    samples, watch = kit.Samples(), kit.Watch()
    outcome = measure(kit.lease_of(model), model, samples, watch, device)
    assert outcome.ok, outcome.message
    times, values = samples.columns("power:rapl/package-0")
    assert len(times) >= 10
    assert times == sorted(times)
    assert set(values) == {262143328000}
    assert watch.phases == ["load", "warm_up", "guard_before", "measure", "guard_after", "end"]
    marks = samples.columns("marks")[0]
    assert times[0] >= marks[0] - 10**9
    starts, durations = samples.columns("iterations")
    assert times[-1] >= starts[-1] + durations[-1], "the last reading closes the last phase"
