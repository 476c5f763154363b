"""Processors of servers through hwmon: what each driver's value is, and what is not known is left out."""

from __future__ import annotations

import os

import pytest
from paretofleet_agent import sensors
from paretofleet_agent.sensors import hwmon_power


def readings_of(root):
    """rail: (scope, kind, primary, value)."""
    opened, absent = hwmon_power.find(root)
    values = {
        rail.rail: (rail.scope, rail.kind, rail.primary, new[-1][1])
        for sensor in opened
        for rail, new in zip(sensor.rails(), sensor.read())
    }
    for sensor in opened:
        sensor.close()
    return values, absent


def test_a_grace_gives_its_socket_and_the_module_is_no_second_one(tree):
    values, absent = readings_of(tree("hwmon_power_grace"))
    assert values == {
        "Module Power Socket 0": ("module", "boxcar", False, 331_000_000),
        "Grace Power Socket 0": ("package", "boxcar", True, 112_000_000),
        "CPU Power Socket 0": ("part", "boxcar", False, 71_000_000),
        "SysIO Power Socket 0": ("part", "boxcar", False, 19_000_000),
    }
    assert absent == []


def test_the_interval_of_a_grace_is_its_average(tree):
    (sensor,), _ = hwmon_power.find(tree("hwmon_power_grace"))
    assert {(rail.period_s, rail.window_s) for rail in sensor.rails()} == {(0.05, 0.05)}
    sensor.close()


def test_a_socket_of_an_altra_is_its_cores_and_its_soc(tree):
    values, absent = readings_of(tree("hwmon_power_altra"))
    assert {name: value for name, value in values.items() if value[2]} == {
        "package 0": ("package", "instant", True, 45_830_000),
        "package 1": ("package", "instant", True, 59_180_000),
    }
    assert {value[0] for value in values.values() if not value[2]} == {"part"}
    assert absent == []


def test_a_socket_that_lacks_a_part_has_no_package(tree):
    root = tree("hwmon_power_altra")
    (root / "sys/class/hwmon/hwmon2/power2_label").write_text("IO p\xffwer\n", "latin-1")
    values, (absent,) = readings_of(root)
    assert "package 1" not in values
    assert "hwmon2 has not all of CPU power, IO power" in absent.why


@pytest.mark.parametrize("name", ["zenergy", "amd_energy"])
def test_the_counter_of_an_amd_socket_is_a_package_and_its_cores_are_left_out(tree, name):
    values, absent = readings_of(tree(f"hwmon_power_{name}"))
    assert values == {"Esocket0": ("package", "counter", True, 5_000_000_000)}
    assert absent == []


def test_where_rapl_is_read_its_counter_is_not_read_twice(tree):
    root = tree("hwmon_power_zenergy")
    zone = root / "sys/class/powercap/intel-rapl:0"
    zone.mkdir(parents=True)
    for name, content in {"name": "package-0", "energy_uj": "77", "max_energy_range_uj": "1000"}.items():
        (zone / name).write_text(f"{content}\n")
    opened, absent = sensors.find_all(root)
    assert [rail.stream for sensor in opened for rail in sensor.rails()] == ["power:rapl/package-0"]
    for sensor in opened:
        sensor.close()
    assert "it shows the counters of RAPL" in next(each.why for each in absent if each.name == "zenergy")


def test_a_power_meter_without_a_known_name_is_left_out(tree):
    root = tree("hwmon_power_grace")
    for path in root.rglob("power1_oem_info"):
        path.write_bytes(b"Total \xff\n")
    values, absent = readings_of(root)
    assert values == {}
    assert len(absent) == 4
    assert all("what it measures is not known" in each.why for each in absent)


def test_two_meters_of_one_name_are_refused_with_both_paths(tree):
    root = tree("hwmon_power_grace")
    for path in root.glob("sys/class/hwmon/hwmon[23]/device/power1_oem_info"):
        path.write_text("Grace Power Socket 0\n")
    values, (absent,) = readings_of(root)
    assert set(values) == {"Module Power Socket 0", "SysIO Power Socket 0"}
    assert "hwmon2/device/power1_average and " in absent.why


def test_names_of_odd_bytes_are_no_driver(tree):
    root = tree("hwmon_power_zenergy")
    (root / "sys/class/hwmon/hwmon2/name").write_bytes(b"zenerg\xff\x00\n")
    assert readings_of(root) == ({}, [])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_counter_for_root_only_is_refused_with_the_fix(tree):
    root = tree("hwmon_power_amd_energy")
    (root / "sys/class/hwmon/hwmon2/energy3_input").chmod(0)
    values, (absent,) = readings_of(root)
    assert values == {}
    assert absent.refused
    assert "chmod" in absent.fix


def test_a_machine_without_such_a_driver_hears_nothing(tree):
    assert hwmon_power.find(tree("rapl_amd")) == ([], [])
