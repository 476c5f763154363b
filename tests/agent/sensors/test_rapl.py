"""RAPL from copied trees: which zones, which names, what is summed, what is refused."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from paretofleet_agent.device.energy_sources import energy_sources
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


def test_a_link_that_points_nowhere_is_said_so(tree):
    found, (absent,) = rapl.find(tree("rapl_dangling"))
    assert found == []
    assert absent.why == "the links of /sys/class/powercap point at devices that are not there"
    assert "modprobe" in absent.fix
    assert "container" in absent.fix


def test_the_mmio_zones_stand_in_for_links_that_point_nowhere(tree):
    root = tree("rapl_dangling")
    zone = root / rapl.ZONES / "intel-rapl-mmio:0"
    zone.mkdir()
    (zone / "name").write_text("package-0\n")
    (zone / "energy_uj").write_text("7\n")
    (sensor,), absent = rapl.find(root)
    assert [rail.rail for rail in sensor.rails()] == ["package-0"]
    assert absent == []
    sensor.close()


@pytest.mark.parametrize("vendor", ["AuthenticAMD", "HygonGenuine", "GenuineIntel"])
def test_the_dies_of_a_package_are_one_counter_or_parts_by_the_vendor(tree, vendor):
    root = tree("rapl_amd_dies")
    cpuinfo = root / "proc/cpuinfo"
    cpuinfo.write_text(cpuinfo.read_text().replace("AuthenticAMD", vendor))
    (sensor,), absent = rapl.find(root)
    sensor.close()
    primary = [rail.rail for rail in sensor.rails() if rail.primary]
    if vendor == "GenuineIntel":
        assert primary == ["package-0-die-0", "package-0-die-1"]
        assert absent == []
    else:
        assert primary == ["package-0-die-0"]
        assert [(each.name, each.refused) for each in absent] == [("rapl/package-0-die-1", False)]
        assert "the counter of package-0-die-0 again" in absent[0].why


@pytest.mark.parametrize("vendor", ["AuthenticAMD", "GenuineIntel"])
def test_a_die_without_a_zone_is_a_missing_part_where_each_die_counts_its_own(tree, vendor):
    root = tree("rapl_amd_dies")
    cpuinfo = root / "proc/cpuinfo"
    cpuinfo.write_text(cpuinfo.read_text().replace("AuthenticAMD", vendor))
    for cpu, die in enumerate((0, 1, 2)):
        folder = root / rapl.CPUS / f"cpu{cpu}/topology"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "physical_package_id").write_text("0\n")
        (folder / "die_id").write_text(f"{die}\n")
    (sensor,), absent = rapl.find(root)
    sensor.close()
    lost = [each.name for each in absent if each.sensor is not None]
    assert lost == (["rapl/package-0-die-2"] if vendor == "GenuineIntel" else [])


def test_the_packages_of_two_amd_sockets_add_up_and_each_die_counts_once(tree):
    root = tree("rapl_amd_dies")
    for number, name in enumerate(("package-1-die-0", "package-1-die-1"), 2):
        zone = root / rapl.ZONES / f"intel-rapl:{number}"
        zone.mkdir()
        (zone / "name").write_text(f"{name}\n")
        (zone / "energy_uj").write_text("7\n")
    (sensor,), _ = rapl.find(root)
    sensor.close()
    assert [rail.rail for rail in sensor.rails()] == ["package-0-die-0", "package-1-die-0"]


@pytest.mark.parametrize("spoil", ["gone", "no file", "no name", "no zone"])
def test_a_package_that_tells_nothing_is_a_missing_part_of_the_sum(tree, spoil):
    root = tree("rapl_package_gone")
    zone = root / rapl.ZONES / "intel-rapl:1"
    if spoil != "gone":
        (zone / "energy_uj").rmdir()
    if spoil == "no name":
        (zone / "name").unlink()
    if spoil == "no zone":
        for path in (root / rapl.ZONES).glob("intel-rapl:1*"):
            path.rename(path.with_name("off-" + path.name))
        for cpu, package in enumerate((0, 0, 1, 1)):
            path = root / rapl.CPUS / f"cpu{cpu}/topology/physical_package_id"
            path.parent.mkdir(parents=True)
            path.write_text(f"{package}\n")
    (sensor,), absent = rapl.find(root)
    sensor.close()
    assert [rail.rail for rail in sensor.rails() if rail.primary] == ["package-0"]
    (lost,) = [each for each in absent if each.sensor is not None]
    name = "intel-rapl:1" if spoil == "no name" else "package-1"
    assert (lost.name, lost.refused, lost.sensor.scope) == (f"rapl/{name}", True, "package")
    (cpu,) = energy_sources(probe_device(root, None, {}))
    assert (cpu["scope"], cpu["rails"]) == (None, [])
    assert f"rapl/{name}, without which there is no total, is missing" in cpu["why_none"]
    assert {"rail": "rapl/package-0", "why": f"rapl/{name} is missing"} in cpu["silent"]


def test_where_no_package_can_be_read_another_scope_may_speak(tree):
    root = tree("rapl_package_gone")
    (root / rapl.ZONES / "intel-rapl:0" / "energy_uj").write_text("")
    device = probe_device(root, None, {})
    assert not [rail for rail in device.rails if rail.get("missing")]
    (cpu,) = energy_sources(device)
    assert cpu["why_none"].startswith("rapl/package-0 is refused: no reading")


def test_values_that_are_no_whole_number_are_no_readings(tree):
    (sensor,), absent = rapl.find(tree("rapl_odd_values"))
    assert [rail.rail for rail in sensor.rails()] == ["package-0"]
    sensor.close()
    assert [each.name for each in absent] == ["rapl/package-15", "rapl/package-16", "rapl/package-17"]
    assert all(each.refused and each.sensor for each in absent)
    assert "says '12_34'" in absent[2].why


def test_a_file_that_does_not_answer_is_named_after_some_seconds(tree):
    """A second package answers, and the first one's file never does."""
    root = tree("rapl_blocks")
    zone = root / rapl.ZONES / "intel-rapl:1"
    zone.mkdir()
    (zone / "name").write_text("package-1\n")
    (zone / "energy_uj").write_text("7\n")
    (sensor,), (absent,) = rapl.find(root)
    sensor.close()
    assert [rail.rail for rail in sensor.rails()] == ["package-1"]
    assert absent.name == "rapl/package-0"
    assert absent.why.endswith("intel-rapl:0/energy_uj: a read that does not return, after 3.0 s")


@pytest.mark.parametrize(
    ("files", "most_w"),
    [
        ({}, 1000.0),
        ({"enabled": 1, "constraint_0_power_limit_uw": 125_000_000}, 1000.0),
        (
            {
                "enabled": 1,
                "constraint_0_power_limit_uw": 125_000_000,
                "constraint_0_max_power_uw": 125_000_000,
                "constraint_1_power_limit_uw": 253_000_000,
                "constraint_1_max_power_uw": 0,
            },
            253.0,
        ),
        (
            {
                "enabled": 1,
                "constraint_0_power_limit_uw": 4_095_000_000,
                "constraint_1_power_limit_uw": 4_095_000_000,
            },
            1000.0,
        ),
        ({"enabled": 0, "constraint_0_power_limit_uw": 1, "constraint_1_power_limit_uw": 1}, 1000.0),
    ],
)
def test_a_package_draws_no_more_than_its_limits_allow(tree, files, most_w):
    root = tree("rapl_range_zero")
    for name, value in files.items():
        (root / rapl.ZONES / "intel-rapl:0" / name).write_text(f"{value}\n")
    (sensor,), _ = rapl.find(root)
    sensor.close()
    assert [rail.max_power_w for rail in sensor.rails()] == [most_w]


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
